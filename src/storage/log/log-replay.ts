// Restores a log from its files: decides which files belong to it, applies what they hold, and decides what it means
// when a part is not whole. Damage that no crash explains stops the start, before anything is changed.
//
// A bad block is
// - damage, if the store was closed behind it, or if something after it says that it was synced: then it was on disk.
// - a torn tail, if nothing whole follows: its write never ended, so nothing in it was acknowledged. It is cut off.
//   If the machine kept running, a process that died left the beginning of its write there; all else is damage.
// - otherwise the result of a power loss: pages reach the disk in any order. The store is incomplete then (H8), and
//   the log is cut there, so that the node can start and copy what it has lost. Without the cut, later blocks would
//   be replayed without the floors and resets that were lost before them.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { StoreId } from '../../cluster/model/identity.ts';
import type { Disk, DiskResult, LogFile } from '../../cluster/ports.ts';
import {
  encodeFileHeader,
  FILE_HEADER_BYTES,
  isBefore,
  type LogPlace,
  saltOf,
} from './log-block.ts';
import {
  chooseFiles,
  damageAt,
  type FileOnDisk,
  headerOf,
  numbersOfLog,
  whyNotNew,
} from './log-choice.ts';
import type { LogEntry } from './log-entry.ts';
import { FIRST_FILE, logFileName, type OpenLog, type WrittenFile } from './log-files.ts';
import { BlockReader, findBlocks, isUnfinished } from './log-reader.ts';
import { rewriteLog } from './log-rewrite.ts';

const NOWHERE: LogPlace = { file: 0, offset: 0 };

export interface ReplayOptions {
  readonly store: StoreId;
  /** Whether the machine may have lost entries that were not synced. */
  readonly mayHaveHoles: boolean;
  /** Whether the machine has not been restarted since the log was last written. */
  readonly machineRanOn: boolean;
  /** Where the log ended when the store was closed with all of it on disk; undefined if it was not closed. */
  readonly closedAt: LogPlace | undefined;
  readonly apply: (entry: LogEntry) => void;
  /**
   * Called when a file cannot be synced: entries that an earlier incarnation left to the system may be lost. The
   * start fails when `end` is called, so the caller can record the loss first.
   */
  readonly syncFailed: (end: () => void) => void;
}

export interface Replayed extends OpenLog {
  /** Bytes of all files that were read. */
  readonly bytes: number;
  /** Bytes that were cut off: those from the bad block on, in its file and the later ones. */
  readonly cutBytes: number;
}

/**
 * Makes the log of a new directory.
 * @param done called when the first file survives a power loss
 * @throws FatalError when the directory has records already, or cannot be written
 */
export function createLog(disk: Disk, store: StoreId, done: (log: OpenLog) => void): void {
  listed(disk, (names) => {
    const refuse = (lengthOf: (number: number) => number) => {
      const why = whyNotNew(names, lengthOf);
      if (why !== undefined) throw refused(why);
    };
    // Check before a file is created; whether the first file has records is known only when it is open.
    refuse(() => 0);
    const name = logFileName(FIRST_FILE);
    disk.openLog(name, { create: true }, (opened) => {
      const current = needed(opened, `${name} cannot be opened`);
      refuse(() => current.length);
      const first = { store, number: FIRST_FILE, first: FIRST_FILE, before: 0, synced: NOWHERE };
      rewrite(current, encodeFileHeader(first), (bytes) =>
        done({
          files: [{ number: FIRST_FILE, bytes }],
          current,
          first: FIRST_FILE,
          needsNewFile: false,
        }),
      );
    });
  });
}

/** Runs once; every failure is a FatalError. */
export class LogReplay {
  readonly #disk: Disk;
  readonly #options: ReplayOptions;
  readonly #done: (replayed: Replayed) => void;
  /** The files that are needed, the oldest first. */
  #files: FileOnDisk[] = [];
  #first = FIRST_FILE;
  /** Numbers of superfluous files: a process died while it removed them after a compaction. */
  #dropped: number[] = [];
  readonly #whole: WrittenFile[] = [];
  /** The log was synced up to this place, as the identity, a header or a block says. */
  #synced = NOWHERE;

  /** @param done called when everything that is left of the log was applied, and is synced */
  constructor(disk: Disk, options: ReplayOptions, done: (replayed: Replayed) => void) {
    this.#disk = disk;
    this.#options = options;
    this.#done = done;
  }

  start(): void {
    listed(this.#disk, (names) => {
      this.#readHeaders(usable(numbersOfLog(names)), 0, []);
    });
  }

  #readHeaders(numbers: readonly number[], index: number, read: FileOnDisk[]): void {
    const number = numbers[index];
    if (number === undefined) return this.#choose(read);
    return this.#open(number, (file) => {
      const bytes = Buffer.alloc(FILE_HEADER_BYTES);
      file.read(0, bytes, (result) => {
        const length = needed(result, `${logFileName(number)} cannot be read`);
        file.close();
        const header = usable(headerOf(bytes.subarray(0, length), number, this.#options.store));
        read.push({ number, length: file.length, header });
        this.#readHeaders(numbers, index + 1, read);
      });
    });
  }

  #choose(read: readonly FileOnDisk[]): void {
    const { files, first, dropped } = usable(chooseFiles(read, this.#options.closedAt));
    this.#first = first;
    this.#files = [...files];
    this.#dropped = [...dropped];
    this.#notice(this.#options.closedAt);
    for (const { header } of this.#files) this.#notice(header?.synced);
    this.#replay(0);
  }

  #replay(index: number): void {
    const onDisk = this.#files[index];
    if (onDisk === undefined) return this.#finish(0);
    const { number, header } = onDisk;
    if (header === undefined) return this.#judge({ file: number, offset: 0 });
    const { store, apply } = this.#options;
    return this.#open(number, (file) => {
      new BlockReader(file, saltOf(store, number), apply, (result) => {
        const { end, synced } = needed(result, `${logFileName(number)} cannot be read`);
        this.#notice(synced);
        const before = this.#files[index + 1]?.header?.before ?? end;
        const isWhole = end === file.length && end === before;
        this.#bringToDisk(file, { number, bytes: end }, () => {
          file.close();
          this.#whole.push({ number, bytes: end });
          if (isWhole) this.#replay(index + 1);
          else this.#judge({ file: number, offset: end });
        });
      });
    });
  }

  #notice(synced: LogPlace | undefined): void {
    this.#synced = latest(this.#synced, synced) ?? NOWHERE;
  }

  /** Syncs also what an earlier incarnation did not sync, or failed to: from now on all of it counts as synced. */
  #bringToDisk(file: LogFile, { number, bytes }: WrittenFile, done: () => void): void {
    const start = { file: number, offset: 0 };
    const { file: syncedFile, offset } = latest(start, this.#synced) ?? start;
    const from = syncedFile === number ? offset : bytes;
    rewriteLog(file, { from, end: bytes }, (rewritten) => {
      needed(rewritten, `${logFileName(number)} cannot be written`);
      file.sync((synced) => {
        if (synced.kind === 'done') return done();
        // The system reports a lost page once: the next sync would succeed although the bytes are lost.
        return this.#options.syncFailed(() =>
          needed(synced, `${logFileName(number)} cannot be synced`),
        );
      });
    });
  }

  #judge(bad: LogPlace): void {
    const index = this.#files.findIndex(({ number }) => number === bad.file);
    const isLast = index === this.#files.length - 1;
    const { mayHaveHoles, machineRanOn, closedAt } = this.#options;
    if (closedAt !== undefined && isBefore(bad, closedAt)) throw damaged(bad);
    if (mayHaveHoles) return this.#judgeByWhatIsBehind(bad, index);
    if (!isLast) throw damaged(bad);
    if (!machineRanOn) return this.#judgeByWhatIsBehind(bad, index);
    return this.#open(bad.file, (file) => {
      isUnfinished(file, saltOf(this.#options.store, bad.file), bad.offset, (result) => {
        file.close();
        if (!needed(result, `${logFileName(bad.file)} cannot be read`)) throw damaged(bad);
        this.#judgeByWhatIsBehind(bad, index);
      });
    });
  }

  #judgeByWhatIsBehind(bad: LogPlace, index: number): void {
    const { mayHaveHoles } = this.#options;
    this.#syncedBehind(bad, index, undefined, (synced) => {
      if (synced !== undefined && (!mayHaveHoles || isBefore(bad, synced))) throw damaged(bad);
      const length = this.#files.slice(index).reduce((sum, file) => sum + file.length, 0);
      this.#removeBehind(bad.file, () => this.#cut(bad, length - bad.offset));
    });
  }

  /**
   * @param done gets the latest place up to which the blocks and headers after the bad block say that the log was
   *   synced; undefined when no whole block or header follows
   */
  #syncedBehind(
    { file: number, offset }: LogPlace,
    index: number,
    earlier: LogPlace | undefined,
    done: (synced: LogPlace | undefined) => void,
  ): void {
    this.#open(number, (file) => {
      findBlocks(file, saltOf(this.#options.store, number), offset, (result) => {
        file.close();
        const found = needed(result, `${logFileName(number)} cannot be read`);
        const next = this.#files[index + 1];
        const synced = latest(latest(earlier, found), next?.header?.synced);
        if (next === undefined) return done(synced);
        const from = { file: next.number, offset: FILE_HEADER_BYTES };
        return this.#syncedBehind(from, index + 1, synced, done);
      });
    });
  }

  /** Removes the newest first: after an interruption the log is bad at the same place, until that file is cut. */
  #removeBehind(number: number, done: () => void): void {
    const newest = this.#files.at(-1)?.number ?? number;
    if (newest <= number) return done();
    return this.#disk.remove(logFileName(newest), (removed) => {
      needed(removed, `${logFileName(newest)} cannot be removed`);
      this.#files.pop();
      this.#removeBehind(number, done);
    });
  }

  #cut({ file: number, offset }: LogPlace, cutBytes: number): void {
    this.#open(number, (file) => {
      if (offset > 0) {
        return file.truncate(offset, (truncated) => {
          needed(truncated, `${logFileName(number)} cannot be truncated`);
          file.close();
          this.#finish(cutBytes);
        });
      }
      const before = this.#whole.at(-1);
      const synced = before === undefined ? NOWHERE : { file: before.number, offset: before.bytes };
      const { store } = this.#options;
      const header = { store, number, first: this.#first, before: before?.bytes ?? 0, synced };
      return rewrite(file, encodeFileHeader(header), (bytes) => {
        file.close();
        this.#whole.push({ number, bytes });
        this.#finish(cutBytes);
      });
    });
  }

  #finish(cutBytes: number): void {
    const left = this.#dropped.shift();
    if (left !== undefined) {
      return this.#disk.remove(logFileName(left), (removed) => {
        needed(removed, `${logFileName(left)} cannot be removed`);
        this.#finish(cutBytes);
      });
    }
    const bytes = this.#whole.reduce((sum, file) => sum + file.bytes, 0);
    const last = this.#whole.at(-1)?.number ?? FIRST_FILE;
    const name = logFileName(last);
    // A last file whose header was not whole has been given a header of the present format.
    const header = this.#files.find(({ number }) => number === last)?.header;
    const needsNewFile = header?.isOfEarlierFormat === true;
    return this.#disk.openLog(name, { create: true }, (opened) => {
      const current = needed(opened, `${name} cannot be opened`);
      const files = this.#whole;
      this.#done({ files, current, first: this.#first, needsNewFile, bytes, cutBytes });
    });
  }

  #open(number: number, use: (file: LogFile) => void): void {
    this.#disk.openLog(logFileName(number), { create: false }, (opened) =>
      use(needed(opened, `${logFileName(number)} cannot be opened`)),
    );
  }
}

/** Empties the file, writes this header to it and syncs it. */
function rewrite(file: LogFile, header: Buffer, done: (bytes: number) => void): void {
  const written = (result: DiskResult<undefined>) =>
    needed(result, 'the header of a file of the log cannot be written');
  file.truncate(0, (truncated) => {
    written(truncated);
    file.append(header, (appended) => {
      written(appended);
      file.sync((synced) => {
        written(synced);
        done(header.length);
      });
    });
  });
}

function latest(a: LogPlace | undefined, b: LogPlace | undefined): LogPlace | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isBefore(a, b) ? b : a;
}

function listed(disk: Disk, use: (names: readonly string[]) => void): void {
  disk.list((result) => use(needed(result, 'the data directory cannot be listed')));
}

/** @throws FatalError if the disk operation failed */
export function needed<T>(result: DiskResult<T>, what: string): T {
  if (result.kind === 'done') return result.value;
  throw new FatalError(EXIT.config, `${what}: ${result.detail}`);
}

const ADVICE =
  'Nothing was changed; put back a copy of the whole directory that was made after its last stop, or start with an empty --data-dir';

/** @throws FatalError when given a text, which says why the log cannot be used */
function usable<T>(found: T | string): T {
  if (typeof found === 'string') throw refused(found);
  return found;
}

function damaged(bad: LogPlace): FatalError {
  return refused(damageAt(bad));
}

function refused(why: string): FatalError {
  return new FatalError(EXIT.config, `${why}. ${ADVICE}`);
}
