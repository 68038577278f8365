// Who the witnesses are (D2), and how they change (H13): through a map in which a renewal needs a
// majority of the old ones and of the new ones, until nobody acts under a map of before.

import {
  type ClusterMap,
  isGranted,
  isSameLife,
  type Life,
  nodeEntry,
  presentLives,
} from '../../cluster/model/cluster-map.ts';
import { type Address, hostOf, type NodeId } from '../../cluster/model/identity.ts';
import { WITNESSES_MAX } from '../../cluster/model/limits.ts';
import type { View } from '../observations/view.ts';

export type Candidate = Life & { readonly address: Address };

/**
 * One witness for one node, two for two, else three; on distinct hosts where there are enough.
 * @param present those that stay if they are candidates; a change costs a joint step
 */
export function chooseWitnesses(
  candidates: readonly Candidate[],
  present: readonly Life[],
): readonly Life[] {
  const wanted = Math.min(WITNESSES_MAX, candidates.length);
  const hosts = new Set<string>();
  const chosen: Candidate[] = [];
  const stays = (candidate: Candidate) => present.some((life) => isSameLife(life, candidate));
  const byPreference = [...candidates].sort((a, b) => Number(stays(b)) - Number(stays(a)));
  const newHost = ({ address }: Candidate) => !hosts.has(hostOf(address));
  while (chosen.length < wanted) {
    const left = byPreference.filter((candidate) => !chosen.includes(candidate));
    const next = left.find(stays) ?? left.find(newHost) ?? left[0];
    if (next === undefined) break;
    chosen.push(next);
    hosts.add(hostOf(next.address));
  }
  return chosen.map(({ node, incarnation }) => ({ node, incarnation }));
}

/** One step, if one is due: begin a change, begin another one in its place, or complete it. */
export function changeWitnesses(map: ClusterMap, view: View): ClusterMap {
  const { nextWitnesses } = map;
  const mayServe = servesAsWitness(map, view);
  if (nextWitnesses?.every(mayServe)) {
    return isJointStepOver(map, nextWitnesses, view) ? completed(map, nextWitnesses) : map;
  }
  // With a change under way, one of those chosen was dead already, and not yet missed. Every renewal needs a
  // majority of the present witnesses until the change is complete, so another choice costs nothing (H13).
  const wanted = wantedWitnesses(map, view);
  const isDue = nextWitnesses !== undefined || !isSameSet(wanted, map.witnesses);
  return isDue && wanted.length > 0 ? { ...map, nextWitnesses: wanted } : map;
}

function completed(
  { nextWitnesses: _, ...rest }: ClusterMap,
  witnesses: readonly Life[],
): ClusterMap {
  return { ...rest, witnesses };
}

/**
 * D2: one that has the office and leaves, or can store no map and so grants nothing to lives that began since
 * (H35), or is silent for so long that its lease has lapsed behind a fence, is replaced. But where nobody can
 * take its place it is better than nobody: the fewer there are, the sooner those that are left are silent, and
 * no fence is ever acknowledged again (seed 163).
 */
function wantedWitnesses(map: ClusterMap, view: View): readonly Life[] {
  const able = candidates(map).filter(servesAsWitness(map, view));
  const isLost = (life: Life) => hasLapsed(map, life, view) && !view.mayReturn(life);
  const isFit = (life: Life) =>
    !isLost(life) && view.isWritable(life) && !nodeEntry(map, life.node)?.draining;
  const present = able.filter((life) => map.witnesses.some((witness) => isSameLife(witness, life)));
  const chosen = chooseWitnesses(able.filter(isFit), present.filter(isFit));
  const others = present
    .filter((life) => !isFit(life))
    .sort((a, b) => Number(isLost(a)) - Number(isLost(b)))
    .map(({ node, incarnation }) => ({ node, incarnation }));
  return [...chosen, ...others].slice(0, WITNESSES_MAX);
}

/**
 * I7: its lease is over, and nobody renews it. Both are asked: the fence that it lapsed behind may be lifted by
 * this very decision, and one that this decision makes nobody has heard of yet.
 */
function hasLapsed(map: ClusterMap, life: Life, view: View): boolean {
  return !isGranted(map, life) && view.lapsedSinceMs(life) !== undefined;
}

function isSameSet(some: readonly Life[], others: readonly Life[]): boolean {
  return (
    some.length === others.length &&
    some.every((life) => others.some((other) => isSameLife(life, other)))
  );
}

function candidates(map: ClusterMap): readonly Candidate[] {
  return Object.entries(map.nodes).map(([node, { incarnation, address }]) => ({
    node: node as NodeId,
    incarnation,
    address,
  }));
}

/** Who has the office may be silent: as long as it has not lapsed it may renew leases that nobody knows of. */
function servesAsWitness(map: ClusterMap, view: View): (life: Life) => boolean {
  return (life) => {
    if (map.witnesses.some((witness) => isSameLife(witness, life))) return mayStay(map, view, life);
    const entry = nodeEntry(map, life.node);
    if (!isGranted(map, life) || entry?.draining) return false;
    return view.isAlive(life) && view.isWritable(life);
  };
}

/** D2: not when its death is proven, or when it came back without its state. */
function mayStay(map: ClusterMap, view: View, witness: Life): boolean {
  const entry = nodeEntry(map, witness.node);
  if (entry?.incarnation !== witness.incarnation) return false;
  return !view.isDead(witness) || view.mayReturn(witness);
}

/**
 * H13: nobody can act under a map that knows only the old witnesses: each life that the map has a place for
 * obeys the joint one, or has lapsed. Who gets the office must have that map on its disk: by an older one it
 * would grant nothing to the lives that began since.
 */
function isJointStepOver(map: ClusterMap, nextWitnesses: readonly Life[], view: View): boolean {
  const since = view.witnessesChangingSince(map);
  if (since === undefined) return false;
  const gain = nextWitnesses.filter(
    (life) => !map.witnesses.some((witness) => isSameLife(witness, life)),
  );
  if (!gain.every((life) => view.hasAdopted(life, since.version))) return false;
  const isBound = (life: Life) => view.obeys(life, since.version) || hasLapsed(map, life, view);
  return (
    presentLives(map).every(isBound) &&
    map.partitions.every(({ members }) => members.every(isBound))
  );
}
