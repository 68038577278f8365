// Decides whether a store has room for a record. A few free segments are reserved for the cleaner and for deletes.
// How room is made is room.ts's.
//
// A start with the same memory as the incarnation before always has room for its log (D7), although the records lie
// differently then: they come in the log's order, segments end elsewhere, and indexes have grown differently.
// 1. Call the least the bytes that the records need in any order: those of their entries, and of an index that is as
//    full as it can be. While the store served, the least was below the limit, because the actual segments and
//    indexes were.
// 2. At any time the replay holds a part of what the store held when that place of the log was written: every
//    removal, by a floor, reset, forget or greater record, stands in the log where it happened.
// 3. So a replay is refused memory only if the least exceeds the limit; where segments do not suffice, the limit is
//    raised for it. The rise is bounded: the cleaner works as in a full store, so only the unused ends of segments,
//    the few percent of them that are not worth cleaning, and growing indexes come on top of the least.
// 4. While the limit is raised, the least may not grow above the operator's limit either, or the next start would not
//    have room. The raised limit falls with each segment that becomes free, until it is the operator's again.

import { INDEX_BYTES_LEAST } from './hash-index.ts';
import { BESIDE_RECORD_BYTES } from './segment-entry.ts';
import { HEADS, type Segments } from './segments.ts';

const SEGMENT_BYTES_MAX = 4 * 1024 * 1024;
/** The memory is at least this many segments, so that the few which must be free are a small share. */
const SEGMENTS_AT_LEAST = 256;

/** Segments that a put must leave free: for what is moved while room is being made, and for the spare segments. */
export const SEGMENTS_RESERVED = 4;
/** A delete is what makes room, so it may use the reserve, except for the last segment. */
export const SEGMENTS_RESERVED_FROM_DELETES = 1;
/** The cleaner makes room for at most one eighth of the memory at a time. */
const WANTED_SHARE_MAX = 8;

export class MemoryLimit {
  /** The operator's limit, in bytes; infinite when there is none. */
  readonly bytes: number;
  readonly #segments: Segments;
  readonly #besideSegments: () => number;
  /** Above `bytes` only after a replay that needed more. */
  #raisedBytes: number;
  /** Room for records that were refused lately: the cleaner makes this many bytes of room. */
  #wantedBytes = 0;

  /** @param besideSegments bytes of everything else that counts: indexes and ghosts */
  constructor(bytes: number, segments: Segments, besideSegments: () => number) {
    this.bytes = bytes;
    this.#raisedBytes = bytes;
    this.#segments = segments;
    this.#besideSegments = besideSegments;
  }

  /** Asks the cleaner to make room for this many bytes. */
  want(bytes: number): void {
    const wantable = Math.min(bytes, this.bytes / WANTED_SHARE_MAX);
    this.#wantedBytes = Math.max(this.#wantedBytes, wantable);
  }

  /** Records of this many bytes came in: as much of the wanted room is no longer asked for. */
  cameIn(bytes: number): void {
    this.#wantedBytes = Math.max(0, this.#wantedBytes - bytes);
  }

  /** The number of segments up to which the cleaner is not needed. */
  segmentsMax(): number {
    const { segmentBytes, largeBytes } = this.#segments;
    const beside = largeBytes + this.#besideSegments() + this.#wantedBytes;
    return (this.bytes - beside) / segmentBytes;
  }

  /** Whether there would be room for `more` bytes if there were no other records. */
  hasRoomAlone(more: number, reserved: number): boolean {
    const least = (reserved + HEADS) * this.#segments.segmentBytes + this.#besideSegments();
    return least + more <= this.bytes;
  }

  /**
   * @param more bytes of memory to be taken
   * @param reserved segments that must stay free after that
   */
  hasRoom(more: number, reserved: number): boolean {
    if (more === 0 || this.bytes === Number.POSITIVE_INFINITY) return true;
    this.#lower();
    return this.#taken(reserved) + more <= this.#raisedBytes;
  }

  /**
   * Decides as `hasRoom` does, for a record.
   * @param replacedBytes length of the key's present record, which will be removed
   */
  hasRoomFor(recordBytes: number, replacedBytes: number, more: number, reserved: number): boolean {
    const isRaised = this.#raisedBytes !== this.bytes;
    return this.hasRoom(more, reserved) && (!isRaised || this.#fits(recordBytes, replacedBytes));
  }

  /**
   * Raises the limit for a replay.
   * @returns whether the record fits; if so there is room for it, and the reserve that sets must leave stays free
   */
  raise(recordBytes: number, replacedBytes: number, more: number): boolean {
    if (!this.#fits(recordBytes, replacedBytes)) return false;
    this.#raisedBytes = Math.max(this.#raisedBytes, this.#taken(SEGMENTS_RESERVED) + more);
    return true;
  }

  /** Whether the least that the records need stays below the operator's limit, or does not grow. */
  #fits(recordBytes: number, replacedBytes: number): boolean {
    if (recordBytes <= replacedBytes) return true;
    const { inUseBytes, entries } = this.#segments;
    const least = inUseBytes + INDEX_BYTES_LEAST * entries;
    return least + bytesAtLeast(recordBytes) <= this.bytes;
  }

  /** Lowers a raised limit to what is taken now, so that memory that became free is not taken again above the limit. */
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

/** The least memory that a record takes, in whatever order records lie. */
export function bytesAtLeast(recordBytes: number): number {
  return recordBytes + BESIDE_RECORD_BYTES + INDEX_BYTES_LEAST;
}

/**
 * Derives the length of a segment, a power of two.
 * @param memoryBytes the memory that all segments may take together
 */
export function segmentBytesFor(memoryBytes: number): number {
  const share = 2 ** Math.floor(Math.log2(memoryBytes / SEGMENTS_AT_LEAST));
  return Math.min(SEGMENT_BYTES_MAX, share);
}
