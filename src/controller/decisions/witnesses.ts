// Which nodes are witnesses (D2), and how they change (H13): through a joint map, in which a renewal needs a majority
// of both the old and the new witnesses, until no node acts under an older map.

import {
  type ClusterMap,
  type IncarnationId,
  isGranted,
  isSameIncarnation,
  nodeEntry,
  presentIncarnations,
} from '../../cluster/model/cluster-map.ts';
import { type Address, hostOf, type NodeId } from '../../cluster/model/identity.ts';
import { WITNESSES_MAX } from '../../cluster/model/limits.ts';
import type { View } from '../observations/view.ts';

export type Candidate = IncarnationId & { readonly address: Address };

/**
 * One witness for one node, two for two, else three; on distinct hosts where there are enough.
 * @param present witnesses that are kept if they are candidates, as each change costs a joint step
 */
export function chooseWitnesses(
  candidates: readonly Candidate[],
  present: readonly IncarnationId[],
): readonly IncarnationId[] {
  const wanted = Math.min(WITNESSES_MAX, candidates.length);
  const hosts = new Set<string>();
  const chosen: Candidate[] = [];
  const stays = (candidate: Candidate) =>
    present.some((incarnationId) => isSameIncarnation(incarnationId, candidate));
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

/** Takes the step that is due, if any: begin a change, replace a change in progress, or complete it. */
export function changeWitnesses(map: ClusterMap, view: View): ClusterMap {
  const { nextWitnesses } = map;
  const mayServe = servesAsWitness(map, view);
  if (nextWitnesses?.every(mayServe)) {
    return isJointStepOver(map, nextWitnesses, view) ? completed(map, nextWitnesses) : map;
  }
  // If a change is in progress, one of the chosen witnesses can no longer serve: choose again. That is safe, as every
  // renewal needs a majority of the present witnesses until the change is complete (H13).
  const wanted = wantedWitnesses(map, view);
  const isDue = nextWitnesses !== undefined || !isSameSet(wanted, map.witnesses);
  return isDue && wanted.length > 0 ? { ...map, nextWitnesses: wanted } : map;
}

function completed(
  { nextWitnesses: _, ...rest }: ClusterMap,
  witnesses: readonly IncarnationId[],
): ClusterMap {
  return { ...rest, witnesses };
}

/**
 * D2: replaces a witness that drains, that can store no map and so grants nothing to newer incarnations (H35), or
 * that was silent until its lease lapsed behind a fence. Where no other node can take its place, such a witness is
 * better than none: the fewer witnesses there are, the sooner the rest is silent, and then no fence is ever
 * acknowledged again (seed 163).
 */
function wantedWitnesses(map: ClusterMap, view: View): readonly IncarnationId[] {
  const able = candidates(map).filter(servesAsWitness(map, view));
  const isLost = (incarnationId: IncarnationId) =>
    hasLapsed(map, incarnationId, view) && !view.mayReturn(incarnationId);
  const isFit = (incarnationId: IncarnationId) =>
    !isLost(incarnationId) &&
    view.isWritable(incarnationId) &&
    !nodeEntry(map, incarnationId.node)?.draining;
  const present = able.filter((incarnationId) =>
    map.witnesses.some((witness) => isSameIncarnation(witness, incarnationId)),
  );
  const chosen = chooseWitnesses(able.filter(isFit), present.filter(isFit));
  const others = present
    .filter((incarnationId) => !isFit(incarnationId))
    .sort((a, b) => Number(isLost(a)) - Number(isLost(b)))
    .map(({ node, incarnation }) => ({ node, incarnation }));
  return [...chosen, ...others].slice(0, WITNESSES_MAX);
}

/**
 * I7: the lease is over and nobody renews it. Ask the map as well as the view: this very decision may lift the fence
 * behind which the lease lapsed, and of a fence that it makes no witness has heard yet.
 */
function hasLapsed(map: ClusterMap, incarnationId: IncarnationId, view: View): boolean {
  return !isGranted(map, incarnationId) && view.lapsedSinceMs(incarnationId) !== undefined;
}

function isSameSet(some: readonly IncarnationId[], others: readonly IncarnationId[]): boolean {
  return (
    some.length === others.length &&
    some.every((incarnationId) => others.some((other) => isSameIncarnation(incarnationId, other)))
  );
}

function candidates(map: ClusterMap): readonly Candidate[] {
  return Object.entries(map.nodes).map(([node, { incarnation, address }]) => ({
    node: node as NodeId,
    incarnation,
    address,
  }));
}

/**
 * Which nodes may be witnesses. A present witness may be silent: until its lease has lapsed it may renew leases that
 * the controller does not hear of.
 */
function servesAsWitness(map: ClusterMap, view: View): (incarnationId: IncarnationId) => boolean {
  return (incarnationId) => {
    if (map.witnesses.some((witness) => isSameIncarnation(witness, incarnationId)))
      return mayStay(map, view, incarnationId);
    const entry = nodeEntry(map, incarnationId.node);
    if (!isGranted(map, incarnationId) || entry?.draining) return false;
    return view.isAlive(incarnationId) && view.isWritable(incarnationId);
  };
}

/** D2: a witness may stay unless its death is proven or it came back without its state. */
function mayStay(map: ClusterMap, view: View, witness: IncarnationId): boolean {
  const entry = nodeEntry(map, witness.node);
  if (entry?.incarnation !== witness.incarnation) return false;
  return !view.isDead(witness) || view.mayReturn(witness);
}

/**
 * H13: no node can act any more under a map that has only the old witnesses: each incarnation with a place in the map
 * obeys the joint map, or has lapsed. A new witness must also have the joint map on disk; by an older map it would
 * grant nothing to newer incarnations.
 */
function isJointStepOver(
  map: ClusterMap,
  nextWitnesses: readonly IncarnationId[],
  view: View,
): boolean {
  const since = view.witnessesChangingSince(map);
  if (since === undefined) return false;
  const gain = nextWitnesses.filter(
    (incarnationId) => !map.witnesses.some((witness) => isSameIncarnation(witness, incarnationId)),
  );
  if (!gain.every((incarnationId) => view.hasAdopted(incarnationId, since.version))) return false;
  const isBound = (incarnationId: IncarnationId) =>
    view.obeys(incarnationId, since.version) || hasLapsed(map, incarnationId, view);
  return (
    presentIncarnations(map).every(isBound) &&
    map.partitions.every(({ members }) => members.every(isBound))
  );
}
