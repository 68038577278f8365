// The next map, from the present one and what is known beyond it: who is fenced, promoted, removed (R6,
// R8, R9). Pure; the order of the steps is the order of urgency. Where replicas move to is rebalancing.ts's.

import {
  type ClusterMap,
  isGranted,
  isSameLife,
  type Life,
  type Member,
  type PartitionEntry,
} from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { Since } from '../observations/pending.ts';
import type { View } from '../observations/view.ts';
import { mapPartitions, nextNumber, withEntry, withMembers } from './membership.ts';
import { removeLongGone } from './node-removal.ts';
import { changeWitnesses } from './witnesses.ts';

type DecisionStep = (map: ClusterMap, view: View) => ClusterMap;

/** @returns the map itself when nothing is to change */
export function decide(
  map: ClusterMap,
  view: View,
  others: { readonly thaw: DecisionStep; readonly rebalance: DecisionStep },
): ClusterMap {
  const take = (steps: readonly DecisionStep[]) =>
    steps.reduce((changed, step) => step(changed, view), map);
  const { thaw, rebalance } = others;
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

/** R6: the silent and the dead are fenced; who is heard again after that, unfenced. */
function fenceAndUnfence(map: ClusterMap, view: View): ClusterMap {
  let next = map;
  for (const [node, { incarnation, fenced }] of Object.entries(map.nodes)) {
    const life = { node: node as NodeId, incarnation };
    const since = view.fencedSince(life);
    const useless = isUseless(map, life, view);
    if (!fenced && (useless || view.isDead(life) || view.isSuspect(map, life))) {
      next = withEntry(next, life.node, { fenced: true });
    } else if (fenced && !useless && since !== undefined && view.isAliveSince(life, since.atMs)) {
      // Until it was removed it stayed a member: nothing was acknowledged without it.
      next = withEntry(next, life.node, { fenced: false });
    }
  }
  return next;
}

/**
 * H35: who cannot write may be unable to store the very map in which it leaves. Software that does not say that it
 * obeys it would take part in every set, and refuse it, for ever. Once it serves nothing a fence costs nothing, and
 * ends in its removal.
 */
function isUseless(map: ClusterMap, life: Life, view: View): boolean {
  if (view.isWritable(life)) return false;
  return map.partitions.every(({ members }, partition) => {
    const own = members.find((member) => isSameLife(member, life));
    if (own === undefined) return true;
    return own.role === 'leaving' && view.isLateToLeave(partition as PartitionId, life);
  });
}

/** R8, H16. */
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

/** As long as these are members, sets of their partitions wait, or are refused (H35). */
function removeObstacles(map: ClusterMap, view: View): ClusterMap {
  return removeThose(map, view, (member) => !isGranted(map, member) || !view.isWritable(member));
}

function removeThose(map: ClusterMap, view: View, which: (member: Member) => boolean): ClusterMap {
  return mapPartitions(map, (entry, partition) =>
    entry.members.reduce(
      (left, member) =>
        which(member) && mayRemove({ map, entry: left, partition }, member, view)
          ? withMembers(
              left,
              left.members.filter((other) => other !== member),
            )
          : left,
      entry,
    ),
  );
}

interface PartitionInMap {
  readonly map: ClusterMap;
  readonly entry: PartitionEntry;
  readonly partition: PartitionId;
}

function mayRemove(place: PartitionInMap, member: Member, view: View): boolean {
  const { map, partition } = place;
  const granted = isGranted(map, member);
  // It never answered a get, and what it applied never counted. One that cannot write ends no copy (H35).
  if (member.role === 'joining') {
    return !granted || !view.isWritable(member) || view.isStuck(partition, member);
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
  // H12: it answers no gets once it knows that it is leaving.
  const since = member.role === 'leaving' ? view.leavingSince(partition, member) : undefined;
  return (
    since !== undefined &&
    view.obeys(member, since.version) &&
    someOtherServes(place, member, view, since)
  );
}

/**
 * I8: another copy in sync, of a life that was alive after the decision, in this life of the controller. A
 * heartbeat that comes after it may have been sent before (seed 80001142); who has adopted the map of the
 * decision was alive then. To obey it is not enough: who cannot store maps could not go on without the member.
 */
export function someOtherServes(
  { map, entry }: Pick<PartitionInMap, 'map' | 'entry'>,
  member: Life,
  view: View,
  decision?: Since,
): boolean {
  return entry.members.some(
    (other) =>
      !isSameLife(other, member) &&
      other.role === 'serving' &&
      isGranted(map, other) &&
      view.isAlive(other) &&
      (decision === undefined || view.hasAdopted(other, decision.version)),
  );
}

/**
 * I8, once more, of a decision that took a while to be made durable: the copies that were counted on may be gone
 * since, while the one that it removes came back.
 */
export function stillHolds(next: ClusterMap, earlier: ClusterMap, view: View): boolean {
  return next.partitions.every((entry, partition) => {
    const before = earlier.partitions[partition];
    // Nobody served while it was frozen, and who comes of it is the recovery's to say (H32).
    if (before === undefined || before === entry || before.frozen) return true;
    const isKept = (member: Member) => entry.members.some((other) => isSameLife(other, member));
    if (before.members.every((member) => member.role === 'joining' || isKept(member))) return true;
    return entry.members.some(
      (other) => other.role === 'serving' && isGranted(next, other) && view.isAlive(other),
    );
  });
}

/** H35: a node that cannot write gives up what others have. */
function releaseUnwritable(map: ClusterMap, view: View): ClusterMap {
  return mapPartitions(map, (entry) => {
    const member = entry.members.find(
      (other) => other.role === 'serving' && !view.isWritable(other) && isGranted(map, other),
    );
    if (member === undefined || !someOtherServes({ map, entry }, member, view)) return entry;
    return release(entry, member);
  });
}

/** The same members, so the same epoch: it takes sets as before, and answers no gets. */
export function release(entry: PartitionEntry, member: Member): PartitionEntry {
  const { node, incarnation } = member;
  return {
    epoch: entry.epoch,
    members: entry.members.map((other) =>
      other === member ? { node, incarnation, role: 'leaving' } : other,
    ),
  };
}

/** It has everything: promoted from joining, or never left after all. */
export function serving({ node, incarnation }: Member): Member {
  return { node, incarnation, role: 'serving' };
}
