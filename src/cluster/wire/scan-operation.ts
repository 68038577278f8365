// The operation that lists the records of a partition for clients, in binary: the parts behind its code and partition.
//
//   flags (1), bytes (4), count (4), since (8), cursor: bucket (1), length of key (2), key; then the prefix
//
// flags: bit 0 whole records instead of heads, bit 1 deletes as well, others 0

import { STORED_KEY_BYTES_MAX } from '../model/limits.ts';
import type { PartitionId } from '../model/partition.ts';
import type { Version } from '../model/version.ts';
import { type Cursor, decodeCursor, encodeCursor } from './transfer-parts.ts';

/**
 * Asks for the live records of a partition, in the order of cursors. A serving member answers under its lease, as it
 * answers a get (R1), with `records` or `heads`; it may end an answer after any record, and one without records may
 * still have a place to go on.
 */
export interface ScanOperation {
  readonly kind: 'scan';
  readonly partition: PartitionId;
  /** Where to begin. Its bucket counts only without a key, which has a bucket of its own. */
  readonly from: Cursor;
  /** Of the stored keys. */
  readonly prefix: Buffer;
  /** Whether to answer with whole records instead of their heads. */
  readonly values: boolean;
  /** Whether to list deletes that are not forgotten yet as well. */
  readonly deletes: boolean;
  /** Lists records with this version or a higher one. */
  readonly since: Version;
  /** Bounds of one answer, which a node may undercut; it lists at least one record if it lists any. */
  readonly bytes: number;
  readonly count: number;
}

const WITH_VALUES = 1;
const WITH_DELETES = 2;
const HEAD_BYTES = 17;

export function encodeScan(scan: ScanOperation): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = (scan.values ? WITH_VALUES : 0) | (scan.deletes ? WITH_DELETES : 0);
  head.writeUInt32BE(scan.bytes, 1);
  head.writeUInt32BE(scan.count, 5);
  head.writeBigUInt64BE(scan.since, 9);
  return Buffer.concat([head, encodeCursor(scan.from), scan.prefix]);
}

/** @param bytes must not change any more. @returns for anything else a text that says what is wrong */
export function decodeScan(partition: PartitionId, bytes: Buffer): ScanOperation | string {
  if (bytes.length < HEAD_BYTES) return `scan of ${bytes.length} bytes`;
  const flags = bytes.readUInt8(0);
  if ((flags & ~(WITH_VALUES | WITH_DELETES)) !== 0) return `scan with flags ${flags}`;
  const cursor = decodeCursor(bytes.subarray(HEAD_BYTES));
  if (cursor === undefined) return 'scan without a place to begin';
  const prefix = bytes.subarray(HEAD_BYTES + cursor.length);
  if (prefix.length > STORED_KEY_BYTES_MAX) return `scan for a prefix of ${prefix.length} bytes`;
  return {
    kind: 'scan',
    partition,
    from: cursor.from,
    prefix,
    values: (flags & WITH_VALUES) !== 0,
    deletes: (flags & WITH_DELETES) !== 0,
    since: bytes.readBigUInt64BE(9) as Version,
    bytes: bytes.readUInt32BE(1),
    count: bytes.readUInt32BE(5),
  };
}
