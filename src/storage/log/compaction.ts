// Makes the log shorter while it is written: when the log is longer than twice what the store holds, the compaction
// appends every live record once more, and the earlier files are not needed any more.
//
// Why nothing is lost and nothing comes back: the log is replayed in its order, and a put keeps the greater record.
// 1. The walk begins with a file of its own. Every record that the store has when the walk ends was appended to that
//    file or a later one: by the walk, or by a set that arrived behind the walk's position.
// 2. A mark (floor, reset, forget) is appended after its records have left the store, so the walk can append such a
//    record before the mark, but never after it. Floors and completeness from before the walk are appended first.
// 3. So a replay from that file on gives the same store as a replay of the whole log. Only when all of it is synced
//    does the synced header of a further file say so (`first`), and then the earlier files are removed.
// A crash before that leaves a log that is longer than necessary, and the next start compacts it afresh.

import type { PartitionId } from '../../cluster/model/partition.ts';
import { VERSION_ZERO } from '../../cluster/model/version.ts';
import type { Cancel, Logger, Timers } from '../../cluster/ports.ts';
import { isShortage } from '../../cluster/shortage.ts';
import type { Cursor } from '../../cluster/wire/operations.ts';
import { FIRST, type PartitionReader } from '../memory/partition-store.ts';
import type { RecordLog } from './log.ts';

/** Compact once the log exceeds this multiple of the payload by one file; so each byte is written about twice. */
const BEGIN_ABOVE = 2;
/** Bytes copied for each byte that is appended: all is copied by the time that a quarter of the payload came in. */
const COPIED_PER_BYTE = 4;
/**
 * A slice lists at most this much, half a millisecond of work with small records, and at most an eighth of a file's
 * length, so that many slices make a file.
 */
const SLICE_BYTES_MAX = 64 * 1024;
const SLICES_OF_A_FILE = 8;
/** Slices copied with one appended entry; the rest of a long value's share is left to the timer. */
const SLICES_AT_ONCE = 2;
/** The timer copies one slice each time: 64 KiB every 20 ms are 3 MB/s while nothing else is appended. */
const IDLE_MS = 20;
const OWING_MS = 1;
/** The pause between two attempts to remove the superfluous files, while the log cannot be written. */
const SHORTAGE_MS = 5000;
/** A visit to a partition costs this fraction of a slice, because thousands of partitions may be empty. */
const LOOKS_OF_A_SLICE = 64;

interface Walk {
  /** The first file that is needed once the walk has ended. */
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
  /** True from the decision to begin until the last superfluous file is removed. */
  #isActive = false;
  /** True while the compaction itself appends: its own entries do not make it owe more. */
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

  /** Called when the node shuts down: entries appended from then on would never be synced. */
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

  /** Appends one slice. */
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
      // The copy is still in the log's queue, and is written when the shortage is over (H35).
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
        // Records dropped meanwhile may justify another compaction. Not if a file stays: that would never end.
        if (left === undefined) this.#consider();
      });
    });
  }
}
