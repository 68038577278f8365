// Which files are a log, and whether all of them are there, by their names, lengths and headers alone, and by where the
// identity says that the log ended. The start asks before it reads a block, and `velour doctor` instead of reading any.

import type { StoreId } from '../../cluster/model/identity.ts';
import {
  decodeFileHeader,
  FILE_HEADER_BYTES,
  type FileHeader,
  isBefore,
  type LogPlace,
} from './log-block.ts';
import { EARLIER_LOG_FILE, FIRST_FILE, logFileName, logFileNumbers } from './log-files.ts';

export interface FileOnDisk {
  readonly number: number;
  readonly length: number;
  /** Undefined when it is not whole. */
  readonly header: FileHeader | undefined;
}

export interface ChosenFiles {
  /** Those that are needed, the oldest first; at least one. */
  readonly files: readonly FileOnDisk[];
  readonly first: number;
  /** Numbers of files from before a compaction that ended while they were removed. */
  readonly dropped: readonly number[];
}

/** @returns the numbers of the files, or a text that says why a log with these names is not used */
export function numbersOfLog(names: readonly string[]): readonly number[] | string {
  if (names.includes(EARLIER_LOG_FILE)) return EARLIER_FORMAT;
  const numbers = logFileNumbers(names);
  return numbers.length === 0 ? missing(FIRST_FILE) : numbers;
}

/** @returns why these files are not the beginning of a log: there are records, and no identity says whose */
export function whyNotNew(
  names: readonly string[],
  lengthOf: (number: number) => number,
): string | undefined {
  if (names.includes(EARLIER_LOG_FILE)) return EARLIER_FORMAT;
  // A header alone is what a start leaves that ended before it had an identity.
  const numbers = logFileNumbers(names);
  const isUsed = (number: number) => number !== FIRST_FILE || lengthOf(number) > FILE_HEADER_BYTES;
  if (!numbers.some(isUsed)) return undefined;
  return `there are records in ${logFileName(numbers[0] ?? FIRST_FILE)} and no storage.identity`;
}

/** @returns the header, undefined for one that is not whole, or a text that says why the file is not used */
export function headerOf(
  bytes: Buffer,
  number: number,
  store: StoreId,
): FileHeader | string | undefined {
  const header = decodeFileHeader(bytes);
  if (header === undefined) return undefined;
  if (typeof header === 'string') return unusable(number, header);
  if (header.store !== store) {
    return unusable(number, `it belongs to the store ${header.store}, not to ${store}`);
  }
  if (header.number !== number) {
    return unusable(number, `it was written as ${logFileName(header.number)}`);
  }
  return header;
}

/**
 * A header is synced before any file is removed on its word, so the newest that is whole has the last.
 * @param read all files, the oldest first
 * @param closedAt where the log ended when the store was closed with all of it on disk; undefined if it was not
 * @returns a text that says what is missing
 */
export function chooseFiles(
  read: readonly FileOnDisk[],
  closedAt: LogPlace | undefined,
): ChosenFiles | string {
  const newest = read.findLast(({ header }) => header !== undefined)?.header;
  if (newest === undefined) return damageAt({ file: read[0]?.number ?? FIRST_FILE, offset: 0 });
  const { first } = newest;
  const files = read.filter(({ number }) => number >= first);
  const gap = files.findIndex(({ number }, index) => number !== first + index);
  if (gap >= 0 || files.length === 0) return missing(first + Math.max(gap, 0));
  const { number = 0, length = 0, header } = files.at(-1) ?? {};
  const end = { file: number, offset: header === undefined ? 0 : length };
  // Whole files and blocks may be gone from the end without a trace in the log itself.
  if (closedAt !== undefined && isBefore(end, closedAt)) {
    return number < closedAt.file ? missing(number + 1) : damageAt(end);
  }
  const dropped = read.map((file) => file.number).filter((each) => each < first);
  return { files, first, dropped };
}

export function unusable(number: number, reason: string): string {
  return `${logFileName(number)} cannot be used: ${reason}`;
}

export function damageAt({ file, offset }: LogPlace): string {
  return unusable(file, `it is damaged at byte ${offset}, and what was there had been written`);
}

function missing(number: number): string {
  return `${logFileName(number)} is missing`;
}

const EARLIER_FORMAT = `${EARLIER_LOG_FILE} was written by an earlier version, and this one does not read it`;
