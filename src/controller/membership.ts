// How the cluster map changes: pure functions from one map to the next. When to call them, and that a
// map is durable before anybody sees it (R11), is controller.ts's business.

import {
  type ClusterMap,
  type Member,
  type NodeEntry,
  nodeEntry,
  type PartitionEntry,
} from '../cluster/cluster-map.ts';
import {
  type ClusterId,
  type Epoch,
  hostOf,
  type Incarnation,
  type NodeId,
} from '../cluster/identity.ts';
import { partitionCount } from '../cluster/partition.ts';
import { place } from './placement.ts';

export interface FoundingOptions {
  readonly cluster: ClusterId;
  readonly digits: number;
  readonly redundancy: number;
  readonly nodes: ReadonlyMap<NodeId, NodeEntry>;
}

/** The first map of a cluster: every replica serves at once, for there is nothing to copy. */
export function foundMap({ cluster, digits, redundancy, nodes }: FoundingOptions): ClusterMap {
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
    nodes: Object.fromEntries(nodes),
    partitions: assignment.map((ids) => ({
      epoch: 1 as Epoch,
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
 * (H7). Otherwise they stay with the incarnation that had them: what the new one holds is nobody's
 * copy, so it serves nothing (H6).
 */
export function withNode(
  map: ClusterMap,
  node: NodeId,
  entry: NodeEntry,
  resumes: boolean,
): ClusterMap {
  const previous = nodeEntry(map, node)?.incarnation;
  const partitions = resumes
    ? map.partitions.map((partition) =>
        resumed(partition, node, { previous, next: entry.incarnation }),
      )
    : map.partitions;
  return nextNumber({ ...map, nodes: { ...map.nodes, [node]: entry }, partitions });
}

/**
 * Only what the life just before had: a member entry of a still earlier life belongs to a store that is
 * lost, and the present one, however clean, has nothing of it.
 */
function resumed(
  entry: PartitionEntry,
  node: NodeId,
  lives: { previous: Incarnation | undefined; next: Incarnation },
): PartitionEntry {
  const isPrevious = (member: Member) =>
    member.node === node && member.incarnation === lives.previous;
  if (!entry.members.some(isPrevious)) return entry;
  return {
    epoch: (entry.epoch + 1) as Epoch,
    members: entry.members.map((member) =>
      isPrevious(member) ? { ...member, incarnation: lives.next } : member,
    ),
  };
}

/** Every start of a controller opens a generation, so that no two ever publish one version (H32). */
export function nextGeneration(map: ClusterMap): ClusterMap {
  return { ...map, version: { generation: map.version.generation + 1, number: 1 } };
}

function nextNumber(map: ClusterMap): ClusterMap {
  const { generation, number } = map.version;
  return { ...map, version: { generation, number: number + 1 } };
}

/** Larger than every known one of the node; the start time where the clock allows it (PROTOCOL 3.1). */
export function nextIncarnation(
  wallMs: number,
  proposed: Incarnation | undefined,
  known: readonly (Incarnation | undefined)[],
): Incarnation {
  const above = known.map((incarnation) => (incarnation ?? 0) + 1);
  return Math.max(proposed ?? Math.floor(wallMs), ...above) as Incarnation;
}
