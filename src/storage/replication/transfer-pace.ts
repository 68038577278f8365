// Decides when a storage node lists records for nodes that copy or repair: at once while it serves no clients, with
// pauses while it does. The listing itself is listings.ts's.

import type { Runtime } from '../../cluster/ports.ts';

/**
 * How long the node pauses after listing, as a multiple of the listing's time. Not for that time's own sake: the node
 * that copies works several times as long on each list, and a get that arrives meanwhile waits for a processor.
 * Measured with two processors for everything (bench/copy.mjs): with 8, the slowest hundredth of gets takes twice as
 * long as without a copy.
 */
const PAUSE_PER_LIST = 11;
/** The shortest pause of a timer, in milliseconds; a shorter one is added to the next. */
const PAUSE_MS_MIN = 1;
/** More lists than all joiners of a cluster ask for at once; if more wait, the first of them goes ahead. */
const WAITING_MAX = 1024;

export class TransferPace {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #waiting: (() => void)[] = [];
  #isPausing = false;
  /** Whether a client was served since the last pause began. */
  #clientsServed = false;
  /** The monotonic time at which the lists made so far are paid for. */
  #paidMs = 0;

  constructor(runtime: Pick<Runtime, 'clock' | 'timers'>) {
    this.#runtime = runtime;
  }

  /** An operation arrived that is no transfer: from a client, or from a frontend on behalf of its clients. */
  clientServed(): void {
    this.#clientsServed = true;
  }

  /** @param list called in its turn, after all that were handed in before */
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

  /** @returns how many milliseconds must pass before the next list */
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
