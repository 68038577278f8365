// How long deletes and expired records are kept. The long times are for comfort: a set that comes late finds the delete,
// and a clock that was wrong for minutes hides nothing for good. What protects is that all others are known to have
// what is forgotten, and the floor (H24 to H28). So while memory is short, less time is enough.

import type { Times } from '../../cluster/model/limits.ts';
import type { Clock } from '../../cluster/ports.ts';
import type { PartitionReader } from '../memory/partition-store.ts';

/** How long what may be forgotten is kept at least. */
export interface Graces {
  readonly tombstoneMs: number;
  readonly expiryMs: number;
  /** Memory is short. */
  readonly areShort: boolean;
}

export class Retention {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #store: Pick<PartitionReader, 'whenFull' | 'memory'>;
  readonly #usual: Graces;
  readonly #short: Graces;
  readonly #urgentForMs: number;
  #urgentUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    clock: Pick<Clock, 'monotonicMs'>,
    store: Pick<PartitionReader, 'whenFull' | 'memory'>,
    times: Times,
  ) {
    this.#clock = clock;
    this.#store = store;
    const { tombstoneGraceMs, expiryGraceMs } = times;
    this.#usual = { tombstoneMs: tombstoneGraceMs, expiryMs: expiryGraceMs, areShort: false };
    this.#short = {
      tombstoneMs: Math.min(tombstoneGraceMs, times.tombstoneGraceShortMs),
      expiryMs: Math.min(expiryGraceMs, times.expiryGraceShortMs),
      areShort: true,
    };
    // So that every partition has its turn several times.
    this.#urgentForMs = times.antiEntropyMs;
  }

  /** A record was refused for want of memory. */
  refused(): void {
    this.#urgentUntilMs = this.#clock.monotonicMs() + this.#urgentForMs;
  }

  /** Whether records were refused lately, so that somebody waits for what can be forgotten. */
  get isUrgent(): boolean {
    return this.#clock.monotonicMs() < this.#urgentUntilMs;
  }

  /** A cache evicts what it has no memory for, whatever its age. */
  get graces(): Graces {
    if (this.#store.whenFull === 'evict') return this.#usual;
    return this.isUrgent || this.#store.memory().isFull ? this.#short : this.#usual;
  }
}
