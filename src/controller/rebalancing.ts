// Where replicas move to, and at which pace (R8, R9): towards placement.ts's assignment, one joiner a
// partition and a few a node at a time; what is too many leaves once all that should serve do.

import {
  answeringMembers,
  type ClusterMap,
  isGranted,
  type Member,
  nodeEntry,
  type PartitionEntry,
} from '../cluster/cluster-map.ts';
import { hostOf, type NodeId } from '../cluster/identity.ts';
import { JOINS_PER_NODE_MAX } from '../cluster/limits.ts';
import { release, serving, someOtherServes } from './decide.ts';
import { openEpoch } from './epochs.ts';
import { mapPartitions } from './membership.ts';
import { type Assignment, place } from './placement.ts';
import type { View } from './view.ts';

export class Rebalancing {
  #target: Assignment = [];
  #targetOf = '';

  /** The next steps towards the target. */
  step(map: ClusterMap, view: View): ClusterMap {
    const target = this.#targetFor(map, view);
    const joins = countJoins(map);
    return mapPartitions(map, (entry, partition) => {
      const last = lastCopy(map, entry);
      if (last !== undefined) return stay(entry, last);
      const wanted = target[partition] ?? [];
      // With every node drained there is no better place, and no reason to have fewer copies.
      if (wanted.length === 0) return entry;
      // One thing at a time: who is barred is removed first, who copies is waited for.
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
      if (joiner !== undefined && answeringMembers(map, entry).length > 0) {
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

  /** Made anew only when the nodes to place on change, so that replicas do not wander. */
  #targetFor(map: ClusterMap, view: View): Assignment {
    const nodes = placeableNodes(map, view);
    const name = JSON.stringify([map.cluster, map.redundancy, nodes]);
    if (name === this.#targetOf) return this.#target;
    this.#target = targetOf(map, nodes);
    this.#targetOf = name;
    return this.#target;
  }
}

/** Nodes that are to hold replicas: also the silent, as long as they may not be gone for good. */
function placeableNodes(map: ClusterMap, view: View): readonly NodeId[] {
  return Object.entries(map.nodes)
    .filter(([node, { incarnation, draining, fenced }]) => {
      const life = { node: node as NodeId, incarnation };
      if (draining || !view.isFit(life)) return false;
      return !fenced || view.lapsedSinceMs(life) === undefined || view.mayReturn(life);
    })
    .map(([node]) => node as NodeId)
    .sort();
}

/** Where the replicas belong, with these nodes; as little moved as possible. */
export function targetOf(map: ClusterMap, nodes: readonly NodeId[]): Assignment {
  if (nodes.length === 0) return [];
  return place({
    nodes: nodes.map((id) => {
      const entry = nodeEntry(map, id);
      return { id, host: entry === undefined ? id : hostOf(entry.address) };
    }),
    partitions: map.partitions.length,
    redundancy: Math.min(map.redundancy, nodes.length),
    previous: map.partitions.map(({ members }) =>
      [...members].sort((a, b) => rankOf(a) - rankOf(b)).map(({ node }) => node),
    ),
  });
}

/** Whoever has the data keeps its place before those who do not yet, or are on their way out. */
function rankOf(member: Member): number {
  return { serving: 0, joining: 1, leaving: 2 }[member.role];
}

/**
 * Those that serve died, or lost their data, before the one that leaves had gone: it has everything still,
 * and nobody else can answer, be copied from, or let it go.
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
  const life = { node, incarnation: entry.incarnation };
  return isGranted(map, life) && view.isAlive(life);
}

/** R8: the epoch that opens names the attempt. */
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
