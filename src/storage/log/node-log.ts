// Opens the log of a storage node behind what a recovery read back, with all that goes with it: what makes it shorter,
// and what looks whether anybody else touches it.

import type { Disk, Runtime } from '../../cluster/ports.ts';
import type { Recovered } from '../data-directory/recovery.ts';
import type { PartitionReader } from '../memory/partition-store.ts';
import { Compaction } from './compaction.ts';
import { reportProblem } from './durability.ts';
import { RecordLog } from './log.ts';
import { logFileBytes } from './log-files.ts';
import { LogWatch } from './log-watch.ts';

export interface NodeLogOptions {
  /** Of each file; by default as the memory is. */
  readonly logFileBytes?: number;
  readonly memoryBytes?: number | undefined;
}

/** What the log tells its node, and asks it. */
export interface NodeLogEvents {
  /** How long a sync took. */
  synced(milliseconds: number): void;
  /** Those without which the next start could not use the log. */
  neededFiles(): readonly string[];
  /** What was acknowledged may be lost (H8). */
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
