// Schedules the next rounds of sets that wait for a member to come back (R4). Each wait is longer than the one before;
// a newer map ends all waits, as it mostly removes their cause. What a round does is in round.ts.

import type { Times } from '../../../cluster/model/limits.ts';
import type { Runtime } from '../../../cluster/ports.ts';

/** How often the wait may double: from 20 to 320 ms, so that ten thousand waiting sets do not use up a whole core. */
const DOUBLINGS_MAX = 4;
/** How many of the sets that a new map wakes start their round in one turn of the event loop. */
const WOKEN_AT_ONCE = 256;

export class LaterRounds {
  readonly #runtime: Runtime;
  readonly #retryMs: number;
  #waiting = new Set<() => void>();

  constructor(runtime: Runtime, { retryMs }: Times) {
    this.#runtime = runtime;
    this.#retryMs = retryMs;
  }

  /**
   * @param failed how many rounds of the set have failed in a row, at least 1
   * @param withinMs upper bound of the wait, but never below the first wait: rounding of clocks may leave a bound of
   *   nanoseconds, and the set would spin
   * @param round is called once; no other caller may pass the same function object
   */
  add(failed: number, withinMs: number, round: () => void): void {
    const { random, timers } = this.#runtime;
    const waitMs = this.#retryMs * 2 ** Math.min(failed - 1, DOUBLINGS_MAX);
    this.#waiting.add(round);
    // Up to as much again at random, so that the rounds spread.
    const spreadMs = waitMs + random.below(waitMs);
    timers.after(Math.max(this.#retryMs, Math.min(spreadMs, withinMs)), () => {
      if (this.#waiting.delete(round)) round();
    });
  }

  /** Ends all waits, because there is a newer map. */
  wake(): void {
    const woken = [...this.#waiting];
    this.#waiting = new Set();
    this.#run(woken, 0);
  }

  #run(woken: readonly (() => void)[], from: number): void {
    if (from >= woken.length) return;
    this.#runtime.timers.after(0, () => {
      for (const round of woken.slice(from, from + WOKEN_AT_ONCE)) round();
      this.#run(woken, from + WOKEN_AT_ONCE);
    });
  }
}
