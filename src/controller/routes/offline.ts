// Describes for people the partitions that no member answers for: which ones, and what helps. Partitions that a
// recovery keeps frozen are described in frozen.ts.

import { answeringMembers, type ClusterMap } from '../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { Logger } from '../../cluster/ports.ts';
import { some } from './frozen.ts';

const HELP =
  'start the storage nodes that held them, with their data; where that is gone for good, as when nodes without a data directory were killed, velour accept-loss gives it up, and the partitions serve again with what is left';

/** The offline partitions of the map, without frozen ones. */
export function offlineIn(map: ClusterMap): readonly PartitionId[] {
  return map.partitions.flatMap((entry, partition) =>
    !entry.frozen && answeringMembers(map, entry).length === 0 ? [partition as PartitionId] : [],
  );
}

/** The `offline` field of `/status`; undefined when there are none. */
export function offlineStatus(map: ClusterMap): unknown {
  const partitions = offlineIn(map);
  return partitions.length === 0 ? undefined : { partitions: some(partitions), help: HELP };
}

/** Logs one line when partitions go offline, another when more do, and one when all are back. */
export class OfflineWatch {
  readonly #logger: Logger;
  #offline: ReadonlySet<PartitionId> = new Set();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  published(map: ClusterMap): void {
    const before = this.#offline;
    const offline = offlineIn(map);
    this.#offline = new Set(offline);
    if (offline.some((partition) => !before.has(partition))) {
      const fields = { partitions: offline.length, which: some(offline), help: HELP };
      this.#logger.write('warn', 'partitions are offline', fields);
    } else if (offline.length === 0 && before.size > 0) {
      this.#logger.write('info', 'no partition is offline any more', { were: before.size });
    }
  }
}
