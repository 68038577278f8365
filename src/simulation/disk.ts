// A simulated disk: it keeps what was written when its process dies, and only what was synced when its machine loses
// power: bytes of files, and names of the directory. A crash or an error in the middle of an operation leaves it done,
// undone or in part. It promises what the port promises and no more. Every fault is asked for; its victim is drawn.

import type {
  DirectoryState,
  Disk,
  DiskResult,
  Folder,
  FolderFile,
  LogFile,
} from '../cluster/ports.ts';
import { isShortage } from '../cluster/shortage.ts';
import { IDENTITY_FILE } from '../storage/data-directory/identity-file.ts';
import { Directory } from './directory.ts';
import {
  appending,
  type DiskOperation,
  type DiskStep,
  type Ground,
  listing,
  opening,
  reading,
  readingLog,
  readingPart,
  removing,
  replacing,
  rewriting,
  syncing,
  truncating,
  writing,
} from './disk-steps.ts';
import type { SimulatedProcess } from './process.ts';
import { StoredFile } from './stored-file.ts';

const LOOK_MS = 0.1;
/** A full disk takes fewer bytes than this, less than the header of a block: the next write ends short (H35). */
const LAST_BYTES = 28;

export interface DiskImage {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly logs: ReadonlyMap<string, Buffer>;
}

export type Tampering = 'remove' | 'replace' | 'truncate';

export class SimulatedDisk {
  readonly #process: SimulatedProcess;
  readonly #directory = new Directory();
  readonly #ground: Ground;
  /** Operations not yet called back, in the order of their calls, with the incarnation that called each. */
  readonly #underWay = new Map<DiskStep<unknown>, number>();
  /** How many of the next operations of each kind fail, and with which error code. */
  readonly #failing = new Map<DiskOperation, { times: number; readonly code: string }>();
  readonly #ids = new WeakMap<StoredFile, string>();
  #lastId = 0;
  #boot = 1;
  #busyUntilMs = 0;
  #slow: { readonly untilMs: number; readonly eachMs: readonly [number, number] } | undefined;
  #capacityBytes = Number.POSITIVE_INFINITY;
  #isFull = false;
  /** How many of the failed syncs the stored identity of the node takes into account (H8). */
  #notedLosses = 0;
  /** Error codes of operations that failed in the present incarnation of the process. */
  readonly #failures = new Set<string>();
  #isTampered = false;
  /** Rotten files that the present incarnation read as a whole (`Disk.read`). */
  readonly #swallowed = new Set<string>();

  constructor(process: SimulatedProcess) {
    this.#process = process;
    this.#ground = {
      directory: this.#directory,
      random: process.world.random,
      roomBytes: () => this.#roomBytes(),
      full: () => {
        this.#isFull = true;
      },
      losses: 0,
      replaced: (name, losses) => {
        if (name === IDENTITY_FILE) this.#notedLosses = Math.max(this.#notedLosses, losses);
      },
      readRotten: (name) => this.#swallowed.add(name),
    };
  }

  bootId(): string {
    return `start ${this.#boot}`;
  }

  /** The process died: unfinished operations are left done, undone or in part. */
  tear(): void {
    this.#tear(() => true);
  }

  /** The machine lost power: also unsynced writes and names may be lost, and the boot id changes. */
  losePower(): void {
    this.tear();
    this.#boot++;
    this.#directory.losePower(this.#random);
  }

  /** The disk was replaced by an empty one. */
  wipe(): void {
    this.#directory.clear();
    this.#notedLosses = this.#ground.losses;
    this.#isTampered = false;
  }

  /** @returns a copy of all files as they are now */
  image(): DiskImage {
    const copies = (kind: StoredFile['kind']) =>
      [...this.#directory.files]
        .filter(([, file]) => file.kind === kind)
        .map(([name, file]) => [name, Buffer.from(file.bytes)] as const);
    return { files: new Map(copies('state')), logs: new Map(copies('log')) };
  }

  /** Replaces all files by the copy, synced. */
  restore({ files, logs }: DiskImage): void {
    this.wipe();
    for (const [name, bytes] of files) this.#directory.set(name, new StoredFile('state', bytes));
    for (const [name, bytes] of logs) this.#directory.set(name, new StoredFile('log', bytes));
    this.#directory.sync();
  }

  /** Whether a write had no room since the disk last had room, or the next one will have none. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get usedBytes(): number {
    return [...this.#directory.files.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Lets no file grow from now on, until `limit` or `free`. */
  fill(): void {
    this.limit(this.usedBytes + this.#random.below(LAST_BYTES));
    this.#isFull = true;
  }

  /** Limits all files together to so many bytes; replacing a file needs room for its old and new bytes at once. */
  limit(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
    this.#isFull = false;
  }

  free(): void {
    this.limit(Number.POSITIVE_INFINITY);
  }

  /** Makes the next operations of this kind fail, each half done; with a shortage's code (isShortage), not begun. */
  fail(kind: DiskOperation, times = 1, code = 'EIO'): void {
    this.#failing.set(kind, { times, code });
  }

  /** Holds up all operations for so long (H35: a disk that hangs). */
  stall(durationMs: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#process.world.nowMs) + durationMs;
  }

  /** Makes each operation that is called within `durationMs` slower by a time drawn from `eachMs`. */
  slow(eachMs: readonly [number, number], durationMs: number): void {
    this.#slow = { untilMs: this.#process.world.nowMs + durationMs, eachMs };
  }

  /** Ends the lasting faults: there is room, and nothing is slow or fails any more. */
  mend(): void {
    this.free();
    this.#failing.clear();
    this.#slow = undefined;
  }

  /**
   * Flips bits in the synced bytes of one file, but not in the last whole append of a log: rot there looks like an
   * append that a crash cut off, so the node could not know that it lost acknowledged records.
   * @param spares names of files that must stay intact
   * @returns the name of the file; undefined when there is none that can rot
   */
  rot(bits = 1, spares: (name: string) => boolean = () => false): string | undefined {
    const bytesOf = this.#directory.rottable();
    const names = [...bytesOf.keys()].filter((name) => !spares(name));
    if (names.length === 0) return undefined;
    const name = this.#random.pick(names);
    this.#directory.get(name)?.rot(bytesOf.get(name) ?? 0, bits, this.#random);
    return name;
  }

  /** Names of the files that rotted and are still there. */
  get rotten(): readonly string[] {
    return [...this.#directory.files].filter(([, file]) => file.isRotten).map(([name]) => name);
  }

  /**
   * State files that rotted and that the present incarnation read and survived: it must end instead. Log files are not
   * listed: a node that may miss records may cut its log at the damage (H8).
   */
  get swallowed(): readonly string[] {
    return this.#process.alive ? [...this.#swallowed] : [];
  }

  /**
   * Whether a sync failed and the node's stored identity does not say so: if the process dies now, its next incarnation
   * does not know that records are missing (H8). The operator replaces such a disk.
   */
  get hasUntoldLoss(): boolean {
    return this.#ground.losses > this.#notedLosses;
  }

  /** Whether a fault of this disk explains that its process ended itself with this message. */
  excuses(message: string): boolean {
    if (this.#isFull) return true;
    if ([...this.#failures].some((code) => message.includes(code))) return true;
    // Pages that a failed sync dropped look like pages that were never written, or that rotted.
    if ((this.hasUntoldLoss || this.#isTampered) && message.includes('.log ')) return true;
    // Any log file may be named as missing when the one that says which files are needed is damaged.
    return this.rotten.some((name) =>
      this.#directory.get(name)?.kind === 'log'
        ? message.includes('.log ')
        : message.includes(name),
    );
  }

  /** The port for the present incarnation of the process, on the files that the incarnation before left. */
  port(): Disk {
    this.#begin();
    const ground = this.#ground;
    return {
      read: (name, callback) => this.#start(reading(ground, name), callback),
      replace: (name, bytes, callback) => this.#start(replacing(ground, name, bytes), callback),
      openLog: (name, { create }, callback) =>
        this.#start(opening(ground, name, { create, kind: 'log' }), (opened) =>
          callback(asPort(opened, (file) => this.#logPort(file))),
        ),
      list: (callback) => this.#start(listing(ground), callback),
      inspect: (names, callback) => this.#look(names, callback),
      remove: (name, callback) => this.#start(removing(ground, name), callback),
    };
  }

  /** The same directory for a process that is no node, such as a backup; a name with slashes is one name. */
  folder(): Folder {
    this.#begin();
    const ground = this.#ground;
    return {
      read: (name, callback) => this.#start(reading(ground, name), callback),
      replace: (name, bytes, callback) => this.#start(replacing(ground, name, bytes), callback),
      open: (name, { create }, callback) =>
        this.#start(opening(ground, name, { create, kind: 'state' }), (opened) =>
          callback(asPort(opened, (file) => this.#filePort(file))),
        ),
      makeDirectory: (_name, callback) => callback({ kind: 'done', value: undefined }),
    };
  }

  #begin(): void {
    this.#tear((incarnation) => incarnation !== this.#process.incarnation);
    this.#swallowed.clear();
    this.#failures.clear();
    // Shortages, such as too few open files, end with the process that had them.
    for (const [kind, { code }] of this.#failing) if (isShortage(code)) this.#failing.delete(kind);
  }

  #filePort(file: StoredFile): FolderFile {
    const ground = this.#ground;
    return {
      bytes: file.length,
      read: (position, length, callback) =>
        this.#start(readingPart(file, position, length), callback),
      write: (position, bytes, callback) =>
        this.#start(writing(ground, file, position, bytes), callback),
      finish: (length, callback) => this.#start(truncating(ground, file, length), callback),
      close: () => undefined,
    };
  }

  #logPort(file: StoredFile): LogFile {
    const ground = this.#ground;
    let end = file.length;
    return {
      id: this.#idOf(file),
      length: file.length,
      read: (position, into, callback) => this.#start(readingLog(file, position, into), callback),
      truncate: (length, callback) => {
        this.#start(truncating(ground, file, length), (result) => {
          if (result.kind === 'done') end = length;
          callback(result);
        });
      },
      append: (bytes, callback) => {
        const step = appending(ground, file, bytes, () => end);
        this.#start(step, (result) => {
          if (result.kind === 'done') end += bytes.length;
          callback(result);
        });
      },
      rewrite: (position, bytes, callback) =>
        this.#start(rewriting(file, position, bytes), callback),
      sync: (callback) => this.#start(syncing(ground, file), callback),
      close: () => undefined,
    };
  }

  /** An inspection changes nothing, so it waits for earlier operations but holds up no later one. */
  #look(names: readonly string[], callback: (result: DiskResult<DirectoryState>) => void): void {
    const waitMs = Math.max(0, this.#busyUntilMs - this.#process.world.nowMs) + LOOK_MS;
    this.#process.later(waitMs, () => {
      const files = names.map((name) => {
        const file = this.#directory.get(name);
        return file && { id: this.#idOf(file), bytes: file.length };
      });
      callback({ kind: 'done', value: { problem: undefined, files } });
    });
  }

  #idOf(file: StoredFile): string {
    const id = this.#ids.get(file) ?? `file ${++this.#lastId}`;
    this.#ids.set(file, id);
    return id;
  }

  /** Whether files were tampered with since the disk was empty: a process may die before it notices (H8). */
  get isTampered(): boolean {
    return this.#isTampered;
  }

  /** Removes a file that a process has open, replaces it by a copy, or cuts it to half. */
  tamper(name: string, how: Tampering): void {
    const file = this.#directory.get(name);
    if (file === undefined) return;
    this.#isTampered = true;
    switch (how) {
      case 'remove':
        return this.#directory.set(name, undefined);
      case 'replace':
        return this.#directory.set(name, new StoredFile(file.kind, file.bytes));
      case 'truncate':
        return file.truncate(file.length >> 1);
    }
  }

  get logs(): readonly string[] {
    return [...this.#directory.files].flatMap(([name, { kind }]) => (kind === 'log' ? [name] : []));
  }

  /** Runs one operation after the other: the port's contract demands this order of replacements. */
  #start<T>(step: DiskStep<T>, callback: (result: DiskResult<T>) => void): void {
    const { world, incarnation } = this.#process;
    this.#underWay.set(step, incarnation);
    const slow = world.random.chance(0.01) ? world.random.between(0, 200) : 0;
    const slower =
      this.#slow !== undefined && world.nowMs < this.#slow.untilMs
        ? world.random.between(...this.#slow.eachMs)
        : 0;
    const tookMs = world.random.between(0.05, 1) + slow + slower;
    this.#busyUntilMs = Math.max(this.#busyUntilMs, world.nowMs) + tookMs;
    this.#process.later(this.#busyUntilMs - world.nowMs, () => {
      this.#underWay.delete(step);
      const detail = this.#takeFailure(step.kind);
      if (detail === undefined) return callback(step.whole());
      this.#failures.add(detail);
      if (!isShortage(detail)) (step.broken ?? step.part)();
      return callback({ kind: 'failed', detail });
    });
  }

  /** @returns the error code that the operation fails with, if it does */
  #takeFailure(kind: DiskOperation): string | undefined {
    const failing = this.#failing.get(kind);
    if (failing === undefined || failing.times === 0) return undefined;
    failing.times--;
    return failing.code;
  }

  #tear(isOver: (incarnation: number) => boolean): void {
    let isReplacing = false;
    for (const [step, incarnation] of this.#underWay) {
      if (!isOver(incarnation)) continue;
      this.#underWay.delete(step);
      // Replacements run in order: none behind an unfinished one had begun.
      if (step.kind === 'replace' && isReplacing) continue;
      const isWhole = step.part();
      if (step.kind === 'replace') isReplacing = !isWhole;
    }
  }

  get #random() {
    return this.#process.world.random;
  }

  #roomBytes(): number {
    if (this.#capacityBytes === Number.POSITIVE_INFINITY) return this.#capacityBytes;
    return Math.max(0, this.#capacityBytes - this.usedBytes);
  }
}

function asPort<T>(opened: DiskResult<StoredFile>, portOf: (file: StoredFile) => T): DiskResult<T> {
  return opened.kind === 'done' ? { kind: 'done', value: portOf(opened.value) } : opened;
}
