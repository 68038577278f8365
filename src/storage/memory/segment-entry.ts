// The form of a segment's entry: a record, or the number of a large record that is stored on its own, with what the
// store must know to move it. Which entries are in use is not here; segments.ts counts them.
//
//   bytes  entry, at a multiple of 8
//       2  partition, needed to move the record: finding it from the key would be slow
//       2  0: the record follows; 1: the number of a large record, 4 bytes

import type { StoredRecord } from '../../cluster/model/record.ts';

export const ENTRY_HEADER_BYTES = 4;
export const UNIT_BYTES = 8;
/** An entry is at most this many bytes longer than its record, also the entry of a large one. */
export const BESIDE_RECORD_BYTES = ENTRY_HEADER_BYTES + UNIT_BYTES;
/** The first entry begins at unit 2, so that no location is 0 or 1. */
export const FIRST_ENTRY = 2 * UNIT_BYTES;
export const LARGE = 1;
export const LARGE_ENTRY_BYTES = 8;
/** Replaces the number in the entry of a large record that is gone: the number may be another record's by now. */
export const GONE = 0xffff_ffff;

export function recordAt(bytes: Buffer, offset: number): StoredRecord {
  return bytes.subarray(offset, offset + bytes.readUInt32BE(offset)) as StoredRecord;
}

/** The length of the entry at `offset`. */
export function bytesOfEntry(bytes: Buffer, offset: number): number {
  return bytes[offset + 2] === LARGE
    ? LARGE_ENTRY_BYTES
    : entryBytes(bytes.readUInt32BE(offset + ENTRY_HEADER_BYTES));
}

/** The length of the entry of a record that is not large. */
export function entryBytes(recordBytes: number): number {
  return (ENTRY_HEADER_BYTES + recordBytes + UNIT_BYTES - 1) & -UNIT_BYTES;
}

/** Fills a gap with the shortest entries there are, those of large records that are gone: a walk passes over them. */
export function fillWithNothing(bytes: Buffer, from: number, to: number): void {
  for (let offset = from; offset < to; offset += LARGE_ENTRY_BYTES) {
    bytes.writeUInt16LE(0, offset);
    bytes.writeUInt16LE(LARGE, offset + 2);
    bytes.writeUInt32BE(GONE, offset + ENTRY_HEADER_BYTES);
  }
}
