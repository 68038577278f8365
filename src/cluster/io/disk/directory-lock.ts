// The lock that makes a data directory one process's (H5a). Sockets hold it: the kernel takes them back
// when their process ends, however it ends, so nobody has to guess whether a lock is stale.

import { createHash, randomBytes, randomInt } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT, FatalError } from '../../http/errors.ts';

export const DIRECTORY_ID_FILE = 'directory.id';
const ID = /^[0-9a-f]{32}\n$/;
const NO_ID = `${DIRECTORY_ID_FILE} is no id; remove that file`;
export const LOCK_FILE = 'directory.lock.';
/** Of a lock file that nobody looks at yet. */
const UNPUBLISHED = '.new';
const ATTEMPTS = 5;
const PAUSE_MS_MAX = 200;

/**
 * Holds until this process ends. Two locks, because each sees what the other does not: a copy beside the
 * original is another place, and a process in another network namespace has other abstract sockets.
 * @returns the file that must stay there
 * @throws FatalError when the directory is in use or cannot be locked
 */
export async function lockDirectory(directory: string): Promise<string> {
  const ofId = await lockId(directory);
  try {
    return await lockPlace(directory);
  } catch (error) {
    ofId.close();
    throw error;
  }
}

/**
 * An abstract Unix socket named after the directory's id. A copy of the directory has the same id, and is
 * refused beside the original: no directory may have two lives.
 */
async function lockId(directory: string): Promise<Server> {
  const name = socketOfId(directoryId(directory));
  try {
    return await listen(`\0${name}`);
  } catch (error) {
    throw codeOf(error) === 'EADDRINUSE' ? inUse(directory) : notLockable(directory, error);
  }
}

/**
 * A socket that listens inside the directory, which whoever sees the directory can find.
 *
 * 1. It listens, under a name that nobody looks at. Then it is renamed to one that no other process ever
 *    uses: it listened from when that name was there, so once it does not, its process is over.
 * 2. Only now it looks for others. Of any two the later one finds the earlier one, so at most one of them
 *    finds nobody, and has the lock. Each may find the other: both withdraw, and try again at random.
 *
 * @returns the file, which only its holder may delete, and only at its end
 */
export async function lockPlace(directory: string): Promise<string> {
  let folder: number | undefined;
  try {
    folder = openSync(directory, 'r');
    // A socket's path has 107 bytes at most; this one has few, wherever the directory is.
    const way = `/proc/self/fd/${folder}`;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const name = `${LOCK_FILE}${randomBytes(8).toString('hex')}`;
      const server = await listen(join(way, `${name}${UNPUBLISHED}`));
      renameSync(join(way, `${name}${UNPUBLISHED}`), join(way, name));
      if (!(await areThereOthers(way, name))) return join(directory, name);
      rmSync(join(way, name));
      server.close();
      await pause(randomInt(PAUSE_MS_MAX));
    }
  } catch (error) {
    throw notLockable(directory, error);
  } finally {
    if (folder !== undefined) closeSync(folder);
  }
  throw inUse(directory);
}

/** Deletes the files of processes that are over. */
async function areThereOthers(folder: string, own: string): Promise<boolean> {
  const others = readdirSync(folder).filter(
    (name) => name.startsWith(LOCK_FILE) && !name.endsWith(UNPUBLISHED) && name !== own,
  );
  for (const name of others) {
    if (await isAlive(join(folder, name))) return true;
    rmSync(join(folder, name), { force: true });
  }
  return false;
}

/** Alive unless the kernel says otherwise: one that is paused, or may not be asked, is. A copy of a lock is not. */
export function isAlive(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', (error) => {
      const code = codeOf(error);
      // Gone by itself, or deleted as over by another one that looks.
      done(code !== 'ECONNREFUSED' && code !== 'ENOENT');
    });
  });
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(path, () => done(server));
  });
}

/**
 * Made once, in one step, by whoever comes first. What a torn write left, or one of earlier software that was not
 * synced, is nothing: two directories must not count as one because both have it.
 */
function directoryId(directory: string): string {
  const path = join(directory, DIRECTORY_ID_FILE);
  try {
    const isThere = existsSync(path);
    const found = isThere ? idIn(path) : undefined;
    if (found !== undefined) return found;
    makeId(directory, isThere ? 'over it' : 'first');
    return idIn(path) ?? '';
  } catch (error) {
    throw unusableDirectory(directory, 'used', error);
  }
}

function idIn(path: string): string | undefined {
  const id = directoryIdOf(readFileSync(path));
  if (id === 'broken') throw Object.assign(new Error(), { code: NO_ID });
  return id;
}

/** @returns undefined for what is nothing, in whose place the next start makes one */
export function directoryIdOf(bytes: Buffer): string | 'broken' | undefined {
  const text = bytes.toString('latin1').replaceAll('\0', '');
  if (text.trim() === '') return undefined;
  return ID.test(text) ? text : 'broken';
}

/** The abstract socket that a process has for as long as it has a directory with this id. */
export function socketOfId(id: string): string {
  return `velour-fog-${createHash('sha1').update(id).digest('hex')}`;
}

/** @param where `first`: another process may have made one meanwhile, and that one stands */
function makeId(directory: string, where: 'first' | 'over it'): void {
  const path = join(directory, DIRECTORY_ID_FILE);
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, `${randomBytes(16).toString('hex')}\n`, { flush: true });
    if (where === 'over it') renameSync(temporary, path);
    else linkSync(temporary, path);
  } catch (error) {
    const code = codeOf(error);
    // Where there are no links there are no sockets either, which the next step says.
    if (code === 'EPERM' || code === 'ENOTSUP') renameSync(temporary, path);
    else if (code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  const folder = openSync(directory, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function inUse(directory: string): FatalError {
  return new FatalError(
    EXIT.config,
    `directory ${directory} is in use by another process; stop it, or choose another one`,
  );
}

/** What the code does not say by itself. */
const ADVICE: Readonly<Record<string, string>> = {
  EROFS: 'its file system is read-only; make it writable, or choose another directory',
  ENOSPC: 'its file system is full',
  EPERM: 'it cannot be changed; see lsattr, or choose another directory',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'this process has as many files open as it may',
  EIO: 'its disk cannot be read or written; replace it',
  EACCES: 'this user must be able to write there, and its file system must take Unix sockets',
};

/** @param done what the directory cannot be, such as `made` */
export function unusableDirectory(directory: string, done: string, error: unknown): FatalError {
  const code = codeOf(error);
  const advice = ADVICE[code] === undefined ? '' : `; ${ADVICE[code]}`;
  return new FatalError(
    EXIT.config,
    `data directory ${directory} cannot be ${done}: ${code}${advice}`,
  );
}

/** What a file system without sockets says of one differs; that it takes files tells it from all else. */
export function notLockable(directory: string, error: unknown): FatalError {
  const code = codeOf(error);
  const advice = takesFiles(directory) ? NO_SOCKETS : (ADVICE[code] ?? NO_SOCKETS);
  return new FatalError(EXIT.config, `directory ${directory} cannot be locked: ${code}; ${advice}`);
}

const NO_SOCKETS =
  'its file system takes no Unix sockets, as FAT, exFAT and some network file systems do not; choose a directory on another one';

function takesFiles(directory: string): boolean {
  const probe = join(directory, `${LOCK_FILE}${randomBytes(8).toString('hex')}${UNPUBLISHED}`);
  try {
    writeFileSync(probe, '');
    rmSync(probe);
    return true;
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
