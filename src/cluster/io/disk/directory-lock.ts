// The lock that reserves a data directory for one process (H5a). Sockets hold it: the kernel releases them when their
// process ends, however it ends, so nobody has to guess whether a lock is stale.

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
/** The suffix of a lock file that other processes do not inspect yet. */
const UNPUBLISHED = '.new';
const ATTEMPTS = 5;
const PAUSE_MS_MAX = 200;

/**
 * Locks the directory until this process ends. There are two locks, because each finds what the other misses: a copy
 * of the directory beside the original is another place, and a process in another network namespace has other
 * abstract sockets.
 * @returns the path of the lock file, which must stay there
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
 * Listens on an abstract Unix socket named after the directory's id. A copy of the directory has the same id, and is
 * refused while the original is in use: no directory may have two running incarnations.
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
 * Locks the directory by a socket inside it, which every process that sees the directory can find.
 *
 * 1. The process listens under a name that nobody inspects, then renames the socket to one that no other process ever
 * uses. So the socket listened from the moment that name appeared; once it does not, its process is over.
 * 2. Only now the process looks for others. Of any two, the later one finds the earlier one, so at most one of them
 * finds nobody, and has the lock. If each finds the other, both withdraw and try again after a random pause.
 *
 * @returns the path of the lock file, which only its holder may delete, and only at its end
 * @throws FatalError when the directory is in use or cannot be locked
 */
export async function lockPlace(directory: string): Promise<string> {
  let folder: number | undefined;
  try {
    folder = openSync(directory, 'r');
    // The path of a socket has at most 107 bytes; this one stays short wherever the directory is.
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

/** Whether another process holds the lock. Deletes the lock files of processes that are over. */
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

/**
 * Whether the process that made this lock file runs. A process that is paused or may not be asked counts as running;
 * only the kernel's refusal proves the opposite, which a copy of a lock file meets as well.
 */
export function isAlive(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', (error) => {
      const code = codeOf(error);
      // ENOENT: the holder deleted its file, or another process deleted it as stale.
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
 * Returns the id of the directory, which the first process makes, in one step. A file that is empty, or has only
 * zeros or blanks, counts as missing: torn writes and earlier software leave such files, and two directories must not
 * count as one because both have one.
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

/** @returns undefined for a file without content, which the next start replaces by a new id */
export function directoryIdOf(bytes: Buffer): string | 'broken' | undefined {
  const text = bytes.toString('latin1').replaceAll('\0', '');
  if (text.trim() === '') return undefined;
  return ID.test(text) ? text : 'broken';
}

/** The name of the abstract socket that a process holds while it uses a directory with this id. */
export function socketOfId(id: string): string {
  return `velour-fog-${createHash('sha1').update(id).digest('hex')}`;
}

/**
 * @param where `first`: no file was there, and if another process has made one meanwhile, that one stands; `over it`:
 * replaces a file without content
 */
function makeId(directory: string, where: 'first' | 'over it'): void {
  const path = join(directory, DIRECTORY_ID_FILE);
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, `${randomBytes(16).toString('hex')}\n`, { flush: true });
    if (where === 'over it') renameSync(temporary, path);
    else linkSync(temporary, path);
  } catch (error) {
    const code = codeOf(error);
    // A file system without hard links takes no Unix sockets either, which locking the place will report.
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
    `directory ${directory} is in use by another process, or is a copy of one that is; stop that process, or choose another directory`,
  );
}

/** Advice for people on the codes that do not explain themselves. */
const ADVICE: Readonly<Record<string, string>> = {
  EROFS: 'its file system is read-only; make it writable, or choose another directory',
  ENOSPC: 'its file system is full',
  EPERM: 'it cannot be changed; see lsattr, or choose another directory',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'this process has as many files open as it may',
  ENOTDIR: 'it is no directory; choose another path',
  EIO: 'its disk cannot be read or written; replace it',
  EACCES: 'this user must be able to write there, and its file system must take Unix sockets',
};

/** @param done what could not be done to the directory, as a participle such as `made` */
export function unusableDirectory(directory: string, done: string, error: unknown): FatalError {
  const code = codeOf(error);
  const advice = ADVICE[code] === undefined ? '' : `; ${ADVICE[code]}`;
  return new FatalError(
    EXIT.config,
    `data directory ${directory} cannot be ${done}: ${code}${advice}`,
  );
}

/**
 * File systems without Unix sockets fail with different codes. They have in common that they take plain files, so
 * where a file can be made, the missing sockets are the cause.
 */
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
