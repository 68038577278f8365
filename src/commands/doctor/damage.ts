// What the doctor sees of the files in a data directory that a start would refuse: small files are read whole, of a log
// the headers and lengths alone; whether every block is sound shows when a node reads them.

import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DIRECTORY_ID_FILE, isDirectoryId } from '../../cluster/io/directory-lock.ts';
import { decodeMapFile } from '../../cluster/map-file.ts';
import { decodeState, STATE_FILE } from '../../controller/state-file.ts';
import { decodeIdentity, IDENTITY_FILE } from '../../storage/identity-file.ts';
import { decodeFileHeader, FILE_HEADER_BYTES } from '../../storage/log-block.ts';
import { logFileName, logFileNumbers } from '../../storage/log-files.ts';
import { MAP_FILE, MAP_TITLE } from '../../storage/recovery.ts';
import type { Entry } from './entries.ts';
import { codeOf } from './entries.ts';
import type { Report } from './finding.ts';

const COPY =
  'put back a copy of the directory, or start with an empty one: a storage node copies from others';

export async function lookForDamage(
  path: string,
  entries: readonly Entry[],
  report: Report,
): Promise<void> {
  const damaged = (name: string, what: string) =>
    report({ check: 'damage', what: `${join(path, name)} cannot be used: ${what}`, todo: COPY });
  const bytesOf = async (name: string) =>
    entries.some((entry) => entry.name === name)
      ? readFile(join(path, name)).catch((error: unknown) => {
          damaged(name, `it cannot be read: ${codeOf(error)}`);
          return undefined;
        })
      : undefined;
  const id = await bytesOf(DIRECTORY_ID_FILE);
  if (id !== undefined && !isDirectoryId(id.toString('latin1'))) {
    report({
      check: 'damage',
      what: `${join(path, DIRECTORY_ID_FILE)} is no id`,
      todo: 'remove that file, and the next start makes one',
    });
  }
  const state = await bytesOf(STATE_FILE);
  const decodedState = state === undefined ? undefined : decodeState(state);
  if (decodedState?.kind === 'unusable') {
    report({
      check: 'damage',
      what: `${join(path, STATE_FILE)} cannot be used: ${decodedState.reason}`,
      todo: 'move it away and start the controller with --recover, while the storage nodes run',
    });
  }
  const map = await bytesOf(MAP_FILE);
  const decodedMap = map === undefined ? undefined : decodeMapFile(MAP_TITLE, map);
  if (decodedMap?.kind === 'unusable') damaged(MAP_FILE, decodedMap.reason);
  const read = await bytesOf(IDENTITY_FILE);
  const identity = read === undefined ? undefined : decodeIdentity(read);
  if (typeof identity === 'string') damaged(IDENTITY_FILE, identity);
  const store = typeof identity === 'object' ? identity.store : undefined;
  if (read === undefined && logFileNumbers(entries.map(({ name }) => name)).length > 0) {
    damaged(IDENTITY_FILE, 'there are records, and it is missing');
  }
  await lookAtLog(path, entries, store, damaged);
}

async function lookAtLog(
  path: string,
  entries: readonly Entry[],
  store: string | undefined,
  damaged: (name: string, what: string) => void,
): Promise<void> {
  const sizes = new Map(entries.map(({ name, stats }) => [name, stats.size]));
  const numbers = logFileNumbers([...sizes.keys()]);
  const newest = numbers.at(-1) ?? 0;
  const headers = await Promise.all(numbers.map((number) => headerOf(path, number)));
  const first = headers.reduce((most, header) => Math.max(most, header?.first ?? 0), 0);
  for (const [index, number] of numbers.entries()) {
    const name = logFileName(number);
    const header = headers[index];
    // The newest one may have been begun just now; files before the first that is needed are to go.
    if (number < first || (number === newest && sizes.get(name) === 0)) continue;
    if (header === undefined) damaged(name, 'it does not begin as a log does');
    else if (header.wrong !== undefined) damaged(name, header.wrong);
    else if (header.number !== number)
      damaged(name, `it was written as ${logFileName(header.number)}`);
    else if (store !== undefined && header.store !== store) {
      damaged(name, `it belongs to the store ${header.store}, not to ${store}`);
    }
    if (number > first && !sizes.has(logFileName(number - 1)))
      damaged(logFileName(number - 1), 'it is missing');
    const before = sizes.get(logFileName(number - 1));
    if (header !== undefined && number > first && before !== undefined && before < header.before) {
      damaged(logFileName(number - 1), `it has ${before} bytes, and had ${header.before}`);
    }
  }
  if (first > newest || (numbers.length > 0 && !numbers.includes(Math.max(first, 1)))) {
    damaged(logFileName(Math.max(first, 1)), 'it is missing');
  }
}

interface Header {
  readonly wrong: string | undefined;
  readonly number: number;
  readonly first: number;
  readonly before: number;
  readonly store: string;
}

async function headerOf(path: string, number: number): Promise<Header | undefined> {
  const nothing = { number, first: 0, before: 0, store: '' };
  try {
    const file = await open(join(path, logFileName(number)), 'r');
    try {
      const bytes = Buffer.alloc(FILE_HEADER_BYTES);
      await file.read(bytes, 0, bytes.length, 0);
      const header = decodeFileHeader(bytes);
      if (header === undefined) return undefined;
      return typeof header === 'string'
        ? { ...nothing, wrong: header }
        : { ...header, wrong: undefined };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { ...nothing, wrong: `it cannot be opened: ${codeOf(error)}` };
  }
}
