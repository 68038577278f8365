// Processes that a benchmark starts and ends, and what the system says of them.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { surroundings } from '../../test/helpers/surroundings.mjs';

const HOST = '127.0.0.1';
const FIRST_PORT = 31_000;
/** Up to where the ports begin that Linux gives to outgoing connections. */
const PORTS = 1768;
/** Each port is given once; two benchmarks at the same time seldom begin at the same place. */
let nextPort = Math.floor(Math.random() * PORTS);
/** Of the kernel's clock, in /proc/PID/stat. */
const TICKS_PER_SECOND = 100;

/** For `spawn` and the like: without it whoever runs a benchmark changes it by what they have exported. */
export const ENVIRONMENT = surroundings();

/** Those that run, of all benchmarks. */
const running = new Set();
/** What each said that ended though nobody had stopped it: all that waits for it waits in vain. */
const endedAlone = [];

export class Process {
  #child;
  #isStopped = false;
  stderr = '';
  /** Its exit code, or the signal that ended it; undefined while it runs. */
  ending;

  /**
   * @param options.core that it is bound to, with all its threads; by default any
   * @param options.before words before the command, of a program that becomes it, such as `unshare`
   * @param options.stderr a file that takes it; by default it is kept here
   */
  constructor(command, words, { core, before = [], stderr } = {}) {
    const pinned = core === undefined ? [] : ['taskset', '-c', String(core)];
    const all = [...pinned, ...before, command, ...words];
    const [first, ...rest] = all;
    const sink = stderr === undefined ? 'pipe' : openSync(stderr, 'w');
    this.#child = spawn(first, rest, { stdio: ['ignore', 'ignore', sink], env: ENVIRONMENT });
    if (sink !== 'pipe') closeSync(sink);
    this.#child.stderr?.on('data', (bytes) => {
      this.stderr = (this.stderr + bytes).slice(-10_000);
    });
    this.exited = new Promise((resolve) =>
      this.#child.once('exit', (code, signal) => {
        this.ending = code ?? signal;
        if (!this.#isStopped)
          endedAlone.push(`${all.join(' ')} ended with ${this.ending}: ${this.stderr}`);
        resolve(code);
      }),
    );
    running.add(this);
    this.exited.then(() => running.delete(this));
  }

  get pid() {
    return this.#child.pid;
  }

  /** Nobody reads its stderr any more: what it writes fails with EPIPE. */
  leaveStderr() {
    this.#child.stderr.destroy();
  }

  /** Bytes of memory that it has now. */
  residentBytes() {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** User and system time of all its threads so far. */
  cpuSeconds() {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    // The second field is a name, in parentheses, that may have anything in it.
    const [utime, stime] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(utime) + Number(stime)) / TICKS_PER_SECOND;
  }

  kill(signal) {
    this.#isStopped = true;
    this.#child.kill(signal);
  }

  async stop() {
    this.kill('SIGKILL');
    await this.exited;
  }
}

/** A benchmark that failed has left some, and waits for them for ever. */
export async function stopAll() {
  for (const one of running) await one.stop();
}

/** Whether it is on the PATH; not all have `--version`. */
export function isInstalled(command) {
  return spawnSync('which', [command], { stdio: 'ignore' }).status === 0;
}

/** What a benchmark throws that cannot run here: it is left out, with the reason. */
export class LeftOut extends Error {}

export class NotInstalled extends LeftOut {
  constructor(command) {
    super(`${command} is not installed`);
  }
}

export function versionOf(command, word = '--version') {
  const { stdout, stderr } = spawnSync(command, [word], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
}

/** The version of Debian's package, for a command that does not say its own. */
export function packaged(name) {
  const { stdout } = spawnSync('dpkg', ['-s', name], { encoding: 'utf8' });
  return /^Version: (\S+)$/m.exec(stdout)?.[1] ?? 'unknown';
}

/**
 * @returns a port that nobody listens on. A process of the benchmark will listen there a moment later, so it is none that
 *   the system itself gives to whoever asks for any: in that moment it gave it to somebody else, who answered in the
 *   place of our process. It is none of the ports of test/helpers/cluster.ts either.
 */
export async function freePort() {
  for (let tries = 0; tries < PORTS; tries++) {
    const port = FIRST_PORT + (nextPort++ % PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${FIRST_PORT} to ${FIRST_PORT + PORTS - 1} is free`);
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

/**
 * Until the condition holds, for ten minutes at most: a machine may be very busy.
 * @throws with what the condition threw at last, and with what those processes said that ended by themselves
 */
export async function until(what, condition) {
  let last = 'it is not so';
  for (let tries = 0; tries < 6000; tries++) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = `${error} ${error.cause ?? ''}`;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error([`it never came to this: ${what}`, last, ...endedAlone].join('\n'));
}
