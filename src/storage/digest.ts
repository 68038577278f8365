// The digest of a partition: sums over the records of each bucket, kept in O(1) a change. Two replicas
// with equal digests hold the same records; where they differ, only the differing buckets are compared.

import { recordHash, type StoredRecord } from '../cluster/record.ts';

/** The keys of a partition fall into so many buckets. */
export const BUCKETS = 64;
const LANES = 2;
export const DIGEST_BYTES = BUCKETS * LANES * 4;

/** FNV-1a; both ends of a pull must agree. */
export function bucketOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ (key[index] ?? 0), 0x01000193);
  }
  return ((hash >>> 16) ^ hash) & (BUCKETS - 1);
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
    const bytes = Buffer.alloc(DIGEST_BYTES);
    for (const [index, sum] of this.#sums.entries()) bytes.writeUInt32BE(sum, index * 4);
    return bytes;
  }

  /** CRCs are linear, so sums of them would cancel out for records that swapped parts; mixing prevents it. */
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

/** The finalizer of MurmurHash3 (Appleby, public domain). */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** @returns which buckets of two digests differ */
export function differingBuckets(a: Buffer, b: Buffer): readonly number[] {
  const bytes = LANES * 4;
  return Array.from({ length: BUCKETS }, (_, bucket) => bucket).filter((bucket) => {
    const [from, to] = [bucket * bytes, (bucket + 1) * bytes];
    return a.compare(b, from, to, from, to) !== 0;
  });
}
