// Brings a log back from its files: which of them belong to it, what they hold, and what it means when something
// of them is not whole. What cannot be explained by a crash stops the start; nothing is changed before.
//
// A bad block is
// - damage, if the store was closed behind it, or what is behind it says that it was synced: then it was there.
// - a torn tail, if nothing whole is behind it: its write never ended, so nothing of it was acknowledged. Cut off.
//   While the machine runs on, a process that dies leaves the beginning of its write, and anything else is damage.
// - else what a power loss leaves, which brings pages to the disk in any order. The store is not complete then (H8),
//   and the log is cut there, so that the node can start and copy what it has lost. Without the cut, what is
//   behind would be replayed without the floors and resets that were lost before it.

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
  /** Whether the machine may have lost what was not synced. */
  readonly mayHaveHoles: boolean;
  /** Whether the machine is still the one that ran when the log was last written. */
  readonly machineRanOn: boolean;
  /** Where the log ended when the store was closed with all of it on disk; undefined if it was not. */
  readonly closedAt: LogPlace | undefined;
  readonly apply: (entry: LogEntry) => void;
  /** Before the start ends of it: what an earlier life left to the system may be gone. */
  readonly syncFailed: (end: () => void) => void;
}

export interface Replayed extends OpenLog {
  /** Of all files that were read. */
  readonly bytes: number;
  /** Behind a bad block, in that file and those after it. */
  readonly cutBytes: number;
}

/** Makes the log of a new directory. @param done when its first file survives the machine */
export function createLog(disk: Disk, store: StoreId, done: (log: OpenLog) => void): void {
  listed(disk, (names) => {
    const refuse = (lengthOf: (number: number) => number) => {
      const why = whyNotNew(names, lengthOf);
      if (why !== undefined) throw refused(why);
    };
    // Before a file is made: whether the first one has records shows only when it is open.
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
  /** Those that are needed, the oldest first. */
  #files: FileOnDisk[] = [];
  #first = FIRST_FILE;
  /** Of before a compaction that ended while they were removed. */
  #dropped: number[] = [];
  readonly #whole: WrittenFile[] = [];
  /** The log is on the disk up to here, as the identity, a header or a block says. */
  #synced = NOWHERE;

  /** @param done when everything that is left of the log was applied, and is synced */
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

  /** Syncs also what an earlier life left to the system or failed to sync; from now on all of it counts as synced. */
  #bringToDisk(file: LogFile, { number, bytes }: WrittenFile, done: () => void): void {
    const start = { file: number, offset: 0 };
    const { file: syncedFile, offset } = latest(start, this.#synced) ?? start;
    const from = syncedFile === number ? offset : bytes;
    rewriteLog(file, { from, end: bytes }, (rewritten) => {
      needed(rewritten, `${logFileName(number)} cannot be written`);
      file.sync((synced) => {
        if (synced.kind === 'done') return done();
        // The next sync would succeed, and bring nothing back: the system reports a loss once.
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

  /** What whole blocks and headers behind say of how far the log was synced; undefined when there are none. */
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

  /** The newest first: what is left is bad at the same place, until the file itself is cut. */
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
    // A file whose header was not whole has one of this version by now.
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

/** Empties the file, and begins it with this header. */
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

/** @throws FatalError */
export function needed<T>(result: DiskResult<T>, what: string): T {
  if (result.kind === 'done') return result.value;
  throw new FatalError(EXIT.config, `${what}: ${result.detail}`);
}

const ADVICE =
  'Nothing was changed; put back a copy of the whole directory that was made after its last stop, or start with an empty --data-dir';

/** @throws FatalError for a text, which says why the log is not used */
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
