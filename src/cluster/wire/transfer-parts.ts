// The parts that the operations between storage nodes are made of: cursors, keys, records back to back, sets of
// buckets. The operations and answers themselves are in operations.ts.

import { CHUNK_BYTES, STORED_KEY_BYTES_MAX } from '../model/limits.ts';

/** A place in the order of buckets and, within a bucket, of ranks (storage/memory/segment-store.ts). */
export interface Cursor {
  readonly bucket: number;
  /** The last key of the bucket that was listed; empty before the first. */
  readonly afterKey: Buffer;
}

/** Shared by all answers: new memory for each would have to be collected, and the node pauses meanwhile (frames.ts). */
const gathered = Buffer.allocUnsafeSlow(CHUNK_BYTES);

export function encodeCursor({ bucket, afterKey }: Cursor): Buffer {
  const head = Buffer.allocUnsafe(3);
  head[0] = bucket;
  head.writeUInt16BE(afterKey.length, 1);
  return Buffer.concat([head, afterKey]);
}

export function decodeCursor(bytes: Buffer): { from: Cursor; length: number } | undefined {
  const keyLength = bytes.length < 3 ? 0 : bytes.readUInt16BE(1);
  if (bytes.length < 3 + keyLength || keyLength > STORED_KEY_BYTES_MAX) return undefined;
  const from = { bucket: bytes.readUInt8(0), afterKey: bytes.subarray(3, 3 + keyLength) };
  return { from, length: 3 + keyLength };
}

/** @returns undefined for bytes that are not one or more keys */
export function decodeKeys(bytes: Buffer): readonly Buffer[] | undefined {
  const keys: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const length = offset + 2 > bytes.length ? 0 : bytes.readUInt16BE(offset);
    const end = offset + 2 + length;
    if (length < 1 || length > STORED_KEY_BYTES_MAX || end > bytes.length) return undefined;
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

/**
 * @param frameBytes records up to this length are copied when they are sent (frames.ts), so they are gathered in
 * shared memory, which the next call overwrites
 */
export function backToBack(records: readonly Buffer[], frameBytes: number): Buffer {
  const length = records.reduce((sum, record) => sum + record.length, 0);
  const bytes = length > frameBytes ? Buffer.allocUnsafe(length) : gathered;
  let end = 0;
  for (const record of records) end += record.copy(bytes, end);
  return bytes.subarray(0, end);
}

/** Encodes a set of buckets as 64 bits, the lowest bucket first. */
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
