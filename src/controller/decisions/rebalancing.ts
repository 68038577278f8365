// Which replicas move next, and at which pace (R8, R9): towards the assignment of placement.ts, with one joiner per
// partition and a few per node at a time. A surplus member leaves once all wanted members serve.

import {
  answeringMembers,
  type ClusterMap,
  isGranted,
  type Member,
  nodeEntry,
  type PartitionEntry,
} from '../../cluster/model/cluster-map.ts';
import { hostOf, type NodeId } from '../../cluster/model/identity.ts';
import { JOINS_PER_NODE_MAX } from '../../cluster/model/limits.ts';
import type { View } from '../observations/view.ts';
import { openEpoch } from './epochs.ts';
import { mapPartitions } from './membership.ts';
import { type Assignment, place } from './placement.ts';
import { release, serving, someOtherServes } from './safety.ts';

/** With fewer answering copies than this, do not wait for a silent node: the next failure could take the last one. */
const COPIES_TO_WAIT_WITH = 2;

export class Rebalancing {
  /** `#patient` has a place for nodes that may be heard again soon, `#urgent` has none. */
  readonly #patient = new Target();
  readonly #urgent = new Target();

  /** Takes the next steps towards the target assignment. */
  step(map: ClusterMap, view: View): ClusterMap {
    const nodes = placeableNodes(map, view);
    const patient = this.#patient.of(map, nodes);
    const urgent =
      nodes.awaited.length === 0 ? patient : this.#urgent.of(map, withoutAwaited(nodes));
    const joins = countJoins(map);
    return mapPartitions(map, (entry, partition) => {
      const last = lastCopy(map, entry);
      if (last !== undefined) return stay(entry, last);
      const answering = answeringMembers(map, entry).length;
      const wanted = (answering < COPIES_TO_WAIT_WITH ? urgent : patient)[partition] ?? [];
      // All nodes drain: no place is better, and fewer copies would be worse.
      if (wanted.length === 0) return entry;
      // One change at a time: remove members that are granted no leases first, and wait for a joiner's copy.
      if (entry.members.some((member) => member.role === 'joining' || !isGranted(map, member))) {
        return entry;
      }
      const back = entry.members.find(
        (member) => member.role === 'leaving' && wanted.includes(member.node) && view.isFit(member),
      );
      if (back !== undefined) return stay(entry, back);
      const joiner = wanted.find(
        (node) => !isMember(entry, node) && mayJoin(map, view, joins, node),
      );
      if (joiner !== undefined && hasSource(map, entry, view)) {
        joins.set(joiner, (joins.get(joiner) ?? 0) + 1);
        return withJoiner(map, entry, joiner);
      }
      return this.#releaseOne(map, view, entry, wanted);
    });
  }

  #releaseOne(
    map: ClusterMap,
    view: View,
    entry: PartitionEntry,
    wanted: readonly NodeId[],
  ): PartitionEntry {
    const allServe = wanted.every((node) =>
      entry.members.some((member) => member.node === node && member.role === 'serving'),
    );
    const surplus = entry.members.find(
      (member) => member.role === 'serving' && !wanted.includes(member.node),
    );
    if (!allServe || surplus === undefined) return entry;
    const place = { map, entry };
    return someOtherServes(place, surplus, view) ? release(entry, surplus) : entry;
  }
}

/** A target assignment, recomputed only when the placeable or awaited nodes change, so that replicas do not wander. */
class Target {
  #assignment: Assignment = [];
  #awaited: readonly NodeId[] = [];
  #madeFor = '';

  of(map: ClusterMap, { nodes, awaited }: Placeable): Assignment {
    const name = JSON.stringify([map.cluster, map.redundancy, nodes, awaited]);
    if (name === this.#madeFor) return this.#assignment;
    // R8: a node that was removed for silence is no member, but still has its data, even if it is back by now. Keep
    // its place; by quotas alone another node might copy the data instead.
    const keeps = [...awaited, ...this.#awaited];
    const kept = this.#assignment.map((ids) => ids.filter((node) => keeps.includes(node)));
    this.#assignment = targetOf(map, nodes, kept);
    this.#awaited = awaited;
    this.#madeFor = name;
    return this.#assignment;
  }
}

/** Nodes that may hold replicas, including silent ones that may return. */
interface Placeable {
  readonly nodes: readonly NodeId[];
  /** Those of `nodes` that were removed for silence and may be heard again soon. */
  readonly awaited: readonly NodeId[];
}

function placeableNodes(map: ClusterMap, view: View): Placeable {
  const nodes: NodeId[] = [];
  const awaited: NodeId[] = [];
  for (const [id, { incarnation, draining, fenced }] of Object.entries(map.nodes)) {
    const incarnationId = { node: id as NodeId, incarnation };
    if (draining || !view.isFit(incarnationId)) continue;
    const isAwaited = fenced && view.isAwaited(incarnationId);
    const isThere =
      !fenced || view.lapsedSinceMs(incarnationId) === undefined || view.mayReturn(incarnationId);
    if (isThere || isAwaited) nodes.push(incarnationId.node);
    if (isAwaited) awaited.push(incarnationId.node);
  }
  return { nodes: nodes.sort(), awaited: awaited.sort() };
}

function withoutAwaited({ nodes, awaited }: Placeable): Placeable {
  return { nodes: nodes.filter((node) => !awaited.includes(node)), awaited: [] };
}

/**
 * Computes where replicas belong on these nodes, with as few moves as possible.
 * @param kept for each partition, nodes that have its data without being members
 */
export function targetOf(
  map: ClusterMap,
  nodes: readonly NodeId[],
  kept: Assignment = [],
): Assignment {
  if (nodes.length === 0) return [];
  return place({
    nodes: nodes.map((id) => {
      const entry = nodeEntry(map, id);
      return { id, host: entry === undefined ? id : hostOf(entry.address) };
    }),
    partitions: map.partitions.length,
    redundancy: Math.min(map.redundancy, nodes.length),
    previous: map.partitions.map(({ members }, partition) => {
      const byRank = [...members].sort((a, b) => rankOf(a) - rankOf(b)).map(({ node }) => node);
      return [...new Set([...byRank, ...(kept[partition] ?? [])])];
    }),
  });
}

/** Order in which members keep their place: those that serve, then joining ones, then leaving ones. */
function rankOf(member: Member): number {
  return { serving: 0, joining: 1, leaving: 2 }[member.role];
}

/**
 * The leaving member of a partition in which nobody serves any more: the others died, or lost their data, before it
 * was removed. It still has everything, and no other member can answer, be copied from, or replace it.
 */
function lastCopy(map: ClusterMap, entry: PartitionEntry): Member | undefined {
  const granted = (role: Member['role']) =>
    entry.members.find((member) => member.role === role && isGranted(map, member));
  return granted('serving') === undefined ? granted('leaving') : undefined;
}

function countJoins(map: ClusterMap): Map<NodeId, number> {
  const joins = new Map<NodeId, number>();
  for (const { members } of map.partitions) {
    for (const { node, role } of members) {
      if (role === 'joining') joins.set(node, (joins.get(node) ?? 0) + 1);
    }
  }
  return joins;
}

/** H29: from a source that is dead but not fenced yet, the joiner would give up the data it has and get nothing. */
function hasSource(map: ClusterMap, entry: PartitionEntry, view: View): boolean {
  return answeringMembers(map, entry).some((member) => view.isHeard(member));
}

function isMember(entry: PartitionEntry, node: NodeId): boolean {
  return entry.members.some((member) => member.node === node);
}

function mayJoin(
  map: ClusterMap,
  view: View,
  joins: ReadonlyMap<NodeId, number>,
  node: NodeId,
): boolean {
  const entry = nodeEntry(map, node);
  if (entry === undefined || (joins.get(node) ?? 0) >= JOINS_PER_NODE_MAX) return false;
  const incarnationId = { node, incarnation: entry.incarnation };
  if (view.lacksMemory(incarnationId)) return false;
  return isGranted(map, incarnationId) && view.isAlive(incarnationId);
}

/** R8: the epoch that this opens identifies the attempt to join. */
function withJoiner(map: ClusterMap, entry: PartitionEntry, node: NodeId): PartitionEntry {
  const incarnation = nodeEntry(map, node)?.incarnation;
  if (incarnation === undefined) return entry;
  return openEpoch(entry, (joinEpoch) => [
    ...entry.members,
    { node, incarnation, role: 'joining', joinEpoch },
  ]);
}

function stay(entry: PartitionEntry, member: Member): PartitionEntry {
  return {
    epoch: entry.epoch,
    members: entry.members.map((other) => (other === member ? serving(other) : other)),
  };
}
