// What the files of a log are called, and how long they get. What is in them is log-block.ts's.

import type { LogFile } from '../../cluster/ports.ts';

const NAME = /^records-(\d{8})\.log$/;
/** Of format 1, which no released version wrote. */
export const EARLIER_LOG_FILE = 'records.log';
export const FIRST_FILE = 1;
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** A file and what is copied meanwhile come on top of what a log needs, and should be little beside it. */
const FILES_OF_MEMORY = 16;

export function logFileName(number: number): string {
  return `records-${String(number).padStart(8, '0')}.log`;
}

/** @returns the numbers of the files of a log among these, in their order */
export function logFileNumbers(names: readonly string[]): readonly number[] {
  return names
    .map((name) => Number(NAME.exec(name)?.[1] ?? 0))
    .filter((number) => number >= FIRST_FILE)
    .sort((a, b) => a - b);
}

/** So long a file gets before the next one is begun. @param memoryBytes what the store may take */
export function logFileBytes(memoryBytes = Number.POSITIVE_INFINITY): number {
  return Math.min(FILE_BYTES_MAX, Math.ceil(memoryBytes / FILES_OF_MEMORY));
}

/** A file of a log, and how much of it counts. */
export interface WrittenFile {
  readonly number: number;
  readonly bytes: number;
  /** As of `LogFile`; undefined of a file that was closed before anybody asked. */
  readonly id?: string | undefined;
}

/** A log that is on the disk to its last byte, and open behind it. */
export interface OpenLog {
  /** The oldest first; the last one is `current`. */
  readonly files: readonly WrittenFile[];
  readonly current: LogFile;
  /** Number of the first file that is needed. */
  readonly first: number;
  /** Whether nothing more may be appended to `current`: earlier software could open it, and not read that. */
  readonly needsNewFile: boolean;
}
