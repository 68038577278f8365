// Predicts what a change of the nodes would move, before anything moves. It uses the real placement, and sizes from
// the nodes' latest heartbeats.

import {
  type ClusterMap,
  nodeEntry,
  presentIncarnations,
} from '../../cluster/model/cluster-map.ts';
import { hostOf, type NodeId } from '../../cluster/model/identity.ts';
import { JOINS_PER_NODE_MAX } from '../../cluster/model/limits.ts';
import type { PlanReply } from '../../cluster/wire/control-messages.ts';
import type { Observations } from '../observations/observations.ts';
import { fileServersIn } from './file-servers.ts';
import { place } from './placement.ts';

/** Speed of a copy under load, on loopback (docs/performance.md). */
const COPY_BYTES_PER_SECOND = 30 * 1024 * 1024;

export interface NodeChange {
  /** How many nodes to add, each on a host of its own. */
  readonly add: number;
  readonly drain: NodeId | undefined;
}

export function planChange(
  map: ClusterMap,
  observations: Observations,
  change: NodeChange,
): PlanReply {
  const present = (Object.keys(map.nodes) as NodeId[]).filter((node) => {
    const entry = nodeEntry(map, node);
    return entry?.fenced === false && !entry.draining && node !== change.drain;
  });
  const added = Array.from({ length: change.add }, (_, index) => `new node ${index + 1}` as NodeId);
  const hostOfNode = (node: NodeId) => {
    const entry = nodeEntry(map, node);
    return entry === undefined ? node : hostOf(entry.address);
  };
  const nodes = [...present, ...added].map((id) => ({ id, host: hostOfNode(id) }));
  const redundancy = Math.min(map.redundancy, nodes.length);
  const target =
    nodes.length === 0
      ? []
      : place({
          nodes,
          partitions: map.partitions.length,
          redundancy,
          previous: map.partitions.map(({ members }) => members.map(({ node }) => node)),
        });
  const joins = new Map<NodeId, number>();
  for (const [partition, wanted] of target.entries()) {
    const members = map.partitions[partition]?.members ?? [];
    for (const node of wanted) {
      if (members.some((member) => member.node === node)) continue;
      joins.set(node, (joins.get(node) ?? 0) + 1);
    }
  }
  const partitions = [...joins.values()].reduce((sum, count) => sum + count, 0);
  const bytesEach = bytesPerPartition(map, observations);
  const slowest = Math.max(0, ...joins.values());
  const rounds = Math.ceil(slowest / JOINS_PER_NODE_MAX);
  // Even with little to copy, a round of joins waits for a decision and a heartbeat.
  const roundSeconds = (observations.times.decideMs + observations.times.heartbeatMs) / 1000;
  const seconds = Math.ceil(rounds * roundSeconds + (slowest * bytesEach) / COPY_BYTES_PER_SECOND);
  return {
    partitions,
    bytes: Math.round(partitions * bytesEach),
    seconds,
    redundancy,
    joins: Object.fromEntries(joins),
    fileServers: undefined,
  };
}

/** What a drain of this file server would leave: no partition depends on it, and what it holds only itself can count. */
export function planFileServerDrain(map: ClusterMap, id: NodeId): PlanReply {
  const left = fileServersIn(map, id);
  const fileServers = { left: left.length, hosts: new Set(left.map(({ host }) => host)).size };
  const { redundancy } = map;
  return { partitions: 0, bytes: 0, seconds: 0, redundancy, joins: {}, fileServers };
}

function bytesPerPartition(map: ClusterMap, observations: Observations): number {
  let bytes = 0;
  let held = 0;
  for (const incarnationId of presentIncarnations(map)) {
    const last = observations.heartbeats.of(incarnationId);
    if (last === undefined) continue;
    bytes += last.payloadBytes;
    held += map.partitions.filter(({ members }) =>
      members.some((member) => member.node === incarnationId.node),
    ).length;
  }
  return held === 0 ? 0 : bytes / held;
}
