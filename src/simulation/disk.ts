// A disk that keeps what was written when its process dies, and only what was synced when its machine
// does. Operations take their time; a crash in the middle of one leaves it done, undone or torn.

import type { Disk, DiskResult, LogFile } from '../cluster/runtime.ts';
import type { SimulatedProcess } from './process.ts';

/** Grows in place: a log that is never compacted is appended to a thousand times. */
class StoredLog {
  #memory: Buffer;
  #length: number;
  syncedLength: number;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#memory = Buffer.from(bytes);
    this.#length = bytes.length;
    this.syncedLength = bytes.length;
  }

  /** A view, which holds until the log is changed. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  append(bytes: Buffer): void {
    const end = this.#length + bytes.length;
    if (end > this.#memory.length) {
      const grown = Buffer.alloc(2 * end);
      this.bytes.copy(grown);
      this.#memory = grown;
    }
    bytes.copy(this.#memory, this.#length);
    this.#length = end;
  }

  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }
}

const DONE: DiskResult<undefined> = { kind: 'done', value: undefined };
const FULL: DiskResult<never> = { kind: 'failed', detail: 'ENOSPC' };
const MISSING: DiskResult<never> = { kind: 'failed', detail: 'ENOENT' };

export interface DiskImage {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly logs: ReadonlyMap<string, Buffer>;
}

export class SimulatedDisk {
  readonly #process: SimulatedProcess;
  readonly #files = new Map<string, Buffer>();
  readonly #logs = new Map<string, StoredLog>();
  #boot = 1;
  #busyUntilMs = 0;
  #full = false;
  #syncFails = false;
  /** Removals that are under way: a crash leaves them done or undone. */
  readonly #removing = new Set<string>();
  /** Appends that are under way, torn by a crash. */
  #unfinished: { readonly log: StoredLog; readonly bytes: Buffer }[] = [];

  constructor(process: SimulatedProcess) {
    this.#process = process;
  }

  bootId(): string {
    return `start ${this.#boot}`;
  }

  /** The process died: part of what it was writing may be there. */
  tear(): void {
    const { random } = this.#process.world;
    for (const { log, bytes } of this.#unfinished.splice(0)) {
      log.append(bytes.subarray(0, random.below(bytes.length + 1)));
    }
    for (const name of this.#removing) if (random.chance(0.5)) this.#logs.delete(name);
    this.#removing.clear();
  }

  /**
   * The machine died: of what was not synced, some prefix is there, and of that not always all, for pages go to
   * the disk in any order.
   */
  losePower(): void {
    this.tear();
    this.#boot++;
    const { random } = this.#process.world;
    for (const log of this.#logs.values()) {
      const { syncedLength } = log;
      const kept = syncedLength + random.below(log.length - syncedLength + 1);
      log.truncate(kept);
      log.syncedLength = kept;
      if (kept === syncedLength || random.chance(0.5)) continue;
      const from = syncedLength + random.below(kept - syncedLength);
      log.bytes.fill(0, from, from + 1 + random.below(kept - from));
    }
  }

  /** The disk was replaced by an empty one. */
  wipe(): void {
    this.#files.clear();
    this.#logs.clear();
  }

  /** What is on it now, as a backup has it. */
  image(): DiskImage {
    return {
      files: new Map(this.#files),
      logs: new Map([...this.#logs].map(([name, log]) => [name, Buffer.from(log.bytes)])),
    };
  }

  /** A backup is put back. */
  restore({ files, logs }: DiskImage): void {
    this.wipe();
    for (const [name, bytes] of files) this.#files.set(name, bytes);
    for (const [name, bytes] of logs) this.#logs.set(name, new StoredLog(bytes));
  }

  get isFull(): boolean {
    return this.#full;
  }

  /** From now on, until there is room again, nothing grows: a write ends short (H35). */
  fill(): void {
    this.#full = true;
  }

  free(): void {
    this.#full = false;
  }

  /** The next sync fails, and what it should have brought to disk is gone, as with Linux after an EIO. */
  failSync(): void {
    this.#syncFails = true;
  }

  /** Nothing more is done before this time has passed (H35: a disk that hangs). */
  stall(durationMs: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#process.world.nowMs) + durationMs;
  }

  port(): Disk {
    return {
      read: (name, callback) =>
        this.#later(() => callback({ kind: 'done', value: this.#files.get(name) })),
      replace: (name, bytes, callback) =>
        this.#later(() => {
          if (this.#full) return callback(FULL);
          this.#files.set(name, bytes);
          return callback(DONE);
        }),
      openLog: (name, { create }, callback) =>
        this.#later(() => {
          const log = this.#logs.get(name) ?? new StoredLog();
          if (!create && !this.#logs.has(name)) return callback(MISSING);
          this.#logs.set(name, log);
          return callback({ kind: 'done', value: this.#logPort(log) });
        }),
      list: (callback) =>
        this.#later(() =>
          callback({ kind: 'done', value: [...this.#files.keys(), ...this.#logs.keys()] }),
        ),
      remove: (name, callback) => {
        this.#removing.add(name);
        this.#later(() => {
          this.#removing.delete(name);
          this.#logs.delete(name);
          callback(DONE);
        });
      },
    };
  }

  #logPort(log: StoredLog): LogFile {
    return {
      length: log.length,
      read: (position, into, callback) =>
        this.#later(() =>
          callback({ kind: 'done', value: log.bytes.subarray(position).copy(into) }),
        ),
      truncate: (length, callback) =>
        this.#later(() => {
          log.truncate(length);
          log.syncedLength = length;
          callback(DONE);
        }),
      append: (block, callback) => {
        const unfinished = { log, bytes: Buffer.from(block) };
        this.#unfinished.push(unfinished);
        this.#later(() => {
          this.#unfinished = this.#unfinished.filter((other) => other !== unfinished);
          const { bytes } = unfinished;
          const { random } = this.#process.world;
          const room = this.#full ? random.below(bytes.length) : bytes.length;
          log.append(bytes.subarray(0, room));
          callback(this.#full ? FULL : DONE);
        });
      },
      sync: (callback) => {
        const { length } = log;
        this.#later(() => {
          if (this.#syncFails) {
            this.#syncFails = false;
            log.truncate(log.syncedLength);
            return callback({ kind: 'failed', detail: 'EIO' });
          }
          log.syncedLength = Math.max(log.syncedLength, length);
          return callback(DONE);
        });
      },
      close: () => undefined,
    };
  }

  /** One operation after the other, as the contract of the port has it for replacements. */
  #later(callback: () => void): void {
    const { random, nowMs } = this.#process.world;
    const slow = random.chance(0.01) ? random.between(0, 200) : 0;
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + random.between(0.05, 1) + slow;
    this.#process.later(this.#busyUntilMs - nowMs, callback);
  }
}
