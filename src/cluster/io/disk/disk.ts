// A data directory on a real disk. Its files are replaced in one step, and a log takes appended bytes whole or not at
// all. A full disk shows first as a short write (H35): the attempt to write the rest then fails with the reason.

import { closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { DirectoryFile, DirectoryState, Disk, DiskResult, LogFile } from '../../ports.ts';
import { patiently } from '../process/patience.ts';
import { lockDirectory, unusableDirectory } from './directory-lock.ts';

const DIRECTORY_MODE = 0o700;

/**
 * Makes the directory if it is missing, and locks it until this process ends, however it ends.
 * @throws FatalError when it is in use or cannot be used
 */
export async function openDisk(path: string): Promise<Disk> {
  const directory = resolve(path);
  try {
    makeDirectory(directory);
  } catch (error) {
    throw unusableDirectory(directory, 'made', error);
  }
  const lock = await lockDirectory(directory);
  const { dev, ino } = await stat(directory);
  const opened = { directory, lock, id: `${dev}:${ino}` };
  // Replacements follow each other: two of one file at once would share the temporary file.
  let last: Promise<unknown> = Promise.resolve();
  return {
    read(name, callback) {
      settle(
        patiently(() => readIfThere(join(directory, name))),
        callback,
      );
    },
    replace(name, bytes, callback) {
      const replaced = last.then(() => patiently(() => replace(directory, name, bytes)));
      last = replaced.catch(() => undefined);
      settle(replaced, callback);
    },
    openLog(name, { create }, callback) {
      settle(
        patiently(() => openLogFile(directory, name, create)),
        callback,
      );
    },
    list(callback) {
      settle(
        patiently(() => readdir(directory)),
        callback,
      );
    },
    inspect(names, callback) {
      settle(look(opened, names), callback);
    },
    remove(name, callback) {
      settle(
        patiently(() => remove(directory, name)),
        callback,
      );
    },
  };
}

/** Why the names in a directory above one's own cannot be synced: it may not be read, or its file system knows no such thing. */
const UNSYNCABLE: readonly string[] = ['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP'];

/**
 * Makes the missing directories one by one: on a read-only file system Node's recursive mkdir reports ENOENT. They survive
 * a crash of the machine, as far as the directories above let anybody sync them: what is synced in a directory is lost
 * with its name.
 */
export function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  const above = dirname(path);
  makeDirectory(above);
  try {
    mkdirSync(path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  try {
    const directory = openSync(above, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    if (!UNSYNCABLE.includes(codeOf(error))) throw error;
  }
}

/**
 * Makes directories below the top that survive a crash of the machine. Syncs the directory above also where this one is
 * there: who made it may have died before the name was on the disk. Never makes the top: if somebody moved that, a new one
 * in its place would be another, unlocked directory.
 */
export function makeBelow(top: string): (path: string) => Promise<undefined> {
  return async function make(path): Promise<undefined> {
    const above = dirname(path);
    try {
      await mkdir(path, DIRECTORY_MODE);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT' && above !== top) {
        await make(above);
        return make(path);
      }
      if (code !== 'EEXIST') throw error;
    }
    await syncDirectory(above);
    return undefined;
  };
}

async function openLogFile(directory: string, name: string, create: boolean): Promise<LogFile> {
  const path = join(directory, name);
  const flags = constants.O_APPEND | constants.O_RDWR | (create ? constants.O_CREAT : 0);
  const file = await open(path, flags);
  try {
    const { size, dev, ino } = await file.stat();
    // Also for a file that existed: its creator may have died before the name was on the disk.
    if (create) await syncDirectory(directory);
    return logFile(path, file, { size, id: `${dev}:${ino}` });
  } catch (error) {
    await file.close();
    throw error;
  }
}

function logFile(
  path: string,
  file: FileHandle,
  { size, id }: { readonly size: number; readonly id: string },
): LogFile {
  const end = { at: size, isTorn: false };
  return {
    id,
    length: size,
    read: (position, into, callback) => settle(readAt(file, position, into), callback),
    truncate: (length, callback) => settle(truncate(file, length, end), callback),
    append: (bytes, callback) => settle(appendTo(file, bytes, end), callback),
    rewrite: (position, bytes, callback) => settle(rewrite(path, position, bytes), callback),
    sync: (callback) => settle(sync(file), callback),
    // The file's earlier requests are finished before it closes, and nothing waits for the close.
    close: () => settle(file.close(), () => undefined),
  };
}

export async function readAt(file: FileHandle, position: number, into: Buffer): Promise<number> {
  for (let filled = 0; ; ) {
    const left = into.length - filled;
    const { bytesRead } = await file.read(into, filled, left, position + filled);
    filled += bytesRead;
    if (bytesRead === 0 || filled === into.length) return filled;
  }
}

async function remove(directory: string, name: string): Promise<undefined> {
  await unlink(join(directory, name)).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
  await syncDirectory(directory);
  return undefined;
}

async function look(
  opened: { readonly directory: string; readonly lock: string; readonly id: string },
  names: readonly string[],
): Promise<DirectoryState> {
  const { directory, lock } = opened;
  const files: (DirectoryFile | undefined)[] = [];
  const there = await sightOf(directory);
  if (there?.id !== opened.id) {
    return { problem: `directory ${directory} was moved or removed`, files };
  }
  if ((await sightOf(lock)) === undefined) {
    return { problem: `${basename(lock)}, the lock of ${directory}, was removed`, files };
  }
  for (const name of names) files.push(await sightOf(join(directory, name)));
  return { problem: undefined, files };
}

async function sightOf(path: string): Promise<DirectoryFile | undefined> {
  try {
    const { dev, ino, size } = await stat(path);
    return { id: `${dev}:${ino}`, bytes: size };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The end of a log file. When `isTorn`, bytes beyond `at` are left from a failed append. */
interface End {
  at: number;
  isTorn: boolean;
}

async function truncate(file: FileHandle, length: number, end: End): Promise<undefined> {
  await file.truncate(length);
  await file.sync();
  end.at = length;
  end.isTorn = false;
  return undefined;
}

async function appendTo(file: FileHandle, bytes: Buffer, end: End): Promise<undefined> {
  if (end.isTorn) await file.truncate(end.at);
  end.isTorn = true;
  await writeAll(file, bytes);
  end.at += bytes.length;
  end.isTorn = false;
  return undefined;
}

/** Writes all bytes. A short write is no error yet: on a full disk the next one fails with the reason (H35). */
export async function writeAll(file: FileHandle, bytes: Buffer, position?: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const at = position === undefined ? null : position + written;
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, at);
    if (bytesWritten === 0) throw Object.assign(new Error('nothing written'), { code: 'ENOSPC' });
    written += bytesWritten;
  }
}

/** Opens the file once more, because a descriptor that appends writes to the end whatever the position is. */
async function rewrite(path: string, position: number, bytes: Buffer): Promise<undefined> {
  const file = await open(path, 'r+');
  try {
    await writeAll(file, bytes, position);
  } finally {
    await file.close();
  }
  return undefined;
}

async function sync(file: FileHandle): Promise<undefined> {
  await file.datasync();
  return undefined;
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes and syncs a temporary file, renames it, syncs the directory: a crash leaves the old file or the new one. */
export async function replace(directory: string, name: string, bytes: Buffer): Promise<undefined> {
  const target = join(directory, name);
  const temporary = `${target}.new`;
  const file = await open(temporary, 'w');
  try {
    await writeAll(file, bytes);
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await file.close();
  await rename(temporary, target);
  await syncDirectory(dirname(target));
  return undefined;
}

export function settle<T>(work: Promise<T>, callback: (result: DiskResult<T>) => void): void {
  work.then(
    (value) => callback({ kind: 'done', value }),
    (error: unknown) => callback({ kind: 'failed', detail: codeOf(error) }),
  );
}

export function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message ?? String(error);
}
