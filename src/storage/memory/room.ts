// Makes room in a store for a record: what others have goes first, and a cache evicts (H40). Whether there is room is
// memory-limit.ts's, and what is done without it segment-store.ts's.

import { isTombstone, type StoredRecord } from '../../cluster/model/record.ts';
import type { Cleaner } from './cleaner.ts';
import { DROPPED_SLOTS_IDLE, type Dropped } from './dropped.ts';
import type { HashIndex } from './hash-index.ts';
import {
  type MemoryLimit,
  SEGMENTS_RESERVED,
  SEGMENTS_RESERVED_FROM_DELETES,
} from './memory-limit.ts';
import type { PartitionStore } from './partition-store.ts';
import type { Head, Segments } from './segments.ts';

/** While room is needed now, so many times more is released of what was dropped, and cleaned; beyond it is a pause. */
const RECLAIMS_AT_ONCE = 16;

export class Room {
  readonly #segments: Segments;
  readonly #limit: MemoryLimit;
  readonly #cleaner: Cleaner;
  readonly #dropped: Dropped;
  readonly #store: Pick<PartitionStore, 'reclaim' | 'whenFull'>;

  constructor(
    segments: Segments,
    limit: MemoryLimit,
    cleaner: Cleaner,
    dropped: Dropped,
    store: Pick<PartitionStore, 'reclaim' | 'whenFull'>,
  ) {
    this.#segments = segments;
    this.#limit = limit;
    this.#cleaner = cleaner;
    this.#dropped = dropped;
    this.#store = store;
  }

  /**
   * @param index that another key is added to
   * @param replacedBytes length of the record that goes
   * @param mayRaise whether the limit may rise for it: for a replay
   * @returns false where there is no room and this is no cache
   */
  make(
    head: Head,
    record: StoredRecord,
    index: HashIndex | undefined,
    replacedBytes: number,
    mayRaise: boolean,
  ): boolean {
    const { length } = record;
    this.#limit.cameIn(length);
    this.#limit.want(index?.bytesToAddSoon() ?? 0);
    const reserved = isTombstone(record) ? SEGMENTS_RESERVED_FROM_DELETES : SEGMENTS_RESERVED;
    for (let isExhausted = false, reclaims = 0; ; ) {
      const more = this.#segments.bytesToAdd(head, length) + (index?.bytesToAdd() ?? 0);
      if (this.#limit.hasRoomFor(length, replacedBytes, more, reserved)) return true;
      if (reclaims++ < RECLAIMS_AT_ONCE && this.#reclaimNow()) continue;
      if (mayRaise && this.#limit.raise(length, replacedBytes, more)) return true;
      this.#limit.want(more + length);
      if (isExhausted || !this.#canEvictFor(more, reserved)) return false;
      isExhausted = !this.#cleaner.evict();
    }
  }

  /** What others have goes before a set is refused, or another record evicted. @returns whether it may have helped */
  #reclaimNow(): boolean {
    if (this.#dropped.isEmpty && !this.#store.reclaim()) return false;
    this.#dropped.release(DROPPED_SLOTS_IDLE);
    this.#cleaner.idle();
    return true;
  }

  /** What would not even fit alone shall not cost others their place. */
  #canEvictFor(more: number, reserved: number): boolean {
    if (this.#store.whenFull === 'refuse') return false;
    return this.#limit.hasRoomAlone(more, reserved);
  }
}
