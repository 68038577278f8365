// Small cluster maps for tests of single parts.

import type {
  ClusterMap,
  IncarnationId,
  Member,
  MemberRole,
  NodeEntry,
} from '../../src/cluster/model/cluster-map.ts';
import type { FileServerEntry } from '../../src/cluster/model/file-server.ts';
import type {
  Address,
  ClusterId,
  Epoch,
  Incarnation,
  NodeId,
  StoreId,
} from '../../src/cluster/model/identity.ts';
import type { HeartbeatRequest } from '../../src/cluster/wire/control-messages.ts';

export const CLUSTER = 'cluster' as ClusterId;
export const nodeId = (name: string) => name as NodeId;
export const incarnationOf = (value: number) => value as Incarnation;

export function sampleNode(port: number, incarnation = 1): NodeEntry {
  return {
    address: `127.0.0.1:${port}` as Address,
    incarnation: incarnationOf(incarnation),
    store: `store ${port}` as StoreId,
    fenced: false,
    draining: false,
  };
}

/** On a host of its own. */
export function sampleFileServer(name: string): FileServerEntry {
  return {
    address: `${name}:1` as Address,
    store: `directory of ${name}` as StoreId,
    host: name,
    weight: 1,
    state: 'in',
  };
}

/** A joiner's attempt is epoch 1's unless it says otherwise. */
export function memberOf(node: string, role: MemberRole, incarnation = 1, joinEpoch = 1): Member {
  const incarnationId = { node: nodeId(node), incarnation: incarnationOf(incarnation) };
  return role === 'joining'
    ? { ...incarnationId, role, joinEpoch: joinEpoch as Epoch }
    : { ...incarnationId, role };
}

/** Sixteen partitions, each on nodes a and b, a in the given role. */
export function sampleMap(
  options: { number?: number; epoch?: number; role?: MemberRole } = {},
): ClusterMap {
  const { number = 1, epoch = 1, role = 'serving' } = options;
  return {
    cluster: CLUSTER,
    version: { generation: 1, number },
    digits: 1,
    redundancy: 2,
    witnesses: ['a', 'b'].map((node) => ({ node: nodeId(node), incarnation: incarnationOf(1) })),
    nodes: { a: sampleNode(1), b: sampleNode(2) },
    partitions: Array.from({ length: 16 }, () => ({
      epoch: epoch as Epoch,
      members: [memberOf('a', role), memberOf('b', 'serving')],
    })),
  };
}

export function incarnationId(node: string, incarnation = 1): IncarnationId {
  return { node: nodeId(node), incarnation: incarnationOf(incarnation) };
}

/** Of a node that has nothing to say but that it lives, and has this map. */
export function heartbeatOf(of: IncarnationId, map: ClusterMap): HeartbeatRequest {
  return {
    ...of,
    mapVersion: map.version,
    obeyedVersion: undefined,
    promised: undefined,
    deltas: true,
    items: 0,
    diskProblem: undefined,
    payloadBytes: 0,
    writable: true,
    joined: [],
    withoutMemory: undefined,
    copying: undefined,
    vouched: [],
    retains: undefined,
    wallMs: undefined,
    timeMs: undefined,
    retained: undefined,
    echo: undefined,
  };
}
