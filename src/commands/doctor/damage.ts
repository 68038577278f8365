// The doctor's check of damage that would make a start refuse a data directory, judged by the start's own code. Small
// files are read whole, of log files only headers and lengths; damaged blocks show only when a node reads them.

import { join } from 'node:path';
import { DIRECTORY_ID_FILE, directoryIdOf } from '../../cluster/io/disk/directory-lock.ts';
import { bootId } from '../../cluster/io/process/system.ts';
import { decodeMapFile } from '../../cluster/wire/map-file.ts';
import { decodeState, STATE_FILE } from '../../controller/map/state-file.ts';
import { decodeStoreIdentity } from '../../fileserver/blob-store/identity-file.ts';
import { IDENTITY_FILE as FILE_SERVER_FILE } from '../../fileserver/blob-store/places.ts';
import {
  decodeIdentity,
  IDENTITY_FILE,
  type Identity,
} from '../../storage/data-directory/identity-file.ts';
import {
  isComplete,
  MAP_FILE,
  MAP_TITLE,
  NO_MAP_FILE,
} from '../../storage/data-directory/recovery.ts';
import { FILE_HEADER_BYTES } from '../../storage/log/log-block.ts';
import {
  chooseFiles,
  damageAt,
  type FileOnDisk,
  headerOf,
  numbersOfLog,
  unusable,
  whyNotNew,
} from '../../storage/log/log-choice.ts';
import { logFileName } from '../../storage/log/log-files.ts';
import { codeOf, type Entry, readIn, withFile } from './entries.ts';
import type { ReportFinding } from './finding.ts';

const COPY =
  'put back a copy of the directory, or start with an empty one: a storage node copies from others';

export async function lookForDamage(
  path: string,
  entries: readonly Entry[],
  report: ReportFinding,
): Promise<void> {
  const found = (what: string, todo = COPY) =>
    report({ check: 'damage', what: join(path, what), todo });
  const isThere = (name: string) => entries.some((entry) => entry.name === name);
  const bytesOf = async (name: string) =>
    isThere(name)
      ? readIn(join(path, name)).catch((error: unknown) => {
          // While a node runs, files come and go.
          if (codeOf(error) !== 'ENOENT') found(`${name} cannot be read: ${codeOf(error)}`);
          return undefined;
        })
      : undefined;
  const id = await bytesOf(DIRECTORY_ID_FILE);
  if (id !== undefined && directoryIdOf(id) === 'broken') {
    found(`${DIRECTORY_ID_FILE} is no id`, 'remove that file, and the next start makes one');
  }
  const state = await bytesOf(STATE_FILE);
  const decodedState = state === undefined ? undefined : decodeState(state);
  if (decodedState?.kind === 'unusable') {
    found(
      `${STATE_FILE} cannot be used: ${decodedState.reason}`,
      'move it away and start the controller with --recover, while the storage nodes run',
    );
  }
  const ofFileServer = await bytesOf(FILE_SERVER_FILE);
  if (ofFileServer !== undefined) {
    const decoded = decodeStoreIdentity(ofFileServer);
    if (typeof decoded === 'string') {
      const todo = 'put back a copy of that file: it says which cluster the blobs are of';
      found(`${FILE_SERVER_FILE} cannot be used: ${decoded}`, todo);
    }
    return;
  }
  if (!isThere(IDENTITY_FILE)) {
    // Without an identity the start inspects nothing else either.
    const sizeOf = (name: string) => entries.find((entry) => entry.name === name)?.stats.size ?? 0;
    const why = whyNotNew(
      entries.map(({ name }) => name),
      (number) => sizeOf(logFileName(number)),
    );
    if (why !== undefined) report({ check: 'damage', what: `${path}: ${why}`, todo: COPY });
    return;
  }
  const read = await bytesOf(IDENTITY_FILE);
  const identity = read === undefined ? undefined : decodeIdentity(read);
  if (identity === undefined) return;
  if (typeof identity === 'string') return found(`${IDENTITY_FILE} cannot be used: ${identity}`);
  const map = await bytesOf(MAP_FILE);
  const decodedMap = map === undefined ? undefined : decodeMapFile(MAP_TITLE, map);
  if (decodedMap?.kind === 'unusable') found(`${MAP_FILE} cannot be used: ${decodedMap.reason}`);
  const log = await logIn(path, entries, identity);
  if (typeof log === 'string') return found(log);
  if (log === undefined || isThere(MAP_FILE)) return;
  if (!log.some(({ length }) => length > FILE_HEADER_BYTES)) return;
  report({ check: 'damage', what: `${path}: the log cannot be used: ${NO_MAP_FILE}`, todo: COPY });
}

/** @returns the files of the log; undefined while a running node changes them; a text if something is wrong */
async function logIn(
  path: string,
  entries: readonly Entry[],
  identity: Identity,
): Promise<readonly FileOnDisk[] | string | undefined> {
  const numbers = numbersOfLog(entries.map(({ name }) => name));
  if (typeof numbers === 'string') return numbers;
  const read: FileOnDisk[] = [];
  for (const number of numbers) {
    const file = await fileIn(path, number, identity);
    if (file === undefined || typeof file === 'string') return file;
    read.push(file);
  }
  const chosen = chooseFiles(read, identity.closedAt);
  return typeof chosen === 'string' ? chosen : (shortened(chosen.files, identity) ?? chosen.files);
}

/** Finds a log file that is too short. Only the last one may be, if the machine lost no write since (H8). */
function shortened(files: readonly FileOnDisk[], identity: Identity): string | undefined {
  if (!isComplete(identity, bootId())) return undefined;
  for (const [index, { number, length, header }] of files.entries()) {
    const next = files[index + 1];
    if (next === undefined) return undefined;
    if (header === undefined) return damageAt({ file: number, offset: 0 });
    const before = next.header?.before ?? 0;
    // Only reading tells which block is the first damaged one, so the lengths are reported.
    if (length < before) return unusable(number, `it has ${length} bytes, and had ${before}`);
  }
  return undefined;
}

async function fileIn(
  path: string,
  number: number,
  { store }: Identity,
): Promise<FileOnDisk | string | undefined> {
  try {
    return await withFile(join(path, logFileName(number)), async (file) => {
      const bytes = Buffer.alloc(FILE_HEADER_BYTES);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      const { size: length } = await file.stat();
      const header = headerOf(bytes.subarray(0, bytesRead), number, store);
      return typeof header === 'string' ? header : { number, length, header };
    });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    return `${logFileName(number)} cannot be opened: ${codeOf(error)}`;
  }
}
