// When a storage node lists records for nodes that copy or repair: at once while nobody else wants anything,
// with pauses while clients are served. What is listed is replica.ts's.

import type { Runtime } from '../../cluster/ports.ts';

/**
 * So many times as long as its lists took, the node has for its clients. Not because of that time itself: who copies
 * works several times as long on a list, and a get that comes meanwhile waits for a processor. Measured with two of
 * them for everything (bench/copy.mjs): with 8 the slowest hundredth of gets takes twice as long as without a copy.
 */
const PAUSE_PER_LIST = 11;
/** Timers have no shorter one; what is less is added to the next. */
const PAUSE_MS_MIN = 1;
/** More than all joiners of a cluster ask for at once; beyond it nothing waits. */
const WAITING_MAX = 1024;

export class TransferPace {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #waiting: (() => void)[] = [];
  #isPausing = false;
  /** Since the last pause began. */
  #clientsServed = false;
  /** When the lists that were made have been paid for. */
  #paidMs = 0;

  constructor(runtime: Pick<Runtime, 'clock' | 'timers'>) {
    this.#runtime = runtime;
  }

  /** An operation that is no transfer came: of a client, or of a frontend for its clients. */
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
      const pauseMs = this.#costOf(list);
      if (this.#isPausing) return;
      if (!this.#clientsServed || pauseMs < PAUSE_MS_MIN) continue;
      this.#clientsServed = false;
      this.#isPausing = true;
      this.#runtime.timers.after(pauseMs, () => {
        this.#isPausing = false;
        this.#next();
      });
      return;
    }
  }

  /** @returns for how long there is to be none after it */
  #costOf(list: () => void): number {
    const { clock } = this.#runtime;
    const beganMs = clock.monotonicMs();
    list();
    const endedMs = clock.monotonicMs();
    const owedSinceMs = this.#clientsServed ? Math.max(this.#paidMs, beganMs) : beganMs;
    this.#paidMs = owedSinceMs + (1 + PAUSE_PER_LIST) * (endedMs - beganMs);
    return this.#paidMs - endedMs;
  }
}
