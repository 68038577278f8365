// How an entry of a segment looks: a record, or the number of a large one that is on its own, with what the owner of
// the segment must know to move it.
//
//   bytes  entry, at a multiple of 8
//       2  partition: who moves the record must know where it belongs, and its key tells that only slowly
//       2  0: the record follows; 1: the number of a large record, 4 bytes

import type { StoredRecord } from '../../cluster/model/record.ts';

export const ENTRY_HEADER_BYTES = 4;
export const UNIT_BYTES = 8;
/** An entry is longer than its record by so much at most, also that of a large one. */
export const BESIDE_RECORD_BYTES = ENTRY_HEADER_BYTES + UNIT_BYTES;
/** The first entry is not at 0, so that no location is. */
export const FIRST_ENTRY = 2 * UNIT_BYTES;
export const LARGE = 1;
export const LARGE_ENTRY_BYTES = 8;
/** The number in the entry of a large record that is gone: its own may be another's by now. */
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

/** A walk through the segment passes over entries of large records that are gone, which are as short as entries get. */
export function fillWithNothing(bytes: Buffer, from: number, to: number): void {
  for (let offset = from; offset < to; offset += LARGE_ENTRY_BYTES) {
    bytes.writeUInt16LE(0, offset);
    bytes.writeUInt16LE(LARGE, offset + 2);
    bytes.writeUInt32BE(GONE, offset + ENTRY_HEADER_BYTES);
  }
}
