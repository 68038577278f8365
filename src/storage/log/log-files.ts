// The names of a log's files, and how long a file may become. The form of their content is log-block.ts's.

import type { LogFile } from '../../cluster/ports.ts';

/** The names that `logFileName` makes, so no number has two: the 100,000,000th file has nine digits. */
const NAME = /^records-(\d{8}|[1-9]\d{8,})\.log$/;
/** The log's only file in format 1, which no released version wrote. */
export const EARLIER_LOG_FILE = 'records.log';
export const FIRST_FILE = 1;
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** The file being written and a compaction's copy come on top of what a log needs, and should be small beside it. */
const FILES_OF_MEMORY = 16;

export function logFileName(number: number): string {
  return `records-${String(number).padStart(8, '0')}.log`;
}

/** @returns the numbers of the log's files among `names`, in ascending order */
export function logFileNumbers(names: readonly string[]): readonly number[] {
  return names
    .map((name) => Number(NAME.exec(name)?.[1] ?? 0))
    .filter((number) => number >= FIRST_FILE)
    .sort((a, b) => a - b);
}

/**
 * How long a file becomes before the next one is begun.
 * @param memoryBytes the memory limit of the store
 */
export function logFileBytes(memoryBytes = Number.POSITIVE_INFINITY): number {
  return Math.min(FILE_BYTES_MAX, Math.ceil(memoryBytes / FILES_OF_MEMORY));
}

/** A file of a log, and how many of its bytes count. */
export interface WrittenFile {
  readonly number: number;
  readonly bytes: number;
  /** The id as in `LogFile`; undefined for a file that was written by an earlier incarnation. */
  readonly id?: string | undefined;
}

/** A log that is synced to its last byte, with its last file open for appending. */
export interface OpenLog {
  /** The oldest first; the last one is `current`. */
  readonly files: readonly WrittenFile[];
  readonly current: LogFile;
  /** Number of the first file that is needed. */
  readonly first: number;
  /** True when `current` has an earlier format: earlier software could open it, and not read new kinds of entries. */
  readonly needsNewFile: boolean;
}
