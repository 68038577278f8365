// Reclaims memory, a little with each record that comes in, so that it neither pauses nor falls behind. It moves what
// is still in use out of a segment with idle bytes, which frees the segment. In a cache that is full it sifts the
// oldest segments: records that were asked for since they came are moved, the others are evicted. What becomes of one
// record is decided in segment-store.ts.
//
// Sifting is S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023) over segments:
// `incoming` is its small queue and `survivors` its main one. It keeps out keys that are asked for once, so a scan or
// an import does not push out what is used, as it would with LRU; a get sets one bit and moves nothing; and a queue
// of segments is what a log of records is anyway.

import { HEADS, type Scan, type SegmentEntry, type Segments } from './segments.ts';

/** The share of the segments' memory that may lie idle: a larger one costs memory, a smaller one costs moves. */
const IDLE_SHARE = 0.2;
/** With fewer free segments than this the memory counts as full, and the cleaner works to keep these free. */
const FREE_SEGMENTS = 6;
/** The most bytes that are inspected for each byte that comes in, however full the memory is. */
const LOOKED_AT_PER_BYTE_MAX = 24;
/** Clean by this factor more than needed, so that records which come in while a segment is cleaned find a free one. */
const AHEAD = 1.25;
/** Bytes a cache sifts for each byte that comes in: that keeps up while at most three of four were asked for. */
const SIFTED_PER_BYTE = 4;
/** The small queue's share of the cache, as in the paper. */
const SMALL_QUEUE = 0.1;
/** Bytes inspected in one step, about a tenth of a millisecond; the rest of the work waits for the next step. */
const STEP_BYTES = 128 * 1024;
/** Records that may be moved while a put waits for room: more would be a pause, and use up the room there is. */
const KEPT_AT_ONCE = 32;
/** The share of a segment that must come in before segments are searched again after none was worth cleaning. */
const LOOK_AGAIN = 1 / 16;

/** The owner of the records. Each method returns what became of the record. */
export interface RecordMover {
  /** Moves the record to the survivors, and points its index to the new place. */
  keep(entry: SegmentEntry): EntryOutcome;
  /** Moves the record as `keep` does if it was asked for since it came here; otherwise drops it. */
  sift(entry: SegmentEntry): EntryOutcome;
  /** Drops the record. */
  evict(entry: SegmentEntry): EntryOutcome;
}

export type EntryOutcome = 'kept' | 'evicted' | 'not in use';

interface Cleaning {
  readonly scan: Scan;
  readonly perByte: number;
}

export class Cleaner {
  readonly #segments: Segments;
  readonly #keeper: RecordMover;
  /** The number of segments beyond which memory is short; the cleaner keeps fewer if the records fit into fewer. */
  readonly #segmentsMax: () => number;
  readonly #evicts: () => boolean;
  #cleaning: Cleaning | undefined;
  /** The walk that evicts; it goes on where it was when the memory is full the next time. */
  #sifting: Scan | undefined;
  #debtBytes = 0;
  #lookAgainBytes = 0;
  #movedBytes = 0;

  /** @param evicts whether this is a cache (H40) */
  constructor(
    segments: Segments,
    keeper: RecordMover,
    segmentsMax: () => number,
    evicts: () => boolean,
  ) {
    this.#segments = segments;
    this.#keeper = keeper;
    this.#segmentsMax = segmentsMax;
    this.#evicts = evicts;
  }

  /** Bytes of the entries moved since the start. */
  get movedBytes(): number {
    return this.#movedBytes;
  }

  /** Whether so few segments are free that the cleaner moves more, and in a cache evicts, to keep some free. */
  get isFull(): boolean {
    return this.#segments.count > this.#segmentsMax() - FREE_SEGMENTS;
  }

  /** Does the cleaning that records of `bytes` bytes must pay for when they come in. */
  work(bytes: number): void {
    this.#lookAgainBytes -= bytes;
    const perByte = this.#next();
    if (perByte === undefined) {
      this.#debtBytes = 0;
      return;
    }
    const debtMax = this.#segments.segmentBytes * LOOKED_AT_PER_BYTE_MAX;
    this.#debtBytes = Math.min(debtMax, this.#debtBytes + bytes * perByte);
    // More than one step when the record is long: otherwise a few long records would bring debt faster than it is
    // paid.
    const atOnce = STEP_BYTES + Math.min(bytes, STEP_BYTES) * perByte;
    const until = Math.max(0, this.#debtBytes - atOnce);
    while (this.#debtBytes > until && this.#next() !== undefined) this.#debtBytes -= this.#step();
  }

  /** Does one step when nothing comes in. @returns whether there was anything to do */
  idle(): boolean {
    this.#lookAgainBytes = 0;
    const isBusy = this.#next() !== undefined;
    for (let left = STEP_BYTES; left > 0 && this.#next() !== undefined; ) left -= this.#step();
    return isBusy;
  }

  /**
   * Drops the oldest record that nobody asked for, or after 32 moves simply the oldest.
   * @returns whether there was one to drop
   */
  evict(): boolean {
    for (let kept = 0; ; ) {
      this.#sifting ??= this.#oldest();
      if (this.#sifting === undefined) return false;
      const entry = this.#segments.next(this.#sifting);
      if (entry === undefined) this.#sifting = undefined;
      else {
        const fate = kept < KEPT_AT_ONCE ? this.#keeper.sift(entry) : this.#keeper.evict(entry);
        if (fate === 'evicted') return true;
        if (fate === 'kept') kept++;
      }
    }
  }

  /**
   * Chooses what to do next. @returns how many bytes of it to do for each byte that comes in; undefined for nothing
   * to do
   */
  #next(): number | undefined {
    if (this.#cleaning !== undefined) return this.#cleaning.perByte;
    const { count, segmentBytes, usedBytes } = this.#segments;
    const isIdle = count > usedBytes / segmentBytes / (1 - IDLE_SHARE) + HEADS;
    const { isFull } = this;
    if (!isIdle && !isFull) return undefined;
    if (isIdle || !this.#evicts()) this.#cleaning = this.#worthCleaning();
    if (this.#cleaning !== undefined) return this.#cleaning.perByte;
    if (!isFull || !this.#evicts()) return undefined;
    this.#sifting ??= this.#oldest();
    return this.#sifting === undefined ? undefined : SIFTED_PER_BYTE;
  }

  #worthCleaning(): Cleaning | undefined {
    if (this.#lookAgainBytes > 0) return undefined;
    const scan = this.#segments.worthCleaning();
    if (scan === undefined) {
      this.#lookAgainBytes = LOOK_AGAIN * this.#segments.segmentBytes;
      return undefined;
    }
    // With 3/4 of a segment in use, four bytes must be inspected for each byte that is gained.
    return { scan, perByte: Math.min(LOOKED_AT_PER_BYTE_MAX, AHEAD / (1 - scan.usedShare)) };
  }

  #oldest(): Scan | undefined {
    const small = this.#segments.inUse('incoming');
    const isSmallQueueFull = small > SMALL_QUEUE * (small + this.#segments.inUse('survivors'));
    const [first, second] = isSmallQueueFull
      ? (['incoming', 'survivors'] as const)
      : (['survivors', 'incoming'] as const);
    return this.#segments.oldest(first) ?? this.#segments.oldest(second);
  }

  /**
   * Handles one entry, after `#next` found something to do.
   * @returns how many bytes were inspected, or evicted if those are more
   */
  #step(): number {
    const scan = this.#cleaning?.scan ?? this.#sifting;
    if (scan === undefined) return 0;
    const { offset } = scan;
    const entry = this.#segments.next(scan);
    if (entry === undefined) {
      if (this.#cleaning === undefined) this.#sifting = undefined;
      else this.#cleaning = undefined;
      return 0;
    }
    const fate = this.#cleaning === undefined ? this.#keeper.sift(entry) : this.#keeper.keep(entry);
    const passed = scan.offset - offset;
    if (fate === 'kept') this.#movedBytes += passed;
    // A large record is only a number in its segment, but evicting it frees its whole length.
    return fate === 'evicted' ? Math.max(passed, entry.record.length) : passed;
  }
}
