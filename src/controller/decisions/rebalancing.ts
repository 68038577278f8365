// Where replicas move to, and at which pace (R8, R9): towards placement.ts's assignment, one joiner a
// partition and a few a node at a time; what is too many leaves once all that should serve do.

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
import { release, serving, someOtherServes } from './decide.ts';
import { openEpoch } from './epochs.ts';
import { mapPartitions } from './membership.ts';
import { type Assignment, place } from './placement.ts';

/** With fewer copies that answer nobody is waited for: the next failure could take the last one. */
const COPIES_TO_WAIT_WITH = 2;

export class Rebalancing {
  /** One has a place for the nodes that may be heard again soon, the other has none for them. */
  readonly #patient = new Target();
  readonly #urgent = new Target();

  /** The next steps towards the target. */
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

/** Made anew only when the nodes to place on change, or who of them is awaited, so that replicas do not wander. */
class Target {
  #assignment: Assignment = [];
  #awaited: readonly NodeId[] = [];
  #madeFor = '';

  of(map: ClusterMap, { nodes, awaited }: Placeable): Assignment {
    const name = JSON.stringify([map.cluster, map.redundancy, nodes, awaited]);
    if (name === this.#madeFor) return this.#assignment;
    // R8: who was removed for its silence, and perhaps is back since, is no member, and has what it had. For the
    // quotas alone a node with less than others could as well copy it.
    const keeps = [...awaited, ...this.#awaited];
    const kept = this.#assignment.map((ids) => ids.filter((node) => keeps.includes(node)));
    this.#assignment = targetOf(map, nodes, kept);
    this.#awaited = awaited;
    this.#madeFor = name;
    return this.#assignment;
  }
}

/** Nodes that are to hold replicas: also the silent, as long as they may not be gone for good. */
interface Placeable {
  readonly nodes: readonly NodeId[];
  /** Those of them that were removed, and may be heard again soon. */
  readonly awaited: readonly NodeId[];
}

function placeableNodes(map: ClusterMap, view: View): Placeable {
  const nodes: NodeId[] = [];
  const awaited: NodeId[] = [];
  for (const [id, { incarnation, draining, fenced }] of Object.entries(map.nodes)) {
    const life = { node: id as NodeId, incarnation };
    if (draining || !view.isFit(life)) continue;
    const isAwaited = fenced && view.isAwaited(life);
    const isThere = !fenced || view.lapsedSinceMs(life) === undefined || view.mayReturn(life);
    if (isThere || isAwaited) nodes.push(life.node);
    if (isAwaited) awaited.push(life.node);
  }
  return { nodes: nodes.sort(), awaited: awaited.sort() };
}

function withoutAwaited({ nodes, awaited }: Placeable): Placeable {
  return { nodes: nodes.filter((node) => !awaited.includes(node)), awaited: [] };
}

/**
 * Where the replicas belong, with these nodes; as little moved as possible.
 * @param kept of each partition those that have it beside its members
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

/** H29: a source that is gone and not fenced yet would cost the joiner what it has, and bring it nothing. */
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
