// Decides when a storage node lists records, for nodes that copy or repair and for scans: at once while it serves no
// clients, with pauses while it does. The listing itself is listings.ts's.

import type { Times } from '../../cluster/model/limits.ts';
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
/**
 * More lists than all joiners of a cluster ask for at once; if more wait, the first of them goes ahead. If more scans wait,
 * the first of them is refused.
 */
const WAITING_MAX = 1024;

interface WaitingScan {
  readonly list: () => void;
  readonly refuse: () => void;
  readonly untilMs: number;
}

export class TransferPace {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #times: Pick<Times, 'turnMs'>;
  /** What other storage nodes want listed. */
  readonly #transfers: (() => void)[] = [];
  readonly #scans: WaitingScan[] = [];
  /** Whether the next turn is a scan's, if one waits. */
  #isScansTurn = false;
  #isPausing = false;
  /** Whether a client was served since the last pause began. */
  #clientsServed = false;
  /** The monotonic time at which the lists made so far are paid for. */
  #paidMs = 0;

  constructor(runtime: Pick<Runtime, 'clock' | 'timers'>, times: Pick<Times, 'turnMs'>) {
    this.#runtime = runtime;
    this.#times = times;
  }

  /** An operation arrived that is no transfer: from a client, or from a frontend on behalf of its clients. */
  clientServed(): void {
    this.#clientsServed = true;
  }

  /** @param list called in its turn, after all of other nodes that were handed in before */
  whenDue(list: () => void): void {
    this.#transfers.push(list);
    if (!this.#isPausing) return this.#next();
    if (this.#transfers.length <= WAITING_MAX) return;
    const first = this.#transfers.shift();
    if (first !== undefined) this.#costOf(first);
  }

  /**
   * @param list called in its turn, after all scans that were handed in before
   * @param refuse called instead, when its turn has not come in time
   */
  scanWhenDue(list: () => void, refuse: () => void): void {
    const untilMs = this.#runtime.clock.monotonicMs() + this.#times.turnMs;
    this.#scans.push({ list, refuse, untilMs });
    if (!this.#isPausing) this.#next();
    else if (this.#scans.length > WAITING_MAX) this.#scans.shift()?.refuse();
  }

  /** Scans and other nodes take turns: however many scans there are, a copy or a repair waits for one of them at a time. */
  #take(): (() => void) | undefined {
    this.#refuseLate();
    this.#isScansTurn = !this.#isScansTurn;
    return this.#isScansTurn
      ? (this.#scans.shift()?.list ?? this.#transfers.shift())
      : (this.#transfers.shift() ?? this.#scans.shift()?.list);
  }

  /** Whoever asked for these pages is about to ask elsewhere: listing them for nobody would make all others wait. */
  #refuseLate(): void {
    const now = this.#runtime.clock.monotonicMs();
    for (let first = this.#scans[0]; first !== undefined; first = this.#scans[0]) {
      if (now < first.untilMs) return;
      this.#scans.shift();
      first.refuse();
    }
  }

  #next(): void {
    for (let list = this.#take(); list !== undefined; list = this.#take()) {
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
