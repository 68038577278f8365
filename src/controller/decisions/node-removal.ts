// Removes nodes from the map, on an operator's request or after a long time. Both follow one rule: a node that holds
// nothing, has no vote and is fenced is not needed. If it comes back later it is a new node, with nothing to resume.

import {
  type ClusterMap,
  type IncarnationId,
  isFrozen,
  isGranted,
  nodeEntry,
  presentIncarnations,
} from '../../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { View } from '../observations/view.ts';

/** Why the map needs the node, for people; undefined when it does not. Places of its earlier incarnations count. */
export function whyNeeded(map: ClusterMap, node: NodeId): string | undefined {
  const held = map.partitions.filter(({ members }) =>
    members.some((member) => member.node === node),
  );
  if (held.length > 0) return `${node} is a member of ${held.length} partitions: drain it first`;
  if (nodeEntry(map, node)?.fenced === false) return `${node} is alive: stop it first`;
  const votes = [...map.witnesses, ...(map.nextWitnesses ?? [])].some(
    (incarnationId) => incarnationId.node === node,
  );
  return votes ? `${node} is a witness until another one has taken over` : undefined;
}

/** @returns the same map when the node is needed, or is not in it */
export function withoutNode(map: ClusterMap, node: NodeId): ClusterMap {
  const entry = nodeEntry(map, node);
  if (entry === undefined || whyNeeded(map, node) !== undefined) return map;
  const { [node]: _, ...nodes } = map.nodes;
  const removedUpTo = Math.max(map.removedUpTo ?? 0, entry.incarnation) as Incarnation;
  return { ...map, nodes, removedUpTo };
}

/**
 * Removes the next node that has been gone for long. Only one per map, and the next only when all nodes that are
 * granted leases have adopted the map before it: so a recovery that hears a majority of the nodes in some map hears
 * one that knows of the earlier removals.
 */
export function removeLongGone(map: ClusterMap, view: View): ClusterMap {
  if (isFrozen(map)) return map;
  const gone = presentIncarnations(map).find(
    (incarnationId) =>
      view.isLongGone(incarnationId) && whyNeeded(map, incarnationId.node) === undefined,
  );
  if (gone === undefined || !isKnown(map, view)) return map;
  return withoutNode(map, gone.node);
}

function isKnown(map: ClusterMap, view: View): boolean {
  const knows = (incarnationId: IncarnationId) =>
    !isGranted(map, incarnationId) || view.hasAdopted(incarnationId, map.version);
  return presentIncarnations(map).every(knows);
}
