// How the cluster map changes, as pure functions from one map to the next. Who calls them, and that a map is durable
// before anybody sees it (R11), is in controller.ts and map/published-map.ts.

import {
  type ClusterMap,
  type IncarnationId,
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

/** The first map of a cluster: every replica serves at once, as there is nothing to copy. */
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
        // The assignment was made from these very nodes, so each one is there.
        incarnation: (nodes.get(node) as NodeEntry).incarnation,
        role: 'serving',
      })),
    })),
  };
}

/**
 * Adds a new node, or a new incarnation of a node (R7). An incarnation that resumes has everything its predecessor
 * acknowledged, and no set was acknowledged without it, so it takes over the memberships in place (H7). Otherwise the
 * memberships stay with the earlier incarnation until decide.ts may remove them (D8). What the new incarnation holds
 * then counts as no copy, so it serves nothing (H6).
 */
export function withNode(
  map: ClusterMap,
  node: NodeId,
  entry: NodeEntry,
  resumes: boolean,
): ClusterMap {
  const earlier = nodeEntry(map, node);
  const previous = earlier?.incarnation;
  const renew = <L extends IncarnationId>(incarnationId: L): L =>
    incarnationId.node === node && incarnationId.incarnation === previous
      ? { ...incarnationId, incarnation: entry.incarnation }
      : incarnationId;
  const partitions = resumes
    ? map.partitions.map((partition) => resumed(partition, { node, previous }, renew))
    : map.partitions;
  // A witness's vote depends on its durable map and promise, not on its records (D2).
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
 * Renews only the membership of the last incarnation. A member of an earlier one belongs to a store that is lost, so
 * the present incarnation, however clean, has none of its data. A joiner is removed to begin again, as its copy was
 * incomplete.
 */
function resumed(
  entry: PartitionEntry,
  incarnationIds: { readonly node: NodeId; readonly previous: Incarnation | undefined },
  renew: (member: Member) => Member,
): PartitionEntry {
  const own = entry.members.find(
    ({ node, incarnation }) =>
      node === incarnationIds.node && incarnation === incarnationIds.previous,
  );
  if (own === undefined) return entry;
  // While an entry is frozen nothing is applied, so no epoch is needed; but the member must follow its store (D6).
  if (entry.frozen) return { ...entry, members: entry.members.map(renew) };
  const members =
    own.role === 'joining'
      ? entry.members.filter((member) => member !== own)
      : entry.members.map(renew);
  return withMembers(entry, members);
}

/** Changing the members, or their incarnations, opens an epoch: no set at the old epoch counts any more. */
export function withMembers(entry: PartitionEntry, members: readonly Member[]): PartitionEntry {
  return openEpoch(entry, () => members);
}

/** Changes every entry that is not frozen (H32). @returns the same map when no entry changed */
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

/** @returns the same map when nothing changed */
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

/** All incarnations of the node that have a place in the map. */
export function incarnationsOf(map: ClusterMap, node: NodeId): readonly IncarnationId[] {
  const entry = nodeEntry(map, node);
  const present = entry === undefined ? [] : [{ node, incarnation: entry.incarnation }];
  const members: IncarnationId[] = map.partitions.flatMap((partition) => partition.members);
  const incarnationIds = [...present, ...map.witnesses, ...(map.nextWitnesses ?? []), ...members];
  const incarnations = incarnationIds
    .filter((incarnationId) => incarnationId.node === node)
    .map(({ incarnation }) => incarnation);
  return [...new Set(incarnations)].map((incarnation) => ({ node, incarnation }));
}

/** The same map with the next number, under which a changed map is published. */
export function nextNumber(map: ClusterMap): ClusterMap {
  return { ...map, version: { ...map.version, number: map.version.number + 1 } };
}

/** An incarnation above every known one of the node; the start time in milliseconds where that is (I10). */
export function nextIncarnation(
  wallMs: number,
  proposed: Incarnation | undefined,
  known: readonly (Incarnation | undefined)[],
): Incarnation {
  const above = known.map((incarnation) => (incarnation ?? 0) + 1);
  return Math.max(proposed ?? Math.floor(wallMs), ...above) as Incarnation;
}
