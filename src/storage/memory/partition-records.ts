// The records that a store has of one partition: their index, digest, sums and order. Their bytes are in segments.ts;
// segment-store.ts decides whether there is room for more.

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

/** Slots of an index that are searched together; a call can end between two such pieces. */
const PIECE_SLOTS = 32;
/** The most pieces that one call searches: even without perishable records, this many take two milliseconds. */
const PIECES_AT_ONCE = 512;
const RANKS = 2 ** 32;

export class PartitionRecords {
  readonly index: HashIndex;
  readonly #segments: Segments;
  readonly #digest = new Digest();
  floor: Version = VERSION_ZERO;
  /** The epoch up to which everything acknowledged in the partition is here; undefined when that is unknown. */
  complete: Completeness | undefined;
  #payloadBytes = 0;
  #newestMs = 0;
  #perishable = 0;
  #tombstones = 0;
  #tombstoneBytes = 0;
  /** Where `nextDue` continues, bucket and rank in one number: what follows was not inspected for longest. */
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

  /** Adds a key that is not there yet. @param record the record at the location, or one with the same bytes */
  add(hash: KeyHash, location: Location, record: StoredRecord): void {
    this.index.add(hash, location, isPerishable(record));
    this.#count(hash, record);
  }

  /** Replaces the record at `from`, and releases it. @param record as with `add` */
  replace(hash: KeyHash, from: Location, to: Location, record: StoredRecord): void {
    this.#uncount(hash, this.#segments.at(from));
    this.index.replace(hash, from, to, isPerishable(record));
    this.#segments.release(from);
    this.#count(hash, record);
  }

  /** Replaces the record at the location, and writes the new one to the same place. */
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

  /** Removes a record whose bytes stay in use, because another index will point to them. */
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

  /** How many calls of `nextDue` inspect every perishable record once. */
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
    const { passes, lookedAt = Number.POSITIVE_INFINITY } = limits;
    const countMax = limits.count ?? Number.POSITIVE_INFINITY;
    const count = this.index.piecesOfBucket(PIECE_SLOTS);
    let bytes = 0;
    let looked = 0;
    let last: StoredRecord | undefined;
    for (let { bucket } = from; bucket < BUCKETS; bucket++) {
      if (limits.wanted?.has(bucket) === false) continue;
      const after = bucket === from.bucket && from.afterKey.length > 0 ? from.afterKey : undefined;
      const first = after === undefined ? 0 : pieceOf(rankOf(hashKey(after)), count);
      for (let ofBucket = first; ofBucket < count; ofBucket++) {
        for (const { rank, record } of this.#recordsOf({ bucket, ofBucket, count })) {
          if (after !== undefined && ofBucket === first && !isBehind(rank, record, after)) continue;
          const isFull = bytes >= limits.bytes || records.length >= countMax;
          if (last !== undefined && (isFull || looked >= lookedAt)) {
            return { records, next: cursorAt(last) };
          }
          last = record;
          looked++;
          if (passes?.(record) === false) continue;
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

  /** The records of one piece, in the order of `list`. */
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

/**
 * By rank and, for keys of the same rank, by the keys' bytes: the same order in every replica, however its index
 * grew.
 */
function inOrder(a: Ranked, b: Ranked): number {
  return a.rank - b.rank || recordKey(a.record).compare(recordKey(b.record));
}

/** Whether the record comes after the key in the order of `inOrder`. */
function isBehind(rank: number, record: StoredRecord, key: Buffer): boolean {
  const other = rankOf(hashKey(key));
  return rank > other || (rank === other && recordKey(record).compare(key) > 0);
}

/** Whether a listing that continues at `next` has passed the place of the record's key, whether or not it listed it. */
export function isListedBefore(record: StoredRecord, next: Cursor | undefined): boolean {
  if (next === undefined) return true;
  const hash = hashRecordKey(record);
  const bucket = bucketOfHash(hash);
  if (bucket !== next.bucket) return bucket < next.bucket;
  return next.afterKey.length > 0 && !isBehind(rankOf(hash), record, next.afterKey);
}

/** The number of the piece of its bucket in which a key of this rank is. */
function pieceOf(rank: number, count: number): number {
  return Math.floor((rank * count) / RANKS);
}

function pieceAt(bucketAndRank: number, count: number): Piece {
  const bucket = Math.floor(bucketAndRank / RANKS);
  const ofBucket = pieceOf(bucketAndRank % RANKS, count);
  return { bucket, ofBucket, count };
}

function cursorAt(last: StoredRecord): Cursor {
  const key = Buffer.from(recordKey(last));
  return { bucket: bucketOf(key), afterKey: key };
}
