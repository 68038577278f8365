// How long deletes and expired records are kept. The usual times are long for comfort: a late set finds the delete,
// and a clock that was wrong for minutes hides nothing for good. Safety comes from knowing that all other members
// have what is forgotten, and from the floor (H24 to H28). So while memory is short, shorter times are enough. What
// is forgotten, and when, is decided in anti-entropy.ts.

import type { Times } from '../../cluster/model/limits.ts';
import type { Clock } from '../../cluster/ports.ts';
import type { PartitionReader } from '../memory/partition-store.ts';

/** How long records that may be forgotten are kept at least. */
export interface Graces {
  readonly tombstoneMs: number;
  readonly expiryMs: number;
  /** Whether these are the shorter times, because memory is short. */
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
    // Long enough that every partition gets its turn several times.
    this.#urgentForMs = times.antiEntropyMs;
  }

  /** A record was refused because memory was short. */
  refused(): void {
    this.#urgentUntilMs = this.#clock.monotonicMs() + this.#urgentForMs;
  }

  /** Whether records were refused lately, so that clients wait for what can be forgotten. */
  get isUrgent(): boolean {
    return this.#clock.monotonicMs() < this.#urgentUntilMs;
  }

  /** A cache always keeps the usual times: it evicts what it has no memory for, whatever its age. */
  get graces(): Graces {
    if (this.#store.whenFull === 'evict') return this.#usual;
    return this.isUrgent || this.#store.memory().isFull ? this.#short : this.#usual;
  }
}
