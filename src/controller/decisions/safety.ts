// The check that every decision step makes before it removes a copy: whether another copy serves (I8). Also the two
// changes of a member's role that the steps share. Which member is removed, and when, is decided in decide.ts and
// rebalancing.ts.

import {
  type ClusterMap,
  type IncarnationId,
  isGranted,
  isSameIncarnation,
  type Member,
  type PartitionEntry,
} from '../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { Since } from '../observations/pending.ts';
import type { View } from '../observations/view.ts';

/** A partition's entry as changed so far, and the map as it was when the present step began. */
export interface PartitionInMap {
  readonly map: ClusterMap;
  readonly entry: PartitionEntry;
  readonly partition: PartitionId;
}

/**
 * I8: whether another in-sync copy is on a node that this controller process knows to have been alive after the
 * decision. A heartbeat that arrives after the decision may have been sent before it (seed 80001142), but a node that
 * has adopted the decision's map was alive after it. Obeying that map without adopting it is not enough: a node that
 * cannot store maps could not go on without the member.
 * @param decision when the removal was decided, and by which map; undefined if any sign of life is enough
 */
export function someOtherServes(
  { map, entry }: Pick<PartitionInMap, 'map' | 'entry'>,
  member: IncarnationId,
  view: View,
  decision?: Since,
): boolean {
  return entry.members.some(
    (other) =>
      !isSameIncarnation(other, member) &&
      other.role === 'serving' &&
      isGranted(map, other) &&
      view.isAlive(other) &&
      (decision === undefined || view.hasAdopted(other, decision.version)),
  );
}

/**
 * I8, checked again once the map of the decision is durable. Storing it may take a while, in which the copies that it
 * relied on may be lost, and the member that it removes may return.
 */
export function stillHolds(next: ClusterMap, earlier: ClusterMap, view: View): boolean {
  return next.partitions.every((entry, partition) => {
    const before = earlier.partitions[partition];
    // No member served a frozen entry, and the recovery decides which members serve after it (H32).
    if (before === undefined || before === entry || before.frozen) return true;
    const isKept = (member: Member) =>
      entry.members.some((other) => isSameIncarnation(other, member));
    if (before.members.every((member) => member.role === 'joining' || isKept(member))) return true;
    return entry.members.some(
      (other) => other.role === 'serving' && isGranted(next, other) && view.isAlive(other),
    );
  });
}

/** Makes a member leave: it still takes sets, but answers no gets. No member is added or removed: the epoch stays. */
export function release(entry: PartitionEntry, member: Member): PartitionEntry {
  const { node, incarnation } = member;
  return {
    epoch: entry.epoch,
    members: entry.members.map((other) =>
      other === member ? { node, incarnation, role: 'leaving' } : other,
    ),
  };
}

/** @returns the member as serving. It must have everything: a joiner with its copy, or a leaving member that stays. */
export function serving({ node, incarnation }: Member): Member {
  return { node, incarnation, role: 'serving' };
}
