// A folder of plain files on a real disk, which a backup is written to and read from. The meaning of its files is in
// src/backup; the directories of nodes are in disk.ts.

import { constants, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EXIT, FatalError } from '../../http/errors.ts';
import type { Folder, FolderFile } from '../../ports.ts';
import { patiently } from '../process/patience.ts';
import { lockPlace } from './directory-lock.ts';
import {
  makeBelow,
  makeDirectory,
  readIfThere,
  replace,
  settle,
  syncDirectory,
  writeAll,
} from './disk.ts';

export function openFolder(path: string): Folder {
  const directory = resolve(path);
  // Replacements follow each other: two of one file at once would share the temporary file.
  let last: Promise<unknown> = Promise.resolve();
  return {
    read: (name, callback) =>
      settle(
        patiently(() => readIfThere(join(directory, name))),
        callback,
      ),
    replace(name, bytes, callback) {
      const replaced = last.then(() => patiently(() => replace(directory, name, bytes)));
      last = replaced.catch(() => undefined);
      settle(replaced, callback);
    },
    open: (name, { create }, callback) =>
      settle(
        patiently(() => openFile(join(directory, name), create)),
        callback,
      ),
    makeDirectory: (name, callback) =>
      settle(
        patiently(() => makeBelow(directory)(join(directory, name))),
        callback,
      ),
  };
}

/**
 * Opens a folder for writing: makes it if it is missing, and locks it until this process ends.
 * @param owned the file that marks a folder as a backup: a folder that has files, and not this one, is refused
 * @throws FatalError when the folder is in use, is refused or cannot be used
 */
export async function claimFolder(path: string, owned: string): Promise<Folder> {
  const directory = resolve(path);
  try {
    makeDirectory(directory);
    const names = readdirSync(directory).filter((name) => !isOfSystem(name));
    const [foreign] = names;
    if (foreign !== undefined && !names.includes(owned)) {
      throw new FatalError(
        EXIT.config,
        `${directory} has ${foreign} and no ${owned}: it is no backup; name another directory`,
      );
    }
  } catch (error) {
    if (error instanceof FatalError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new FatalError(EXIT.config, `directory ${directory} cannot be made: ${code}`);
  }
  const lock = await lockPlace(directory);
  // The lock file goes at exit: backups are copied to other places, and some copying tools fail on a socket.
  process.once('exit', () => rmSync(lock, { force: true }));
  return openFolder(directory);
}

/** Names that file systems, desktops and network shares put into any directory, and our own lock files. */
const OF_SYSTEMS =
  /^(directory\.lock\..*|lost\+found|\.DS_Store|\._.*|\.Trash.*|\.Spotlight-V100|\.fseventsd|\.TemporaryItems|\.snapshots?|\.zfs|\.nfs[0-9a-f]+|\.directory|@eaDir|#recycle|Thumbs\.db|desktop\.ini|System Volume Information|\$RECYCLE\.BIN)$/;

export function isOfSystem(name: string): boolean {
  return OF_SYSTEMS.test(name);
}

async function openFile(path: string, create: boolean): Promise<FolderFile> {
  const flags = create ? constants.O_RDWR | constants.O_CREAT : constants.O_RDONLY;
  const file = await open(path, flags);
  const { size } = await file.stat();
  return {
    bytes: size,
    read: (position, length, callback) => settle(readAll(file, position, length), callback),
    write: (position, bytes, callback) => settle(writeAt(file, position, bytes), callback),
    finish: (length, callback) => settle(finish(file, path, length), callback),
    close: () => settle(file.close(), () => undefined),
  };
}

async function readAll(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

async function writeAt(file: FileHandle, position: number, bytes: Buffer): Promise<undefined> {
  await writeAll(file, bytes, position);
  return undefined;
}

async function finish(file: FileHandle, path: string, length: number): Promise<undefined> {
  await file.truncate(length);
  await file.sync();
  // The name as well: nobody else says of it that it is on the disk.
  await syncDirectory(dirname(path));
  return undefined;
}
