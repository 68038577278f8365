// Gets memory back, a little with each record that comes in: there is no pause, and no falling behind. What
// is left of a segment with idle bytes is moved, and the segment is free. In a cache that is full the oldest
// segments are sifted: what was asked for since it came is moved, and the rest evicted.
//
// Sifting is S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023) over
// segments: `incoming` is its small queue and `survivors` its main one. It keeps out what is asked for once,
// so a scan or an import does not push out what is used, as it would with LRU; a get sets one bit and
// moves nothing; and a queue of segments is what a log of records is anyway.

import { HEADS, type Scan, type SegmentEntry, type Segments } from './segments.ts';

/** Of the memory of the segments that much may lie idle; more costs memory, less costs moves. */
const IDLE_SHARE = 0.2;
/** Below this many that are free the memory counts as full, and more is moved to keep it so. */
const FREE_SEGMENTS = 6;
/** The most that is looked at for each byte that comes in, however full the memory is. */
const LOOKED_AT_PER_BYTE_MAX = 24;
/** More than is needed, so that what comes in while a segment is cleaned finds one. */
const AHEAD = 1.25;
/** Of a cache, for each byte that comes in: it keeps up while not more than three of four were asked for. */
const SIFTED_PER_BYTE = 4;
/** The share of the small queue (the paper's). */
const SMALL_QUEUE = 0.1;
/** In one step, about a tenth of a millisecond; what is left to do waits for the next. */
const STEP_BYTES = 128 * 1024;
/** Moved at most while room is needed now: more would be a pause, and take the room that there is. */
const KEPT_AT_ONCE = 32;
/** Of a segment, that must come in before segments are looked through again in which nothing was worth it. */
const LOOK_AGAIN = 1 / 16;

/** Whose records they are. Each tells what it did with the record, or that it is not in use. */
export interface RecordMover {
  /** Moves the record to the survivors and points at it there. */
  keep(entry: SegmentEntry): Fate;
  /** The same, if it was also asked for since it came here; else it is dropped. */
  sift(entry: SegmentEntry): Fate;
  /** It is dropped. */
  evict(entry: SegmentEntry): Fate;
}

export type Fate = 'kept' | 'evicted' | 'not in use';

interface Cleaning {
  readonly scan: Scan;
  readonly perByte: number;
}

export class Cleaner {
  readonly #segments: Segments;
  readonly #keeper: RecordMover;
  /** The most segments that there may be; fewer are kept when fewer do. */
  readonly #segmentsMax: () => number;
  readonly #evicts: () => boolean;
  #cleaning: Cleaning | undefined;
  /** It goes on where it was when the memory is full the next time. */
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

  /** Of records, since the start. */
  get movedBytes(): number {
    return this.#movedBytes;
  }

  /** Whether so little is free that more is moved, and in a cache evicted, to keep it so. */
  get isFull(): boolean {
    return this.#segments.count > this.#segmentsMax() - FREE_SEGMENTS;
  }

  /** @param bytes that came in */
  work(bytes: number): void {
    this.#lookAgainBytes -= bytes;
    const perByte = this.#next();
    if (perByte === undefined) {
      this.#debtBytes = 0;
      return;
    }
    const debtMax = this.#segments.segmentBytes * LOOKED_AT_PER_BYTE_MAX;
    this.#debtBytes = Math.min(debtMax, this.#debtBytes + bytes * perByte);
    // A few long records would else be more than is done for them.
    const atOnce = STEP_BYTES + Math.min(bytes, STEP_BYTES) * perByte;
    const until = Math.max(0, this.#debtBytes - atOnce);
    while (this.#debtBytes > until && this.#next() !== undefined) this.#debtBytes -= this.#step();
  }

  /** A step that nobody pays for. @returns whether there was anything to do */
  idle(): boolean {
    this.#lookAgainBytes = 0;
    const isBusy = this.#next() !== undefined;
    for (let left = STEP_BYTES; left > 0 && this.#next() !== undefined; ) left -= this.#step();
    return isBusy;
  }

  /** Drops the oldest record that nobody asked for, or one that somebody did. @returns whether there was one */
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

  /** Chooses what is to be done. @returns what of it is done for each byte that comes in */
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
    // Of a segment with 3/4 in use four must be gone through to gain one.
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

  /** After `#next` found something. @returns so many bytes were gone through, or evicted if those are more */
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
    // A large record is a number in its segment, and much more is gained by it.
    return fate === 'evicted' ? Math.max(passed, entry.record.length) : passed;
  }
}
