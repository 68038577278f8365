// Defines what the parts of a storage node ask of its log, and the log of a node that has no data directory. An entry
// is "durable" when it is written, and with the fsync mode `always` also synced. The real log is in log.ts.

import type { Logger } from '../../cluster/ports.ts';
import { explained } from '../../cluster/shortage.ts';
import type { LogEntry } from './log-entry.ts';

/**
 * `always`: synced before the acknowledgement. `interval`: written before it and synced every second, so that an
 * entry survives the process but perhaps not the machine. `never`: written, and syncing is left to the system (D11).
 */
export type FsyncMode = 'always' | 'interval' | 'never';

/** A write that takes longer than this counts as stalled: the disk hangs (H35). */
export const STALLED_MS = 2000;
/**
 * The same for a sync of each second. It takes as long as the disk needs for all that others have given it as well: with
 * two seconds a large file on the same disk would move partitions.
 */
export const SYNC_STALLED_MS = 10_000;

export interface LogFigures {
  /** The size of all files on disk. */
  readonly bytes: number;
  readonly files: number;
  /** Appended and not durable yet. */
  readonly queuedBytes: number;
  /** Written since the process started. */
  readonly writtenBytes: number;
}

const NO_LOG: LogFigures = { bytes: 0, files: 0, queuedBytes: 0, writtenBytes: 0 };

/** The reason why the log cannot be written. */
export interface LogProblem {
  /** A text such as `records-00000001.log cannot be written`. */
  readonly what: string;
  /** The operating system's error code, or a text if the log itself found the problem. */
  readonly detail: string;
  /** Whether only a restart of the process ends the problem; otherwise the log resumes by itself (H35). */
  readonly isFinal: boolean;
  /** Advice for the operator, where it is not the usual one. */
  readonly remedy?: string;
}

const BEHIND = 'the disk hangs, or too much waits for it; that goes on by itself when less waits';

function describeProblem({ what, detail, isFinal, remedy }: LogProblem): string {
  const usual = isFinal
    ? 'mend the disk and start the node again'
    : 'it is tried again and again, and goes on by itself when that is over';
  return `${what}: ${explained(detail)}; ${remedy ?? usual}`;
}

/** The log's problem as `/readyz` and the controller's `/status` show it; undefined while the log can be written. */
export function diskProblem({ problem, isWritable }: Durability): string | undefined {
  if (problem !== undefined) return describeProblem(problem);
  return isWritable ? undefined : BEHIND;
}

/** Writes the begin or the end of a problem to the process log. */
export function reportProblem(lines: Logger, problem: LogProblem | undefined): void {
  if (problem === undefined) return lines.write('info', 'the log can be written again');
  const until = problem.isFinal
    ? 'until the node is started again'
    : 'until it can be, which is tried again and again';
  return lines.write('error', `${problem.what}: no sets are taken ${until}`, {
    detail: explained(problem.detail),
  });
}

/** Whether applied entries are durable, for the parts that may acknowledge a set only then. */
export interface Durability {
  /** While there is a problem nothing is written, so nothing may be applied either (H35). */
  readonly problem: LogProblem | undefined;
  /** True when there is no problem, and the log is not so far behind that others should take over (H35). */
  readonly isWritable: boolean;
  /** Why sets must be refused: a problem, or so many entries wait for the disk that they would fill the memory. */
  readonly refusal: 'full' | 'disk-failed' | undefined;
  /**
   * @param callback called when everything appended so far is durable; never after a final problem, because then
   *   nobody knows what is durable
   */
  whenDurable(callback: () => void): void;
  figures(): LogFigures;
  /** @param callback called when everything appended so far is synced; or with the reason why it is not synced yet */
  sync(callback: (failure: string | undefined) => void): void;
}

/**
 * The log itself. Only two parts append to it: logged-store.ts, which changes the store in the same call, and the
 * compaction, which appends once more what the store holds.
 */
export interface AppendLog extends Durability {
  /** @param entry is copied, because the cleaner may move a record in memory before the log writes it */
  append(entry: LogEntry): void;
}

/** The log of a node without a data directory, which promises no more than its memory: all is durable at once. */
export const MEMORY_ONLY: AppendLog = {
  problem: undefined,
  isWritable: true,
  refusal: undefined,
  append: () => undefined,
  whenDurable: (callback) => callback(),
  sync: (callback) => callback(undefined),
  figures: () => NO_LOG,
};
