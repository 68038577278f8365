// A disk that keeps what was written when its process dies, and only what was synced when its machine does:
// bytes of files, and names of the directory. Operations take their time; a crash or an error in the middle of
// one leaves it done, undone or in part. It promises what the port does and no more, and does nothing bad by
// itself: every fault is asked for, and what it hits is drawn from the world.

import type {
  DirectorySight,
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
/** A full disk takes a few bytes, less than the header of a block: a write ends short (H35). */
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
  /** In the order in which they were asked for, and of which life of the process each is. */
  readonly #underWay = new Map<DiskStep<unknown>, number>();
  /** How many of the next operations of a kind fail, and with what. */
  readonly #failing = new Map<DiskOperation, { times: number; readonly code: string }>();
  readonly #ids = new WeakMap<StoredFile, string>();
  #lastId = 0;
  #boot = 1;
  #busyUntilMs = 0;
  #slow: { readonly untilMs: number; readonly eachMs: readonly [number, number] } | undefined;
  #capacityBytes = Number.POSITIVE_INFINITY;
  #isFull = false;
  /** Of the syncs that failed those that the node's identity can say (H8). */
  #notedLosses = 0;
  /** Why operations failed in the present life of the process. */
  readonly #failures = new Set<string>();
  #isTampered = false;
  /** Rotten files that the present life of the process was given. */
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

  /** The process died in the middle of what it was doing. */
  tear(): void {
    this.#tear(() => true);
  }

  /** The machine died. */
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

  /** What is on it now, as a backup has it. */
  image(): DiskImage {
    const copies = (kind: StoredFile['kind']) =>
      [...this.#directory.files]
        .filter(([, file]) => file.kind === kind)
        .map(([name, file]) => [name, Buffer.from(file.bytes)] as const);
    return { files: new Map(copies('state')), logs: new Map(copies('log')) };
  }

  /** A backup is put back. */
  restore({ files, logs }: DiskImage): void {
    this.wipe();
    for (const [name, bytes] of files) this.#directory.set(name, new StoredFile('state', bytes));
    for (const [name, bytes] of logs) this.#directory.set(name, new StoredFile('log', bytes));
    this.#directory.sync();
  }

  /** Whether something had no room, or will have none, since there was room last. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get usedBytes(): number {
    return [...this.#directory.files.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** From now on, until there is room again, nothing grows. */
  fill(): void {
    this.limit(this.usedBytes + this.#random.below(LAST_BYTES));
    this.#isFull = true;
  }

  /** From now on all files together have so many bytes at most; replacing one takes both at once. */
  limit(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
    this.#isFull = false;
  }

  free(): void {
    this.limit(Number.POSITIVE_INFINITY);
  }

  /** The next operations of this kind fail, each in the middle; with a shortage before anything was done. */
  fail(kind: DiskOperation, times = 1, code = 'EIO'): void {
    this.#failing.set(kind, { times, code });
  }

  /** Nothing more is done before this time has passed (H35: a disk that hangs). */
  stall(durationMs: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#process.world.nowMs) + durationMs;
  }

  /** Each operation that is asked for within this time takes so much longer. */
  slow(eachMs: readonly [number, number], durationMs: number): void {
    this.#slow = { untilMs: this.#process.world.nowMs + durationMs, eachMs };
  }

  /** What lasts ends: there is room, and nothing is slow or fails any more. */
  mend(): void {
    this.free();
    this.#failing.clear();
    this.#slow = undefined;
  }

  /**
   * Bits of one file turn over, in what was synced. Not in the last append of a log that is whole: nobody can
   * tell that from one that never ended, so a node that loses it so has lost its data unknown to itself.
   * @param spares files that it must not be
   * @returns the name of the file; undefined when there is none
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
   * Files that rotted, and that the present life of the process read before it went on: it must end instead. Of a
   * log only what is in it counts, for a node that may miss something may cut it (H8).
   */
  get swallowed(): readonly string[] {
    return this.#process.alive ? [...this.#swallowed] : [];
  }

  /**
   * A sync failed, and the node's identity does not say so yet: if it dies now, its next life does not know that
   * something is missing (H8). The operator replaces such a disk.
   */
  get hasUntoldLoss(): boolean {
    return this.#ground.losses > this.#notedLosses;
  }

  /** Whether this disk is a reason for its process to have ended itself with this message. */
  excuses(message: string): boolean {
    if (this.#isFull) return true;
    if ([...this.#failures].some((code) => message.includes(code))) return true;
    // Pages that a failed sync dropped look like ones that were never written, or that rotted.
    if ((this.hasUntoldLoss || this.#isTampered) && message.includes('.log ')) return true;
    // Of a log any file may be missed, where what says which are needed is damaged.
    return this.rotten.some((name) =>
      this.#directory.get(name)?.kind === 'log'
        ? message.includes('.log ')
        : message.includes(name),
    );
  }

  /** For the present life of the process: it finds what the one before has left. */
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
      look: (names, callback) => this.#look(names, callback),
      remove: (name, callback) => this.#start(removing(ground, name), callback),
    };
  }

  /** The same directory for a process that is no node. */
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
    };
  }

  #begin(): void {
    this.#tear((life) => life !== this.#process.life);
    this.#swallowed.clear();
    this.#failures.clear();
    // What the process before lacked, such as open files, this one has.
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

  /** A look changes nothing, and takes no turn of its own. */
  #look(names: readonly string[], callback: (result: DiskResult<DirectorySight>) => void): void {
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

  /** Somebody touched its files since it was empty: only a process that has noticed knows what may be gone (H8). */
  get isTampered(): boolean {
    return this.#isTampered;
  }

  /** Somebody removes a file under the process that has it open, puts a copy in its place, or truncates it. */
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

  /** One operation after the other, as the contract of the port has it for replacements. */
  #start<T>(step: DiskStep<T>, callback: (result: DiskResult<T>) => void): void {
    const { world, life } = this.#process;
    this.#underWay.set(step, life);
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

  /** @returns with what the operation fails, if it does */
  #takeFailure(kind: DiskOperation): string | undefined {
    const failing = this.#failing.get(kind);
    if (failing === undefined || failing.times === 0) return undefined;
    failing.times--;
    return failing.code;
  }

  #tear(isOver: (life: number) => boolean): void {
    let isReplacing = false;
    for (const [step, life] of this.#underWay) {
      if (!isOver(life)) continue;
      this.#underWay.delete(step);
      // Replacements follow each other: behind one that had not ended none had begun.
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
