// The narrow interfaces of what a storage node remembers: records of partitions, compared and applied. Whoever reads
// gets the reading half; the writing half is logged-store.ts's, which tells the log of each change in the same call,
// and the replay's of that log. Who may read or write, and at which epoch, is replica.ts's; how it is kept is
// segment-store.ts's.

import type { WhenFull } from '../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { RecordHead, StoredRecord } from '../../cluster/model/record.ts';
import type { Version } from '../../cluster/model/version.ts';
import type { Cursor } from '../../cluster/wire/operations.ts';
import type { Completeness } from '../log/log-entry.ts';

export type PutOutcome =
  | { readonly kind: 'applied' }
  /** The very same record is there already. */
  | { readonly kind: 'equal' }
  /** A record above the offered one is there; `version` is its own. */
  | { readonly kind: 'superseded'; readonly version: Version }
  /** A delete of at least this version may have been forgotten here, whatever is there now (H24, H26). */
  | { readonly kind: 'floor'; readonly version: Version }
  /** There is no memory for it. */
  | { readonly kind: 'no-memory' };

export const FIRST: Cursor = { bucket: 0, afterKey: Buffer.alloc(0) };

export interface ListLimits {
  readonly bytes: number;
  /** Only up to the key of each record is asked for, and counted (RecordHead). */
  readonly heads?: boolean;
  /** Buckets; all when undefined. */
  readonly wanted?: ReadonlySet<number>;
}

/** A record that may be forgotten. */
export interface Due {
  readonly key: Buffer;
  readonly version: Version;
}

export interface DueLimits {
  readonly lookedAt: number;
  readonly found: number;
}

/** What was dropped of what had been set aside, where the log would bring it back. */
export interface Leftover {
  readonly key: Buffer;
  readonly version: Version;
  /** The partition has this record of the key, which is below the one that was dropped. */
  readonly below: StoredRecord | undefined;
}

export interface Left {
  readonly leftovers: readonly Leftover[];
  /** Where to go on; undefined when nothing is set aside any more. */
  readonly next: Cursor | undefined;
}

export interface Listing {
  readonly records: readonly StoredRecord[];
  /** Undefined when everything was listed. */
  readonly next: Cursor | undefined;
}

/** Told of what a cache drops, when it is gone and the floor is above it (H40). */
export type Evicted = (partition: PartitionId, key: Buffer, version: Version) => void;

/**
 * What a joiner had of partitions before it joined, beside what it has of them since (H15). It is never read, nor in a
 * digest; a restart brings back both together.
 */
export interface AsideReader {
  /** The partitions of which something is set aside. */
  partitions(): readonly PartitionId[];
  has(partition: PartitionId): boolean;
  /** What was set aside of the key; a view, until the next put. */
  peek(partition: PartitionId, key: Buffer): StoredRecord | undefined;
  /** What is in the partition and what was set aside, in one order, so that nothing is passed over that moves meanwhile. */
  listAll(partition: PartitionId, from: Cursor, limits: ListLimits): Listing;
}

export interface AsideWriter {
  /**
   * Sets everything of the partition aside, in one step. It is empty then, but for its floor and what is known of its
   * completeness, which are of both together.
   */
  add(partition: PartitionId): void;
  /** Whether the very record with this head was set aside; it is in the partition then, unless something above it is. */
  takeBack(partition: PartitionId, head: RecordHead): boolean;
  /** Drops some of what was set aside, from the place on, up to about so many bytes. */
  drop(partition: PartitionId, from: Cursor, bytes: number): Left;
  /** Everything that was set aside comes back; of two records of one key the greater stays. */
  restore(partition: PartitionId): void;
}

/** Records that it gives out are views, which hold until the next put. */
export interface PartitionReader {
  readonly whenFull: WhenFull;
  readonly asides: AsideReader;
  /** For a client: a cache keeps what is asked for. */
  get(partition: PartitionId, key: Buffer): StoredRecord | undefined;
  /** For everybody else. */
  peek(partition: PartitionId, key: Buffer): StoredRecord | undefined;
  /** The highest version that a forgotten delete can have had. */
  floor(partition: PartitionId): Version;
  /** Up to when everything of the partition was here; undefined when nobody knows. */
  completeness(partition: PartitionId): Completeness | undefined;
  /** The partitions that something is held of. */
  held(): readonly PartitionId[];
  figures(partition: PartitionId): PartitionFigures;
  digest(partition: PartitionId): Buffer;
  /** So many calls of `nextDue` look at everything once; 0 where nothing is perishable. */
  slicesOfDue(partition: PartitionId, lookedAt: number): number;
  /**
   * Of the records that time takes away (deletes, and what has an expiry) some that are due. Each
   * call looks at about `lookedAt` of those that were not looked at for longest, and returns not many more
   * than `found`: what is not due yet hides nothing behind it.
   */
  nextDue(
    partition: PartitionId,
    isDue: (record: StoredRecord) => boolean,
    limits: DueLimits,
  ): readonly Due[];
  /** Records in the order of the cursor, of the buckets that `wanted` says, up to about `bytes`. */
  list(partition: PartitionId, from: Cursor, limits: ListLimits): Listing;
  items(): number;
  /** Bytes of the records, without what the store needs around them. */
  payloadBytes(): number;
  memory(): MemoryFigures;
}

/** What a change needs beside it in the log is logged-store.ts's; only the replay of the log goes without. */
export interface PartitionWriter {
  whenFull: WhenFull;
  readonly asides: AsideWriter;
  /**
   * Compares and applies in one synchronous step (R2, H14b). Invariant I11: the record of a key never
   * falls in the order of `compareRecords`.
   * @param record may be a view on a socket's buffer; what is kept is a copy
   */
  put(partition: PartitionId, record: StoredRecord): PutOutcome;
  /** The same for a record that a member in sync has: another key's delete may have raised the floor (H27). */
  putCopied(partition: PartitionId, record: StoredRecord): PutOutcome;
  raiseFloor(partition: PartitionId, version: Version): void;
  /** Drops the record of the key, if it is of this very version. @returns whether it was */
  forget(partition: PartitionId, key: Buffer, version: Version): boolean;
  setComplete(partition: PartitionId, until: Completeness): void;
  /** Drops everything of the partition, its floor too. */
  reset(partition: PartitionId): void;
}

export interface PartitionStore extends PartitionReader, PartitionWriter {
  whenFull: WhenFull;
  readonly asides: AsideReader & AsideWriter;
  /** Asked while memory is short to drop something that others have. @returns whether it did */
  reclaim: () => boolean;
  /** Told of each record that was refused for want of memory. */
  refused: () => void;
  evicted: Evicted;
  /** A step of what waits to be done, when there is time. @returns whether there may be more */
  work(): boolean;
}

export interface PartitionFigures {
  readonly items: number;
  readonly payloadBytes: number;
  /** Of the highest version that ever came, the milliseconds since 1970; 0 when nothing did. */
  readonly newestMs: number;
}

/** What the memory of a store is used for, in bytes unless it says otherwise. */
export interface MemoryFigures {
  readonly limit: number;
  /** All together; of what follows `payload` is what records are long. */
  readonly used: number;
  readonly payload: number;
  readonly index: number;
  /** A number. */
  readonly segments: number;
  /** Since the start, of records that were moved so that a segment became free. */
  readonly moved: number;
  /** A number of records, since the start. */
  readonly evicted: number;
  /** Whether so little is free that records are soon refused, or evicted. */
  readonly isFull: boolean;
  /** A number of records. */
  readonly tombstones: number;
  /** Of these, as with `payload`. */
  readonly tombstoneBytes: number;
}
