// The partition store of a storage node, put together from its parts. The records' bytes are in segments.ts and are
// found through the indexes of partition-records.ts; room.ts finds room for a record, and cleaner.ts makes it.

import type { WhenFull } from '../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import {
  compareRecords,
  isTombstone,
  recordExpiresAtMs,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../cluster/model/version.ts';
import type { Cursor } from '../../cluster/wire/operations.ts';
import type { Completeness } from '../log/log-entry.ts';
import { Asides } from './asides.ts';
import { Cleaner, type EntryOutcome } from './cleaner.ts';
import { DIGEST_OF_NOTHING, hashKey, hashRecordKey, type KeyHash } from './digest.ts';
import { DROPPED_SLOTS_IDLE, Dropped } from './dropped.ts';
import { Ghosts } from './ghosts.ts';
import type { IndexAccount } from './hash-index.ts';
import { keyIn, keyInRecord } from './key-in.ts';
import { bytesAtLeast, MemoryLimit, SEGMENTS_RESERVED, segmentBytesFor } from './memory-limit.ts';
import { PartitionRecords } from './partition-records.ts';
import type {
  Due,
  DueLimits,
  Evicted,
  Listing,
  ListLimits,
  MemoryFigures,
  PartitionFigures,
  PartitionStore,
  PutOutcome,
} from './partition-store.ts';
import {
  ALSO_ABOVE_THE_LIMIT,
  AS_MUCH_AS_A_TURN_TAKES,
  AS_MUCH_AS_IT_TAKES,
  Room,
  type RoomAllowance,
} from './room.ts';
import { type Head, type Location, type SegmentEntry, Segments } from './segments.ts';

/** Slots of dropped partitions that are released with each record that comes in. */
const DROPPED_SLOTS = 64;
const EVERYTHING = Number.POSITIVE_INFINITY;
const APPLIED_ALONE: PutOutcome = { kind: 'applied', replacedUntilMs: 0 };
const APPLIED_OVER: PutOutcome = { kind: 'applied', replacedUntilMs: Number.POSITIVE_INFINITY };
const EQUAL: PutOutcome = { kind: 'equal' };
const NO_MEMORY: PutOutcome = { kind: 'no-memory' };
const MAKING_ROOM: PutOutcome = { kind: 'no-memory', isMakingRoom: true };
const NOTHING: PartitionFigures = { items: 0, payloadBytes: 0, newestMs: 0 };

export interface StoreOptions {
  /** A simulation gives shorter segments than a server's, so that its few records bring the cleaner to work. */
  readonly segmentBytes?: number;
  /** The limit for records and indexes together, in bytes; without one the store takes as much as there is. */
  readonly memoryBytes?: number;
}

export class SegmentStore implements PartitionStore {
  readonly #segments: Segments;
  readonly #cleaner: Cleaner;
  readonly #limit: MemoryLimit;
  readonly #room: Room;
  readonly #indexes: IndexAccount = { bytes: 0 };
  readonly #partitions = new Map<PartitionId, PartitionRecords>();
  readonly #dropped: Dropped;
  readonly asides: Asides;
  reclaim: () => boolean = () => false;
  refused: () => void = () => undefined;
  evicted: Evicted = () => undefined;
  #whenFull: WhenFull = 'refuse';
  /** Only a cache has ghosts. */
  #ghosts: Ghosts | undefined;
  #evicted = 0;

  constructor({ segmentBytes, memoryBytes = EVERYTHING }: StoreOptions = {}) {
    this.#segments = new Segments(segmentBytes ?? segmentBytesFor(memoryBytes));
    this.#limit = new MemoryLimit(memoryBytes, this.#segments, () => this.#besideSegments());
    this.#dropped = new Dropped(this.#segments);
    this.asides = new Asides(this.#segments, this.#partitions, {
      made: () => new PartitionRecords(this.#segments, this.#indexes),
      hasRoom: (bytes) => this.#limit.hasRoom(bytes, SEGMENTS_RESERVED),
    });
    this.#cleaner = new Cleaner(
      this.#segments,
      {
        keep: (entry) => this.#keep(entry),
        sift: (entry) => this.#sift(entry),
        evict: (entry) => this.#evict(entry),
      },
      () => this.#limit.segmentsMax(),
      () => this.whenFull === 'evict',
    );
    this.#room = new Room(this.#segments, this.#limit, this.#cleaner, this.#dropped, this);
  }

  get whenFull(): WhenFull {
    return this.#whenFull;
  }

  set whenFull(whenFull: WhenFull) {
    this.#whenFull = whenFull;
    // The ghosts are allocated now: the first eviction would have to make room for all of them.
    this.#ghosts =
      whenFull === 'evict' ? (this.#ghosts ?? new Ghosts(this.#limit.bytes)) : undefined;
  }

  get(partition: PartitionId, key: Buffer): StoredRecord | undefined {
    const at = this.#partitions.get(partition)?.index.access(hashKey(key), keyIn(key));
    return at === undefined ? undefined : this.#segments.at(at);
  }

  peek(partition: PartitionId, key: Buffer): StoredRecord | undefined {
    const at = this.#partitions.get(partition)?.index.get(hashKey(key), keyIn(key));
    return at === undefined ? undefined : this.#segments.at(at);
  }

  put(partition: PartitionId, record: StoredRecord): PutOutcome {
    const floor = this.floor(partition);
    // H24 holds also when the key is there: a joiner that copies from here may have dropped this very set (H26), and
    // would lack it if one `superseded` or `equal` let the set be acknowledged.
    if (isBelow(recordVersion(record), floor)) return { kind: 'floor', version: floor };
    return this.#put(partition, record, AS_MUCH_AS_A_TURN_TAKES);
  }

  putCopied(partition: PartitionId, record: StoredRecord): PutOutcome {
    return this.#put(partition, record, AS_MUCH_AS_IT_TAKES);
  }

  /**
   * Puts a record for the replay of the log. A store with as much memory as before never refuses one that it had
   * (memory-limit.ts); a cache refuses one for which it has no room.
   */
  restore(partition: PartitionId, record: StoredRecord): PutOutcome {
    const isStore = this.whenFull === 'refuse';
    return this.#put(partition, record, isStore ? ALSO_ABOVE_THE_LIMIT : AS_MUCH_AS_IT_TAKES);
  }

  /** The least memory that a record takes, in bytes: what is missing for a record that could not be restored. */
  bytesAtLeast(record: StoredRecord): number {
    return bytesAtLeast(record.length);
  }

  #put(partition: PartitionId, record: StoredRecord, allowance: RoomAllowance): PutOutcome {
    const state = this.#partition(partition);
    const key = keyInRecord(record);
    const hash = hashRecordKey(record);
    const at = state.index.get(hash, key);
    let replacedBytes = 0;
    let applied = APPLIED_ALONE;
    if (at !== undefined) {
      const present = this.#segments.at(at);
      const order = compareRecords(record, present);
      if (order === 0) return EQUAL;
      if (order < 0) return { kind: 'superseded', version: recordVersion(present) };
      replacedBytes = present.length;
      applied = appliedOver(present);
    }
    this.#dropped.release(DROPPED_SLOTS);
    if (this.#cleaner.isFull && this.#dropped.isEmpty) this.reclaim();
    this.#cleaner.work(record.length);
    const head: Head =
      at === undefined && this.#ghosts?.take(hash) === true ? 'survivors' : 'incoming';
    const index = at === undefined ? state.index : undefined;
    // A record that is no longer than the present one of its key needs no room, because it can take that one's place:
    // so every delete of a present record is accepted, and so is a repair that keeps the value's length.
    const fitsInPlace = record.length <= replacedBytes;
    const room = this.#room.make(head, record, index, replacedBytes, allowance);
    // Look the place up again: while room was made the record may have been moved, or evicted.
    const from = at === undefined ? undefined : state.index.get(hash, key);
    if (room === 'made') {
      const location = this.#segments.append(head, partition, record);
      if (from === undefined) state.add(hash, location, record);
      else state.replace(hash, from, location, record);
      return applied;
    }
    if (from !== undefined && fitsInPlace) {
      state.overwrite(hash, from, record);
      return applied;
    }
    if (room === 'later') return MAKING_ROOM;
    this.refused();
    return NO_MEMORY;
  }

  floor(partition: PartitionId): Version {
    return this.#partitions.get(partition)?.floor ?? VERSION_ZERO;
  }

  raiseFloor(partition: PartitionId, version: Version): void {
    this.#partition(partition).raiseFloor(version);
  }

  forget(partition: PartitionId, key: Buffer, version: Version): boolean {
    const state = this.#partitions.get(partition);
    const hash = hashKey(key);
    const at = state?.index.get(hash, keyIn(key));
    if (state === undefined || at === undefined) return false;
    if (recordVersion(this.#segments.at(at)) !== version) return false;
    state.remove(hash, at);
    return true;
  }

  completeness(partition: PartitionId): Completeness | undefined {
    return this.#partitions.get(partition)?.complete;
  }

  setComplete(partition: PartitionId, { epoch, incarnation }: Completeness): void {
    this.#partition(partition).complete = { epoch, incarnation };
  }

  figures(partition: PartitionId): PartitionFigures {
    const states = [this.#partitions.get(partition), this.asides.of(partition)];
    return states.reduce(
      (sum, state) => ({
        items: sum.items + (state?.index.count ?? 0),
        payloadBytes: sum.payloadBytes + (state?.payloadBytes ?? 0),
        newestMs: Math.max(sum.newestMs, state?.newestMs ?? 0),
      }),
      NOTHING,
    );
  }

  reset(partition: PartitionId): void {
    const state = this.#partitions.get(partition);
    if (state === undefined) return;
    this.#partitions.delete(partition);
    this.#dropped.add(partition, state.index);
    const aside = this.asides.take(partition);
    if (aside !== undefined) this.#dropped.add(partition, aside.index);
  }

  held(): readonly PartitionId[] {
    return [...this.#partitions.keys()];
  }

  digest(partition: PartitionId): Buffer {
    return this.#partitions.get(partition)?.digest() ?? DIGEST_OF_NOTHING;
  }

  slicesOfDue(partition: PartitionId, lookedAt: number): number {
    return this.#partitions.get(partition)?.slicesOfDue(lookedAt) ?? 0;
  }

  nextDue(
    partition: PartitionId,
    isDue: (record: StoredRecord) => boolean,
    limits: DueLimits,
  ): readonly Due[] {
    return this.#partitions.get(partition)?.nextDue(isDue, limits) ?? [];
  }

  list(partition: PartitionId, from: Cursor, limits: ListLimits): Listing {
    const state = this.#partitions.get(partition);
    return state?.list(from, limits) ?? { records: [], next: undefined };
  }

  items(): number {
    let sum = 0;
    for (const { index } of this.#all()) sum += index.count;
    return sum;
  }

  payloadBytes(): number {
    let sum = 0;
    for (const { payloadBytes } of this.#all()) sum += payloadBytes;
    return sum;
  }

  memory(): MemoryFigures {
    return {
      limit: this.#limit.bytes,
      used: this.#segments.bytes + this.#besideSegments(),
      payload: this.payloadBytes(),
      index: this.#indexes.bytes,
      segments: this.#segments.count,
      moved: this.#cleaner.movedBytes,
      evicted: this.#evicted,
      isFull: this.#cleaner.isFull,
      ...this.#tombstones(),
    };
  }

  #tombstones() {
    const sum = { tombstones: 0, tombstoneBytes: 0 };
    for (const { tombstones, tombstoneBytes } of this.#all()) {
      sum.tombstones += tombstones;
      sum.tombstoneBytes += tombstoneBytes;
    }
    return sum;
  }

  work(): boolean {
    this.#dropped.release(DROPPED_SLOTS_IDLE);
    const isGrowing = this.#growIndexes();
    return this.#cleaner.idle() || isGrowing || !this.#dropped.isEmpty;
  }

  /** Grows one index at a time: if all grew at once, each would take memory twice until records come in. */
  #growIndexes(): boolean {
    for (const { index } of this.#all()) if (index.work()) return true;
    return false;
  }

  *#all(): Iterable<PartitionRecords> {
    yield* this.#partitions.values();
    yield* this.asides.records;
  }

  #partition(partition: PartitionId): PartitionRecords {
    let state = this.#partitions.get(partition);
    if (state === undefined) {
      state = new PartitionRecords(this.#segments, this.#indexes);
      this.#partitions.set(partition, state);
    }
    return state;
  }

  #besideSegments(): number {
    return this.#indexes.bytes + (this.#ghosts?.bytes ?? 0);
  }

  #keep({ partition, location, record }: SegmentEntry): EntryOutcome {
    const hash = hashRecordKey(record);
    const move = () => this.#segments.move(location);
    const isHere =
      this.#partitions.get(partition)?.index.move(hash, location, move) === true ||
      this.asides.of(partition)?.index.move(hash, location, move) === true;
    return isHere ? 'kept' : this.#passed(partition, hash, location);
  }

  #sift(entry: SegmentEntry): EntryOutcome {
    const { partition, location, record } = entry;
    const index = this.#partitions.get(partition)?.index;
    const wasAccessed = index?.takeAccess(hashRecordKey(record), location) === true;
    return wasAccessed ? this.#keep(entry) : this.#evict(entry);
  }

  #evict({ partition, location, record }: SegmentEntry): EntryOutcome {
    const hash = hashRecordKey(record);
    const state = this.#partitions.get(partition);
    if (state?.index.has(hash, location) !== true) return this.#passed(partition, hash, location);
    const key = Buffer.from(recordKey(record));
    const version = recordVersion(record);
    // In the same step as the removal: an older set that is still on its way must not take the record's place (H40,
    // H24).
    state.raiseFloor(version);
    state.remove(hash, location);
    this.#ghosts?.add(hash);
    this.#evicted++;
    this.evicted(partition, key, version);
    return 'evicted';
  }

  /**
   * If the record belongs to a dropped partition, releases it at once: else its segment could not become free until
   * the whole partition is released.
   */
  #passed(partition: PartitionId, hash: KeyHash, location: Location): EntryOutcome {
    this.#dropped.releaseAt(partition, hash, location);
    return 'not in use';
  }
}

/** Whether the version is at or below the floor; a floor of zero means that no delete was ever forgotten. */
function isBelow(version: Version, floor: Version): boolean {
  return floor !== VERSION_ZERO && version <= floor;
}

function appliedOver(present: StoredRecord): PutOutcome {
  if (isTombstone(present)) return APPLIED_ALONE;
  const replacedUntilMs = recordExpiresAtMs(present);
  return replacedUntilMs === 0 ? APPLIED_OVER : { kind: 'applied', replacedUntilMs };
}
