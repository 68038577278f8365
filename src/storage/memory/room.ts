// Makes room in a store for a record: first records that other nodes have too are dropped, then a cache evicts (H40).
// memory-limit.ts decides whether there is room, segment-store.ts what happens without it.

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

/**
 * How many records one set may evict: some milliseconds. One of 16 MiB evicts 200,000 short ones, which took longer than
 * a node may be silent; so it is tried again in later turns (H40).
 */
const EVICTIONS_AT_ONCE = 1024;

/** What may be done for one record. */
export interface RoomAllowance {
  /** Whether the limit may be raised for it, as in a replay. */
  readonly mayRaise: boolean;
  readonly evictionsMax: number;
}

/** Of a set: whoever sent it waits, and so does everything else on this node. */
export const AS_MUCH_AS_A_TURN_TAKES: RoomAllowance = {
  mayRaise: false,
  evictionsMax: EVICTIONS_AT_ONCE,
};
/** Of a copied record, and of one that is read back from the log of a cache. */
export const AS_MUCH_AS_IT_TAKES: RoomAllowance = {
  mayRaise: false,
  evictionsMax: Number.POSITIVE_INFINITY,
};
/** Of one that is read back from the log of a store: there was room for it before. */
export const ALSO_ABOVE_THE_LIMIT: RoomAllowance = { ...AS_MUCH_AS_IT_TAKES, mayRaise: true };

/** How many steps of dropping and cleaning one put may pay for; more would be a noticeable pause. */
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
   * @param index the index to which the record adds a key; undefined if the key is there already
   * @param replacedBytes length of the key's present record, which will be removed; 0 if there is none
   * @returns `none` when there is no room, and nothing more can be evicted for it; `later` when all that may be evicted
   *   at once is gone, and more can be
   */
  make(
    head: Head,
    record: StoredRecord,
    index: HashIndex | undefined,
    replacedBytes: number,
    { mayRaise, evictionsMax }: RoomAllowance,
  ): 'made' | 'later' | 'none' {
    const { length } = record;
    this.#limit.cameIn(length);
    this.#limit.want(index?.bytesToAddSoon() ?? 0);
    const reserved = isTombstone(record) ? SEGMENTS_RESERVED_FROM_DELETES : SEGMENTS_RESERVED;
    for (let isExhausted = false, reclaims = 0, evictions = 0; ; ) {
      const more = this.#segments.bytesToAdd(head, length) + (index?.bytesToAdd() ?? 0);
      if (this.#limit.hasRoomFor(length, replacedBytes, more, reserved)) return 'made';
      if (reclaims++ < RECLAIMS_AT_ONCE && this.#reclaimNow()) continue;
      // What is no longer than that can take its place, and needs no room.
      const needsRoom = length > replacedBytes;
      if (mayRaise && needsRoom && this.#limit.raise(length, replacedBytes, more)) return 'made';
      this.#limit.want(more + length);
      if (isExhausted || !this.#canEvictFor(more, reserved)) return 'none';
      if (evictions++ === evictionsMax) return 'later';
      isExhausted = !this.#cleaner.evict();
    }
  }

  /** Drops what other nodes have too, before a set is refused or evicts. @returns whether that may have helped */
  #reclaimNow(): boolean {
    if (this.#dropped.isEmpty && !this.#store.reclaim()) return false;
    this.#dropped.release(DROPPED_SLOTS_IDLE);
    this.#cleaner.idle();
    return true;
  }

  /** Whether to evict: a record that would not fit even alone must not cost others their place. */
  #canEvictFor(more: number, reserved: number): boolean {
    if (this.#store.whenFull === 'refuse') return false;
    return this.#limit.hasRoomAlone(more, reserved);
  }
}
