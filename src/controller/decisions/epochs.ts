// The only place that opens epochs of partitions. A set counts only when all members took it at one epoch, so no epoch
// may ever stand for two sets of members (I5), not even one that a lost controller opened and only a frontend heard
// of.

import type { ClusterMap, Member, PartitionEntry } from '../../cluster/model/cluster-map.ts';
import { EPOCH_MAX, type Epoch } from '../../cluster/model/identity.ts';
import type { Logger } from '../../cluster/ports.ts';

/**
 * H32: how many epochs a recovery skips. A lost controller may have opened epochs that frontends heard of but no node
 * did. If one of them were opened again for other members, a set of such a frontend would be acknowledged by fewer
 * than all of them (seed 254). At one change per 50 ms a controller takes half a day to open this many. There is room
 * for 280 million skips: nine years of a controller that is lost and recovers once a second.
 */
const UNHEARD_EPOCHS = 1_000_000;

/** The controller warns when this share of all epochs is spent: years before the end, even at one recovery a second. */
const WARN_SHARE = 1 / 16;

/**
 * Returns the entry with these members at a new epoch. A frozen entry always skips UNHEARD_EPOCHS, whether a recovery
 * or an operator who accepts the loss lets it go on.
 * @param members gives the members, which may name the new epoch
 * @returns the same entry, with its members as they were, when no epoch is left
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

/** The share of all epochs, 0 to 1, that the partition with the highest epoch has spent. */
export function spentShare({ partitions }: ClusterMap): number {
  return partitions.reduce((most, { epoch }) => Math.max(most, epoch), 0) / EPOCH_MAX;
}

/** Warns in time that epochs run out, once per start of the controller; one that keeps recovering starts often. */
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
