// Decides which files make up a log and whether all of them are there, from their names, lengths and headers alone,
// and from the end of the log that the identity recorded. The start asks before it reads a block (log-replay.ts);
// `velour doctor` asks and reads no blocks at all.

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
  /** Undefined when the header is not whole. */
  readonly header: FileHeader | undefined;
}

export interface ChosenFiles {
  /** The files that are needed, the oldest first; at least one. */
  readonly files: readonly FileOnDisk[];
  readonly first: number;
  /** Numbers of superfluous files: a process died while it removed them after a compaction. */
  readonly dropped: readonly number[];
}

/** @returns the numbers of the log's files, or a text that says why a log with these file names cannot be used */
export function numbersOfLog(names: readonly string[]): readonly number[] | string {
  if (names.includes(EARLIER_LOG_FILE)) return EARLIER_FORMAT;
  const numbers = logFileNumbers(names);
  return numbers.length === 0 ? missing(FIRST_FILE) : numbers;
}

/** @returns the reason why a directory without an identity is not new: its log has records, and nothing says whose */
export function whyNotNew(
  names: readonly string[],
  lengthOf: (number: number) => number,
): string | undefined {
  if (names.includes(EARLIER_LOG_FILE)) return EARLIER_FORMAT;
  // A start that dies before it has an identity leaves a first file with nothing but a header.
  const numbers = logFileNumbers(names);
  const isUsed = (number: number) => number !== FIRST_FILE || lengthOf(number) > FILE_HEADER_BYTES;
  if (!numbers.some(isUsed)) return undefined;
  return `there are records in ${logFileName(numbers[0] ?? FIRST_FILE)} and no storage.identity`;
}

/** @returns the header, undefined if it is not whole, or a text that says why the file cannot be used */
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
 * Files are removed only after a header that calls them superfluous is synced, so the newest whole header knows the
 * first file that is needed.
 * @param read all files, the oldest first
 * @param closedAt where the log ended when the store was closed with all of it on disk; undefined if it was not
 *   closed
 * @returns the files, or a text that says what is missing
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
  // Whole files and blocks may be missing at the end, and the log itself has no trace of that.
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
