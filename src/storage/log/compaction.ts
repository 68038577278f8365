// Makes the log shorter while it is written: when it has more than twice what the store holds, everything that
// lives is appended once more, and the files before are not needed any more.
//
// Why nothing is lost, and nothing comes back: the log is replayed in its order, and a put keeps the greater record.
// 1. The walk begins with a file of its own. Whatever is there at its end was appended to that file or a later
//    one, by the walk, or because it was set behind the walk's back.
// 2. A mark (floor, reset, forget) is appended when what it drops is gone already, so the walk can append that
//    before it, never behind it. What marks said before the walk, floors and completeness, is appended first.
// 3. So replaying from that file on gives what replaying all gives. Only when it is synced does a synced header of
//    a further file say so (`first`), and then the files before are removed.
// A crash before that leaves a log that is longer than it need be, and the next start begins anew.

import type { PartitionId } from '../../cluster/model/partition.ts';
import { VERSION_ZERO } from '../../cluster/model/version.ts';
import type { Cancel, Logger, Timers } from '../../cluster/ports.ts';
import { isShortage } from '../../cluster/shortage.ts';
import type { Cursor } from '../../cluster/wire/operations.ts';
import { FIRST, type PartitionReader } from '../memory/partition-store.ts';
import type { RecordLog } from './log.ts';

/** The log has so many times the payload, and a file, before it is worth the work; each byte is written about twice. */
const BEGIN_ABOVE = 2;
/** Copied with each byte that comes in: so the log grows by a quarter of the payload until all is copied. */
const COPIED_PER_BYTE = 4;
/** Listed at once, half a millisecond with small records; of a file, so that many slices make one. */
const SLICE_BYTES_MAX = 64 * 1024;
const SLICES_OF_A_FILE = 8;
/** With one that comes in; a long value's share waits for the timer. */
const SLICES_AT_ONCE = 2;
/** A slice each: 3 MB/s while nothing comes in. */
const IDLE_MS = 20;
const OWING_MS = 1;
/** Between two attempts to remove what is not needed, while the log cannot be written. */
const SHORTAGE_MS = 5000;
/** Looks at partitions that make a slice, for there may be thousands that have nothing. */
const LOOKS_OF_A_SLICE = 64;

interface Walk {
  /** The first file that is needed once it is over. */
  readonly first: number;
  readonly partitions: readonly PartitionId[];
  next: number;
  cursor: Cursor;
}

export class Compaction {
  readonly #log: RecordLog;
  readonly #store: PartitionReader;
  readonly #timers: Timers;
  readonly #logger: Logger;
  readonly #sliceBytes: number;
  #walk: Walk | undefined;
  /** From the decision to begin until the last file is gone. */
  #isActive = false;
  /** Its own appends count as nothing that comes in. */
  #isCopying = false;
  #owedBytes = 0;
  #cancelIdle: Cancel = () => undefined;
  #stopped = false;

  constructor(log: RecordLog, store: PartitionReader, timers: Timers, logger: Logger) {
    this.#log = log;
    this.#store = store;
    this.#timers = timers;
    this.#logger = logger;
    this.#sliceBytes = Math.min(SLICE_BYTES_MAX, Math.ceil(log.fileBytes / SLICES_OF_A_FILE));
    log.onAppended = (bytes) => this.#cameIn(bytes);
    log.onFileBegun = () => this.#consider();
    this.#consider();
  }

  /** For a node that stops: what is appended from then on would never be synced. */
  stop(): void {
    this.#stopped = true;
    this.#walk = undefined;
    this.#cancelIdle();
  }

  #consider(): void {
    if (this.#isActive || this.#stopped) return;
    const { bytes } = this.#log.figures();
    const enough = BEGIN_ABOVE * this.#store.payloadBytes() + this.#log.fileBytes;
    if (bytes <= enough) return;
    this.#isActive = true;
    this.#log.beginFile((first) => this.#begin(first));
  }

  #begin(first: number): void {
    if (this.#stopped) return;
    const partitions = this.#store.held();
    this.#isCopying = true;
    for (const partition of partitions) {
      const version = this.#store.floor(partition);
      if (version !== VERSION_ZERO) this.#log.append({ kind: 'floor', partition, version });
      const complete = this.#store.completeness(partition);
      if (complete !== undefined) this.#log.append({ kind: 'complete', partition, ...complete });
    }
    this.#isCopying = false;
    this.#owedBytes = 0;
    this.#walk = { first, partitions, next: 0, cursor: FIRST };
    this.#idle();
  }

  #cameIn(bytes: number): void {
    if (this.#walk === undefined || this.#isCopying) return;
    this.#owedBytes += COPIED_PER_BYTE * bytes;
    for (let slices = 0; slices < SLICES_AT_ONCE; slices++) {
      if (this.#owedBytes >= this.#sliceBytes) this.#copy();
    }
  }

  #idle(): void {
    const waitMs = this.#owedBytes >= this.#sliceBytes ? OWING_MS : IDLE_MS;
    this.#cancelIdle = this.#timers.after(waitMs, () => {
      this.#copy();
      if (this.#walk !== undefined && !this.#log.hasFailed) this.#idle();
    });
  }

  /** A slice. */
  #copy(): void {
    const walk = this.#walk;
    if (walk === undefined || !this.#log.isCalm) return;
    let cost = 0;
    this.#isCopying = true;
    while (cost < this.#sliceBytes) {
      const partition = walk.partitions[walk.next];
      if (partition === undefined) break;
      cost += this.#sliceBytes / LOOKS_OF_A_SLICE;
      const bytes = Math.max(1, this.#sliceBytes - cost);
      const { records, next } = this.#store.asides.listAll(partition, walk.cursor, { bytes });
      for (const record of records) {
        this.#log.append({ kind: 'record', partition, record });
        cost += record.length;
      }
      if (next === undefined) walk.next++;
      walk.cursor = next ?? FIRST;
    }
    this.#isCopying = false;
    this.#owedBytes = Math.max(0, this.#owedBytes - cost);
    if (walk.next >= walk.partitions.length) this.#finish(walk);
  }

  #finish({ first }: Walk): void {
    this.#walk = undefined;
    this.#cancelIdle();
    this.#dropBefore(first, this.#log.figures().bytes);
  }

  #dropBefore(first: number, before: number): void {
    const again = () => {
      if (this.#stopped || this.#log.hasFailed) return;
      this.#cancelIdle = this.#timers.after(SHORTAGE_MS, () => this.#dropBefore(first, before));
    };
    this.#log.sync((failure) => {
      if (this.#stopped) return;
      // The copy is in the log's queue, and is written when the shortage is over (H35).
      if (failure !== undefined) return again();
      this.#log.dropBefore(first, (left) => {
        if (left !== undefined && isShortage(left)) return again();
        const { bytes, files } = this.#log.figures();
        if (left === undefined) {
          this.#logger.write('debug', 'log compacted', { before, bytes, files });
        } else {
          this.#logger.write('error', 'a file of the log cannot be removed', { detail: left });
        }
        this.#isActive = false;
        // What was dropped meanwhile may have made it worth the work again; with files that stay it never ends.
        if (left === undefined) this.#consider();
      });
    });
  }
}
