// One pass over the source of a copy (R8): what it lists is applied, what it must have forgotten is dropped (H26), and
// what was set aside and is the very same at the source comes back without being sent (H15). Whom to ask and
// when is joiner.ts's.

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

/** Of a list, the share that may be missing here before the rest is copied: a head costs as much as a short record. */
const MISSING_SHARE_MAX = 0.5;

/** Of the copy that this is a pass for. */
export interface Evictions {
  /** The highest version that was evicted here since the wipe (H40). */
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
   * Takes back what the source has as well. Of a store only, which set something aside.
   * @returns the heads of those that must be fetched
   */
  applyHeads(
    { floor, heads, next }: Extract<Answer, { kind: 'heads' }>,
    from: Cursor,
  ): readonly RecordHead[] {
    this.#raiseFloor(floor);
    const missing = heads.filter((head) => !this.#has(head));
    if (missing.length > MISSING_SHARE_MAX * heads.length) this.#wantsRecords = true;
    if (floor !== VERSION_ZERO) this.#dropForgotten(from, next, new Set(heads.map(nameOf)), floor);
    // Not views: the bytes of a message hold only as long as it is handled.
    return missing.map((head) => Buffer.from(head) as RecordHead);
  }

  /** A set of after the join may have brought it, or something above it. */
  #has(head: RecordHead): boolean {
    if (this.#store.takeBack(this.#partition, head)) return true;
    const present = this.#store.reader.peek(this.#partition, recordKey(head));
    if (present === undefined) return false;
    return recordVersion(present) > recordVersion(head) || isSameHead(present, head);
  }

  /** @returns as `apply` */
  applyFetched({ floor, records }: Extract<Answer, { kind: 'records' }>): boolean {
    this.#raiseFloor(floor);
    return records.every((record) => this.#hasApplied(record));
  }

  /**
   * @param from where the source was asked to begin
   * @returns false when there was no memory for all of it: in a store a copy with holes is no copy (R8)
   */
  apply({ floor, records, next }: Extract<Answer, { kind: 'records' }>, from: Cursor): boolean {
    // Before any record: from here on no set below it is accepted. Of a store it is the first answer's to the end
    // (H26). A cache evicts while it is copied, and what it evicted is listed by nobody: only the floor says so (H40).
    this.#raiseFloor(floor);
    for (const record of records) {
      if (this.#isOutlived(record) || this.#hasApplied(record)) continue;
      if (this.#store.reader.whenFull === 'refuse') return false;
      this.#forgo(record);
    }
    // Where nothing was ever forgotten there is nothing to drop, and this takes as long as the copy.
    if (floor !== VERSION_ZERO) {
      this.#dropForgotten(from, next, new Set(records.map(nameOf)), floor);
    }
    return true;
  }

  #raiseFloor(version: Version): void {
    this.#store.raiseFloor(this.#partition, version);
  }

  /** Applies a record that the source has; it passes the floor (H27). @returns false without memory for it */
  #hasApplied(record: StoredRecord): boolean {
    return this.#store.putCopied(this.#partition, record).kind !== 'no-memory';
  }

  /**
   * H40: a copied record passes the floor (H27), but not what was evicted here meanwhile:
   * 1. a set of the key is applied here, and is still on its way to the source;
   * 2. it is evicted here;
   * 3. the source, which lists the record before it, gets it, so that it is acknowledged;
   * 4. the list arrives: the record in it is below what was acknowledged.
   */
  #isOutlived(record: StoredRecord): boolean {
    if (recordVersion(record) > this.#copy.evicted) return false;
    return this.#store.reader.peek(this.#partition, recordKey(record)) === undefined;
  }

  /** H40: as if it had come and been evicted at once; what is here of the key is older. */
  #forgo(record: StoredRecord): void {
    this.#raiseFloor(recordVersion(record));
    const present = this.#store.reader.peek(this.#partition, recordKey(record));
    if (present !== undefined) this.#drop(present);
  }

  /** H26: an old set on its way came here before the floor did; the source forgot that it was deleted. */
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
        // The source lists in the same order, and goes on behind `to` in its next answer.
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

/** A record's key, to look it up by. */
export function nameOf(record: RecordHead): string {
  return recordKey(record).toString('latin1');
}
