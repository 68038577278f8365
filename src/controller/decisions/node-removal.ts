// Nodes that are taken off the map, by the operator or by time. Both go by the same rule: whoever holds nothing,
// has no vote and is fenced is not needed. A node that comes back afterwards is a new node, with nothing to resume.

import {
  type ClusterMap,
  isFrozen,
  isGranted,
  type Life,
  nodeEntry,
  presentLives,
} from '../../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { View } from '../observations/view.ts';

/** For people; undefined: the map can do without. What an earlier life of the node holds or votes counts as its own. */
export function whyNeeded(map: ClusterMap, node: NodeId): string | undefined {
  const held = map.partitions.filter(({ members }) =>
    members.some((member) => member.node === node),
  );
  if (held.length > 0) return `${node} is a member of ${held.length} partitions: drain it first`;
  if (nodeEntry(map, node)?.fenced === false) return `${node} is alive: stop it first`;
  const votes = [...map.witnesses, ...(map.nextWitnesses ?? [])].some((life) => life.node === node);
  return votes ? `${node} is a witness until another one has taken over` : undefined;
}

/** @returns the map itself when the node is needed, or is not there */
export function withoutNode(map: ClusterMap, node: NodeId): ClusterMap {
  const entry = nodeEntry(map, node);
  if (entry === undefined || whyNeeded(map, node) !== undefined) return map;
  const { [node]: _, ...nodes } = map.nodes;
  const removedUpTo = Math.max(map.removedUpTo ?? 0, entry.incarnation) as Incarnation;
  return { ...map, nodes, removedUpTo };
}

/**
 * The next node that lapsed long ago. One a map, and each when all that are granted leases have the map before
 * it: so a recovery that hears a majority of the nodes of one map hears somebody who knows of the removals before.
 */
export function removeLongGone(map: ClusterMap, view: View): ClusterMap {
  if (isFrozen(map)) return map;
  const gone = presentLives(map).find(
    (life) => view.isLongGone(life) && whyNeeded(map, life.node) === undefined,
  );
  if (gone === undefined || !isKnown(map, view)) return map;
  return withoutNode(map, gone.node);
}

function isKnown(map: ClusterMap, view: View): boolean {
  const knows = (life: Life) => !isGranted(map, life) || view.hasAdopted(life, map.version);
  return presentLives(map).every(knows);
}
