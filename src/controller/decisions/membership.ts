// How the cluster map changes: pure functions from one map to the next. When to call them, and that a
// map is durable before anybody sees it (R11), is controller.ts's business.

import {
  type ClusterMap,
  type Life,
  type Member,
  type NodeEntry,
  nodeEntry,
  type PartitionEntry,
  type WhenFull,
} from '../../cluster/model/cluster-map.ts';
import {
  type ClusterId,
  type Epoch,
  hostOf,
  type Incarnation,
  type NodeId,
} from '../../cluster/model/identity.ts';
import { type PartitionId, partitionCount } from '../../cluster/model/partition.ts';
import { openEpoch } from './epochs.ts';
import { place } from './placement.ts';
import { chooseWitnesses } from './witnesses.ts';

const FIRST_EPOCH = 1 as Epoch;

export interface FoundingOptions {
  readonly cluster: ClusterId;
  readonly digits: number;
  readonly redundancy: number;
  readonly whenFull?: WhenFull | undefined;
  readonly timeScale: number;
  readonly nodes: ReadonlyMap<NodeId, NodeEntry>;
  readonly firstEpoch?: Epoch | undefined;
}

/** The first map of a cluster: every replica serves at once, for there is nothing to copy. */
export function foundMap(options: FoundingOptions): ClusterMap {
  const {
    cluster,
    digits,
    redundancy,
    whenFull,
    timeScale,
    nodes,
    firstEpoch = FIRST_EPOCH,
  } = options;
  const assignment = place({
    nodes: [...nodes].map(([id, { address }]) => ({ id, host: hostOf(address) })),
    partitions: partitionCount(digits),
    redundancy,
  });
  return {
    cluster,
    version: { generation: 1, number: 1 },
    digits,
    redundancy,
    whenFull: whenFull === 'evict' ? whenFull : undefined,
    timeScale,
    witnesses: chooseWitnesses(
      [...nodes].map(([node, { incarnation, address }]) => ({ node, incarnation, address })),
      [],
    ),
    nodes: Object.fromEntries(nodes),
    partitions: assignment.map((ids) => ({
      epoch: firstEpoch,
      members: ids.map((node) => ({
        node,
        // The assignment was made from these very nodes.
        incarnation: (nodes.get(node) as NodeEntry).incarnation,
        role: 'serving',
      })),
    })),
  };
}

/**
 * A node's new life, or a new node (R7). A life that resumes has everything its predecessor ever
 * acknowledged, and no set was acknowledged without it, so it takes the memberships over in place
 * (H7). Otherwise they stay with the incarnation that had them until decide.ts may take them away
 * (D8): what the new one holds is nobody's copy, so it serves nothing (H6).
 */
export function withNode(
  map: ClusterMap,
  node: NodeId,
  entry: NodeEntry,
  resumes: boolean,
): ClusterMap {
  const earlier = nodeEntry(map, node);
  const previous = earlier?.incarnation;
  const renew = <L extends Life>(life: L): L =>
    life.node === node && life.incarnation === previous
      ? { ...life, incarnation: entry.incarnation }
      : life;
  const partitions = resumes
    ? map.partitions.map((partition) => resumed(partition, { node, previous }, renew))
    : map.partitions;
  // A witness's vote rests on its durable map and promise, not on its records (D2).
  const keepsVote = earlier?.store === entry.store;
  return nextNumber({
    ...map,
    nodes: { ...map.nodes, [node]: entry },
    partitions,
    witnesses: keepsVote ? map.witnesses.map(renew) : map.witnesses,
    nextWitnesses: keepsVote ? map.nextWitnesses?.map(renew) : map.nextWitnesses,
  });
}

/**
 * Only what the life just before had: a member entry of a still earlier life belongs to a store that is
 * lost, and the present one, however clean, has nothing of it. A joiner begins again: what it copied was
 * not complete.
 */
function resumed(
  entry: PartitionEntry,
  lives: { readonly node: NodeId; readonly previous: Incarnation | undefined },
  renew: (member: Member) => Member,
): PartitionEntry {
  const own = entry.members.find(
    ({ node, incarnation }) => node === lives.node && incarnation === lives.previous,
  );
  if (own === undefined) return entry;
  // Nothing was applied since, so no epoch is needed; but the place must follow the store (D6).
  if (entry.frozen) return { ...entry, members: entry.members.map(renew) };
  const members =
    own.role === 'joining'
      ? entry.members.filter((member) => member !== own)
      : entry.members.map(renew);
  return withMembers(entry, members);
}

/** A change of who is a member, or of which life, opens an epoch: no set of the old one counts any more. */
export function withMembers(entry: PartitionEntry, members: readonly Member[]): PartitionEntry {
  return openEpoch(entry, () => members);
}

/** What is frozen (H32) stays as it is. @returns the map itself when no entry changed */
export function mapPartitions(
  map: ClusterMap,
  change: (entry: PartitionEntry, partition: PartitionId) => PartitionEntry,
): ClusterMap {
  let changed = false;
  const partitions = map.partitions.map((entry, partition) => {
    const next = entry.frozen ? entry : change(entry, partition as PartitionId);
    if (next !== entry) changed = true;
    return next;
  });
  return changed ? { ...map, partitions } : map;
}

/** @returns the map itself when the entry is as it was */
export function withEntry(
  map: ClusterMap,
  node: NodeId,
  change: Partial<Pick<NodeEntry, 'fenced' | 'draining'>>,
): ClusterMap {
  const entry = nodeEntry(map, node);
  if (entry === undefined) return map;
  const { fenced = entry.fenced, draining = entry.draining } = change;
  if (fenced === entry.fenced && draining === entry.draining) return map;
  return { ...map, nodes: { ...map.nodes, [node]: { ...entry, fenced, draining } } };
}

/** All lives of the node that the map has a place for. */
export function livesOf(map: ClusterMap, node: NodeId): readonly Life[] {
  const entry = nodeEntry(map, node);
  const present = entry === undefined ? [] : [{ node, incarnation: entry.incarnation }];
  const members: Life[] = map.partitions.flatMap((partition) => partition.members);
  const lives = [...present, ...map.witnesses, ...(map.nextWitnesses ?? []), ...members];
  const incarnations = lives
    .filter((life) => life.node === node)
    .map(({ incarnation }) => incarnation);
  return [...new Set(incarnations)].map((incarnation) => ({ node, incarnation }));
}

/** The number that a changed map is published under. */
export function nextNumber(map: ClusterMap): ClusterMap {
  return { ...map, version: { ...map.version, number: map.version.number + 1 } };
}

/** Larger than every known one of the node; the start time where the clock allows it (I10). */
export function nextIncarnation(
  wallMs: number,
  proposed: Incarnation | undefined,
  known: readonly (Incarnation | undefined)[],
): Incarnation {
  const above = known.map((incarnation) => (incarnation ?? 0) + 1);
  return Math.max(proposed ?? Math.floor(wallMs), ...above) as Incarnation;
}
