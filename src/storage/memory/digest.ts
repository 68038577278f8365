// The digest of a partition: sums over the records of each bucket, updated in O(1) with each change. Two replicas
// with equal digests hold the same records; where digests differ, only the differing buckets are compared, by
// replication/anti-entropy.ts.

import {
  RECORD_HEADER_BYTES,
  type RecordHead,
  recordHash,
  recordKeyBytes,
  type StoredRecord,
} from '../../cluster/model/record.ts';

/** The number of buckets among which the keys of a partition are divided. */
export const BUCKETS = 64;
const BUCKET_BITS = 6;
const LANES = 2;
const LANE_BYTES = 4;
const BUCKET_BYTES = LANES * LANE_BYTES;
export const DIGEST_BYTES = BUCKETS * BUCKET_BYTES;

/** The hash of a key: 32 bits, all equally well mixed. */
export type KeyHash = number & { readonly brand: 'KeyHash' };

/** FNV-1a, mixed. The key is the bytes from `from` up to `to`. */
export function hashKey(bytes: Uint8Array, from = 0, to = bytes.length): KeyHash {
  let hash = 0x811c9dc5;
  for (let index = from; index < to; index++) {
    hash = Math.imul(hash ^ (bytes[index] ?? 0), 0x01000193);
  }
  return mix(hash) as KeyHash;
}

/**
 * Hashes the key in place: this is done for each record put, moved or listed, and a view each time would cost too
 * much.
 */
export function hashRecordKey(record: RecordHead): KeyHash {
  return hashKey(record, RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + recordKeyBytes(record));
}

/** Replicas must agree on the bucket of a key, because a pull compares buckets. */
export function bucketOfHash(hash: KeyHash): number {
  return hash & (BUCKETS - 1);
}

export function bucketOf(key: Uint8Array): number {
  return bucketOfHash(hashKey(key));
}

/**
 * The order of keys within a bucket: by the hash's bits above those of the bucket, the lowest first. Records that are
 * copied or replayed in this order spread over the slots of an index that has only begun to grow (hash-index.ts).
 * @returns 32 bits
 */
export function rankOf(hash: KeyHash): number {
  return reverseBits(hash >>> BUCKET_BITS);
}

/** @returns the 32 bits in the opposite order */
export function reverseBits(bits: number): number {
  let turned = bits;
  turned = ((turned >>> 1) & 0x55555555) | ((turned & 0x55555555) << 1);
  turned = ((turned >>> 2) & 0x33333333) | ((turned & 0x33333333) << 2);
  turned = ((turned >>> 4) & 0x0f0f0f0f) | ((turned & 0x0f0f0f0f) << 4);
  turned = ((turned >>> 8) & 0x00ff00ff) | ((turned & 0x00ff00ff) << 8);
  return ((turned >>> 16) | (turned << 16)) >>> 0;
}

export class Digest {
  readonly #sums = new Uint32Array(BUCKETS * LANES);

  add(bucket: number, record: StoredRecord): void {
    this.#change(bucket, record, 1);
  }

  remove(bucket: number, record: StoredRecord): void {
    this.#change(bucket, record, -1);
  }

  bytes(): Buffer {
    const bytes = Buffer.allocUnsafe(DIGEST_BYTES);
    for (let index = 0; index < BUCKETS * LANES; index++) {
      bytes.writeUInt32BE(this.#sums[index] ?? 0, index * LANE_BYTES);
    }
    return bytes;
  }

  /**
   * Sums of plain CRCs would cancel out for records that swapped parts, because CRCs are linear; mixing prevents
   * that.
   */
  #change(bucket: number, record: StoredRecord, sign: 1 | -1): void {
    const hash = recordHash(record);
    const first = bucket * LANES;
    this.#addTo(first, sign * mix(hash));
    this.#addTo(first + 1, sign * mix(hash ^ record.readUInt32BE(12) ^ 0x9e3779b9));
  }

  #addTo(index: number, amount: number): void {
    this.#sums[index] = ((this.#sums[index] ?? 0) + amount) >>> 0;
  }
}

/** The digest of a partition without records; in a small cluster most partitions have none. */
export const DIGEST_OF_NOTHING: Buffer = new Digest().bytes();

/** The finalizer of MurmurHash3 (Appleby, public domain). */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** @returns the buckets in which two digests differ; between replicas hardly ever any */
export function differingBuckets(a: Buffer, b: Buffer): readonly number[] {
  const differing: number[] = [];
  if (a.equals(b)) return differing;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const from = bucket * BUCKET_BYTES;
    const to = from + BUCKET_BYTES;
    if (a.compare(b, from, to, from, to) !== 0) differing.push(bucket);
  }
  return differing;
}
