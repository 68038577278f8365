// Stores the bytes of records in segments, which are filled one after the other; a large record is stored on its own,
// and its segment has only its number. Each segment counts its bytes in use; the index knows which records those are,
// cleaner.ts reclaims the rest, and segment-entry.ts has the form of an entry.

import { assert } from '../../cluster/assert.ts';
import { CHUNK_BYTES } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import {
  RECORD_HEADER_BYTES,
  RECORD_KEY_LENGTH_AT,
  recordHasKey,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { hashKey, hashRecordKey, type KeyHash } from './digest.ts';
import type { KeyIn } from './key-in.ts';
import {
  bytesOfEntry,
  ENTRY_HEADER_BYTES,
  entryBytes,
  FIRST_ENTRY,
  fillWithNothing,
  GONE,
  LARGE,
  LARGE_ENTRY_BYTES,
  recordAt,
  UNIT_BYTES,
} from './segment-entry.ts';

/** The place of a record, in units of 8 bytes; never 0 or 1, which mean empty and removed slots in the index. */
export type Location = number & { readonly brand: 'Location' };

/** The bits of a location, which counts units of 8 bytes: so it reaches 32 GiB. */
const LOCATION_BITS = 32;
/** Segments with a larger share in use are not cleaned: nearly all would be moved to gain next to nothing. */
const WORTH_CLEANING_BELOW = 0.97;
/** How many freed segments are kept to be filled again; further ones go back to the system. */
const SPARE_SEGMENTS = 2;

export interface SegmentEntry {
  readonly partition: PartitionId;
  readonly location: Location;
  readonly record: StoredRecord;
}

interface Segment {
  readonly number: number;
  readonly kind: Head;
  readonly bytes: Buffer;
  /** Rises with each segment that is begun, so the lower is the older. */
  readonly sequence: number;
  /** Offset of the end of the last entry. */
  end: number;
  /** Bytes of the entries that are in use. */
  used: number;
  isHead: boolean;
}

/** A walk through one segment. It ends early when the segment is freed. */
export interface Scan {
  readonly segment: number;
  readonly sequence: number;
  /** The share of the segment's bytes that was in use when the walk began. */
  readonly usedShare: number;
  offset: number;
}

/** New records and records that were moved because they stayed fill separate segments: their lifetimes will differ. */
export type Head = 'incoming' | 'survivors';
/** How many segments are being filled at any time: one of each kind. */
export const HEADS = 2;

export class Segments {
  readonly segmentBytes: number;
  readonly #offsetBits: number;
  /** Kept as a number: computing the power of two anew for each location would take a tenth of a put. */
  readonly #unitsOfSegment: number;
  readonly #largeAbove: number;
  readonly #segments: (Segment | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #spare: Buffer[] = [];
  readonly #heads: Record<Head, Segment | undefined> = {
    incoming: undefined,
    survivors: undefined,
  };
  readonly #large: (StoredRecord | undefined)[] = [];
  readonly #freeLarge: number[] = [];
  readonly #counts: Record<Head, number> = { incoming: 0, survivors: 0 };
  /** Bytes in use, including the large records whose numbers are in the segments. */
  readonly #inUse: Record<Head, number> = { incoming: 0, survivors: 0 };
  #largeBytes = 0;
  #entries = 0;
  #sequence = 0;

  /** @param segmentBytes a power of two */
  constructor(segmentBytes: number) {
    this.segmentBytes = segmentBytes;
    this.#unitsOfSegment = segmentBytes / UNIT_BYTES;
    this.#offsetBits = Math.log2(this.#unitsOfSegment);
    // A record longer than a chunk is sent from its place in memory, so it must not move (frames.ts).
    this.#largeAbove = Math.min(CHUNK_BYTES / 2, segmentBytes / 4);
    assert(Number.isInteger(this.#offsetBits), 'segments are a power of two long');
  }

  /** How many segments are not free. */
  get count(): number {
    return this.#counts.incoming + this.#counts.survivors;
  }

  /** Bytes in use in segments of this kind, including the large records whose numbers are in them. */
  inUse(kind: Head): number {
    return this.#inUse[kind];
  }

  /** Bytes in use in segments of both kinds, including the large records. */
  get inUseBytes(): number {
    return this.#inUse.incoming + this.#inUse.survivors;
  }

  /** How many entries are in use. */
  get entries(): number {
    return this.#entries;
  }

  /** Bytes in use within the segments: their entries, without the large records. */
  get usedBytes(): number {
    return this.inUseBytes - this.#largeBytes;
  }

  /** Bytes of the records that are stored on their own. */
  get largeBytes(): number {
    return this.#largeBytes;
  }

  /** All bytes of memory that segments, spare ones too, and large records take. */
  get bytes(): number {
    return (this.count + this.#spare.length) * this.segmentBytes + this.#largeBytes;
  }

  /** How many more bytes of memory another record takes: none, if the segment that is being filled has room for it. */
  bytesToAdd(kind: Head, recordBytes: number): number {
    const isLarge = recordBytes > this.#largeAbove;
    const taken = isLarge ? LARGE_ENTRY_BYTES : entryBytes(recordBytes);
    const head = this.#heads[kind];
    const fits = head !== undefined && head.end + taken <= this.segmentBytes;
    return (fits ? 0 : this.segmentBytes) + (isLarge ? recordBytes : 0);
  }

  /** @param record is copied. @returns where the copy is */
  append(head: Head, partition: PartitionId, record: StoredRecord): Location {
    const isLarge = record.length > this.#largeAbove;
    const taken = isLarge ? LARGE_ENTRY_BYTES : entryBytes(record.length);
    const segment = this.#headFor(head, taken);
    const { bytes, end } = segment;
    bytes.writeUInt16LE(partition, end);
    bytes.writeUInt16LE(isLarge ? LARGE : 0, end + 2);
    if (isLarge) bytes.writeUInt32BE(this.#addLarge(record), end + ENTRY_HEADER_BYTES);
    else bytes.set(record, end + ENTRY_HEADER_BYTES);
    if (isLarge) this.#inUse[head] += record.length;
    return this.#take(segment, taken);
  }

  /** Moves the entry at `from` to the survivors, and frees its old place. @returns where it is now */
  move(from: Location): Location {
    const source = this.#segmentOf(from);
    const offset = this.#offsetOf(from);
    const taken = bytesOfEntry(source.bytes, offset);
    const segment = this.#headFor('survivors', taken);
    segment.bytes.set(source.bytes.subarray(offset, offset + taken), segment.end);
    if (source.bytes[offset + 2] === LARGE) {
      const { length } = this.at(from);
      this.#inUse[source.kind] -= length;
      this.#inUse.survivors += length;
      // Mark the old entry: a walk may pass it again when another record has been given the number.
      source.bytes.writeUInt32BE(GONE, offset + ENTRY_HEADER_BYTES);
    }
    const to = this.#take(segment, taken);
    this.#untake(source, taken);
    return to;
  }

  /** Replaces the record at the location by one that is no longer, which takes no memory for it. */
  overwrite(location: Location, record: StoredRecord): void {
    assert(record.length <= this.at(location).length, 'only what is no longer takes a place');
    const segment = this.#segmentOf(location);
    const { bytes, kind } = segment;
    const offset = this.#offsetOf(location);
    if (bytes[offset + 2] === LARGE) {
      const number = bytes.readUInt32BE(offset + ENTRY_HEADER_BYTES);
      const freed = this.#largeAt(number).length - record.length;
      // A new copy, because the old bytes may still be on their way to a socket.
      this.#large[number] = copyOf(record);
      this.#largeBytes -= freed;
      this.#inUse[kind] -= freed;
      return;
    }
    const end = offset + bytesOfEntry(bytes, offset);
    bytes.set(record, offset + ENTRY_HEADER_BYTES);
    const rest = offset + bytesOfEntry(bytes, offset);
    fillWithNothing(bytes, rest, end);
    segment.used -= end - rest;
    this.#inUse[kind] -= end - rest;
  }

  /** Returns a view that is valid until the next put; the view of a large record stays valid. */
  at(location: Location): StoredRecord {
    const { bytes } = this.#segmentOf(location);
    const offset = this.#offsetOf(location);
    if (bytes[offset + 2] !== LARGE) return recordAt(bytes, offset + ENTRY_HEADER_BYTES);
    return this.#largeAt(bytes.readUInt32BE(offset + ENTRY_HEADER_BYTES));
  }

  /** The hash of the key at a location, read in place: views would be garbage for each key of an index that grows. */
  keyHashAt(location: Location): KeyHash {
    const { bytes } = this.#segmentOf(location);
    const record = this.#offsetOf(location) + ENTRY_HEADER_BYTES;
    if (bytes[record - 2] === LARGE) return hashRecordKey(this.at(location));
    const key = record + RECORD_HEADER_BYTES;
    return hashKey(bytes, key, key + bytes.readUInt16BE(record + RECORD_KEY_LENGTH_AT));
  }

  /** Whether the record at the location has this key; compared in place, without a view. */
  hasKey(location: Location, key: KeyIn): boolean {
    const { bytes } = this.#segmentOf(location);
    const record = this.#offsetOf(location) + ENTRY_HEADER_BYTES;
    if (bytes[record - 2] === LARGE)
      return recordHasKey(this.at(location), key.bytes.subarray(key.from, key.to));
    if (bytes.readUInt16BE(record + RECORD_KEY_LENGTH_AT) !== key.to - key.from) return false;
    let at = record + RECORD_HEADER_BYTES;
    for (let index = key.from; index < key.to; index++, at++) {
      if (bytes[at] !== key.bytes[index]) return false;
    }
    return true;
  }

  /** Marks the entry at the location as not in use. */
  release(location: Location): void {
    const segment = this.#segmentOf(location);
    const offset = this.#offsetOf(location);
    if (segment.bytes[offset + 2] === LARGE) {
      const number = segment.bytes.readUInt32BE(offset + ENTRY_HEADER_BYTES);
      const { length } = this.#largeAt(number);
      this.#largeBytes -= length;
      this.#inUse[segment.kind] -= length;
      this.#large[number] = undefined;
      this.#freeLarge.push(number);
      segment.bytes.writeUInt32BE(GONE, offset + ENTRY_HEADER_BYTES);
    }
    this.#untake(segment, bytesOfEntry(segment.bytes, offset));
  }

  /** A walk through the segment that gains most for the bytes to be moved; undefined when none is worth it. */
  worthCleaning(): Scan | undefined {
    let best: Segment | undefined;
    let most = 0;
    for (const segment of this.#segments) {
      if (segment === undefined || segment.isHead) continue;
      // The never used bytes at a segment's end do not count as idle: the next segment will have such bytes as well.
      const idle = segment.end - FIRST_ENTRY - segment.used;
      const share = 1 - idle / this.segmentBytes;
      if (share > WORTH_CLEANING_BELOW) continue;
      // Rosenblum and Ousterhout, "The design and implementation of a log-structured file system" (1992), 5.3: old
      // records that are in use stay so, and space gained among them lasts longer than among young ones.
      const gain = ((1 - share) * (this.#sequence - segment.sequence + 1)) / (1 + share);
      if (gain > most) {
        best = segment;
        most = gain;
      }
    }
    return best === undefined ? undefined : this.#scanOf(best);
  }

  /** A walk through the segment of this kind that was begun first; undefined when none of the kind has entries. */
  oldest(kind: Head): Scan | undefined {
    const head = this.#heads[kind];
    // Large records fill the memory long before their numbers fill a segment, so the only segment may be walked too.
    if (this.#counts[kind] === 1 && head !== undefined && head.used > 0) this.#begin(kind);
    let oldest: Segment | undefined;
    for (const segment of this.#segments) {
      if (segment === undefined || segment.isHead || segment.kind !== kind) continue;
      if (oldest === undefined || segment.sequence < oldest.sequence) oldest = segment;
    }
    return oldest === undefined ? undefined : this.#scanOf(oldest);
  }

  /** The next entry, in use or not; undefined at the end. */
  next(scan: Scan): SegmentEntry | undefined {
    const segment = this.#segments[scan.segment];
    while (segment?.sequence === scan.sequence && scan.offset < segment.end) {
      const { offset } = scan;
      const { bytes } = segment;
      scan.offset += bytesOfEntry(bytes, offset);
      const isLarge = bytes[offset + 2] === LARGE;
      if (isLarge && bytes.readUInt32BE(offset + ENTRY_HEADER_BYTES) === GONE) continue;
      const location = this.#locationOf(scan.segment, offset);
      const partition = bytes.readUInt16LE(offset) as PartitionId;
      return { partition, location, record: this.at(location) };
    }
    return undefined;
  }

  #scanOf({ number, sequence, used }: Segment): Scan {
    const usedShare = used / this.segmentBytes;
    return { segment: number, sequence, usedShare, offset: FIRST_ENTRY };
  }

  #headFor(kind: Head, taken: number): Segment {
    const head = this.#heads[kind];
    return head === undefined || head.end + taken > this.segmentBytes ? this.#begin(kind) : head;
  }

  #take(segment: Segment, taken: number): Location {
    const location = this.#locationOf(segment.number, segment.end);
    segment.end += taken;
    segment.used += taken;
    this.#inUse[segment.kind] += taken;
    this.#entries++;
    return location;
  }

  #untake(segment: Segment, taken: number): void {
    segment.used -= taken;
    this.#inUse[segment.kind] -= taken;
    this.#entries--;
    assert(segment.used >= 0, 'a segment never has less than nothing in use');
    if (segment.used === 0 && !segment.isHead) this.#free(segment);
  }

  #begin(kind: Head): Segment {
    const number = this.#freeNumbers.pop() ?? this.#segments.length;
    assert(number < 2 ** (LOCATION_BITS - this.#offsetBits), 'locations tell all segments apart');
    const segment: Segment = {
      number,
      kind,
      bytes: this.#spare.pop() ?? Buffer.from(new ArrayBuffer(this.segmentBytes)),
      sequence: ++this.#sequence,
      end: FIRST_ENTRY,
      used: 0,
      isHead: true,
    };
    this.#segments[number] = segment;
    this.#counts[kind]++;
    const before = this.#heads[kind];
    this.#heads[kind] = segment;
    if (before !== undefined) {
      before.isHead = false;
      if (before.used === 0) this.#free(before);
    }
    return segment;
  }

  #free({ number, kind, bytes }: Segment): void {
    this.#segments[number] = undefined;
    this.#freeNumbers.push(number);
    this.#counts[kind]--;
    if (this.#spare.length < SPARE_SEGMENTS) this.#spare.push(bytes);
  }

  /** @returns the number under which the record is stored */
  #addLarge(record: StoredRecord): number {
    const number = this.#freeLarge.pop() ?? this.#large.length;
    this.#large[number] = copyOf(record);
    this.#largeBytes += record.length;
    return number;
  }

  #largeAt(number: number): StoredRecord {
    const record = this.#large[number];
    assert(record !== undefined, 'the number of a large record leads to it');
    return record;
  }

  #segmentOf(location: Location): Segment {
    const segment = this.#segments[location >>> this.#offsetBits];
    assert(segment !== undefined, 'a location has a segment');
    return segment;
  }

  /** The byte offset of the entry in its segment. */
  #offsetOf(location: Location): number {
    return (location & (this.#unitsOfSegment - 1)) * UNIT_BYTES;
  }

  #locationOf(segment: number, offset: number): Location {
    return (segment * this.#unitsOfSegment + offset / UNIT_BYTES) as Location;
  }
}

/** Copies into memory of its own: a slice of Node's buffer pool would keep the whole pool alive. */
function copyOf(record: StoredRecord): StoredRecord {
  const copy = Buffer.from(new ArrayBuffer(record.length));
  copy.set(record);
  return copy as unknown as StoredRecord;
}
