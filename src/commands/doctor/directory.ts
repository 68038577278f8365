// The doctor's checks of a data directory: free space, foreign files, modes, owners, who uses it, and damage that shows
// without reading much. It only reads, takes no lock, and disturbs no process that holds one.

import { constants, type Stats } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DIRECTORY_ID_FILE } from '../../cluster/io/disk/directory-lock.ts';
import { isOfSystem } from '../../cluster/io/disk/folder.ts';
import { STATE_FILE } from '../../controller/map/state-file.ts';
import { IDENTITY_FILE as FILE_SERVER_FILE, FOLDERS } from '../../fileserver/blob-store/places.ts';
import { IDENTITY_FILE } from '../../storage/data-directory/identity-file.ts';
import { MAP_FILE } from '../../storage/data-directory/recovery.ts';
import { EARLIER_LOG_FILE, logFileBytes, logFileNumbers } from '../../storage/log/log-files.ts';
import { lookForDamage } from './damage.ts';
import { codeOf, type Entry, entriesOf, lstatIfThere } from './entries.ts';
import type { Check, ReportFinding } from './finding.ts';
import { megabytes } from './machine.ts';
import { lookAtUse } from './use.ts';

/** How large a log may grow while it is compacted: three and a quarter times the records, and a few files. */
const LOG_OF_MEMORY = 3.25;
const FILES_MORE = 4;
/** Space for the small files and their replacements: maps of the largest clusters, twice. */
const SMALL_FILES_BYTES = 64 * 2 ** 20;
const SMALL_FILES = 16;
/** How many foreign files are named; a directory with more belongs to somebody else. */
const STRANGERS_SHOWN = 3;
const OWN_DIRECTORY =
  'give the node a directory of its own, so that nobody else fills, cleans or reads it';
/** The sticky and setgid bits, which a directory has that many users share. */
const SHARED_MODES = 0o3000;
/** Types in statfs of file systems that are views of the system, and store no files (linux/magic.h). */
const VIEWS: ReadonlyMap<number, string> = new Map([
  [0x9fa0, 'proc'],
  [0x62656572, 'sysfs'],
  [0x63677270, 'cgroup2'],
  [0x27e0eb, 'cgroup'],
  [0x1cd1, 'devpts'],
  [0x64626720, 'debugfs'],
  [0x74726163, 'tracefs'],
  [0x73636673, 'securityfs'],
  [0xcafe4a11, 'bpf'],
]);

export interface DataDirectory {
  readonly path: string;
  readonly memoryBytes: number;
  /** Whether it is meant for a storage node, where its files do not say otherwise. */
  readonly isForStorage: boolean;
  /** Whether its node runs: then it should be in use. */
  readonly isRunning: boolean;
}

export function directory(of: DataDirectory): Check {
  const path = resolve(of.path);
  return {
    name: 'directory',
    async examine(report) {
      // `stat` follows a link to a directory; a broken link is inspected itself.
      const stats = await stat(path).catch(() => lstatIfThere(path));
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
      const strangers = lookAtNames(path, entries, report);
      const isShared = strangers.length > 0 || (stats.mode & SHARED_MODES) !== 0;
      lookAtModes({ path, stats, entries, isShared }, report);
      if (!of.isRunning) await lookAtUse(path, entries, report);
      await lookForDamage(path, entries, report);
    },
  };
}

async function lookAtRoom(
  path: string,
  entries: readonly Entry[],
  { memoryBytes, isForStorage }: DataDirectory,
  report: ReportFinding,
): Promise<void> {
  const place = await nearestThatIsThere(path);
  const { bavail, bsize, blocks, files: inodes, ffree, type } = await statfs(place);
  const view = VIEWS.get(type);
  if (view !== undefined) {
    return report({
      check: 'directory',
      what: `${place} cannot be written: it is of ${view}, which keeps no files`,
      todo: 'choose another directory, on a disk',
    });
  }
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
  const isOfOther = isThere(STATE_FILE) || isThere(FILE_SERVER_FILE);
  const holdsLog = isThere(IDENTITY_FILE) || (isForStorage && !isOfOther);
  const logBytes = logs.reduce((sum, { stats }) => sum + stats.size, 0);
  const most = holdsLog ? LOG_OF_MEMORY * memoryBytes + FILES_MORE * logFileBytes(memoryBytes) : 0;
  const bytes = Math.max(0, most - logBytes) + SMALL_FILES_BYTES;
  const files =
    Math.max(0, Math.ceil(most / logFileBytes(memoryBytes)) - logs.length) + SMALL_FILES;
  // A file system in memory without a limit reports no blocks at all.
  if (blocks > 0 && bavail * bsize < bytes) {
    report({
      check: 'disk',
      what: `the file system of ${path} has ${megabytes(bavail * bsize)} free, and up to ${megabytes(bytes)} more are needed${holdsLog ? ` for the log of --memory ${megabytes(memoryBytes)} and its cleaner` : ''}`,
      todo: holdsLog
        ? 'make room, or give less to --memory: on a full disk a node takes no sets'
        : 'make room: while the disk is full the map cannot change, and a node that ends is not replaced',
    });
  }
  // A file system that makes inodes as needed reports none at all.
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
/** The small files of a file server: who it is, how long it has run, how far its scrubber is. */
const OF_FILE_SERVER = 'fileserver.';

function isOwn(name: string): boolean {
  // Each small file has a `.new` file beside it for a moment while it is replaced.
  const whole = name.replace(/\.(?:new|\d+)$/, '');
  const isSmall = SMALL.includes(whole) || whole.startsWith(OF_FILE_SERVER);
  return isSmall || whole === EARLIER_LOG_FILE || logFileNumbers([name]).length > 0;
}

/** @returns the names of entries that no node put there */
function lookAtNames(
  path: string,
  entries: readonly Entry[],
  report: ReportFinding,
): readonly string[] {
  const hasBlobs = entries.some(({ name }) => name === FILE_SERVER_FILE);
  const isFolder = ({ name, stats }: Entry) =>
    hasBlobs && stats.isDirectory() && FOLDERS.some((folder) => folder === name);
  const isStrange = (entry: Entry) =>
    !isOfSystem(entry.name) && !isFolder(entry) && (!isOwn(entry.name) || !entry.stats.isFile());
  const strangers = entries.filter(isStrange).map(({ name }) => name);
  if (strangers.length > 0) {
    const shown = strangers.slice(0, STRANGERS_SHOWN).join(', ');
    const more =
      strangers.length > STRANGERS_SHOWN ? ` and ${strangers.length - STRANGERS_SHOWN} more` : '';
    report({
      check: 'directory',
      what: `${path} has what no node put there: ${shown}${more}`,
      todo: OWN_DIRECTORY,
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
  return strangers;
}

interface Looked {
  readonly path: string;
  readonly stats: Stats;
  readonly entries: readonly Entry[];
  /** Whether others use the directory as well, so that changing its modes or owners cannot be advised. */
  readonly isShared: boolean;
}

function lookAtModes({ path, stats, entries, isShared }: Looked, report: ReportFinding): void {
  const mode = (each: Stats) => (each.mode & 0o7777).toString(8).padStart(4, '0');
  if ((stats.mode & 0o022) !== 0) {
    report({
      check: 'modes',
      what: `others may write into ${path}, which is ${mode(stats)}`,
      todo: isShared ? OWN_DIRECTORY : `chmod 0700 ${path}`,
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
      todo: isShared ? OWN_DIRECTORY : `chmod 0600 ${path}/*`,
    });
  }
  const owner = entries.find(({ name, stats: of }) => isOwn(name) && of.uid !== stats.uid);
  if (owner !== undefined) {
    report({
      check: 'owner',
      what: `${join(path, owner.name)} is user ${owner.stats.uid}'s, and the directory user ${stats.uid}'s`,
      todo: isShared
        ? OWN_DIRECTORY
        : `chown -R ${stats.uid} ${path}: the node was started as another user once`,
    });
  }
}
