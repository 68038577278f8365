// Processes that a benchmark starts and ends, and what the system says of them.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const HOST = '127.0.0.1';

export class Process {
  #child;
  stderr = '';

  constructor(command, words) {
    this.#child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr.on('data', (bytes) => {
      this.stderr = (this.stderr + bytes).slice(-10_000);
    });
    this.exited = new Promise((resolve) => this.#child.once('exit', resolve));
  }

  /** Bytes of memory that it has now. */
  residentBytes() {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  async stop() {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

export function isInstalled(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

export function versionOf(command) {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'unknown';
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Until the condition holds, for 30 seconds at most. */
export async function until(what, condition) {
  for (let tries = 0; tries < 300; tries++) {
    if (await condition().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it never came to this: ${what}`);
}
