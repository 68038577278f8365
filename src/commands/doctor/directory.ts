// What the doctor looks at in a data directory: room, strangers, modes, owners, who uses it, and damage that shows
// without reading much. It only reads, takes no lock, and disturbs no process that has one.

import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, open, readFile, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { DIRECTORY_ID_FILE, LOCK_FILE } from '../../cluster/io/directory-lock.ts';
import { isOfSystem } from '../../cluster/io/folder.ts';
import { holderOf, unixSockets } from '../../cluster/io/socket-holders.ts';
import { STATE_FILE } from '../../controller/state-file.ts';
import { IDENTITY_FILE } from '../../storage/identity-file.ts';
import { EARLIER_LOG_FILE, logFileBytes, logFileNumbers } from '../../storage/log-files.ts';
import { MAP_FILE } from '../../storage/recovery.ts';
import { lookForDamage } from './damage.ts';
import { codeOf, type Entry, entriesOf, lstatIfThere } from './entries.ts';
import type { Check, Report } from './finding.ts';
import { megabytes } from './machine.ts';

/** The log's cleaner: three and a quarter times the records, and a few files. */
const LOG_OF_MEMORY = 3.25;
const FILES_MORE = 4;
/** Of small files and what replaces them: maps of the largest clusters, twice. */
const SMALL_FILES_BYTES = 64 * 2 ** 20;
const SMALL_FILES = 16;
/** Beyond that a directory is another one's. */
const STRANGERS_SHOWN = 3;

export interface DataDirectory {
  readonly path: string;
  readonly memoryBytes: number;
  /** Is to be a storage node's, if nothing in it says otherwise. */
  readonly isForStorage: boolean;
  /** Its node runs, so that it is in use is as it should be. */
  readonly isRunning: boolean;
}

export function directory(of: DataDirectory): Check {
  const path = resolve(of.path);
  return {
    name: 'directory',
    async examine(report) {
      const stats = await lstatIfThere(path);
      const entries = stats?.isDirectory() ? await entriesOf(path, report) : [];
      if (stats !== undefined && !stats.isDirectory()) {
        return report({
          check: 'directory',
          what: `${path} is no directory`,
          todo: 'name another one',
        });
      }
      if (entries === undefined) return;
      await lookAtRoom(path, entries, of, report);
      if (stats === undefined) return;
      lookAtNames(path, entries, report);
      lookAtModes(path, stats, entries, report);
      if (!of.isRunning) await lookAtUse(path, entries, report);
      await lookForDamage(path, entries, report);
    },
  };
}

async function lookAtRoom(
  path: string,
  entries: readonly Entry[],
  { memoryBytes, isForStorage }: DataDirectory,
  report: Report,
): Promise<void> {
  const place = await nearestThatIsThere(path);
  try {
    await access(place, constants.W_OK | constants.X_OK);
  } catch (error) {
    report({
      check: 'directory',
      what: `${place} cannot be written by this user: ${codeOf(error)}`,
      todo: 'make it writable, or choose another one',
    });
  }
  const isThere = (name: string) => entries.some((entry) => entry.name === name);
  const logs = entries.filter(({ name }) => logFileNumbers([name]).length > 0);
  const holdsLog = isThere(IDENTITY_FILE) || (isForStorage && !isThere(STATE_FILE));
  const logBytes = logs.reduce((sum, { stats }) => sum + stats.size, 0);
  const most = holdsLog ? LOG_OF_MEMORY * memoryBytes + FILES_MORE * logFileBytes(memoryBytes) : 0;
  const bytes = Math.max(0, most - logBytes) + SMALL_FILES_BYTES;
  const files =
    Math.max(0, Math.ceil(most / logFileBytes(memoryBytes)) - logs.length) + SMALL_FILES;
  const { bavail, bsize, files: inodes, ffree } = await statfs(place);
  if (bavail * bsize < bytes) {
    report({
      check: 'disk',
      what: `the file system of ${path} has ${megabytes(bavail * bsize)} free, and up to ${megabytes(bytes)} more are needed${holdsLog ? ` for the log of --memory ${megabytes(memoryBytes)} and its cleaner` : ''}`,
      todo: 'make room, or give less to --memory: on a full disk a node takes no sets',
    });
  }
  // A file system that makes them as needed says none at all.
  if (inodes > 0 && ffree < files) {
    report({
      check: 'disk',
      what: `the file system of ${path} has ${ffree} inodes free, and up to ${files} files more are needed`,
      todo: 'remove files, or choose another file system: no inodes are a full disk',
    });
  }
}

async function nearestThatIsThere(path: string): Promise<string> {
  let place = path;
  while ((await lstatIfThere(place)) === undefined && dirname(place) !== place)
    place = dirname(place);
  return place;
}

const SMALL: readonly string[] = [DIRECTORY_ID_FILE, IDENTITY_FILE, MAP_FILE, STATE_FILE];

function isOwn(name: string): boolean {
  // Beside each of the small files there is a new one for a moment.
  const whole = name.replace(/\.(?:new|\d+)$/, '');
  return SMALL.includes(whole) || whole === EARLIER_LOG_FILE || logFileNumbers([name]).length > 0;
}

function lookAtNames(path: string, entries: readonly Entry[], report: Report): void {
  const isStrange = ({ name, stats }: Entry) =>
    !isOfSystem(name) && (!isOwn(name) || !stats.isFile());
  const strangers = entries.filter(isStrange).map(({ name }) => name);
  if (strangers.length > 0) {
    const shown = strangers.slice(0, STRANGERS_SHOWN).join(', ');
    const more =
      strangers.length > STRANGERS_SHOWN ? ` and ${strangers.length - STRANGERS_SHOWN} more` : '';
    report({
      check: 'directory',
      what: `${path} has what no node put there: ${shown}${more}`,
      todo: 'give the node a directory of its own, so that nobody else fills or cleans it',
    });
  }
  const names = entries.map(({ name }) => name);
  if (names.includes(STATE_FILE) && names.includes(IDENTITY_FILE)) {
    report({
      check: 'directory',
      what: `${path} has the state of a controller and of a storage node`,
      todo: 'give each its own; one of the two was copied here, or started with the wrong --data-dir',
    });
  }
}

function lookAtModes(path: string, stats: Stats, entries: readonly Entry[], report: Report): void {
  const mode = (each: Stats) => (each.mode & 0o777).toString(8).padStart(4, '0');
  if ((stats.mode & 0o022) !== 0) {
    report({
      check: 'modes',
      what: `others may write into ${path}, which is ${mode(stats)}`,
      todo: `chmod 0700 ${path}`,
    });
  }
  const open = entries.filter(
    ({ name, stats: of }) => isOwn(name) && of.isFile() && (of.mode & 0o077) !== 0,
  );
  const [first] = open;
  if (first !== undefined) {
    const more = open.length > 1 ? `, and so are ${open.length - 1} more` : '';
    report({
      check: 'modes',
      what: `${join(path, first.name)} is ${mode(first.stats)}${more}: other users may read or change what clients stored`,
      todo: `chmod 0600 ${path}/*`,
    });
  }
  const owner = entries.find(({ name, stats: of }) => isOwn(name) && of.uid !== stats.uid);
  if (owner !== undefined) {
    report({
      check: 'owner',
      what: `${join(path, owner.name)} is user ${owner.stats.uid}'s, and the directory user ${stats.uid}'s`,
      todo: `chown -R ${stats.uid} ${path}: the node was started as another user once`,
    });
  }
}

async function lookAtUse(path: string, entries: readonly Entry[], report: Report): Promise<void> {
  const locks = entries.map(({ name }) => name).filter((name) => name.startsWith(LOCK_FILE));
  for (const name of locks) {
    const sockets = unixSockets(name);
    // A process in another network namespace shows only by its answer, which it gives to every node that starts.
    if (sockets.length === 0 && !(await answers(path, name))) continue;
    const holder = holderOf(sockets) ?? 'a process that this one cannot see';
    return report({
      check: 'in-use',
      what: `${path} is in use by ${holder}`,
      todo: 'stop it before another one is started there; if it is the node that you mean, say --running',
    });
  }
  const id = await readFile(join(path, DIRECTORY_ID_FILE), 'latin1').catch(() => '');
  const copies = unixSockets(`@velour-fog-${createHash('sha1').update(id).digest('hex')}`);
  if (id === '' || copies.length === 0) return;
  report({
    check: 'in-use',
    what: `${path} is a copy of a directory that is in use by ${holderOf(copies) ?? 'a process that this one cannot see'}`,
    todo: 'start no node on it while the other one runs; a node of its own begins with an empty directory',
  });
}

async function answers(path: string, name: string): Promise<boolean> {
  const folder = await open(path, 'r');
  try {
    // A socket's path has 107 bytes at most.
    return await isConnected(`/proc/self/fd/${folder.fd}/${name}`);
  } finally {
    await folder.close();
  }
}

function isConnected(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
