// `velour load`, on the core of the load, as people run it. Its summary as JSON is the result.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LOAD_CORE } from './machine.mjs';
import { ENVIRONMENT } from './processes.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
/** Exit codes of a run with a summary: 1 says that there were errors, which are in it; 130 that it was stopped. */
const SUMMARY_CODES = [0, 1, 130];

export class VelourLoad {
  #child;
  #stdout = '';
  #stderr = '';
  /** The summary. */
  result;

  /** @param options by their long names; `true` for a flag */
  constructor(addresses, options) {
    const words = Object.entries(options).flatMap(([name, value]) =>
      value === true ? [`--${name}`] : [`--${name}`, String(value)],
    );
    this.#child = spawn(
      'taskset',
      ['-c', String(LOAD_CORE), process.execPath, CLI, 'load', ...addresses, ...words, '--json'],
      { stdio: ['ignore', 'pipe', 'pipe'], env: ENVIRONMENT },
    );
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#stdout += text;
    });
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.#stderr = `${this.#stderr}${line}\n`.slice(-10_000);
    });
    this.result = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code) => {
        if (SUMMARY_CODES.includes(code)) resolve(JSON.parse(this.#stdout));
        else reject(new Error(`velour load ended with ${code}:\n${this.#stderr}`));
      });
    });
    // Whoever failed meanwhile does not come to ask for it.
    this.result.catch(() => undefined);
  }

  /** Ends it early; what was measured so far is the result. */
  stop() {
    this.#child.kill('SIGINT');
  }
}

export async function velourLoad(addresses, options) {
  return await new VelourLoad(addresses, { quiet: true, ...options }).result;
}

/** All that came to nothing, by kind, as one number. */
export function total(errors) {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}
