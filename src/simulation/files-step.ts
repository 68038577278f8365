// One call of simulated files, from its beginning to its end, and how it may end. When it runs is simulated-files.ts's.

import type { Files, FilesFault, FilesResult } from '../cluster/files.ts';

export type FilesCall =
  | Exclude<keyof Files, 'bytesOf' | 'changedMs'>
  | 'stat'
  | 'append'
  | 'sync'
  | 'read';

/** One call, from its beginning until its callback. */
export interface FilesStep<T> {
  readonly call: FilesCall;
  /** Carries out the whole of it. */
  whole(): FilesResult<T>;
  /** Leaves what a crash in the midst of it may leave. */
  part(): void;
  /** Leaves what an error leaves, where that differs from a crash. */
  broken?(): void;
}

const DETAILS: Readonly<Record<FilesFault, string>> = {
  absent: 'ENOENT',
  exists: 'EEXIST',
  full: 'ENOSPC',
  broken: 'EIO',
  shortage: 'EMFILE',
  other: 'EINVAL',
};

export const DONE: FilesResult<undefined> = { kind: 'done', value: undefined };

export function done<T>(value: T): FilesResult<T> {
  return { kind: 'done', value };
}

export function failed(fault: FilesFault): FilesResult<never> {
  return { kind: 'failed', fault, detail: DETAILS[fault] };
}

/** A call that changes nothing. */
export function harmless<T>(call: FilesCall, whole: () => FilesResult<T>): FilesStep<T> {
  return { call, whole, part: () => undefined };
}
