// Writes the log behind the partition store: entries go into blocks, blocks into files, one file after the other. One
// write is under way at a time; entries that arrive meanwhile form the next block. During a shortage, such as a full
// disk, the same write is tried again and all else waits, as behind a slow write. log-replay.ts reads the log back,
// compaction.ts makes it shorter.

import { assert } from '../../cluster/assert.ts';
import type { StoreId } from '../../cluster/model/identity.ts';
import type { Disk, DiskResult, LogFile, Runtime } from '../../cluster/ports.ts';
import { isShortage } from '../../cluster/shortage.ts';
import {
  type AppendLog,
  type FsyncMode,
  type LogFigures,
  type LogProblem,
  SYNC_STALLED_MS,
} from './durability.ts';
import { encodeFileHeader, isBefore, LogBlock, type LogPlace, saltOf } from './log-block.ts';
import { entryBytes, type LogEntry } from './log-entry.ts';
import { logFileName, type OpenLog, type WrittenFile } from './log-files.ts';
import { LogHealth } from './log-health.ts';
import { LogWaiters } from './log-waiters.ts';

const SYNC_INTERVAL_MS = 1000;
/** A slow disk writes this much in seconds; when more than this waits, sets are refused. */
const QUEUED_BYTES_MAX = 64 * 1024 * 1024;
/** Without sets little is appended, so a shortage during which this much piles up counts as permanent. */
const SHORTAGE_BYTES_MAX = 2 * QUEUED_BYTES_MAX;

export interface LogOptions {
  readonly store: StoreId;
  readonly fsync: FsyncMode;
  readonly fileBytes: number;
  /** Called when acknowledged entries may be lost: the system may have dropped pages that it could not write. */
  readonly syncFailed: () => void;
  /** Called when a problem begins, changes or ends. */
  readonly problem?: (problem: LogProblem | undefined) => void;
  /** Called after each successful sync with its duration. */
  readonly synced?: (milliseconds: number) => void;
}

interface CurrentFile {
  readonly number: number;
  readonly file: LogFile;
  readonly salt: Buffer;
  bytes: number;
  syncedBytes: number;
}

export class RecordLog implements AppendLog {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #disk: Disk;
  readonly #health: LogHealth;
  readonly #options: LogOptions;
  readonly #finished: WrittenFile[];
  #current: CurrentFile;
  #first: number;
  /** The log survives a power loss up to this place. */
  #synced: LogPlace;
  /** How many files are finished and not synced yet. */
  #unsyncedFiles = 0;
  /** Blocks that wait for the disk; the last one is being filled. */
  readonly #queue: LogBlock[] = [];
  #spare: LogBlock | undefined;
  readonly #waiters = new LogWaiters();
  readonly #whenSynced: (() => void)[] = [];
  readonly #whenBegun: ((file: number) => void)[] = [];
  #appended = 0;
  #down = 0;
  #queuedBytes = 0;
  #writtenBytes = 0;
  #busy = false;
  /** A failed write left part of a block behind the current file's end: only the next write to it cuts that off. */
  #isTorn = false;
  #syncScheduled = false;
  /** The compaction's hooks: called with the size of each appended entry, and after each file that is begun. */
  onAppended: (bytes: number) => void = () => undefined;
  onFileBegun: () => void = () => undefined;

  constructor(
    runtime: Pick<Runtime, 'clock' | 'timers'>,
    disk: Disk,
    open: OpenLog,
    options: LogOptions,
  ) {
    this.#runtime = runtime;
    this.#disk = disk;
    this.#options = options;
    this.#health = new LogHealth(runtime, (problem) => options.problem?.(problem));
    const last = open.files.at(-1);
    assert(last !== undefined, 'an open log has a file');
    this.#finished = open.files.slice(0, -1);
    this.#first = open.first;
    this.#current = this.#opened(open.current, last, last.bytes);
    this.#synced = { file: last.number, offset: last.bytes };
    if (open.needsNewFile) this.beginFile(() => undefined);
  }

  get problem(): LogProblem | undefined {
    return this.#health.problem;
  }

  /** True after a final problem: nothing is written until the process is restarted. */
  get hasFailed(): boolean {
    return this.#health.hasFailed;
  }

  get isWritable(): boolean {
    return this.refusal === undefined && !this.#health.isStalled;
  }

  get refusal(): 'full' | 'disk-failed' | undefined {
    if (this.hasFailed) return 'disk-failed';
    const isFull = this.problem !== undefined || this.#queuedBytes >= QUEUED_BYTES_MAX;
    return isFull ? 'full' : undefined;
  }

  /** Whether so little waits for the disk that entries which are not urgent may be appended. */
  get isCalm(): boolean {
    return this.problem === undefined && this.#queuedBytes < QUEUED_BYTES_MAX / 2;
  }

  /** Everything before this place survives a power loss. */
  get syncedTo(): LogPlace {
    return this.#synced;
  }

  get fileBytes(): number {
    return this.#options.fileBytes;
  }

  figures(): LogFigures {
    const finished = this.#finished.reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      bytes: finished + this.#current.bytes,
      files: this.#finished.length + 1,
      queuedBytes: this.#queuedBytes,
      writtenBytes: this.#writtenBytes,
    };
  }

  /** The oldest first; without those that a compaction is about to remove. */
  filesInUse(): readonly WrittenFile[] {
    const { number, bytes, file } = this.#current;
    const all = [...this.#finished, { number, bytes, id: file.id }];
    return all.filter((written) => written.number >= this.#first);
  }

  append(entry: LogEntry): void {
    if (this.hasFailed) return;
    if (this.problem !== undefined && this.#queuedBytes > SHORTAGE_BYTES_MAX) {
      return this.fail({ ...this.problem, isFinal: true });
    }
    let block = this.#queue.at(-1);
    if (block?.hasRoomFor(entry) !== true) {
      block = this.#spare ?? new LogBlock();
      this.#spare = undefined;
      this.#queue.push(block);
    }
    block.add(entry);
    this.#appended++;
    const bytes = entryBytes(entry);
    this.#queuedBytes += bytes;
    this.#next();
    this.onAppended(bytes);
  }

  whenDurable(callback: () => void): void {
    if (this.hasFailed) return;
    if (this.#down === this.#appended) callback();
    else this.#waiters.add(this.#appended, callback);
  }

  sync(callback: (failure: string | undefined) => void): void {
    if (this.problem !== undefined) return callback(this.problem.detail);
    const sync = () => this.#syncAll(() => callback(this.problem?.detail));
    if (this.#down === this.#appended) return sync();
    this.#waiters.add(this.#appended, sync, callback);
  }

  /**
   * Begins another file.
   * @param callback gets its number, before any entry appended from now on is written to it; not called after a
   *   failure
   */
  beginFile(callback: (file: number) => void): void {
    this.#whenBegun.push(callback);
    this.#next();
  }

  /**
   * Removes the files before `first`, whose content is also in later files that are synced.
   * @param done called with the reason if one of them is still there
   */
  dropBefore(first: number, done: (failure: string | undefined) => void): void {
    this.#first = first;
    // The header must be synced first: a file that no header calls superfluous counts as lost when it is missing.
    this.beginFile(() => this.sync((failure) => this.#removeDropped(failure, done)));
  }

  #removeDropped(failure: string | undefined, done: (failure: string | undefined) => void): void {
    const oldest = this.#finished[0];
    if (failure !== undefined || oldest === undefined || oldest.number >= this.#first) {
      return done(failure);
    }
    return this.#disk.remove(logFileName(oldest.number), (removed) => {
      if (removed.kind === 'failed') return done(removed.detail);
      this.#finished.shift();
      return this.#removeDropped(undefined, done);
    });
  }

  #next(): void {
    if (this.#busy || this.hasFailed) return;
    const isDue = this.#queue.length > 0 && this.#current.bytes >= this.#options.fileBytes;
    if (!this.#isTorn && (isDue || this.#whenBegun.length > 0)) return this.#begin();
    const block = this.#queue.shift();
    if (block === undefined) return;
    this.#busy = true;
    this.#health.writing();
    const { number, file, salt, bytes: offset } = this.#current;
    file.append(block.seal(salt, offset, this.#synced), (written) => {
      if (written.kind === 'failed') {
        this.#queue.unshift(block);
        this.#isTorn = true;
        return this.#failed(number, 'written', written.detail);
      }
      this.#isTorn = false;
      this.#current.bytes += block.length;
      this.#writtenBytes += block.length;
      if (this.#options.fsync !== 'always') return this.#finish(block);
      return this.#syncCurrent(() => {
        if (!this.hasFailed) this.#finish(block);
      });
    });
  }

  #finish(block: LogBlock): void {
    this.#down += block.entries;
    this.#queuedBytes -= block.payloadBytes;
    block.clear();
    if (block.isReusable) this.#spare = block;
    if (this.#options.fsync === 'interval') this.#syncLater();
    this.#goOn();
  }

  #goOn(): void {
    this.#busy = false;
    this.#health.written();
    this.#waiters.answer(this.#down);
    this.#next();
  }

  #begin(): void {
    this.#busy = true;
    this.#health.writing();
    const earlier = this.#current;
    const number = earlier.number + 1;
    const begun = this.#whenBegun.splice(0);
    const failed = (done: 'opened' | 'written', detail: string) => {
      this.#whenBegun.unshift(...begun);
      this.#failed(number, done, detail);
    };
    this.#openEmpty(number, failed, (file) => {
      const { store } = this.#options;
      const header = encodeFileHeader({
        store,
        number,
        first: this.#first,
        before: earlier.bytes,
        synced: this.#synced,
      });
      file.append(header, (written) => {
        if (written.kind === 'failed') {
          file.close();
          return failed('written', written.detail);
        }
        this.#finished.push({ number: earlier.number, bytes: earlier.bytes, id: earlier.file.id });
        this.#current = this.#opened(file, { number, bytes: header.length }, 0);
        this.#writtenBytes += header.length;
        this.#retire(earlier);
        const goOn = () => {
          if (this.hasFailed) return;
          for (const callback of begun) callback(number);
          this.onFileBegun();
          this.#goOn();
        };
        // With `always` nothing is written behind an unsynced header: a power loss could take it and leave a hole.
        return this.#options.fsync === 'always' ? this.#syncCurrent(goOn) : goOn();
      });
    });
  }

  /** Truncates the file, because an earlier attempt may have left part of a header in it. */
  #openEmpty(
    number: number,
    failed: (done: 'opened' | 'written', detail: string) => void,
    use: (file: LogFile) => void,
  ): void {
    this.#disk.openLog(logFileName(number), { create: true }, (opened) => {
      if (opened.kind === 'failed') return failed('opened', opened.detail);
      const file = opened.value;
      if (file.length === 0) return use(file);
      return file.truncate(0, (truncated) => {
        if (truncated.kind === 'done') return use(file);
        file.close();
        return failed('written', truncated.detail);
      });
    });
  }

  #opened(file: LogFile, { number, bytes }: WrittenFile, syncedBytes: number): CurrentFile {
    return { number, file, salt: saltOf(this.#options.store, number), bytes, syncedBytes };
  }

  /** Syncs the finished file beside writing the next; with `never` too, so that a shutdown has little to sync. */
  #retire(earlier: CurrentFile): void {
    if (earlier.syncedBytes === earlier.bytes) return earlier.file.close();
    this.#unsyncedFiles++;
    return this.#syncFile(earlier, () => {
      this.#unsyncedFiles--;
      earlier.file.close();
      this.#advance({ file: earlier.number + 1, offset: 0 });
      if (this.#unsyncedFiles > 0) return;
      for (const callback of this.#whenSynced.splice(0)) callback();
    });
  }

  #syncLater(): void {
    if (this.#syncScheduled) return;
    this.#syncScheduled = true;
    this.#runtime.timers.after(SYNC_INTERVAL_MS, () => {
      const endWatch = this.#health.watch(SYNC_STALLED_MS);
      this.#syncCurrent(() => {
        endWatch();
        this.#syncScheduled = false;
        // A write that ended while this sync was under way is not covered by it, and perhaps no other write follows.
        const { bytes, syncedBytes } = this.#current;
        if (syncedBytes < bytes && !this.hasFailed) this.#syncLater();
      });
    });
  }

  #syncAll(done: () => void): void {
    if (this.#unsyncedFiles === 0) return this.#syncCurrent(done);
    this.#whenSynced.push(() => this.#syncAll(done));
  }

  #syncCurrent(done: () => void): void {
    const current = this.#current;
    const { number, bytes } = current;
    this.#syncFile(current, () => {
      if (!this.hasFailed) {
        current.syncedBytes = Math.max(current.syncedBytes, bytes);
        this.#advance({ file: number, offset: bytes });
      }
      done();
    });
  }

  #syncFile({ number, file }: CurrentFile, done: () => void): void {
    const { clock } = this.#runtime;
    const beganMs = clock.monotonicMs();
    file.sync((synced: DiskResult<undefined>) => {
      if (synced.kind === 'failed') {
        this.#failed(number, 'synced', synced.detail);
        this.#options.syncFailed();
      } else this.#options.synced?.(clock.monotonicMs() - beganMs);
      done();
    });
  }

  /** Does nothing once the log has failed: the header of a file being begun would record this place as synced. */
  #advance(place: LogPlace): void {
    if (this.hasFailed || this.#unsyncedFiles > 0) return;
    if (isBefore(this.#synced, place)) this.#synced = place;
  }

  /** A failed sync is final whatever its reason: the pages it was to write may be lost (H8). */
  #failed(file: number, done: 'opened' | 'synced' | 'written', detail: string): void {
    const what = `${logFileName(file)} cannot be ${done}`;
    const isFinal = this.hasFailed || done === 'synced' || !isShortage(detail);
    const problem = { what, detail, isFinal };
    if (isFinal) return this.fail(problem);
    this.#waiters.refuse(detail);
    return this.#health.isShort(problem, () => {
      this.#busy = false;
      this.#next();
    });
  }

  /** Ends all writing, for good. */
  fail(problem: LogProblem): void {
    this.#health.fail(problem);
    this.#queue.length = 0;
    this.#whenBegun.length = 0;
    this.#waiters.refuse(problem.detail);
    this.#waiters.clear();
  }
}
