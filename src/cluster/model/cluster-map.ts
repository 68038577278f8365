// The cluster map: who the nodes are and which of them hold which partition (docs/protocol.md). A map is
// immutable; its version is (generation, number), and one version has one content (I1). Who makes maps
// is the controller's business; everybody else compares versions and adopts.

import {
  dictionary,
  flag,
  integer,
  list,
  Misshapen,
  object,
  oneOf,
  optional,
  type Shape,
} from '../wire/shapes.ts';
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
  nonce,
  type StoreId,
  storeId,
} from './identity.ts';
import { DIGITS_MAX, REDUNDANCY_MAX, STORAGE_NODES_MAX, WITNESSES_MAX } from './limits.ts';
import { type PartitionId, partitionCount } from './partition.ts';
import { timeScale } from './time-scale.ts';

/** `serving` takes sets and answers gets; `joining` takes sets and copies; `leaving` takes sets only (D17). */
export type MemberRole = 'serving' | 'joining' | 'leaving';

/** One life of one node: what may hold a lease, a vote or a membership. */
export interface Life {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
}

export type Member = Life &
  (
    | { readonly role: 'serving' | 'leaving' }
    /** `joinEpoch` names this very attempt to join (H16). */
    | { readonly role: 'joining'; readonly joinEpoch: Epoch }
  );

export interface PartitionEntry {
  readonly epoch: Epoch;
  readonly members: readonly Member[];
  /**
   * A recovery (H32) waits for a member that may know a later entry: until then nobody answers, and
   * nothing changes.
   */
  readonly frozen?: boolean | undefined;
}

export interface NodeEntry {
  readonly address: Address;
  readonly incarnation: Incarnation;
  readonly store: StoreId;
  /** Everything that this life of the node and all later ones acknowledged is in the store (H8). */
  readonly completeSince?: Incarnation | undefined;
  /** Nobody renews a lease of this life, and it is about to be removed (R6). */
  readonly fenced: boolean;
  /** The node is to hold no partitions (R9). */
  readonly draining: boolean;
}

/** What one start of a controller opened (H32). */
export interface Generation {
  /** Rises with every start of a controller that knows of the one before. */
  readonly generation: number;
  /**
   * Drawn at random by that start, so that no two of them ever mean the same generation: two that do not know of
   * each other may choose one number. Earlier software drew none.
   */
  readonly nonce?: string | undefined;
}

export interface MapVersion extends Generation {
  /** Rises with every change within a generation. */
  readonly number: number;
}

/**
 * What becomes of a set for which there is no memory: a store refuses it, a cache evicts other records. That
 * is the cluster's and not a node's, and stays as it was founded: what a 404 means depends on it (H40).
 */
export type WhenFull = 'refuse' | 'evict';

export interface ClusterMap {
  readonly cluster: ClusterId;
  readonly version: MapVersion;
  /** The map that this generation was opened from; none of a founding and of a recovery. */
  readonly openedFrom?: MapVersion | undefined;
  /** The last recovery that this map comes from; none since the founding, and of earlier software (H32). */
  readonly recoveredAs?: Generation | undefined;
  readonly digits: number;
  readonly redundancy: number;
  /** Left away by a store, whose map so is what it was before there were caches. */
  readonly whenFull?: WhenFull | undefined;
  /** Of the protocol times by which the lives of this cluster go, at most (D12); older software left it away. */
  readonly timeScale?: number | undefined;
  /** Who may renew leases while the controller is silent (R5, D2). */
  readonly witnesses: readonly Life[];
  /** During a change of witnesses a renewal needs a majority of both sets (H13). */
  readonly nextWitnesses?: readonly Life[] | undefined;
  readonly nodes: Readonly<Record<string, NodeEntry>>;
  readonly partitions: readonly PartitionEntry[];
  /**
   * The highest incarnation of all nodes that were removed. Whoever registers is above it, so that a node which was
   * removed never has an incarnation again that a life of it had before, whatever the clocks show (I10).
   */
  readonly removedUpTo?: Incarnation | undefined;
  /** The nodes whose promises this map rests on, while a partition is frozen for want of others (H32). */
  readonly promised?: readonly NodeId[] | undefined;
  /** That recovery had the operator's word that no other controller runs; kept while a partition is frozen (H32). */
  readonly onlyController?: boolean | undefined;
}

export const generation: Shape<Generation> = object({
  generation: integer({ min: 0, max: INTEGER_MAX }),
  nonce: optional(nonce),
});

export const mapVersion: Shape<MapVersion> = object({
  generation: integer({ min: 0, max: INTEGER_MAX }),
  nonce: optional(nonce),
  number: integer({ min: 0, max: INTEGER_MAX }),
});

/** Below every real map; what a node without a map reports. */
export const NO_MAP: MapVersion = { generation: 0, number: 0 };

/**
 * The order of generations. Of two that have one number the nonce decides, so that all agree which of the two
 * controllers is overruled. Without a nonce it is software of before that speaks, and it means whichever it has.
 */
export function compareGenerations(a: Generation, b: Generation): number {
  if (a.generation !== b.generation) return a.generation - b.generation;
  if (a.nonce === b.nonce || a.nonce === undefined || b.nonce === undefined) return 0;
  return a.nonce < b.nonce ? -1 : 1;
}

export function compareMapVersions(a: MapVersion, b: MapVersion): number {
  return compareGenerations(a, b) || a.number - b.number;
}

/** For people, who seldom need the nonce. */
export function printMapVersion({ generation, number }: MapVersion): string {
  return `${generation}.${number}`;
}

/** All of it, as one text. */
export function encodeMapVersion(version: MapVersion): string {
  const { nonce } = version;
  return nonce === undefined ? printMapVersion(version) : `${printMapVersion(version)}.${nonce}`;
}

export function parseMapVersion(text: string): MapVersion | undefined {
  const match = /^(\d{1,15})\.(\d{1,15})(?:\.([0-9A-Za-z]{1,64}))?$/.exec(text);
  if (match === null) return undefined;
  return { generation: Number(match[1]), nonce: match[3], number: Number(match[2]) };
}

export function nodeEntry(map: ClusterMap, node: NodeId): NodeEntry | undefined {
  return Object.hasOwn(map.nodes, node) ? map.nodes[node] : undefined;
}

/** The life that each node has now, as the map knows. */
export function presentLives(map: ClusterMap): readonly Life[] {
  return Object.entries(map.nodes).map(([node, { incarnation }]) => ({
    node: node as NodeId,
    incarnation,
  }));
}

export function partitionEntry(map: ClusterMap, partition: PartitionId): PartitionEntry {
  const entry = map.partitions[partition];
  if (entry === undefined) throw new RangeError(`partition ${partition} is not in the map`);
  return entry;
}

type Founded = Pick<ClusterMap, 'cluster' | 'digits'>;

/** The digits of a cluster never change, or every key would be elsewhere (H34). */
export function isSameCluster(a: Founded, b: Founded): boolean {
  return a.cluster === b.cluster && a.digits === b.digits;
}

export function whenFullOf(map: ClusterMap): WhenFull {
  return map.whenFull ?? 'refuse';
}

/** Whether this life is the node's present one, and not fenced: only then is it granted leases. */
export function isGranted(map: ClusterMap, { node, incarnation }: Life): boolean {
  const entry = nodeEntry(map, node);
  return entry?.incarnation === incarnation && !entry.fenced;
}

export function isSameLife(a: Life, b: Life): boolean {
  return a.node === b.node && a.incarnation === b.incarnation;
}

/** The members that may answer gets now (R3). */
export function answeringMembers(map: ClusterMap, entry: PartitionEntry): readonly Member[] {
  if (entry.frozen) return [];
  return entry.members.filter((member) => member.role === 'serving' && isGranted(map, member));
}

/**
 * H32: whether a controller made this map from a state of yesterday: its generation was opened from a map
 * below the one that is known, which so was never taken into account.
 */
export function isOfStaleLineage(map: ClusterMap, known: MapVersion): boolean {
  const { openedFrom, version } = map;
  if (openedFrom === undefined || compareGenerations(version, known) === 0) return false;
  return compareMapVersions(version, known) > 0 && compareMapVersions(openedFrom, known) < 0;
}

/**
 * H32: what a node is bound by that promised itself to a recovery, and knows of no map that could come from it.
 * @param known the newest map that it, or an earlier life of its store, adopted; none: it has never answered anything
 */
export function boundBy(
  promised: Generation,
  known: Generation | undefined,
): Generation | undefined {
  const isBound = known !== undefined && compareGenerations(known, promised) < 0;
  return isBound ? promised : undefined;
}

/**
 * H32: whether a controller opened this map's generation above the promise without asking anybody. Who followed it could
 * acknowledge what the recovery, which counts him among those that follow it, never hears of.
 */
export function isPassedOver(map: ClusterMap, promised: Generation | undefined): boolean {
  return promised !== undefined && compareGenerations(askedFor(map), promised) < 0;
}

/** Of a founding, and of what earlier software opened from it since. */
const FOUNDED: Generation = { generation: 1 };

/**
 * H32: the last generation for which the nodes were asked, that of a recovery or of the founding. Those after it were
 * opened from a state without asking anybody, so whoever promised itself to one in between follows none of them.
 */
export function askedFor({ recoveredAs, openedFrom, version }: ClusterMap): Generation {
  return recoveredAs ?? (openedFrom === undefined ? version : FOUNDED);
}

export function isFrozen(map: ClusterMap): boolean {
  return map.partitions.some(({ frozen }) => frozen);
}

/** The partitions that nobody may answer gets for; a frontend is ready when there are none. */
export function offlinePartitions(map: ClusterMap): number {
  return map.partitions.filter((entry) => answeringMembers(map, entry).length === 0).length;
}

export const life = object({ node: nodeId, incarnation });

const memberFields = object({
  node: nodeId,
  incarnation,
  role: oneOf('serving', 'joining', 'leaving'),
  joinEpoch: optional(epoch),
});

const member: Shape<Member> = (value) => {
  const { node, incarnation, role, joinEpoch } = memberFields(value);
  if (role !== 'joining') return { node, incarnation, role };
  if (joinEpoch === undefined) throw new Misshapen('joins without a joinEpoch');
  return { node, incarnation, role, joinEpoch };
};

const witnesses = list(life, { max: WITNESSES_MAX });

/** Everything of a map but its entries. */
export const mapHead = {
  cluster: clusterId,
  version: mapVersion,
  openedFrom: optional(mapVersion),
  recoveredAs: optional(generation),
  digits: integer({ min: 1, max: DIGITS_MAX }),
  redundancy: integer({ min: 1, max: REDUNDANCY_MAX }),
  whenFull: optional(oneOf('refuse', 'evict')),
  timeScale,
  witnesses,
  nextWitnesses: optional(witnesses),
  nodes: dictionary(
    object({
      address,
      incarnation,
      store: storeId,
      completeSince: optional(incarnation),
      fenced: flag,
      draining: flag,
    }),
    { max: STORAGE_NODES_MAX },
  ),
  removedUpTo: optional(incarnation),
  promised: optional(list(nodeId, { max: STORAGE_NODES_MAX })),
  onlyController: optional(flag),
};

export const entryShape: Shape<PartitionEntry> = object({
  epoch,
  members: list(member, { max: REDUNDANCY_MAX * 2 }),
  frozen: optional(flag),
});

const fields = object({
  ...mapHead,
  partitions: list(entryShape, { max: partitionCount(DIGITS_MAX) }),
});

/** A whole map from outside: its shape, and that its parts fit each other. */
export const clusterMap: Shape<ClusterMap> = (value) => {
  const map = fields(value);
  if (map.partitions.length !== partitionCount(map.digits)) {
    throw new Misshapen('has not 16^digits entries', 'partitions');
  }
  for (const [partition, entry] of map.partitions.entries()) checkMembers(map, partition, entry);
  return map;
};

/** @throws Misshapen when a member is no node of the map, or is there twice */
export function checkMembers(
  { nodes }: Pick<ClusterMap, 'nodes'>,
  partition: number,
  { members }: PartitionEntry,
): void {
  const seen = new Set<string>();
  for (const { node } of members) {
    if (!Object.hasOwn(nodes, node)) {
      throw new Misshapen(`names ${node}, which is no node`, `partitions[${partition}]`);
    }
    if (seen.has(node)) throw new Misshapen(`has ${node} twice`, `partitions[${partition}]`);
    seen.add(node);
  }
}

export const optionalClusterMap = optional(clusterMap);
