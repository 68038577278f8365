// Epochs of partitions: the only place that opens one. A set counts only when all members took it at one epoch, so
// no epoch may ever name two sets of members (I5): not even one that a lost controller opened, of which only a
// frontend heard.

import type { ClusterMap, Member, PartitionEntry } from '../../cluster/model/cluster-map.ts';
import { EPOCH_MAX, type Epoch } from '../../cluster/model/identity.ts';
import type { Logger } from '../../cluster/ports.ts';

/**
 * H32: the lost controller may have opened epochs that no node heard of, and frontends did. Were one of them used
 * again, for other members, a set of such a frontend would be acknowledged by fewer than all (seed 254).
 * With at most one change every 50 ms it is half a day until there are so many. There is room for 280 million such
 * jumps: nine years of a controller that recovers once a second, and is lost again.
 */
const UNHEARD_EPOCHS = 1_000_000;

/** From this share of all epochs on the controller warns: at a recovery a second years before they are spent. */
const WARN_SHARE = 1 / 16;

/**
 * The entry with these members, at a new epoch. A frozen entry goes on through the jump only, whoever decides it:
 * a recovery that heard all it needs, or an operator who accepts the loss.
 * @param members those at the new epoch
 * @returns the entry itself when there is no epoch left: its members then stay as they are
 */
export function openEpoch(
  entry: PartitionEntry,
  members: (epoch: Epoch) => readonly Member[],
): PartitionEntry {
  if (!hasEpochLeft(entry)) return entry;
  const epoch = nextEpoch(entry);
  return { epoch, members: members(epoch) };
}

export function hasEpochLeft(entry: PartitionEntry): boolean {
  return nextEpoch(entry) <= EPOCH_MAX;
}

function nextEpoch({ epoch, frozen }: PartitionEntry): Epoch {
  return (epoch + (frozen ? UNHEARD_EPOCHS : 1)) as Epoch;
}

/** How much of all epochs the partition has spent that spent most, 0 to 1. */
export function spentShare({ partitions }: ClusterMap): number {
  return partitions.reduce((most, { epoch }) => Math.max(most, epoch), 0) / EPOCH_MAX;
}

/** Warns while there is time, once a start of the controller: whoever recovers again and again starts often. */
export class EpochWatch {
  readonly #logger: Logger;
  #warned = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  published(map: ClusterMap): void {
    const share = spentShare(map);
    if (this.#warned || share < WARN_SHARE) return;
    this.#warned = true;
    this.#logger.write(
      'warn',
      'epochs run out: recoveries of a controller that loses its map again and again spend them; give it a data directory, or find out why it ends. When all are spent, the members of a partition cannot change any more: make a backup before, and restore it into a new cluster',
      { spentShare: share },
    );
  }
}
