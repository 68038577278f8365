// Decides the next map from the present one and a view of everything else known: which nodes are fenced, and which
// members are promoted and removed (R6, R8, R9). Pure; the steps run in order of urgency. Where replicas move to is in
// rebalancing.ts.

import {
  type ClusterMap,
  type IncarnationId,
  isGranted,
  isSameIncarnation,
  type Member,
} from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { View } from '../observations/view.ts';
import { mapPartitions, nextNumber, withEntry, withMembers } from './membership.ts';
import { removeLongGone } from './node-removal.ts';
import type { Rebalancing } from './rebalancing.ts';
import { type PartitionInMap, release, serving, someOtherServes } from './safety.ts';
import { changeWitnesses } from './witnesses.ts';

type DecisionStep = (map: ClusterMap, view: View) => ClusterMap;

/** A recovery under way, which thaws the frozen partitions that it has recovered (H32). */
export interface Thawing {
  thaw(map: ClusterMap): ClusterMap;
}

/**
 * @param rebalancing remembers, from one decision to the next, the placement that it works towards
 * @returns the next map, or `map` itself when nothing changes
 */
export function decide(
  map: ClusterMap,
  view: View,
  {
    rebalancing,
    recovery,
  }: { readonly rebalancing: Rebalancing; readonly recovery: Thawing | undefined },
): ClusterMap {
  const take = (steps: readonly DecisionStep[]) =>
    steps.reduce((changed, step) => step(changed, view), map);
  const thaw: DecisionStep = (changed) => recovery?.thaw(changed) ?? changed;
  const rebalance: DecisionStep = (changed) => rebalancing.step(changed, view);
  if (!view.mayMove(map)) {
    const urgent = [thaw, fenceAndUnfence, removeObstacles, releaseUnwritable, changeWitnesses];
    if (take(urgent) === map) return map;
  }
  const next = take([
    thaw,
    fenceAndUnfence,
    promoteJoined,
    removeMembers,
    releaseUnwritable,
    changeWitnesses,
    rebalance,
    removeLongGone,
  ]);
  return next === map ? map : nextNumber(next);
}

/** R6: fences silent and dead nodes, and unfences those that are heard again after their fence. */
function fenceAndUnfence(map: ClusterMap, view: View): ClusterMap {
  let next = map;
  for (const [node, { incarnation, fenced }] of Object.entries(map.nodes)) {
    const incarnationId = { node: node as NodeId, incarnation };
    const since = view.fencedSince(incarnationId);
    const useless = isUseless(map, incarnationId, view);
    if (!fenced && (useless || view.isDead(incarnationId) || view.isSuspect(map, incarnationId))) {
      next = withEntry(next, incarnationId.node, { fenced: true });
    } else if (
      fenced &&
      !useless &&
      since !== undefined &&
      view.isAliveSince(incarnationId, since.atMs)
    ) {
      // A fenced node stays a member until it is removed, so nothing was acknowledged without it.
      next = withEntry(next, incarnationId.node, { fenced: false });
    }
  }
  return next;
}

/**
 * H35: a node that cannot write may be unable to store the map in which it leaves. If its software is too old to report
 * `obeyedVersion`, it would stay a member and refuse every set for ever. Once the node serves nothing, fencing it costs
 * nothing, and leads to its removal.
 */
function isUseless(map: ClusterMap, incarnationId: IncarnationId, view: View): boolean {
  if (view.isWritable(incarnationId)) return false;
  return map.partitions.every(({ members }, partition) => {
    const own = members.find((member) => isSameIncarnation(member, incarnationId));
    if (own === undefined) return true;
    return own.role === 'leaving' && view.isLateToLeave(partition as PartitionId, incarnationId);
  });
}

/** R8, H16: makes joiners with a complete copy serve. */
function promoteJoined(map: ClusterMap, view: View): ClusterMap {
  return mapPartitions(map, (entry, partition) => {
    const joined = entry.members.find(
      (member) => view.hasJoined(partition, member) && isGranted(map, member),
    );
    if (joined === undefined) return entry;
    return withMembers(
      entry,
      entry.members.map((member) => (member === joined ? serving(member) : member)),
    );
  });
}

function removeMembers(map: ClusterMap, view: View): ClusterMap {
  return removeThose(map, view, () => true);
}

/** Removes the members that hold up sets: until then, sets of their partitions wait or are refused (H35). */
function removeObstacles(map: ClusterMap, view: View): ClusterMap {
  return removeThose(map, view, (member, partition) => isObstacle(map, partition, member, view));
}

function isObstacle(map: ClusterMap, partition: PartitionId, member: Member, view: View): boolean {
  return !isGranted(map, member) || !view.isWritable(member) || view.isStuck(partition, member);
}

function removeThose(
  map: ClusterMap,
  view: View,
  which: (member: Member, partition: PartitionId) => boolean,
): ClusterMap {
  return mapPartitions(map, (entry, partition) =>
    entry.members.reduce(
      (left, member) =>
        which(member, partition) && mayRemove({ map, entry: left, partition }, member, view)
          ? withMembers(
              left,
              left.members.filter((other) => other !== member),
            )
          : left,
      entry,
    ),
  );
}

function mayRemove(place: PartitionInMap, member: Member, view: View): boolean {
  const { map, partition } = place;
  const granted = isGranted(map, member);
  // A joiner never answered a get, and its `applied` never counted. If it cannot write, it cannot complete (H35).
  if (member.role === 'joining') {
    return isObstacle(map, partition, member, view);
  }
  if (!granted) {
    const fence = view.fencedSince(member);
    return (
      fence !== undefined &&
      view.lapsedSinceMs(member) !== undefined &&
      !view.mayReturn(member) &&
      someOtherServes(place, member, view, fence)
    );
  }
  // H12: a leaving member answers no gets once it obeys the map in which it leaves.
  const since = member.role === 'leaving' ? view.leavingSince(partition, member) : undefined;
  return (
    since !== undefined &&
    view.obeys(member, since.version) &&
    someOtherServes(place, member, view, since)
  );
}

/** H35: a node that cannot write gives up the partitions that another member serves. */
function releaseUnwritable(map: ClusterMap, view: View): ClusterMap {
  return mapPartitions(map, (entry) => {
    const member = entry.members.find(
      (other) => other.role === 'serving' && !view.isWritable(other) && isGranted(map, other),
    );
    if (member === undefined || !someOtherServes({ map, entry }, member, view)) return entry;
    return release(entry, member);
  });
}
