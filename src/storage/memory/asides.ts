// The records that a joiner had of a partition before it joined (H15): set aside in one step, which leaves the
// partition itself empty. Nothing set aside is served, or listed among the partition's records. A record comes back
// when the source turns out to have the identical one; what is left is dropped before the joiner reports its copy as
// done. When that is, replication/joiner.ts decides.

import type { PartitionId } from '../../cluster/model/partition.ts';
import {
  compareRecords,
  isSameHead,
  type RecordHead,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import type { Cursor } from '../../cluster/wire/operations.ts';
import { hashKey, hashRecordKey } from './digest.ts';
import { keyIn, keyInRecord } from './key-in.ts';
import { isListedBefore, type PartitionRecords } from './partition-records.ts';
import {
  type AsideReader,
  type AsideWriter,
  FIRST,
  type Left,
  type Leftover,
  type Listing,
  type ListLimits,
} from './partition-store.ts';
import type { Segments } from './segments.ts';

/** The store that has the records, as far as it is needed here. */
export interface AsideHost {
  made(): PartitionRecords;
  /** Whether there is memory for an index that grows. */
  hasRoom(bytes: number): boolean;
}

const NOTHING: Listing = { records: [], next: undefined };

export class Asides implements AsideReader, AsideWriter {
  readonly #segments: Segments;
  readonly #partitions: Map<PartitionId, PartitionRecords>;
  readonly #store: AsideHost;
  readonly #asides = new Map<PartitionId, PartitionRecords>();

  constructor(
    segments: Segments,
    partitions: Map<PartitionId, PartitionRecords>,
    store: AsideHost,
  ) {
    this.#segments = segments;
    this.#partitions = partitions;
    this.#store = store;
  }

  get records(): Iterable<PartitionRecords> {
    return this.#asides.values();
  }

  of(partition: PartitionId): PartitionRecords | undefined {
    return this.#asides.get(partition);
  }

  partitions(): readonly PartitionId[] {
    return [...this.#asides.keys()];
  }

  peek(partition: PartitionId, key: Buffer): StoredRecord | undefined {
    const at = this.#asides.get(partition)?.index.get(hashKey(key), keyIn(key));
    return at === undefined ? undefined : this.#segments.at(at);
  }

  has(partition: PartitionId): boolean {
    return this.#asides.has(partition);
  }

  add(partition: PartitionId): void {
    this.restore(partition);
    const state = this.#partitions.get(partition);
    if (state === undefined || state.index.count === 0) return;
    this.#asides.set(partition, state);
    const empty = this.#store.made();
    empty.raiseFloor(state.floor);
    empty.complete = state.complete;
    this.#partitions.set(partition, empty);
  }

  /** Gives up the set-aside records to a caller that drops them all. */
  take(partition: PartitionId): PartitionRecords | undefined {
    const aside = this.#asides.get(partition);
    this.#asides.delete(partition);
    return aside;
  }

  takeBack(partition: PartitionId, head: RecordHead): boolean {
    const [aside, into] = [this.#asides.get(partition), this.#partitions.get(partition)];
    if (aside === undefined || into === undefined) return false;
    const [hash, key] = [hashRecordKey(head), keyInRecord(head)];
    const from = aside.index.get(hash, key);
    if (from === undefined) return false;
    const record = this.#segments.at(from);
    // The head contains a CRC over the value too, so equal heads mean identical records.
    if (!isSameHead(record, head)) return false;
    const at = into.index.get(hash, key);
    // A set since the join stored a greater record, or the same: this one is dropped with the rest.
    if (at !== undefined && compareRecords(record, this.#segments.at(at)) <= 0) return true;
    if (at === undefined && !this.#store.hasRoom(into.index.bytesToAdd())) return false;
    aside.detach(hash, from);
    if (at === undefined) into.add(hash, from, record);
    else into.replace(hash, at, from, record);
    this.#deleteIfEmpty(partition, aside);
    return true;
  }

  drop(partition: PartitionId, from: Cursor, bytes: number): Left {
    const [aside, beside] = [this.#asides.get(partition), this.#partitions.get(partition)];
    if (aside === undefined) return { leftovers: [], next: undefined };
    const { records, next } = aside.list(from, { bytes });
    const leftovers: Leftover[] = [];
    for (const record of records) {
      const [hash, key] = [hashRecordKey(record), keyInRecord(record)];
      const at = beside?.index.get(hash, key);
      const present = at === undefined ? undefined : this.#segments.at(at);
      // A record below the present one, or equal to it, needs no mark: a replay of the log drops it as well.
      if (present === undefined || compareRecords(record, present) > 0) {
        const version = recordVersion(record);
        leftovers.push({ key: Buffer.from(recordKey(record)), version, below: present });
      }
      const location = aside.index.get(hash, key);
      if (location !== undefined) aside.remove(hash, location);
    }
    this.#deleteIfEmpty(partition, aside);
    return { leftovers, next: this.has(partition) ? (next ?? FIRST) : undefined };
  }

  restore(partition: PartitionId): void {
    const aside = this.take(partition);
    const present = this.#partitions.get(partition);
    if (aside === undefined) return;
    // Move the side with fewer records. Floor and completeness hold for both sides together.
    const isMost = present === undefined || aside.index.count > present.index.count;
    const [into, from] = isMost ? [aside, present] : [present, aside];
    this.#partitions.set(partition, into);
    if (from === undefined) return;
    into.raiseFloor(from.floor);
    into.complete = present?.complete;
    for (const location of from.index.drain(Number.POSITIVE_INFINITY)) {
      const record = this.#segments.at(location);
      const hash = hashRecordKey(record);
      const at = into.index.get(hash, keyInRecord(record));
      if (at === undefined) into.add(hash, location, record);
      else if (compareRecords(record, this.#segments.at(at)) > 0) {
        into.replace(hash, at, location, record);
      } else this.#segments.release(location);
    }
  }

  listAll(partition: PartitionId, from: Cursor, limits: ListLimits): Listing {
    const present = this.#partitions.get(partition)?.list(from, limits) ?? NOTHING;
    const aside = this.#asides.get(partition)?.list(from, limits);
    if (aside === undefined) return present;
    const last = present.records.at(-1);
    const endsFirst = last !== undefined && isListedBefore(last, aside.next);
    const records = [
      ...present.records.filter((record) => isListedBefore(record, aside.next)),
      ...aside.records.filter((record) => isListedBefore(record, present.next)),
    ];
    return { records, next: endsFirst ? (present.next ?? aside.next) : aside.next };
  }

  #deleteIfEmpty(partition: PartitionId, aside: PartitionRecords): void {
    if (aside.index.count > 0) return;
    aside.index.discard();
    this.#asides.delete(partition);
  }
}
