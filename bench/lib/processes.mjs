// Processes that a benchmark starts and ends, and what the system says of them.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { surroundings } from '../../test/helpers/surroundings.mjs';

const HOST = '127.0.0.1';
/** Of the kernel's clock, in /proc/PID/stat. */
const TICKS_PER_SECOND = 100;

/** For `spawn` and the like: without it whoever runs a benchmark changes it by what they have exported. */
export const ENVIRONMENT = surroundings();

/** Those that run, of all benchmarks. */
const running = new Set();

export class Process {
  #child;
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
    const [first, ...rest] = [...pinned, ...before, command, ...words];
    const sink = stderr === undefined ? 'pipe' : openSync(stderr, 'w');
    this.#child = spawn(first, rest, { stdio: ['ignore', 'ignore', sink], env: ENVIRONMENT });
    if (sink !== 'pipe') closeSync(sink);
    this.#child.stderr?.on('data', (bytes) => {
      this.stderr = (this.stderr + bytes).slice(-10_000);
    });
    this.exited = new Promise((resolve) =>
      this.#child.once('exit', (code, signal) => {
        this.ending = code ?? signal;
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
    this.#child.kill(signal);
  }

  async stop() {
    this.#child.kill('SIGKILL');
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

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Until the condition holds, for ten minutes at most: a machine may be very busy. */
export async function until(what, condition) {
  for (let tries = 0; tries < 6000; tries++) {
    if (await condition().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it never came to this: ${what}`);
}
