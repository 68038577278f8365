// What a storage node remembers: the partition store. A plain map of records behind the narrow
// interface; who may read or write, and at which epoch, is replica.ts's.

import type { Cursor } from '../cluster/operations.ts';
import type { PartitionId } from '../cluster/partition.ts';
import {
  compareRecords,
  isTombstone,
  recordExpiresAtMs,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../cluster/record.ts';
import { VERSION_ZERO, type Version } from '../cluster/version.ts';
import { BUCKETS, bucketOf, Digest } from './digest.ts';

export type PutOutcome =
  /** `record` is the store's own copy, which never changes. */
  | { readonly kind: 'applied'; readonly record: StoredRecord }
  /** The very same record is there already. */
  | { readonly kind: 'equal' }
  /** A record above the offered one is there; `version` is its own. */
  | { readonly kind: 'superseded'; readonly version: Version }
  /** A delete of at least this version may have been forgotten here (H24). */
  | { readonly kind: 'floor'; readonly version: Version };

export const FIRST: Cursor = { bucket: 0, afterKey: Buffer.alloc(0) };

export interface Listing {
  readonly records: readonly StoredRecord[];
  /** Undefined when everything was listed. */
  readonly next: Cursor | undefined;
}

export interface PartitionStore {
  get(partition: PartitionId, key: Buffer): StoredRecord | undefined;
  /**
   * Compares and applies in one synchronous step (R2, H14b). Invariant I11: the record of a key never
   * falls in the order of `compareRecords`.
   * @param record may be a view on a socket's buffer; what is kept is a copy
   */
  put(partition: PartitionId, record: StoredRecord): PutOutcome;
  /** The same for a record that a member in sync has: another key's delete may have raised the floor (H27). */
  putCopied(partition: PartitionId, record: StoredRecord): PutOutcome;
  /** The highest version that a forgotten delete can have had. */
  floor(partition: PartitionId): Version;
  raiseFloor(partition: PartitionId, version: Version): void;
  /** Drops the record of the key, if it is of this very version. */
  forget(partition: PartitionId, key: Buffer, version: Version): boolean;
  /** Drops everything of the partition, its floor too. */
  reset(partition: PartitionId): void;
  /** The partitions that something is held of. */
  held(): readonly PartitionId[];
  digest(partition: PartitionId): Buffer;
  /**
   * Of the records that time takes away (deletes, and what has an expiry) some that are due. Each call looks
   * at those of each bucket that were not looked at for longest: what is not due yet hides nothing behind it.
   */
  nextDue(
    partition: PartitionId,
    isDue: (record: StoredRecord) => boolean,
    ofEachBucket: { readonly lookedAt: number; readonly found: number },
  ): readonly StoredRecord[];
  /** Records in the order of the cursor, of the buckets that `wanted` says, up to about `bytes`. */
  list(
    partition: PartitionId,
    from: Cursor,
    limits: { readonly bytes: number; readonly wanted?: ReadonlySet<number> },
  ): Listing;
  items(): number;
  /** Bytes of the records, without what the store needs around them. */
  payloadBytes(): number;
}

class Partition {
  readonly digest = new Digest();
  /** One map a bucket, so that a bucket can be listed without looking at the others; made when needed. */
  readonly buckets: (Map<string, StoredRecord> | undefined)[] = [];
  /**
   * The same of those that time takes away, so that finding them is no walk over everything; first in each
   * map who was not looked at for longest. One map for all would now and then be copied in one long step.
   */
  readonly perishable: (Map<string, StoredRecord> | undefined)[] = [];
  floor: Version = VERSION_ZERO;
  items = 0;
  payloadBytes = 0;

  bucket(index: number): Map<string, StoredRecord> {
    return bucketIn(this.buckets, index);
  }

  setPerishable(index: number, name: string, record: StoredRecord): void {
    bucketIn(this.perishable, index).set(name, record);
  }
}

function bucketIn(
  buckets: (Map<string, StoredRecord> | undefined)[],
  index: number,
): Map<string, StoredRecord> {
  let records = buckets[index];
  if (records === undefined) {
    records = new Map();
    buckets[index] = records;
  }
  return records;
}

export class MapStore implements PartitionStore {
  readonly #partitions = new Map<PartitionId, Partition>();

  get(partition: PartitionId, key: Buffer): StoredRecord | undefined {
    return this.#partitions.get(partition)?.buckets[bucketOf(key)]?.get(nameOf(key));
  }

  put(partition: PartitionId, record: StoredRecord): PutOutcome {
    return this.#put(this.#partition(partition), record, false);
  }

  putCopied(partition: PartitionId, record: StoredRecord): PutOutcome {
    return this.#put(this.#partition(partition), record, true);
  }

  floor(partition: PartitionId): Version {
    return this.#partitions.get(partition)?.floor ?? VERSION_ZERO;
  }

  raiseFloor(partition: PartitionId, version: Version): void {
    const state = this.#partition(partition);
    if (version > state.floor) state.floor = version;
  }

  forget(partition: PartitionId, key: Buffer, version: Version): boolean {
    const state = this.#partitions.get(partition);
    const bucket = bucketOf(key);
    const present = state?.buckets[bucket]?.get(nameOf(key));
    if (state === undefined || present === undefined || recordVersion(present) !== version) {
      return false;
    }
    state.bucket(bucket).delete(nameOf(key));
    state.perishable[bucket]?.delete(nameOf(key));
    state.digest.remove(bucket, present);
    state.items--;
    state.payloadBytes -= present.length;
    return true;
  }

  reset(partition: PartitionId): void {
    this.#partitions.delete(partition);
  }

  held(): readonly PartitionId[] {
    return [...this.#partitions.keys()];
  }

  digest(partition: PartitionId): Buffer {
    return (this.#partitions.get(partition)?.digest ?? new Digest()).bytes();
  }

  nextDue(
    partition: PartitionId,
    isDue: (record: StoredRecord) => boolean,
    ofEachBucket: { readonly lookedAt: number; readonly found: number },
  ): readonly StoredRecord[] {
    const { perishable = [] } = this.#partitions.get(partition) ?? {};
    return perishable.flatMap((records) => {
      const found: StoredRecord[] = [];
      // Those that go to the end come round again in the loop; nobody is looked at twice.
      let left = Math.min(ofEachBucket.lookedAt, records?.size ?? 0);
      for (const [name, record] of records ?? []) {
        if (left === 0 || found.length === ofEachBucket.found) break;
        left--;
        records?.delete(name);
        records?.set(name, record);
        if (isDue(record)) found.push(record);
      }
      return found;
    });
  }

  list(
    partition: PartitionId,
    from: Cursor,
    limits: { readonly bytes: number; readonly wanted?: ReadonlySet<number> },
  ): Listing {
    const records: StoredRecord[] = [];
    const state = this.#partitions.get(partition);
    let bytes = 0;
    for (let bucket = from.bucket; bucket < BUCKETS; bucket++) {
      const present = state?.buckets[bucket];
      if (present === undefined || limits.wanted?.has(bucket) === false) continue;
      const after = bucket === from.bucket ? nameOf(from.afterKey) : '';
      for (const name of [...present.keys()].filter((other) => other > after).sort()) {
        const record = present.get(name);
        if (record === undefined) continue;
        if (bytes >= limits.bytes) return { records, next: cursorAt(records.at(-1)) };
        records.push(record);
        bytes += record.length;
      }
    }
    return { records, next: undefined };
  }

  items(): number {
    return this.#sum('items');
  }

  payloadBytes(): number {
    return this.#sum('payloadBytes');
  }

  #put(state: Partition, record: StoredRecord, copied: boolean): PutOutcome {
    const key = recordKey(record);
    const bucket = bucketOf(key);
    const records = state.bucket(bucket);
    const name = nameOf(key);
    // H24, also when the key is there: a joiner that copies from here may have dropped this very set (H26), and
    // would be without it if one `superseded` or `equal` let it be acknowledged.
    if (!copied && isBelow(recordVersion(record), state.floor)) {
      return { kind: 'floor', version: state.floor };
    }
    const present = records.get(name);
    if (present !== undefined) {
      const order = compareRecords(record, present);
      if (order === 0) return { kind: 'equal' };
      if (order < 0) return { kind: 'superseded', version: recordVersion(present) };
    }
    const copy = Buffer.from(record) as StoredRecord;
    records.set(name, copy);
    if (isTombstone(copy) || recordExpiresAtMs(copy) !== 0) state.setPerishable(bucket, name, copy);
    else state.perishable[bucket]?.delete(name);
    if (present !== undefined) state.digest.remove(bucket, present);
    state.digest.add(bucket, copy);
    state.items += present === undefined ? 1 : 0;
    state.payloadBytes += record.length - (present?.length ?? 0);
    return { kind: 'applied', record: copy };
  }

  #partition(partition: PartitionId): Partition {
    let state = this.#partitions.get(partition);
    if (state === undefined) {
      state = new Partition();
      this.#partitions.set(partition, state);
    }
    return state;
  }

  #sum(what: 'items' | 'payloadBytes'): number {
    let sum = 0;
    for (const state of this.#partitions.values()) sum += state[what];
    return sum;
  }
}

/** latin1 gives every byte a character of its own, so distinct keys stay distinct, in the order of bytes. */
function nameOf(key: Buffer): string {
  return key.toString('latin1');
}

/** Nothing was ever forgotten while the floor is zero. */
function isBelow(version: Version, floor: Version): boolean {
  return floor !== VERSION_ZERO && version <= floor;
}

function cursorAt(last: StoredRecord | undefined): Cursor | undefined {
  if (last === undefined) return undefined;
  const key = Buffer.from(recordKey(last));
  return { bucket: bucketOf(key), afterKey: key };
}
