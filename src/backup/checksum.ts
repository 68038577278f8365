// The checksum of a file of records, computed piece by piece as the file grows.

import { crc32 } from 'node:zlib';

/**
 * @param bytes the next piece of the file
 * @param before the checksum of all bytes before this piece; 0 at the beginning of the file
 * @returns the checksum up to the end of this piece, a CRC-32 as in zlib
 */
export function checksumOf(bytes: Uint8Array, before: number): number {
  // zlib starts a new checksum when it is given a null pointer, which some empty buffers have. Without
  // this check, a last answer to a copy with no record to keep would spoil the checksum, and the backup with it.
  return bytes.length === 0 ? before : crc32(bytes, before);
}
