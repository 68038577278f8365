// What the parts of a storage node ask of its log, and the answer of a node that has none.

import type { LogEntry } from './log-entry.ts';

/**
 * `always`: synced before the acknowledgement. `interval`: written before it, synced every second, so
 * that it survives the process but perhaps not the machine. `never`: written, left to the system (D11).
 */
export type FsyncMode = 'always' | 'interval' | 'never';

/** A write that takes longer is one of a disk that hangs (H35). */
export const STALLED_MS = 2000;

export interface LogFigures {
  /** On the disk, of all files. */
  readonly bytes: number;
  readonly files: number;
  /** Appended, and not down yet. */
  readonly queuedBytes: number;
  /** Since the start. */
  readonly writtenBytes: number;
}

const NO_LOG: LogFigures = { bytes: 0, files: 0, queuedBytes: 0, writtenBytes: 0 };

/** Where applied records go before they are acknowledged. */
export interface Durability {
  /** Why nothing can be written any more; then nothing may be applied either (H35). */
  readonly failure: string | undefined;
  /** Not failed, and not so far behind that others should take over (H35). */
  readonly isWritable: boolean;
  /** Not failed, and not so much waits for the disk that memory would fill up with it. */
  readonly takesSets: boolean;
  /** @param entry its bytes are copied: where they are the cleaner may move them before they are written */
  append(entry: LogEntry): void;
  /**
   * @param callback when everything appended so far is down, as the fsync mode has it; never after a
   * failure, because then nobody knows what is down
   */
  whenDown(callback: () => void): void;
  figures(): LogFigures;
  /** @param callback when everything appended so far survives the machine, or will not: with the reason */
  sync(callback: (failure: string | undefined) => void): void;
}

/** A node without a data directory: memory is all it promises. */
export const MEMORY_ONLY: Durability = {
  failure: undefined,
  isWritable: true,
  takesSets: true,
  append: () => undefined,
  whenDown: (callback) => callback(),
  sync: (callback) => callback(undefined),
  figures: () => NO_LOG,
};
