// What the parts of a storage node ask of its log, and the answer of a node that has none.

import type { Logger } from '../../cluster/ports.ts';
import { explained } from '../../cluster/shortage.ts';
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

/** What keeps the log from being written. */
export interface LogProblem {
  /** Such as `records-00000001.log cannot be written`. */
  readonly what: string;
  /** As the system says it. */
  readonly detail: string;
  /** Whether it is over only with this process; else the log goes on by itself (H35). */
  readonly isFinal: boolean;
  /** What helps, where it is not what helps always. */
  readonly remedy?: string;
}

const BEHIND = 'the disk hangs, or too much waits for it; that goes on by itself when less waits';

function describeProblem({ what, detail, isFinal, remedy }: LogProblem): string {
  const usual = isFinal
    ? 'mend the disk and start the node again'
    : 'it is tried again and again, and goes on by itself when that is over';
  return `${what}: ${explained(detail)}; ${remedy ?? usual}`;
}

/** What people are told of it at `/readyz` and in `/status` of the controller. */
export function diskProblem({ problem, isWritable }: Durability): string | undefined {
  if (problem !== undefined) return describeProblem(problem);
  return isWritable ? undefined : BEHIND;
}

/** For the log of the process. */
export function reportProblem(lines: Logger, problem: LogProblem | undefined): void {
  if (problem === undefined) return lines.write('info', 'the log can be written again');
  const until = problem.isFinal
    ? 'until the node is started again'
    : 'until it can be, which is tried again and again';
  return lines.write('error', `${problem.what}: no sets are taken ${until}`, {
    detail: explained(problem.detail),
  });
}

/** Whether what was applied is down, for whoever may acknowledge it only then. */
export interface Durability {
  /** While there is one nothing is written, so nothing may be applied either (H35). */
  readonly problem: LogProblem | undefined;
  /** There is no problem, and it is not so far behind that others should take over (H35). */
  readonly isWritable: boolean;
  /** Why sets must be refused: for a problem, or because memory would fill up with what waits for the disk. */
  readonly refusal: 'full' | 'disk-failed' | undefined;
  /**
   * @param callback when everything appended so far is down, as the fsync mode has it; never after a
   * final problem, because then nobody knows what is down
   */
  whenDown(callback: () => void): void;
  figures(): LogFigures;
  /** @param callback when everything appended so far survives the machine, or does not yet: with the reason */
  sync(callback: (failure: string | undefined) => void): void;
}

/**
 * The log itself. Only logged-store.ts, which changes the store in the same call, and the compaction, which appends
 * once more what the store has, get to append.
 */
export interface AppendLog extends Durability {
  /** @param entry its bytes are copied: where they are the cleaner may move them before they are written */
  append(entry: LogEntry): void;
}

/** A node without a data directory: memory is all it promises. */
export const MEMORY_ONLY: AppendLog = {
  problem: undefined,
  isWritable: true,
  refusal: undefined,
  append: () => undefined,
  whenDown: (callback) => callback(),
  sync: (callback) => callback(undefined),
  figures: () => NO_LOG,
};
