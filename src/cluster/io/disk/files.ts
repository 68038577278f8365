// A directory tree of plain files on a real disk, as file servers keep blobs in. Bytes go to and from the system without
// a copy in between, and no call holds up the event loop.

import { constants } from 'node:fs';
import {
  access,
  type FileHandle,
  link,
  open,
  opendir,
  rename,
  stat,
  statfs,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { assert } from '../../assert.ts';
import type {
  FileEntry,
  FileList,
  FileMove,
  Files,
  FilesCallback,
  FilesFault,
  FilesState,
  NewFile,
  OpenFile,
} from '../../files.ts';
import { isShortage } from '../../shortage.ts';
import { patiently } from '../process/patience.ts';
import { lockDirectory, unusableDirectory } from './directory-lock.ts';
import { codeOf, makeBelow, makeDirectory, readAt, syncDirectory } from './disk.ts';

const FILE_MODE = 0o600;
/** How many names a listing reads from the system at once. */
const LISTED_AT_ONCE = 256;

/**
 * Makes the directory if it is missing, and locks it until this process ends, however it ends.
 * @throws FatalError when it is in use or cannot be used
 */
export async function openFiles(path: string): Promise<Files> {
  const directory = resolve(path);
  try {
    makeDirectory(directory);
  } catch (error) {
    throw unusableDirectory(directory, 'made', error);
  }
  const lock = await lockDirectory(directory);
  const id = await idOf(directory);
  const at = (name: string) => {
    assert(isBelow(name), `the path ${name} stays below its directory`);
    return join(directory, name);
  };
  return {
    makeDirectory: (name, callback) => carryOut(at(name), makeAndSync(directory), callback),
    create: (name, callback) => carryOut(at(name), create, callback),
    open: (name, callback) => carryOut(at(name), openToRead, callback),
    changedMs: (name, callback) => carryOut(at(name), changedMs, callback),
    bytesOf: (name, callback) => carryOut(at(name), bytesOf, callback),
    rename: (moves, callback) =>
      settle(renameAll(moves.map(({ from, to }) => ({ from: at(from), to: at(to) }))), callback),
    link: ({ from, to }, callback) => carryOut(at(to), linkTo(at(from)), callback),
    unlink: (name, callback) => carryOut(at(name), unlinkIfThere, callback),
    list: (name, callback) => carryOut(name === '' ? directory : at(name), list, callback),
    look: (callback) => settle(look({ directory, lock, id }), callback),
  };
}

function carryOut<T>(
  path: string,
  work: (path: string) => Promise<T>,
  callback: FilesCallback<T>,
): void {
  settle(
    patiently(() => work(path)),
    callback,
  );
}

function isBelow(path: string): boolean {
  return path !== '' && path.split('/').every((name) => !['', '.', '..'].includes(name));
}

function nothing(): undefined {
  return undefined;
}

/**
 * Where a sync has failed, no later one succeeds by mistake, as it may for the bytes of a file: names are in the journal of
 * the file system, which takes nothing any more once it could not be written.
 */
function makeAndSync(top: string): (path: string) => Promise<undefined> {
  return async (path) => {
    await makeBelow(top)(path);
    await syncDirectory(path);
    return undefined;
  };
}

async function create(path: string): Promise<NewFile> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
  let end = 0;
  return {
    append(pieces, callback) {
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      settle(writeAll(file, pieces, end), callback);
      end += bytes;
    },
    sync: (callback) => settle(file.datasync().then(nothing), callback),
    close: () => settle(file.close(), () => undefined),
  };
}

/** Writes all bytes. A short write is no error yet: on a full disk the next one fails with the reason (H35). */
async function writeAll(
  file: FileHandle,
  pieces: readonly Buffer[],
  position: number,
): Promise<undefined> {
  let at = position;
  for (let left = pieces; left.length > 0; ) {
    const { bytesWritten } = await file.writev(left as Buffer[], at);
    if (bytesWritten === 0) throw Object.assign(new Error('nothing written'), { code: 'ENOSPC' });
    at += bytesWritten;
    left = withoutFirst(left, bytesWritten);
  }
  return undefined;
}

function withoutFirst(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  let skipped = bytes;
  const left: Buffer[] = [];
  for (const piece of pieces) {
    if (skipped < piece.length) left.push(skipped === 0 ? piece : piece.subarray(skipped));
    skipped = Math.max(0, skipped - piece.length);
  }
  return left;
}

async function openToRead(path: string): Promise<OpenFile> {
  const file = await open(path, constants.O_RDONLY);
  return {
    read: (position, into, callback) => settle(readAt(file, position, into), callback),
    // The handle closes when the reads under way are over, and nothing waits for it.
    close: () => settle(file.close(), () => undefined),
  };
}

async function changedMs(path: string): Promise<number> {
  return (await stat(path)).ctimeMs;
}

async function bytesOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

function linkTo(from: string): (to: string) => Promise<undefined> {
  return (to) => link(from, to).then(nothing);
}

async function renameAll(moves: readonly FileMove[]): Promise<undefined> {
  for (const { from, to } of moves) await rename(from, to);
  const directories = new Set(moves.flatMap(({ from, to }) => [dirname(to), dirname(from)]));
  await Promise.all([...directories].map((directory) => patiently(() => syncDirectory(directory))));
  return undefined;
}

async function unlinkIfThere(path: string): Promise<undefined> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
  return undefined;
}

async function list(path: string): Promise<FileList> {
  const directory = await opendir(path, { bufferSize: LISTED_AT_ONCE });
  const next = async (count: number) => {
    const entries: FileEntry[] = [];
    while (entries.length < count) {
      const entry = await directory.read();
      if (entry === null) break;
      entries.push({ name: entry.name, isDirectory: entry.isDirectory() });
    }
    return entries;
  };
  return {
    next: (count, callback) => settle(next(count), callback),
    close: () => settle(directory.close(), () => undefined),
  };
}

async function look(opened: {
  readonly directory: string;
  readonly lock: string;
  readonly id: string;
}): Promise<FilesState> {
  const { directory, lock, id } = opened;
  const { bavail, blocks, bsize } = await statfs(directory);
  const isOurs = (await idOf(directory)) === id;
  const isLocked = await access(lock).then(
    () => true,
    () => false,
  );
  const problem = !isOurs
    ? `directory ${directory} was moved or removed`
    : isLocked
      ? undefined
      : `${basename(lock)}, the lock of ${directory}, was removed`;
  return { problem, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

async function idOf(directory: string): Promise<string> {
  const { dev, ino } = await stat(directory);
  return `${dev}:${ino}`;
}

/** Codes by which a disk says that it is of no use, at least for writing. */
const BROKEN: ReadonlySet<string> = new Set([
  'EIO',
  'EROFS',
  'ENXIO',
  'ENODEV',
  'ESTALE',
  'EUCLEAN',
  'EBADMSG',
  'EREMOTEIO',
]);
const FAULTS: Readonly<Record<string, FilesFault>> = {
  ENOENT: 'absent',
  ENOTDIR: 'absent',
  EEXIST: 'exists',
  ENOSPC: 'full',
  EDQUOT: 'full',
};

function faultOf(code: string): FilesFault {
  if (BROKEN.has(code)) return 'broken';
  return FAULTS[code] ?? (isShortage(code) ? 'shortage' : 'other');
}

function settle<T>(work: Promise<T>, callback: FilesCallback<T>): void {
  work.then(
    (value) => callback({ kind: 'done', value }),
    (error: unknown) => {
      const detail = codeOf(error);
      callback({ kind: 'failed', fault: faultOf(detail), detail });
    },
  );
}
