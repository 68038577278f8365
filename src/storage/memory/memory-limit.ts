// Whether a store has room for a record. Segments that are free are reserved for the cleaner and for deletes.
//
// A start with the memory of the life before always has room for its log (D7), though the records lie differently
// then: their order is the log's, segments end elsewhere, and indexes have grown otherwise.
// 1. What the records take at least, however they lie, is the bytes of their entries, and of an index that is as
//    full as it gets. While the store served that was below the limit, for all of it was in segments and indexes
//    that were.
// 2. What was replayed of the log is at any time a part of what the store had when that was appended: whatever
//    goes, by a floor, reset, forget or a greater record, is in the log where it went.
// 3. So a replay is refused memory only above that least, and where the segments do not do the limit is raised for
//    it. What it is raised by is bounded: the cleaner works as for a full store before, so only the unused ends of
//    segments, the few percent of them that are not worth cleaning, and indexes that grow are above the least.
// 4. While the limit is raised nothing grows above the least either, or the next start would not have room. It
//    falls again with each segment that becomes free, until it is what it was.

import { INDEX_BYTES_LEAST } from './hash-index.ts';
import { BESIDE_RECORD_BYTES } from './segment-entry.ts';
import { HEADS, type Segments } from './segments.ts';

const SEGMENT_BYTES_MAX = 4 * 1024 * 1024;
/** So that the few which must be free are a small share. */
const SEGMENTS_AT_LEAST = 256;

/** For what is moved while it is decided whether there is room, and what is kept to be filled again. */
export const SEGMENTS_RESERVED = 4;
/** A delete is what makes room, so it may take of them, but not the last. */
export const SEGMENTS_RESERVED_FROM_DELETES = 1;
/** The cleaner makes room for an eighth of the memory at once, not for more. */
const WANTED_SHARE_MAX = 8;

export class MemoryLimit {
  /** As the operator has it; infinite when there is none. */
  readonly bytes: number;
  readonly #segments: Segments;
  readonly #besideSegments: () => number;
  /** Above `bytes` only after a replay that needed more. */
  #raisedBytes: number;
  /** For what was refused last: the cleaner makes as much room. */
  #wantedBytes = 0;

  /** @param besideSegments bytes of all else that counts */
  constructor(bytes: number, segments: Segments, besideSegments: () => number) {
    this.bytes = bytes;
    this.#raisedBytes = bytes;
    this.#segments = segments;
    this.#besideSegments = besideSegments;
  }

  /** The cleaner is to make room for it. */
  want(bytes: number): void {
    const wantable = Math.min(bytes, this.bytes / WANTED_SHARE_MAX);
    this.#wantedBytes = Math.max(this.#wantedBytes, wantable);
  }

  /** What was wanted is forgotten once as much came in. */
  cameIn(bytes: number): void {
    this.#wantedBytes = Math.max(0, this.#wantedBytes - bytes);
  }

  /** The most segments that there may be for the cleaner not to be needed. */
  segmentsMax(): number {
    const { segmentBytes, largeBytes } = this.#segments;
    const beside = largeBytes + this.#besideSegments() + this.#wantedBytes;
    return (this.bytes - beside) / segmentBytes;
  }

  /** Whether there would be room if there were no other records. */
  hasRoomAlone(more: number, reserved: number): boolean {
    const least = (reserved + HEADS) * this.#segments.segmentBytes + this.#besideSegments();
    return least + more <= this.bytes;
  }

  /** @param more bytes that are to be taken of the memory. @param reserved segments that must be free behind them */
  hasRoom(more: number, reserved: number): boolean {
    if (more === 0 || this.bytes === Number.POSITIVE_INFINITY) return true;
    this.#lower();
    return this.#taken(reserved) + more <= this.#raisedBytes;
  }

  /** The same for a record. @param replacedBytes length of the record of the same key, which goes */
  hasRoomFor(recordBytes: number, replacedBytes: number, more: number, reserved: number): boolean {
    const isRaised = this.#raisedBytes !== this.bytes;
    return this.hasRoom(more, reserved) && (!isRaised || this.#fits(recordBytes, replacedBytes));
  }

  /** For a replay. @returns whether the record fits: then there is room, and behind it what is reserved from sets */
  raise(recordBytes: number, replacedBytes: number, more: number): boolean {
    if (!this.#fits(recordBytes, replacedBytes)) return false;
    this.#raisedBytes = Math.max(this.#raisedBytes, this.#taken(SEGMENTS_RESERVED) + more);
    return true;
  }

  /** Whether what the records take at least stays below the limit, or does not grow. */
  #fits(recordBytes: number, replacedBytes: number): boolean {
    if (recordBytes <= replacedBytes) return true;
    const { inUseBytes, entries } = this.#segments;
    const least = inUseBytes + INDEX_BYTES_LEAST * entries;
    return least + bytesAtLeast(recordBytes) <= this.bytes;
  }

  /** So that what has become free is not taken again above the limit. */
  #lower(): void {
    if (this.#raisedBytes === this.bytes) return;
    const needed = Math.min(this.#raisedBytes, this.#taken(SEGMENTS_RESERVED));
    this.#raisedBytes = Math.max(this.bytes, needed);
  }

  #taken(reserved: number): number {
    const { count, segmentBytes, largeBytes } = this.#segments;
    return (count + reserved) * segmentBytes + largeBytes + this.#besideSegments();
  }
}

/** What a record takes of the memory, however it lies. */
export function bytesAtLeast(recordBytes: number): number {
  return recordBytes + BESIDE_RECORD_BYTES + INDEX_BYTES_LEAST;
}

/** A power of two. @param memoryBytes that the segments may take together */
export function segmentBytesFor(memoryBytes: number): number {
  const share = 2 ** Math.floor(Math.log2(memoryBytes / SEGMENTS_AT_LEAST));
  return Math.min(SEGMENT_BYTES_MAX, share);
}
