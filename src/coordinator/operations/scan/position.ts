// The place that a scan has reached, and the text that clients have for it: base64url of
//
//   format (1), digits (1), partition (2), bucket (1), key; CRC-32 of these (4)
//
// All members of a partition list it in the same order, so a place means the same at every frontend and after every
// change of members. The number of partitions is part of it: a cluster never changes its digits, so a cursor of others
// comes from another cluster. The checksum is no secret; it tells a slip from a cursor.

import { crc32 } from 'node:zlib';
import { STORED_KEY_BYTES_MAX } from '../../../cluster/model/limits.ts';
import { isPartition, type PartitionId } from '../../../cluster/model/partition.ts';
import type { Cursor } from '../../../cluster/wire/operations.ts';

export interface ScanPosition {
  readonly partition: PartitionId;
  readonly from: Cursor;
}

const FORMAT = 1;
const HEAD_BYTES = 5;
const CRC_BYTES = 4;

export const SCAN_START: ScanPosition = {
  partition: 0 as PartitionId,
  from: { bucket: 0, afterKey: Buffer.alloc(0) },
};

export function printCursor({ partition, from }: ScanPosition, digits: number): string {
  const head = Buffer.of(FORMAT, digits, partition >> 8, partition & 0xff, from.bucket);
  const content = Buffer.concat([head, from.afterKey]);
  const crc = Buffer.alloc(CRC_BYTES);
  crc.writeUInt32BE(crc32(content));
  return Buffer.concat([content, crc]).toString('base64url');
}

/** @returns undefined for a text that `printCursor` never prints in a cluster with these digits */
export function parseCursor(text: string, digits: number): ScanPosition | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Node skips what is no base64url; a text that does not come back was not what it seemed.
  if (bytes.length < HEAD_BYTES + CRC_BYTES || bytes.toString('base64url') !== text) return;
  const content = bytes.subarray(0, bytes.length - CRC_BYTES);
  if (crc32(content) !== bytes.readUInt32BE(content.length)) return undefined;
  // Storage nodes take no longer place, and would be asked until the deadline.
  if (content.length > HEAD_BYTES + STORED_KEY_BYTES_MAX) return undefined;
  const partition = content.readUInt16BE(2);
  const isKnown = content[0] === FORMAT && content[1] === digits && isPartition(partition, digits);
  if (!isKnown) return undefined;
  return {
    partition,
    from: { bucket: content.readUInt8(4), afterKey: content.subarray(HEAD_BYTES) },
  };
}

/**
 * @returns how much of all keys lies before the cursor, 0 to 1: keys are spread evenly by their hashes. Undefined for a
 *   text of another form; the cursor is not checked
 */
export function shareBefore(text: string): number | undefined {
  const bytes = Buffer.from(text, 'base64url');
  const digits = bytes[1] ?? 0;
  if (bytes.length < HEAD_BYTES || bytes[0] !== FORMAT || digits < 1 || digits > 3)
    return undefined;
  return Math.min(1, (bytes.readUInt16BE(2) + bytes.readUInt8(4) / 256) / 16 ** digits);
}
