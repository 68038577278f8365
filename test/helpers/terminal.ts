// A pseudo-terminal for a test, by `script` of util-linux: what a command shows to a person, and what a person types.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { CLI } from './cluster.ts';

const INTERRUPT = '\x03';

export class Terminal {
  readonly #child: ChildProcess;
  /** All that was shown since the start, with its codes. */
  shown = '';
  readonly #waiting: (() => void)[] = [];

  /** @param line for a shell, with `velour` for the command */
  constructor(line: string, env: Readonly<Record<string, string>> = {}) {
    const velour = `velour() { "${process.execPath}" "${CLI}" "$@"; }`;
    const command = `stty cols 120 rows 30; ${velour}; ${line}`;
    this.#child = spawn(
      'script',
      ['-qec', `exec bash -c '${command.replaceAll("'", `'\\''`)}'`, '/dev/null'],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, TERM: 'xterm', NO_COLOR: '', ...env },
      },
    );
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.shown += chunk.toString();
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.#child.on('close', () => {
      for (const wake of this.#waiting.splice(0)) wake();
    });
    onTestFinished(() => {
      if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  interrupt(): void {
    this.type(INTERRUPT);
  }

  /** Waits until this is shown; fails when the command ends before. */
  async shows(what: RegExp): Promise<void> {
    while (!what.test(this.shown)) {
      if (this.#child.exitCode !== null) throw new Error(`ended without ${what}:\n${this.shown}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async exit(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }
}
