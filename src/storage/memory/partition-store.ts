// The interfaces of what a storage node has in memory: records of partitions, compared and applied. Readers get
// `PartitionReader`. The writing half is for logged-store.ts, which appends each change to the log in the same call,
// and for the replay of that log. replica.ts decides who may read or write, and at which epoch; segment-store.ts is
// the implementation.

import type { WhenFull } from '../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { RecordHead, StoredRecord } from '../../cluster/model/record.ts';
import type { Version } from '../../cluster/model/version.ts';
import type { Cursor } from '../../cluster/wire/operations.ts';
import type { Completeness } from '../log/log-entry.ts';

export type PutOutcome =
  | {
      readonly kind: 'applied';
      /**
       * Until when what was replaced would have lived, in milliseconds since 1970: infinite for a record that does not
       * expire, 0 where there was none, or a delete.
       */
      readonly replacedUntilMs: number;
    }
  /** The identical record is there already. */
  | { readonly kind: 'equal' }
  /** A greater record is there; `version` is its version. */
  | { readonly kind: 'superseded'; readonly version: Version }
  /** A delete of at least this version may have been forgotten here, whatever is there now (H24, H26). */
  | { readonly kind: 'floor'; readonly version: Version }
  /**
   * There is no memory for the record. `isMakingRoom`: a cache evicted as much as one put may, and the next one of the record
   * finds more room (H40).
   */
  | { readonly kind: 'no-memory'; readonly isMakingRoom?: true };

export const FIRST: Cursor = { bucket: 0, afterKey: Buffer.alloc(0) };

export interface ListLimits {
  readonly bytes: number;
  /** If true, each record is listed and counted only up to the end of its key (RecordHead). */
  readonly heads?: boolean;
  /** The buckets to list; all when undefined. */
  readonly wanted?: ReadonlySet<number>;
  /** The most records to list; no bound when undefined. */
  readonly count?: number;
  /** Only records that pass are listed; all when undefined. */
  readonly passes?: (record: StoredRecord) => boolean;
  /**
   * About how many records to look at, listed or not. A listing that ends because of it may list nothing, and still has
   * a place to go on. No bound when undefined.
   */
  readonly lookedAt?: number;
}

/** A record that is due to be forgotten. */
export interface Due {
  readonly key: Buffer;
  readonly version: Version;
}

export interface DueLimits {
  readonly lookedAt: number;
  readonly found: number;
}

/** A record that was set aside and has been dropped, but that a replay of the log would bring back. */
export interface Leftover {
  readonly key: Buffer;
  readonly version: Version;
  /** The record of the key in the partition itself, which is lower than the dropped one; undefined if there is none. */
  readonly below: StoredRecord | undefined;
}

export interface Left {
  readonly leftovers: readonly Leftover[];
  /** Where to continue; undefined when nothing is set aside any more. */
  readonly next: Cursor | undefined;
}

export interface Listing {
  readonly records: readonly StoredRecord[];
  /** Where to continue; undefined when everything was listed. */
  readonly next: Cursor | undefined;
}

/** Called for each record that a cache evicts, after it is gone and the floor is at its version or above (H40). */
export type Evicted = (partition: PartitionId, key: Buffer, version: Version) => void;

/**
 * The records that a joiner had of partitions before it joined, apart from those it received since (H15). They are
 * never served or counted in a digest; a restart brings back both together.
 */
export interface AsideReader {
  /** The partitions that have records set aside. */
  partitions(): readonly PartitionId[];
  has(partition: PartitionId): boolean;
  /** The record of the key that was set aside: a view, valid until the next put. */
  peek(partition: PartitionId, key: Buffer): StoredRecord | undefined;
  /** Lists the partition's records and those set aside in one order, so that none is missed that moves meanwhile. */
  listAll(partition: PartitionId, from: Cursor, limits: ListLimits): Listing;
}

export interface AsideWriter {
  /**
   * Sets all records of the partition aside, in one step. The partition is then empty, except for its floor and its
   * completeness, which hold for both together.
   */
  add(partition: PartitionId): void;
  /**
   * Moves a set-aside record back into the partition if it is identical to the one with this head.
   * @returns whether it was; then the partition has it, or a greater record
   */
  takeBack(partition: PartitionId, head: RecordHead): boolean;
  /** Drops set-aside records from the cursor on, up to about this many bytes. */
  drop(partition: PartitionId, from: Cursor, bytes: number): Left;
  /** Brings back everything that was set aside; of two records of one key the greater stays. */
  restore(partition: PartitionId): void;
}

/** The reading half of the store. The records that it returns are views, valid until the next put. */
export interface PartitionReader {
  readonly whenFull: WhenFull;
  readonly asides: AsideReader;
  /** Reads for a client's get: a cache keeps what is asked for. */
  get(partition: PartitionId, key: Buffer): StoredRecord | undefined;
  /** Reads for every other purpose, which does not count as an access. */
  peek(partition: PartitionId, key: Buffer): StoredRecord | undefined;
  /** The highest version that a forgotten delete can have had. */
  floor(partition: PartitionId): Version;
  /** Up to which epoch everything acknowledged in the partition was here; undefined when that is unknown. */
  completeness(partition: PartitionId): Completeness | undefined;
  /** The partitions of which the store holds anything, be it only a floor. */
  held(): readonly PartitionId[];
  figures(partition: PartitionId): PartitionFigures;
  digest(partition: PartitionId): Buffer;
  /** How many calls of `nextDue` inspect everything once; 0 where nothing is perishable. */
  slicesOfDue(partition: PartitionId, lookedAt: number): number;
  /**
   * Finds perishable records (deletes, and records with an expiry) that are due. Each call inspects about `lookedAt`
   * of those that were not inspected for longest, and returns not many more than `found`: so records that are not due
   * yet never hide others behind them.
   */
  nextDue(
    partition: PartitionId,
    isDue: (record: StoredRecord) => boolean,
    limits: DueLimits,
  ): readonly Due[];
  /** Lists records in the order of cursors, in the buckets that `wanted` names, up to about `bytes`. */
  list(partition: PartitionId, from: Cursor, limits: ListLimits): Listing;
  items(): number;
  /** Bytes of the records, without what the store needs around them. */
  payloadBytes(): number;
  memory(): MemoryFigures;
}

/**
 * The writing half. logged-store.ts adds what the log must have for each change; only the log's replay writes
 * without.
 */
export interface PartitionWriter {
  whenFull: WhenFull;
  readonly asides: AsideWriter;
  /**
   * Compares and applies in one synchronous step (R2, H14b). Invariant I11: the record of a key never falls in the
   * order of `compareRecords`.
   * @param record may be a view on a socket's buffer; the store keeps a copy
   */
  put(partition: PartitionId, record: StoredRecord): PutOutcome;
  /**
   * Puts a record that a member in sync has. It bypasses the floor: the delete of another key may have raised it
   * (H27).
   */
  putCopied(partition: PartitionId, record: StoredRecord): PutOutcome;
  raiseFloor(partition: PartitionId, version: Version): void;
  /** Drops the record of the key, if it has this version. @returns whether it had */
  forget(partition: PartitionId, key: Buffer, version: Version): boolean;
  setComplete(partition: PartitionId, until: Completeness): void;
  /** Drops everything in the partition, its floor too. */
  reset(partition: PartitionId): void;
}

export interface PartitionStore extends PartitionReader, PartitionWriter {
  whenFull: WhenFull;
  readonly asides: AsideReader & AsideWriter;
  /** Called while memory is short, to drop what other nodes have too. @returns whether something was dropped */
  reclaim: () => boolean;
  /** Called for each record that was refused because memory was short. */
  refused: () => void;
  evicted: Evicted;
  /** Does one step of background work. @returns whether there may be more to do */
  work(): boolean;
}

export interface PartitionFigures {
  readonly items: number;
  readonly payloadBytes: number;
  /** Time part of the highest version that was ever stored here, in milliseconds since 1970; 0 if there was none. */
  readonly newestMs: number;
}

/** The uses of a store's memory, in bytes unless stated otherwise. */
export interface MemoryFigures {
  readonly limit: number;
  /** Everything that counts against the limit; `payload` is the length of the records alone. */
  readonly used: number;
  readonly payload: number;
  readonly index: number;
  /** How many segments are in use. */
  readonly segments: number;
  /** Bytes of records that were moved to free segments, since the start. */
  readonly moved: number;
  /** How many records were evicted, since the start. */
  readonly evicted: number;
  /** Whether so little is free that records will soon be refused, or evicted. */
  readonly isFull: boolean;
  /** How many of the records are deletes. */
  readonly tombstones: number;
  /** The length of these deletes, part of `payload`. */
  readonly tombstoneBytes: number;
}
