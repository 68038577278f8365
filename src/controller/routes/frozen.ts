// Describes for people the partitions that a recovery keeps frozen (H32): which nodes they wait for, and what helps.

import type { NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';

/** How many names or numbers a message lists, so that it stays readable whatever the cluster's size. */
const NAMED_MAX = 8;

/** The first NAMED_MAX items, and how many more there are. */
export function some(items: readonly (string | number)[]): string {
  const named = items.slice(0, NAMED_MAX).join(', ');
  return items.length > NAMED_MAX ? `${named} and ${items.length - NAMED_MAX} more` : named;
}

/** @param waiting the partitions that wait for a promise, by the node that has to give it */
export function describeFrozen(waiting: ReadonlyMap<NodeId, readonly PartitionId[]>): string {
  const nodes = [...waiting];
  if (nodes.length === 0) {
    return 'their epochs are spent: back up what is served, and restore it into a new cluster';
  }
  const lines = nodes
    .slice(0, NAMED_MAX)
    .map(([node, partitions]) => `partitions ${some(partitions)} wait for ${node}`);
  const more =
    nodes.length > NAMED_MAX ? [`others for ${nodes.length - NAMED_MAX} more nodes`] : [];
  return `${[...lines, ...more].join('; ')}: start it with its data, or, where it is gone for good and no earlier controller runs, velour forget NODE; what is frozen after that goes on with velour accept-loss only`;
}
