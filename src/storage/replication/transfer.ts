// One pass over the source of a copy (R8): applies the records that the source lists, drops those that it must have
// forgotten (H26), and takes set-aside records back that are identical at the source, without their being sent (H15).
// joiner.ts decides whom to ask, and when.

import { CHUNK_RECORD_BYTES } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import {
  isSameHead,
  type RecordHead,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../cluster/model/version.ts';
import type { Answer, Cursor } from '../../cluster/wire/operations.ts';
import type { LoggedStore } from '../logged-store.ts';
import { isListedBefore } from '../memory/partition-records.ts';

/**
 * If more than this share of a list's heads is missing here, the rest is copied whole: a head costs as much as a
 * short record.
 */
const MISSING_SHARE_MAX = 0.5;

/** The part of a copy's state that a pass needs. */
export interface Evictions {
  /** The highest version that was evicted here since the join began with an empty partition (H40). */
  readonly evicted: Version;
}

export class Transfer {
  readonly #store: LoggedStore;
  readonly #partition: PartitionId;
  readonly #copy: Evictions;
  #wantsRecords = false;

  constructor(store: LoggedStore, partition: PartitionId, copy: Evictions) {
    this.#store = store;
    this.#partition = partition;
    this.#copy = copy;
  }

  asksForHeads(): boolean {
    return !this.#wantsRecords && this.#store.reader.asides.has(this.#partition);
  }

  askForRecords(): void {
    this.#wantsRecords = true;
  }

  /**
   * Takes back the set-aside records that the source has as well. Only for a store, and while something is set aside.
   * @returns the heads of the records that must be fetched
   */
  applyHeads(
    { floor, heads, next }: Extract<Answer, { kind: 'heads' }>,
    from: Cursor,
  ): readonly RecordHead[] {
    this.#raiseFloor(floor);
    const missing = heads.filter((head) => !this.#has(head));
    if (missing.length > MISSING_SHARE_MAX * heads.length) this.#wantsRecords = true;
    if (floor !== VERSION_ZERO) this.#dropForgotten(from, next, new Set(heads.map(nameOf)), floor);
    // Copies, not views: the bytes of a message are valid only while it is handled.
    return missing.map((head) => Buffer.from(head) as RecordHead);
  }

  /** Whether the record is here, or a greater one that a set since the join has brought. */
  #has(head: RecordHead): boolean {
    if (this.#store.takeBack(this.#partition, head)) return true;
    const present = this.#store.reader.peek(this.#partition, recordKey(head));
    if (present === undefined) return false;
    return recordVersion(present) > recordVersion(head) || isSameHead(present, head);
  }

  /** @returns false when there was no memory for all the records */
  applyFetched({ floor, records }: Extract<Answer, { kind: 'records' }>): boolean {
    this.#raiseFloor(floor);
    return records.every((record) => this.#hasApplied(record));
  }

  /**
   * @param from where the source was asked to begin
   * @returns false when there was no memory for all of it: in a store a copy with holes is no copy (R8)
   */
  apply({ floor, records, next }: Extract<Answer, { kind: 'records' }>, from: Cursor): boolean {
    // Raise the floor before any record is applied: from here on no set below it is accepted. A store's floor stays
    // that of the first answer to the end (H26). A cache evicts while it is being copied, and nobody lists what it
    // evicted: only the floor covers it (H40).
    this.#raiseFloor(floor);
    for (const record of records) {
      if (this.#isOutlived(record) || this.#hasApplied(record)) continue;
      if (this.#store.reader.whenFull === 'refuse') return false;
      this.#forgo(record);
    }
    // A source that never forgot anything leaves nothing to drop, and the search would take as long as the copy.
    if (floor !== VERSION_ZERO) {
      this.#dropForgotten(from, next, new Set(records.map(nameOf)), floor);
    }
    return true;
  }

  #raiseFloor(version: Version): void {
    this.#store.raiseFloor(this.#partition, version);
  }

  /** Applies a record of the source, bypassing the floor (H27). @returns false when there is no memory for it */
  #hasApplied(record: StoredRecord): boolean {
    return this.#store.putCopied(this.#partition, record).kind !== 'no-memory';
  }

  /**
   * H40: a copied record bypasses the floor (H27), unless a newer one of its key may have been evicted here
   * meanwhile:
   * 1. A set of the key is applied here, and is still on its way to the source.
   * 2. The record is evicted here.
   * 3. The source lists its older record of the key, and then applies the set, which is acknowledged.
   * 4. The list arrives here: the record in it is older than the acknowledged one.
   */
  #isOutlived(record: StoredRecord): boolean {
    if (recordVersion(record) > this.#copy.evicted) return false;
    return this.#store.reader.peek(this.#partition, recordKey(record)) === undefined;
  }

  /** H40: treats the record as one that came and was evicted at once; the present record of its key is older. */
  #forgo(record: StoredRecord): void {
    this.#raiseFloor(recordVersion(record));
    const present = this.#store.reader.peek(this.#partition, recordKey(record));
    if (present !== undefined) this.#drop(present);
  }

  /** H26: drops an old set that arrived here before the floor did, and whose delete the source has forgotten. */
  #dropForgotten(
    from: Cursor,
    to: Cursor | undefined,
    listed: ReadonlySet<string>,
    floor: Version,
  ): void {
    let at: Cursor | undefined = from;
    while (at !== undefined) {
      const { records, next } = this.#store.reader.list(this.#partition, at, {
        bytes: CHUNK_RECORD_BYTES,
      });
      for (const record of records) {
        // The source lists in the same order, and its next answer continues behind `to`.
        if (!isListedBefore(record, to)) return;
        const version = recordVersion(record);
        if (version > floor || listed.has(nameOf(record))) continue;
        this.#drop(record);
      }
      at = next;
    }
  }

  #drop(record: StoredRecord): void {
    const key = Buffer.from(recordKey(record));
    this.#store.forget(this.#partition, key, recordVersion(record));
  }
}

/** A record's key as a string, to look it up by. */
export function nameOf(record: RecordHead): string {
  return recordKey(record).toString('latin1');
}
