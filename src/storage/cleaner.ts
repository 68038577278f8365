// Gets memory back, a little with each record that comes in: there is no pause, and no falling behind. What
// is left of a segment with idle bytes is moved, and the segment is free. In a cache that is full the oldest
// segments are sifted: what was asked for since it came is moved, and the rest evicted.
//
// Sifting is S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023) over
// segments: `incoming` is its small queue and `survivors` its main one. It keeps out what is asked for once,
// so a scan or an import does not push out what is used, as it would with LRU; a get sets one bit and
// moves nothing; and a queue of segments is what a log of records is anyway.

import type { Entry, Scan, Segments } from './segments.ts';

/** Of the memory of the segments that much may lie idle; more costs memory, less costs moves. */
const IDLE_SHARE = 0.2;
/** The two heads, beside it. */
const HEADS = 2;
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
/** What is evicted between two looks whether there is room now. */
const EVICTED_AT_ONCE = 16;

/** Whose records they are. */
export interface Keeper {
  /** Moves the record to the survivors, if it is in use, and points at it there. @returns whether it did */
  keep(entry: Entry): boolean;
  /** The same, if it was also asked for since it came here; else it is dropped. */
  sift(entry: Entry): boolean;
  /** It is dropped. */
  evict(entry: Entry): void;
}

interface Walk {
  readonly kind: 'clean' | 'sift';
  readonly scan: Scan;
  readonly perByte: number;
}

export class Cleaner {
  readonly #segments: Segments;
  readonly #keeper: Keeper;
  /** The most segments that there may be; fewer are kept when fewer do. */
  readonly #segmentsMax: () => number;
  readonly #evicts: () => boolean;
  #walk: Walk | undefined;
  #debtBytes = 0;
  #movedBytes = 0;

  /** @param evicts whether this is a cache (H40) */
  constructor(
    segments: Segments,
    keeper: Keeper,
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

  /** @param bytes that came in */
  work(bytes: number): void {
    this.#walk ??= this.#begin();
    if (this.#walk === undefined) {
      this.#debtBytes = 0;
      return;
    }
    const debtMax = this.#segments.segmentBytes * LOOKED_AT_PER_BYTE_MAX;
    this.#debtBytes = Math.min(debtMax, this.#debtBytes + bytes * this.#walk.perByte);
    const until = Math.max(0, this.#debtBytes - STEP_BYTES);
    while (this.#debtBytes > until && this.#walk !== undefined) {
      this.#debtBytes -= this.#step(this.#walk);
    }
  }

  /** A step that nobody pays for. @returns whether there was anything to do */
  idle(): boolean {
    this.#walk ??= this.#begin();
    const isBusy = this.#walk !== undefined;
    for (let left = STEP_BYTES; left > 0 && this.#walk !== undefined; ) {
      left -= this.#step(this.#walk);
    }
    return isBusy;
  }

  /** Drops the oldest records, asked for or not. @returns whether there were any */
  evict(): boolean {
    if (this.#walk?.kind !== 'sift') this.#walk = this.#sift();
    for (let left = EVICTED_AT_ONCE; left > 0 && this.#walk !== undefined; left--) {
      const entry = this.#segments.next(this.#walk.scan);
      if (entry === undefined) this.#walk = this.#sift();
      else this.#keeper.evict(entry);
    }
    return this.#walk !== undefined;
  }

  #begin(): Walk | undefined {
    const { count, segmentBytes, usedBytes } = this.#segments;
    const enough = usedBytes / segmentBytes / (1 - IDLE_SHARE) + HEADS;
    const isFull = count > this.#segmentsMax() - FREE_SEGMENTS;
    if (count <= enough && !isFull) return undefined;
    const isCacheFull = isFull && this.#evicts();
    const walk = isCacheFull && count <= enough ? undefined : this.#clean();
    return walk ?? (isCacheFull ? this.#sift() : undefined);
  }

  #clean(): Walk | undefined {
    const scan = this.#segments.worthCleaning();
    if (scan === undefined) return undefined;
    // Of a segment with 3/4 in use four must be gone through to gain one.
    const perByte = Math.min(LOOKED_AT_PER_BYTE_MAX, AHEAD / (1 - scan.usedShare));
    return { kind: 'clean', scan, perByte };
  }

  #sift(): Walk | undefined {
    const isSmallQueueFull = this.#segments.countOf('incoming') > SMALL_QUEUE * this.#segmentsMax();
    const scan = isSmallQueueFull
      ? (this.#segments.oldest('incoming') ?? this.#segments.oldest('survivors'))
      : (this.#segments.oldest('survivors') ?? this.#segments.oldest('incoming'));
    return scan && { kind: 'sift', scan, perByte: SIFTED_PER_BYTE };
  }

  /** @returns of the segment, so many bytes */
  #step({ kind, scan }: Walk): number {
    const { offset } = scan;
    const entry = this.#segments.next(scan);
    if (entry === undefined) {
      this.#walk = this.#begin();
      return 0;
    }
    const isKept = kind === 'clean' ? this.#keeper.keep(entry) : this.#keeper.sift(entry);
    if (isKept) this.#movedBytes += entry.record.length;
    return scan.offset - offset;
  }
}
