// Logs problems in reaching the controller: when one begins, changes or ends, not at every try. Nodes start in any
// order, so in the first seconds a problem is no warning.

import type { Runtime } from '../ports.ts';

/** Multiplied by the time scale. A cluster is founded within a second on a machine that is not overloaded. */
const STARTING_MS = 3000;

export class ControllerContact {
  readonly #runtime: Runtime;
  /** The text of the warning that is logged for a lasting problem. */
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

  /**
   * @param problem undefined when the controller was reached
   * @returns whether this ends a problem
   */
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
