// The cluster map: who the nodes are and which of them hold which partition (PROTOCOL 3.1). A map is
// immutable; its version is (generation, number), and one version has one content (I1). Who makes maps
// is the controller's business; everybody else compares versions and adopts.

import {
  type Address,
  address,
  type ClusterId,
  clusterId,
  type Epoch,
  epoch,
  INTEGER_MAX,
  type Incarnation,
  incarnation,
  type NodeId,
  nodeId,
  type StoreId,
  storeId,
} from './identity.ts';
import { DIGITS_MAX, REDUNDANCY_MAX, STORAGE_NODES_MAX } from './limits.ts';
import { type PartitionId, partitionCount } from './partition.ts';
import {
  dictionary,
  integer,
  list,
  Malformed,
  object,
  oneOf,
  optional,
  type Shape,
} from './shape.ts';

/** `serving` takes sets and answers gets; `joining` takes sets and copies; `leaving` takes sets only (D17). */
export type MemberRole = 'serving' | 'joining' | 'leaving';

export interface Member {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  readonly role: MemberRole;
}

export interface PartitionEntry {
  readonly epoch: Epoch;
  readonly members: readonly Member[];
}

export interface NodeEntry {
  readonly address: Address;
  readonly incarnation: Incarnation;
  readonly store: StoreId;
}

export interface MapVersion {
  /** Rises with every start of a controller (H32). */
  readonly generation: number;
  /** Rises with every change within a generation. */
  readonly number: number;
}

export interface ClusterMap {
  readonly cluster: ClusterId;
  readonly version: MapVersion;
  readonly digits: number;
  readonly redundancy: number;
  readonly nodes: Readonly<Record<string, NodeEntry>>;
  readonly partitions: readonly PartitionEntry[];
}

export const mapVersion: Shape<MapVersion> = object({
  generation: integer({ min: 0, max: INTEGER_MAX }),
  number: integer({ min: 0, max: INTEGER_MAX }),
});

/** Below every real map; what a node without a map reports. */
export const NO_MAP: MapVersion = { generation: 0, number: 0 };

export function compareMapVersions(a: MapVersion, b: MapVersion): number {
  return a.generation - b.generation || a.number - b.number;
}

export function printMapVersion(version: MapVersion): string {
  return `${version.generation}.${version.number}`;
}

export function parseMapVersion(text: string): MapVersion | undefined {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(text);
  return match === null ? undefined : { generation: Number(match[1]), number: Number(match[2]) };
}

export function nodeEntry(map: ClusterMap, node: NodeId): NodeEntry | undefined {
  return Object.hasOwn(map.nodes, node) ? map.nodes[node] : undefined;
}

export function partitionEntry(map: ClusterMap, partition: PartitionId): PartitionEntry {
  const entry = map.partitions[partition];
  if (entry === undefined) throw new RangeError(`partition ${partition} is not in the map`);
  return entry;
}

export function servingMembers(entry: PartitionEntry): readonly Member[] {
  return entry.members.filter((member) => member.role === 'serving');
}

/** The partitions that nobody may answer gets for; a frontend is ready when there are none. */
export function unservedPartitions(map: ClusterMap): number {
  return map.partitions.filter((entry) => servingMembers(entry).length === 0).length;
}

const member: Shape<Member> = object({
  node: nodeId,
  incarnation,
  role: oneOf('serving', 'joining', 'leaving'),
});

const fields = object({
  cluster: clusterId,
  version: mapVersion,
  digits: integer({ min: 1, max: DIGITS_MAX }),
  redundancy: integer({ min: 1, max: REDUNDANCY_MAX }),
  nodes: dictionary(object({ address, incarnation, store: storeId }), { max: STORAGE_NODES_MAX }),
  partitions: list(object({ epoch, members: list(member, { max: REDUNDANCY_MAX * 2 }) }), {
    max: partitionCount(DIGITS_MAX),
  }),
});

/** A whole map from outside: its shape, and that its parts fit each other. */
export const clusterMap: Shape<ClusterMap> = (value, path) => {
  const map = fields(value, path);
  if (map.partitions.length !== partitionCount(map.digits)) {
    throw new Malformed(`${path}.partitions has not 16^digits entries`);
  }
  for (const [partition, entry] of map.partitions.entries()) {
    const seen = new Set<string>();
    for (const { node } of entry.members) {
      if (!Object.hasOwn(map.nodes, node)) {
        throw new Malformed(`${path}.partitions[${partition}] names ${node}, which is no node`);
      }
      if (seen.has(node)) throw new Malformed(`${path}.partitions[${partition}] has ${node} twice`);
      seen.add(node);
    }
  }
  return map;
};

export const optionalClusterMap = optional(clusterMap);
