// Opens a storage node's log behind what the recovery read back, together with the compaction, which makes it
// shorter, and the watch, which checks whether anybody else touches its files. Each of the three has a file of its
// own.

import type { Disk, Runtime } from '../../cluster/ports.ts';
import type { Recovered } from '../data-directory/recovery.ts';
import type { PartitionReader } from '../memory/partition-store.ts';
import { Compaction } from './compaction.ts';
import { reportProblem } from './durability.ts';
import { RecordLog } from './log.ts';
import { logFileBytes } from './log-files.ts';
import { LogWatch } from './log-watch.ts';

export interface NodeLogOptions {
  /** Length at which a file is finished; by default it follows from the memory limit (log-files.ts). */
  readonly logFileBytes?: number;
  readonly memoryBytes?: number | undefined;
}

/** The reports of the log to its node, and its questions. */
export interface NodeLogEvents {
  /** Called after each successful sync with its duration. */
  synced(milliseconds: number): void;
  /** @returns names of the files without which the next start could not use the log */
  neededFiles(): readonly string[];
  /** Called when acknowledged records may be lost, so that the store must not count as clean (H8). */
  distrusted(): void;
}

export function openNodeLog(
  runtime: Runtime,
  disk: Disk,
  { store, recovered }: { readonly store: PartitionReader; readonly recovered: Recovered },
  options: NodeLogOptions,
  events: NodeLogEvents,
): { readonly log: RecordLog; readonly compaction: Compaction } {
  const { logger: lines, timers } = runtime;
  const { identity, log: open } = recovered;
  const log = new RecordLog(runtime, disk, open, {
    store: identity.store,
    fsync: identity.fsync,
    fileBytes: options.logFileBytes ?? logFileBytes(options.memoryBytes),
    synced: (milliseconds) => events.synced(milliseconds),
    syncFailed: () => events.distrusted(),
    problem: (problem) => reportProblem(lines, problem),
  });
  const neededFiles = () => events.neededFiles();
  new LogWatch(timers, disk, { log, neededFiles }, () => events.distrusted());
  return { log, compaction: new Compaction(log, store, timers, lines) };
}
