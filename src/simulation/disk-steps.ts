// The operations of a simulated disk, in the steps of a real one: what each does, and what a crash or an error in the
// middle leaves of it. When they run is disk.ts's.

import type { DiskResult } from '../cluster/ports.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import { type Directory, temporaryOf } from './directory.ts';
import { type FileKind, StoredFile } from './stored-file.ts';

export const DISK_OPERATIONS = [
  'read',
  'replace',
  'open',
  'list',
  'remove',
  'append',
  'truncate',
  'sync',
] as const;
export type DiskOperation = (typeof DISK_OPERATIONS)[number];

/** One operation, from its call until its callback. */
export interface DiskStep<T> {
  readonly kind: DiskOperation;
  /** Carries out the whole operation; called at its end. */
  whole(): DiskResult<T>;
  /** Leaves what a crash in the middle may leave. @returns whether that is the whole operation */
  part(): boolean;
  /** Leaves what an error in the middle leaves, where that differs from a crash. */
  broken?(): void;
}

/** The disk that the operations work on. */
export interface Ground {
  readonly directory: Directory;
  readonly random: SeededRandom;
  roomBytes(): number;
  /** Called when a write had no room. */
  full(): void;
  /** How many syncs have failed; each may have dropped unsynced writes. */
  losses: number;
  /**
   * Called when a file was replaced. @param losses the failed syncs at the time of the call, which the caller can know
   * of
   */
  replaced(name: string, losses: number): void;
  /** Called when a process read a file whose bytes are not the written ones. */
  readRotten(name: string): void;
}

const DONE: DiskResult<undefined> = { kind: 'done', value: undefined };
const FULL: DiskResult<never> = { kind: 'failed', detail: 'ENOSPC' };
const MISSING: DiskResult<never> = { kind: 'failed', detail: 'ENOENT' };

export function reading(ground: Ground, name: string): DiskStep<Buffer | undefined> {
  return plain('read', () => {
    const file = ground.directory.get(name);
    if (file?.isRotten) ground.readRotten(name);
    return file && Buffer.from(file.bytes);
  });
}

export function readingPart(file: StoredFile, position: number, length: number): DiskStep<Buffer> {
  return plain('read', () => Buffer.from(file.bytes.subarray(position, position + length)));
}

export function readingLog(file: StoredFile, position: number, into: Buffer): DiskStep<number> {
  return plain('read', () => file.bytes.subarray(position).copy(into));
}

export function listing({ directory }: Ground): DiskStep<readonly string[]> {
  return plain('list', () => [...directory.files.keys()]);
}

/** Replaces a file: a temporary file is written and synced, then renamed, and the directory synced. */
export function replacing(ground: Ground, name: string, bytes: Buffer): DiskStep<undefined> {
  const { directory, random } = ground;
  const temporary = temporaryOf(name);
  const { losses } = ground;
  const rename = () => {
    directory.set(temporary, undefined);
    directory.set(name, new StoredFile('state', bytes));
  };
  return {
    kind: 'replace',
    whole() {
      directory.set(temporary, undefined);
      if (bytes.length > ground.roomBytes()) return full(ground);
      rename();
      directory.sync();
      ground.replaced(name, losses);
      return DONE;
    },
    part() {
      const drawn = random.pick(['begun', 'written', 'synced', 'renamed', 'ended'] as const);
      const roomBytes = ground.roomBytes();
      // A full disk interrupts it while the temporary file is written.
      const stage = drawn !== 'begun' && bytes.length > roomBytes ? 'written' : drawn;
      if (stage === 'written') {
        const file = new StoredFile('state');
        file.appendPart(prefixOf(bytes, random).subarray(0, roomBytes));
        directory.set(temporary, file);
      } else if (stage === 'synced') directory.set(temporary, new StoredFile('state', bytes));
      else if (stage !== 'begun') rename();
      if (stage === 'ended') directory.sync();
      return stage === 'ended';
    },
  };
}

/**
 * Opens a file. Making a log also syncs its name, even if the file was there: its maker may have died before the sync.
 * Making a plain file promises nothing of its name.
 */
export function opening(
  ground: Ground,
  name: string,
  { create, kind }: { readonly create: boolean; readonly kind: FileKind },
): DiskStep<StoredFile> {
  const { directory, random } = ground;
  const make = () => {
    const file = directory.get(name) ?? new StoredFile(kind);
    directory.set(name, file);
    return file;
  };
  return {
    kind: 'open',
    whole() {
      if (!create) {
        const file = directory.get(name);
        return file === undefined ? MISSING : { kind: 'done', value: file };
      }
      const file = make();
      if (kind === 'log') directory.sync();
      return { kind: 'done', value: file };
    },
    part() {
      if (create && random.chance(0.5)) make();
      return false;
    },
  };
}

export function removing({ directory, random }: Ground, name: string): DiskStep<undefined> {
  return {
    kind: 'remove',
    whole() {
      directory.set(name, undefined);
      directory.sync();
      return DONE;
    },
    part() {
      if (random.chance(0.5)) directory.set(name, undefined);
      return false;
    },
  };
}

export function truncating(
  { random }: Ground,
  file: StoredFile,
  length: number,
): DiskStep<undefined> {
  return {
    kind: 'truncate',
    whole() {
      file.truncate(length);
      file.sync();
      return DONE;
    },
    part() {
      if (random.chance(0.5)) file.truncate(length);
      return false;
    },
  };
}

/**
 * Appends to a log. It reads the bytes only at its end: the caller must not change them before.
 * @param end the length without failed appends: whatever those left behind it is cut off first
 */
export function appending(
  ground: Ground,
  file: StoredFile,
  bytes: Buffer,
  end: () => number,
): DiskStep<undefined> {
  return {
    kind: 'append',
    whole() {
      file.truncate(end());
      const roomBytes = ground.roomBytes();
      if (bytes.length > roomBytes) {
        file.appendPart(bytes.subarray(0, roomBytes));
        return full(ground);
      }
      file.append(bytes);
      return DONE;
    },
    part() {
      file.truncate(end());
      file.appendPart(prefixOf(bytes, ground.random).subarray(0, ground.roomBytes()));
      return false;
    },
  };
}

/**
 * Writes bytes again that the file has: a crash in the middle changes neither the file nor how much of it is synced.
 */
export function rewriting(file: StoredFile, position: number, bytes: Buffer): DiskStep<undefined> {
  return {
    kind: 'append',
    whole() {
      file.rewrite(position, bytes);
      return DONE;
    },
    part: () => false,
  };
}

/** Writes at any position of a file that is no log. */
export function writing(
  ground: Ground,
  file: StoredFile,
  position: number,
  bytes: Buffer,
): DiskStep<undefined> {
  return {
    kind: 'append',
    whole() {
      const roomBytes = ground.roomBytes() + Math.max(0, file.length - position);
      file.write(position, bytes.subarray(0, roomBytes));
      return bytes.length > roomBytes ? full(ground) : DONE;
    },
    part() {
      file.write(position, prefixOf(bytes, ground.random));
      return false;
    },
  };
}

export function syncing(ground: Ground, file: StoredFile): DiskStep<undefined> {
  const { random } = ground;
  const { length } = file;
  return {
    kind: 'sync',
    whole() {
      file.sync(length);
      return DONE;
    },
    part() {
      if (random.chance(0.5)) file.sync(length);
      return false;
    },
    broken() {
      file.loseUnsynced(random);
      ground.losses++;
    },
  };
}

/** An operation that changes nothing. */
function plain<T>(kind: DiskOperation, value: () => T): DiskStep<T> {
  return { kind, whole: () => ({ kind: 'done', value: value() }), part: () => true };
}

function full(ground: Ground): DiskResult<never> {
  ground.full();
  return FULL;
}

function prefixOf(bytes: Buffer, random: SeededRandom): Buffer {
  return bytes.subarray(0, random.below(bytes.length + 1));
}
