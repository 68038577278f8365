// The plain append-only log behind the partition store: records back to back, as they are in memory and
// on the wire. One write is under way at a time; what comes meanwhile goes out together as the next one.

import { RECORD_HEADER_BYTES } from '../cluster/record.ts';
import type { Cancel, DiskResult, LogFile, Timers } from '../cluster/runtime.ts';
import { encodeEntry, type LogEntry, parseEntry } from './log-entry.ts';

/**
 * `always`: synced before the acknowledgement. `interval`: written before it, synced every second, so
 * that it survives the process but perhaps not the machine. `never`: written, left to the system (D11).
 */
export type FsyncMode = 'always' | 'interval' | 'never';

const SYNC_INTERVAL_MS = 1000;
const STALLED_MS = 2000;
/** One write's bound; a 16 MiB record goes alone. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024;

export const LOG_FILE = 'records.log';

/** Where applied records go before they are acknowledged. */
export interface Durability {
  /** Why nothing can be written any more; then nothing may be applied either (H35). */
  readonly failure: string | undefined;
  /** Not failed, and not waiting for one write for so long that others should take over (H35). */
  readonly isWritable: boolean;
  /** @param entry its bytes are copied: where they are the cleaner may move them before they are written */
  append(entry: LogEntry): void;
  /**
   * @param callback when everything appended so far is down, as the fsync mode has it; never after a
   * failure, because then nobody knows what is down
   */
  whenDown(callback: () => void): void;
  /** @param callback when everything appended so far survives the machine, or will not: with the reason */
  sync(callback: (failure: string | undefined) => void): void;
  figures(): LogFigures;
}

export interface LogFigures {
  /** What the log takes on the disk. */
  readonly bytes: number;
  readonly files: number;
}

/** A node without a data directory: memory is all it promises. */
export const MEMORY_ONLY: Durability = {
  failure: undefined,
  isWritable: true,
  append: () => undefined,
  whenDown: (callback) => callback(),
  sync: (callback) => callback(undefined),
  figures: () => ({ bytes: 0, files: 0 }),
};

/** Told when a sync begins; what it returns, when that one ends. */
export type SyncWatch = () => () => void;

interface Waiter {
  /** The number of records that must be down. */
  readonly records: number;
  readonly callback: () => void;
  readonly failed?: (failure: string) => void;
}

export class RecordLog implements Durability {
  readonly #file: LogFile;
  readonly #timers: Timers;
  readonly #fsync: FsyncMode;
  readonly #syncFailed: () => void;
  readonly #queue: Buffer[] = [];
  readonly #waiters: Waiter[] = [];
  #appended = 0;
  #down = 0;
  #busy = false;
  #syncScheduled = false;
  #failure: string | undefined;
  #stalled = false;
  #cancelWatch: Cancel = () => undefined;
  readonly #syncWatch: SyncWatch;
  #bytes: number;

  /** @param syncFailed what was acknowledged may be lost: the system may have dropped what it could not write */
  constructor(
    file: LogFile,
    timers: Timers,
    fsync: FsyncMode,
    syncFailed: () => void,
    syncWatch: SyncWatch = () => () => undefined,
    bytes = 0,
  ) {
    this.#syncFailed = syncFailed;
    this.#syncWatch = syncWatch;
    this.#bytes = bytes;
    this.#file = file;
    this.#timers = timers;
    this.#fsync = fsync;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  get isWritable(): boolean {
    return this.#failure === undefined && !this.#stalled;
  }

  append(entry: LogEntry): void {
    this.#queue.push(entry.kind === 'record' ? Buffer.from(entry.record) : encodeEntry(entry));
    this.#appended++;
    this.#next();
  }

  figures(): LogFigures {
    return { bytes: this.#bytes, files: 1 };
  }

  whenDown(callback: () => void): void {
    if (this.#failure !== undefined) return;
    if (this.#down === this.#appended) callback();
    else this.#waiters.push({ records: this.#appended, callback });
  }

  sync(callback: (failure: string | undefined) => void): void {
    if (this.#failure !== undefined) return callback(this.#failure);
    const sync = () => this.#sync(() => callback(this.#failure));
    if (this.#down === this.#appended) return sync();
    this.#waiters.push({ records: this.#appended, callback: sync, failed: callback });
  }

  #next(): void {
    if (this.#busy || this.#failure !== undefined || this.#queue.length === 0) return;
    this.#busy = true;
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && (count === 0 || bytes < GROUP_BYTES_MAX)) {
      bytes += this.#queue[count]?.length ?? 0;
      count++;
    }
    const group = this.#queue.splice(0, count);
    this.#bytes += bytes;
    this.#watch();
    this.#file.append(group, (written) => {
      if (written.kind === 'failed') this.#fail(written.detail);
      else if (this.#fsync === 'always') this.#sync((synced) => this.#finish(synced, count));
      else this.#finish(written, count);
    });
  }

  #finish(result: DiskResult<undefined>, count: number): void {
    if (result.kind === 'failed') return this.#fail(result.detail);
    this.#busy = false;
    this.#cancelWatch();
    this.#stalled = false;
    this.#down += count;
    if (this.#fsync === 'interval') this.#syncLater();
    while (this.#waiters[0] !== undefined && this.#waiters[0].records <= this.#down) {
      this.#waiters.shift()?.callback();
    }
    return this.#next();
  }

  /** A write that takes too long is a disk that hangs; it may come back (H35). */
  #watch(): void {
    this.#cancelWatch = this.#timers.after(STALLED_MS, () => {
      this.#stalled = true;
    });
  }

  #syncLater(): void {
    if (this.#syncScheduled) return;
    this.#syncScheduled = true;
    this.#timers.after(SYNC_INTERVAL_MS, () => {
      this.#sync(() => {
        this.#syncScheduled = false;
      });
    });
  }

  #sync(done: (result: DiskResult<undefined>) => void): void {
    const ended = this.#syncWatch();
    this.#file.sync((synced) => {
      ended();
      if (synced.kind === 'failed') {
        this.#fail(synced.detail);
        this.#syncFailed();
      }
      done(synced);
    });
  }

  #fail(detail: string): void {
    this.#failure = detail;
    this.#queue.length = 0;
    for (const { failed } of this.#waiters.splice(0)) failed?.(detail);
  }
}

export interface Replayed {
  /** Up to here the log is whole; a torn tail behind it was never acknowledged. */
  readonly length: number;
  /** Behind the break whole entries follow: the log has a hole, and is not to be believed (H8). */
  readonly hole: boolean;
}

/** Reads the entries of a log from pieces of any size. */
export class LogReplay {
  readonly #entry: (entry: LogEntry) => void;
  /** What could not be read yet, joined only when a whole record may be there. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #needed = RECORD_HEADER_BYTES;
  #length = 0;
  #broken = false;

  constructor(entry: (entry: LogEntry) => void) {
    this.#entry = entry;
  }

  push(bytes: Buffer): void {
    this.#rest.push(bytes);
    this.#restBytes += bytes.length;
    if (this.#broken || this.#restBytes < this.#needed) return;
    const input = Buffer.concat(this.#rest);
    const read = this.#readEntries(input);
    this.#length += read;
    this.#rest = [input.subarray(read)];
    this.#restBytes = input.length - read;
    this.#needed =
      this.#restBytes < 4
        ? RECORD_HEADER_BYTES
        : Math.max(RECORD_HEADER_BYTES, input.readUInt32BE(read));
  }

  end(): Replayed {
    return { length: this.#length, hole: holdsEntry(Buffer.concat(this.#rest)) };
  }

  /** @returns how many bytes were whole entries */
  #readEntries(input: Buffer): number {
    let offset = 0;
    for (;;) {
      const parsed = parseEntry(input, offset);
      if (parsed.kind === 'malformed') this.#broken = true;
      if (parsed.kind !== 'entry') return offset;
      this.#entry(parsed.entry);
      offset += parsed.length;
    }
  }
}

/** A broken length hides where the next record begins, so every place is tried. */
function holdsEntry(rest: Buffer): boolean {
  for (let offset = 1; offset + RECORD_HEADER_BYTES <= rest.length; offset++) {
    if (parseEntry(rest, offset).kind === 'entry') return true;
  }
  return false;
}
