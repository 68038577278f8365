// The records that a store has of one partition: its index, its digest, its sums, and its records in order.
// Where their bytes are is segments.ts's, whether there is room for more segment-store.ts's.

import {
  isPerishable,
  isTombstone,
  recordHead,
  recordKey,
  recordVersion,
  recordVersionMs,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../cluster/model/version.ts';
import type { Cursor } from '../../cluster/wire/operations.ts';
import type { Completeness } from '../log/log-entry.ts';
import {
  BUCKETS,
  bucketOf,
  bucketOfHash,
  Digest,
  hashKey,
  hashRecordKey,
  type KeyHash,
  rankOf,
} from './digest.ts';
import { HashIndex, type IndexAccount, type Piece } from './hash-index.ts';
import type { Due, DueLimits, Listing, ListLimits } from './partition-store.ts';
import type { Location, Segments } from './segments.ts';

/** Slots of an index that are looked at together, so that a call can end between them. */
const PIECE_SLOTS = 32;
/** Pieces without anything perishable cost little, but not nothing: together two milliseconds. */
const PIECES_AT_ONCE = 512;
const RANKS = 2 ** 32;

export class PartitionRecords {
  readonly index: HashIndex;
  readonly #segments: Segments;
  readonly #digest = new Digest();
  floor: Version = VERSION_ZERO;
  /** Until when all that was acknowledged of the partition is here. */
  complete: Completeness | undefined;
  #payloadBytes = 0;
  #newestMs = 0;
  #perishable = 0;
  #tombstones = 0;
  #tombstoneBytes = 0;
  /** Bucket and rank, in one number, from which on nothing perishable was looked at for longest. */
  #lookedAt = 0;

  constructor(segments: Segments, account: IndexAccount) {
    this.#segments = segments;
    this.index = new HashIndex(segments, account);
  }

  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  get newestMs(): number {
    return this.#newestMs;
  }

  get tombstones(): number {
    return this.#tombstones;
  }

  get tombstoneBytes(): number {
    return this.#tombstoneBytes;
  }

  /** For a key that is not there. @param record what was stored at the location, or what it is a copy of */
  add(hash: KeyHash, location: Location, record: StoredRecord): void {
    this.index.add(hash, location, isPerishable(record));
    this.#count(hash, record);
  }

  /** The record at `from` is not in use any more. @param record as with `add` */
  replace(hash: KeyHash, from: Location, to: Location, record: StoredRecord): void {
    this.#uncount(hash, this.#segments.at(from));
    this.index.replace(hash, from, to, isPerishable(record));
    this.#segments.release(from);
    this.#count(hash, record);
  }

  /** As `replace`, where the record that is there is. */
  overwrite(hash: KeyHash, location: Location, record: StoredRecord): void {
    this.#uncount(hash, this.#segments.at(location));
    this.index.replace(hash, location, location, isPerishable(record));
    this.#segments.overwrite(location, record);
    this.#count(hash, record);
  }

  remove(hash: KeyHash, location: Location): void {
    this.#uncount(hash, this.#segments.at(location));
    this.index.remove(hash, location);
    this.#segments.release(location);
  }

  /** As `remove`, of a record that stays where it is for others. */
  detach(hash: KeyHash, location: Location): void {
    this.#uncount(hash, this.#segments.at(location));
    this.index.remove(hash, location);
  }

  raiseFloor(version: Version): void {
    if (version > this.floor) this.floor = version;
  }

  digest(): Buffer {
    return this.#digest.bytes();
  }

  /** Calls of `nextDue` until everything was looked at. */
  slicesOfDue(lookedAt: number): number {
    if (this.#perishable === 0) return 0;
    const pieces = BUCKETS * this.index.piecesOfBucket(PIECE_SLOTS);
    return Math.ceil(Math.max(pieces / PIECES_AT_ONCE, this.#perishable / lookedAt));
  }

  nextDue(isDue: (record: StoredRecord) => boolean, limits: DueLimits): readonly Due[] {
    const found: Due[] = [];
    if (this.#perishable === 0) return found;
    const count = this.index.piecesOfBucket(PIECE_SLOTS);
    let looked = 0;
    for (let pieces = Math.min(PIECES_AT_ONCE, BUCKETS * count); pieces > 0; pieces--) {
      if (looked >= limits.lookedAt || found.length >= limits.found) break;
      const piece = pieceAt(this.#lookedAt, count);
      this.#lookedAt = (this.#lookedAt + RANKS / count) % (BUCKETS * RANKS);
      for (const { record } of this.#recordsOf(piece, true)) {
        looked++;
        if (!isDue(record)) continue;
        found.push({ key: Buffer.from(recordKey(record)), version: recordVersion(record) });
      }
    }
    return found;
  }

  list(from: Cursor, limits: ListLimits): Listing {
    const records: StoredRecord[] = [];
    if (this.index.count === 0) return { records, next: undefined };
    const count = this.index.piecesOfBucket(PIECE_SLOTS);
    let bytes = 0;
    for (let { bucket } = from; bucket < BUCKETS; bucket++) {
      if (limits.wanted?.has(bucket) === false) continue;
      const after = bucket === from.bucket && from.afterKey.length > 0 ? from.afterKey : undefined;
      const first = after === undefined ? 0 : pieceOf(rankOf(hashKey(after)), count);
      for (let ofBucket = first; ofBucket < count; ofBucket++) {
        for (const { rank, record } of this.#recordsOf({ bucket, ofBucket, count })) {
          if (after !== undefined && ofBucket === first && !isBehind(rank, record, after)) continue;
          if (bytes >= limits.bytes) return { records, next: cursorAt(records.at(-1)) };
          records.push(record);
          bytes += limits.heads === true ? recordHead(record).length : record.length;
        }
      }
    }
    return { records, next: undefined };
  }

  #count(hash: KeyHash, record: StoredRecord): void {
    this.#digest.add(bucketOfHash(hash), record);
    this.#payloadBytes += record.length;
    this.#newestMs = Math.max(this.#newestMs, recordVersionMs(record));
    this.#countPerishable(record, 1);
  }

  #uncount(hash: KeyHash, record: StoredRecord): void {
    this.#digest.remove(bucketOfHash(hash), record);
    this.#payloadBytes -= record.length;
    this.#countPerishable(record, -1);
  }

  #countPerishable(record: StoredRecord, by: 1 | -1): void {
    if (!isPerishable(record)) return;
    this.#perishable += by;
    if (!isTombstone(record)) return;
    this.#tombstones += by;
    this.#tombstoneBytes += by * record.length;
  }

  /** Of one piece, in the order of `list`. */
  #recordsOf(piece: Piece, onlyPerishable = false): readonly Ranked[] {
    const ranked: Ranked[] = [];
    for (const location of this.index.locations(piece, onlyPerishable)) {
      const record = this.#segments.at(location);
      const hash = hashRecordKey(record);
      const rank = rankOf(hash);
      if (bucketOfHash(hash) !== piece.bucket) continue;
      if (pieceOf(rank, piece.count) === piece.ofBucket) ranked.push({ rank, record });
    }
    return ranked.sort(inOrder);
  }
}

interface Ranked {
  readonly rank: number;
  readonly record: StoredRecord;
}

/** By rank and, where two keys share one, by their bytes: the same in every replica, however its index grew. */
function inOrder(a: Ranked, b: Ranked): number {
  return a.rank - b.rank || recordKey(a.record).compare(recordKey(b.record));
}

/** In that order. */
function isBehind(rank: number, record: StoredRecord, key: Buffer): boolean {
  const other = rankOf(hashKey(key));
  return rank > other || (rank === other && recordKey(record).compare(key) > 0);
}

/** Whether a listing that ends with `next` has come by the record's key, were it there. */
export function isListedBefore(record: StoredRecord, next: Cursor | undefined): boolean {
  if (next === undefined) return true;
  const hash = hashRecordKey(record);
  const bucket = bucketOfHash(hash);
  if (bucket !== next.bucket) return bucket < next.bucket;
  return next.afterKey.length > 0 && !isBehind(rankOf(hash), record, next.afterKey);
}

/** In which of the pieces of its bucket a key of this rank is. */
function pieceOf(rank: number, count: number): number {
  return Math.floor((rank * count) / RANKS);
}

function pieceAt(bucketAndRank: number, count: number): Piece {
  const bucket = Math.floor(bucketAndRank / RANKS);
  const ofBucket = pieceOf(bucketAndRank % RANKS, count);
  return { bucket, ofBucket, count };
}

function cursorAt(last: StoredRecord | undefined): Cursor | undefined {
  if (last === undefined) return undefined;
  const key = Buffer.from(recordKey(last));
  return { bucket: bucketOf(key), afterKey: key };
}
