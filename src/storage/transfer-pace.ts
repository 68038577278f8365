// When a storage node lists records for nodes that copy or repair: at once while nobody else wants anything,
// with pauses while clients are served. What is listed is replica.ts's.

import type { Runtime } from '../cluster/runtime.ts';

/**
 * So many times as long as a list took, the node has for its clients. Both ends of a copy, and what carries it,
 * use a processor each when nothing holds them up; a get then waits for its turn on the processor, not on us.
 */
const PAUSE_PER_LIST = 2;
/** A shorter pause is not worth its timer. */
const PAUSE_MS_MIN = 0.5;
/** More than all joiners of a cluster ask for at once; beyond it nothing waits. */
const WAITING_MAX = 1024;

export class TransferPace {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #waiting: (() => void)[] = [];
  #isPausing = false;
  /** Since the last list. */
  #clientsServed = false;

  constructor(runtime: Pick<Runtime, 'clock' | 'timers'>) {
    this.#runtime = runtime;
  }

  /** An operation of a client was answered. */
  clientServed(): void {
    this.#clientsServed = true;
  }

  /** @param list is called in its turn, after all that were handed in before */
  whenDue(list: () => void): void {
    this.#waiting.push(list);
    if (!this.#isPausing || this.#waiting.length > WAITING_MAX) this.#next();
  }

  #next(): void {
    for (let list = this.#waiting.shift(); list !== undefined; list = this.#waiting.shift()) {
      const beganMs = this.#runtime.clock.monotonicMs();
      list();
      if (this.#isPausing) return;
      const pauseMs = PAUSE_PER_LIST * (this.#runtime.clock.monotonicMs() - beganMs);
      if (this.#clientsServed && pauseMs >= PAUSE_MS_MIN) {
        this.#clientsServed = false;
        this.#isPausing = true;
        this.#runtime.timers.after(pauseMs, () => {
          this.#isPausing = false;
          this.#next();
        });
        return;
      }
    }
  }
}
