// What every step of a decision asks before it takes a copy away: whether another one serves (I8); and the two changes of
// a member's role that steps share. Which member is taken, and when, is in decide.ts and rebalancing.ts.

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

/** A partition's entry as the steps before have left it, in the map that the decision began with. */
export interface PartitionInMap {
  readonly map: ClusterMap;
  readonly entry: PartitionEntry;
  readonly partition: PartitionId;
}

/**
 * I8: whether another in-sync copy is on a node that was alive after the decision, to the knowledge of this
 * controller process. A heartbeat that arrives after the decision may have been sent before it (seed 80001142), but a
 * node that has adopted the map of the decision was alive after it. Obeying the map is not enough: a node that cannot
 * store maps could not go on without the member.
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
 * I8, checked again once the decision is durable, which may take a while: meanwhile the copies that it relied on may
 * be lost, and the member that it removes may be back.
 */
export function stillHolds(next: ClusterMap, earlier: ClusterMap, view: View): boolean {
  return next.partitions.every((entry, partition) => {
    const before = earlier.partitions[partition];
    // Nobody served a frozen entry; who serves after it is for the recovery to decide (H32).
    if (before === undefined || before === entry || before.frozen) return true;
    const isKept = (member: Member) =>
      entry.members.some((other) => isSameIncarnation(other, member));
    if (before.members.every((member) => member.role === 'joining' || isKept(member))) return true;
    return entry.members.some(
      (other) => other.role === 'serving' && isGranted(next, other) && view.isAlive(other),
    );
  });
}

/** Makes a member leave: it takes sets as before and answers no gets. The members are the same, so the epoch stays. */
export function release(entry: PartitionEntry, member: Member): PartitionEntry {
  const { node, incarnation } = member;
  return {
    epoch: entry.epoch,
    members: entry.members.map((other) =>
      other === member ? { node, incarnation, role: 'leaving' } : other,
    ),
  };
}

/** Makes a member serve that has everything: a joiner with its copy, or a leaving member that is to stay. */
export function serving({ node, incarnation }: Member): Member {
  return { node, incarnation, role: 'serving' };
}
