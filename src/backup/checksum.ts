// The checksum of a file of records, as it grows.

import { crc32 } from 'node:zlib';

/**
 * @param before the checksum of all bytes before these; 0 at the beginning of a file
 * @returns that of both together, a CRC-32 as in zlib
 */
export function checksumOf(bytes: Uint8Array, before: number): number {
  // zlib takes an address that is null, which some empty buffers have, for the wish to begin anew. The last answer to a
  // copy may have no record that is kept; the file was then not what its manifest said, and the backup of no use.
  return bytes.length === 0 ? before : crc32(bytes, before);
}
