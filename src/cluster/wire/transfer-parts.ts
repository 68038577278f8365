// What the operations between storage nodes are made of: places to go on from, keys, records back to back, sets of
// buckets. Which operations and answers there are, is operations.ts's.

import { CHUNK_BYTES, KEY_BYTES_MAX } from '../model/limits.ts';

/** A place in the order of buckets and, within them, ranks (storage/memory/segment-store.ts). */
export interface Cursor {
  readonly bucket: number;
  /** The last key that was listed of the bucket; empty before the first. */
  readonly afterKey: Buffer;
}

/** New memory for each answer would be collected, and the node stands still meanwhile (frames.ts). */
const gathered = Buffer.allocUnsafeSlow(CHUNK_BYTES);

export function encodeCursor({ bucket, afterKey }: Cursor): Buffer {
  const head = Buffer.allocUnsafe(3);
  head[0] = bucket;
  head.writeUInt16BE(afterKey.length, 1);
  return Buffer.concat([head, afterKey]);
}

export function decodeCursor(bytes: Buffer): { from: Cursor; length: number } | undefined {
  const keyLength = bytes.length < 3 ? 0 : bytes.readUInt16BE(1);
  if (bytes.length < 3 + keyLength || keyLength > KEY_BYTES_MAX) return undefined;
  const from = { bucket: bytes.readUInt8(0), afterKey: bytes.subarray(3, 3 + keyLength) };
  return { from, length: 3 + keyLength };
}

/** @returns undefined for what is not one key at least */
export function decodeKeys(bytes: Buffer): readonly Buffer[] | undefined {
  const keys: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const length = offset + 2 > bytes.length ? 0 : bytes.readUInt16BE(offset);
    const end = offset + 2 + length;
    if (length < 1 || length > KEY_BYTES_MAX || end > bytes.length) return undefined;
    keys.push(bytes.subarray(offset + 2, end));
    offset = end;
  }
  return keys.length > 0 ? keys : undefined;
}

export function encodeKey(key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(2 + key.length);
  bytes.writeUInt16BE(key.length, 0);
  bytes.set(key, 2);
  return bytes;
}

/** @param frameBytes up to so many are copied when they are sent (frames.ts), so theirs is used again */
export function backToBack(records: readonly Buffer[], frameBytes: number): Buffer {
  const length = records.reduce((sum, record) => sum + record.length, 0);
  const bytes = length > frameBytes ? Buffer.allocUnsafe(length) : gathered;
  let end = 0;
  for (const record of records) end += record.copy(bytes, end);
  return bytes.subarray(0, end);
}

/** 64 bits, the lowest bucket first. */
export function encodeSet(buckets: ReadonlySet<number>): Buffer {
  const bytes = Buffer.alloc(8);
  for (const bucket of buckets)
    bytes[bucket >> 3] = (bytes[bucket >> 3] ?? 0) | (1 << (bucket & 7));
  return bytes;
}

export function decodeSet(bytes: Buffer): ReadonlySet<number> {
  const buckets = new Set<number>();
  for (let bucket = 0; bucket < 8 * bytes.length; bucket++) {
    if (((bytes[bucket >> 3] ?? 0) & (1 << (bucket & 7))) !== 0) buckets.add(bucket);
  }
  return buckets;
}
