// Rounds of sets that wait for a member to come back (R4): each waits longer than the one before it, and a newer map
// ends the wait of all, as it mostly says why they failed. What a round does is round.ts's.

import type { Times } from '../../../cluster/model/limits.ts';
import type { Runtime } from '../../../cluster/ports.ts';

/** The wait doubles so often: from 20 to 320 ms, so that ten thousand sets that wait do not take a whole core. */
const DOUBLINGS_MAX = 4;
/** Of those that a map wakes, so many go in one turn. */
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
   * @param failed so many rounds of the set did, one after the other
   * @param withinMs the wait takes at most so long, but never less than the first one: a rest of a nanosecond,
   *   as clocks leave it, would be waited for again and again
   * @param round is called once; nothing else may be the same function
   */
  add(failed: number, withinMs: number, round: () => void): void {
    const { random, timers } = this.#runtime;
    const waitMs = this.#retryMs * 2 ** Math.min(failed - 1, DOUBLINGS_MAX);
    this.#waiting.add(round);
    // As much again at random, so that they spread.
    const spreadMs = waitMs + random.below(waitMs);
    timers.after(Math.max(this.#retryMs, Math.min(spreadMs, withinMs)), () => {
      if (this.#waiting.delete(round)) round();
    });
  }

  /** There is a newer map. */
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
