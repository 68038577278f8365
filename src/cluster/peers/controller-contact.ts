// What a node logs of its way to the controller: a problem when it begins, changes and ends, not at every try. Nodes
// start in any order, so who starts waits for a few seconds before that is worth a warning.

import type { Runtime } from '../ports.ts';

/** Times the time scale; a cluster is founded within a second where the machine has time for it. */
const STARTING_MS = 3000;

export class ControllerContact {
  readonly #runtime: Runtime;
  /** What is logged of a lasting problem. */
  readonly #warning: string;
  readonly #warnAfterMs: number;
  #reached = false;
  #problem: string | undefined;
  #warned = false;

  constructor(runtime: Runtime, options: { warning: string; timeScale: number }) {
    this.#runtime = runtime;
    this.#warning = options.warning;
    this.#warnAfterMs = runtime.clock.monotonicMs() + STARTING_MS * options.timeScale;
  }

  /** @returns whether that ends a problem */
  report(problem: string | undefined): boolean {
    const { clock, logger } = this.#runtime;
    const isStarting = !this.#reached && clock.monotonicMs() < this.#warnAfterMs;
    const isKnown = problem === this.#problem && (this.#warned || isStarting);
    const hadProblem = this.#problem !== undefined;
    this.#problem = problem;
    if (problem === undefined) {
      this.#reached = true;
      this.#warned = false;
      return hadProblem;
    }
    if (isKnown) return false;
    this.#warned = !isStarting;
    if (isStarting) logger.write('info', 'waiting for the controller', { problem });
    else logger.write('warn', this.#warning, { problem });
    return false;
  }
}
