// The cluster map: which nodes there are, and which of them hold which partition (docs/protocol.md). A map is
// immutable; its version is (generation, number), and one version has one content (I1). The controller makes maps
// (controller/decisions/); every other process only compares versions and adopts.

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
import { type FileServers, fileServers } from './file-server.ts';
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

/** One incarnation of one node: it is what holds a lease, a vote or a membership. */
export interface IncarnationId {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
}

export type Member = IncarnationId &
  (
    | { readonly role: 'serving' | 'leaving' }
    /** `joinEpoch` is the epoch at which this attempt began: a report of an earlier attempt names another one (H16). */
    | { readonly role: 'joining'; readonly joinEpoch: Epoch }
  );

export interface PartitionEntry {
  readonly epoch: Epoch;
  readonly members: readonly Member[];
  /**
   * A recovery (H32) waits for a member that may know a later entry: until then no member answers for the partition,
   * and the entry stays as it is.
   */
  readonly frozen?: boolean | undefined;
}

export interface NodeEntry {
  readonly address: Address;
  readonly incarnation: Incarnation;
  readonly store: StoreId;
  /** The incarnation since which nothing that the node acknowledged can be missing in its store (H8). */
  readonly completeSince?: Incarnation | undefined;
  /** Nobody renews a lease of this incarnation, and it is about to be removed from the partitions (R6). */
  readonly fenced: boolean;
  /** The node's replicas are to move to other nodes, until it holds no partition (R9). */
  readonly draining: boolean;
}

/** Names one start of a controller (H32). */
export interface Generation {
  /** Rises with every start of a controller that knows the generation before. */
  readonly generation: number;
  /**
   * Drawn at random at that start: two controllers that do not know of each other may choose the same number, and
   * still name different generations. Earlier software drew none.
   */
  readonly nonce?: string | undefined;
}

export interface MapVersion extends Generation {
  /** Rises with every change within a generation. */
  readonly number: number;
}

/**
 * What happens to a set for which there is no memory: a store refuses it, a cache evicts other records. It is a
 * property of the cluster, not of a node, and never changes after the founding: the meaning of a 404 depends on it
 * (H40).
 */
export type WhenFull = 'refuse' | 'evict';

export interface ClusterMap {
  readonly cluster: ClusterId;
  readonly version: MapVersion;
  /** The version of the map that this generation was opened from; absent after a founding or a recovery. */
  readonly openedFrom?: MapVersion | undefined;
  /**
   * The generation of the last recovery in this map's history, or of the founding if there was none (`askedFor`).
   * Absent in the maps of the founding's own generation, and from earlier software (H32).
   */
  readonly recoveredAs?: Generation | undefined;
  readonly digits: number;
  readonly redundancy: number;
  /** A store leaves it out, so that its maps read as they did before there were caches. */
  readonly whenFull?: WhenFull | undefined;
  /** The largest scale of the protocol times of any admitted incarnation (D12); older software left it out. */
  readonly timeScale?: number | undefined;
  /** The incarnations that may renew leases while the controller is silent (R5, D2). */
  readonly witnesses: readonly IncarnationId[];
  /** Present while the witnesses change: a renewal then needs a majority of both sets (H13). */
  readonly nextWitnesses?: readonly IncarnationId[] | undefined;
  readonly nodes: Readonly<Record<string, NodeEntry>>;
  /** By id; absent in maps without any. Only a join and the operator change it: a restart of one moves nothing. */
  readonly fileServers?: FileServers | undefined;
  /**
   * By partition: the map before the one in which the operator last accepted what was lost there. What was stored by then
   * and is absent now may never have been deleted: file servers collect nothing because of it.
   */
  readonly acceptedLosses?: Readonly<Record<string, MapVersion>> | undefined;
  readonly partitions: readonly PartitionEntry[];
  /**
   * The highest incarnation of all removed nodes. Each registration gets a higher one, so that a node which was
   * removed and comes back never reuses an incarnation, whatever the clocks show (I10).
   */
  readonly removedUpTo?: Incarnation | undefined;
  /** Present while a partition is frozen: the nodes that had promised when the recovery made this map (H32). */
  readonly promised?: readonly NodeId[] | undefined;
  /** The operator vouched, at that recovery, that no other controller runs; kept while a partition is frozen (H32). */
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

/** What a node without a map reports: it is below every real version. */
export const NO_MAP: MapVersion = { generation: 0, number: 0 };

/**
 * Orders generations by number, then by nonce, so that all nodes agree which of two controllers that chose one number
 * is overruled. A generation without a nonce comes from earlier software, and equals any of its number.
 */
export function compareGenerations(a: Generation, b: Generation): number {
  if (a.generation !== b.generation) return a.generation - b.generation;
  if (a.nonce === b.nonce || a.nonce === undefined || b.nonce === undefined) return 0;
  return a.nonce < b.nonce ? -1 : 1;
}

export function compareMapVersions(a: MapVersion, b: MapVersion): number {
  return compareGenerations(a, b) || a.number - b.number;
}

/** `generation.number`, for people, who seldom need the nonce. */
export function printMapVersion({ generation, number }: MapVersion): string {
  return `${generation}.${number}`;
}

/** The whole version as one text, which `parseMapVersion` reads. */
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

/** The present incarnation of each node, as the map has it. */
export function presentIncarnations(map: ClusterMap): readonly IncarnationId[] {
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

/** The digits of a cluster never change: with others every key would be in another partition (H34). */
export function isSameCluster(a: Founded, b: Founded): boolean {
  return a.cluster === b.cluster && a.digits === b.digits;
}

export function whenFullOf(map: ClusterMap): WhenFull {
  return map.whenFull ?? 'refuse';
}

/** Whether this incarnation is the node's present one and not fenced: only then is it granted leases. */
export function isGranted(map: ClusterMap, { node, incarnation }: IncarnationId): boolean {
  const entry = nodeEntry(map, node);
  return entry?.incarnation === incarnation && !entry.fenced;
}

export function isSameIncarnation(a: IncarnationId, b: IncarnationId): boolean {
  return a.node === b.node && a.incarnation === b.incarnation;
}

/** The members that may answer gets by this map (R3). */
export function answeringMembers(map: ClusterMap, entry: PartitionEntry): readonly Member[] {
  if (entry.frozen) return [];
  return entry.members.filter((member) => member.role === 'serving' && isGranted(map, member));
}

/** @returns the partitions for which others may answer gets by `map` than by `known`: all of them in another cluster */
export function movedPartitions(
  known: ClusterMap | undefined,
  map: ClusterMap,
): readonly PartitionId[] {
  const before = known !== undefined && isSameCluster(map, known) ? known : undefined;
  return map.partitions.flatMap((entry, index) => {
    const partition = index as PartitionId;
    if (before === undefined) return [partition];
    const now = answeringMembers(map, entry);
    const earlier = answeringMembers(before, partitionEntry(before, partition));
    const isKept =
      now.length === earlier.length &&
      now.every((member) => earlier.some((other) => isSameIncarnation(member, other)));
    return isKept ? [] : [partition];
  });
}

/**
 * H39a: the member that judges the partition's conditional writes. It depends on the epoch alone: a member that leaves
 * stays until the next epoch, fenced or not, while its role changes within one (H12). A joiner may lack records.
 */
export function serialiserOf({ members, frozen }: PartitionEntry): Member | undefined {
  return frozen ? undefined : members.find(({ role }) => role !== 'joining');
}

/**
 * H32: whether a controller that started from an old state made this map: it opened the generation from a map below
 * `known`, so what changed up to `known` is missing from this one.
 */
export function isOfStaleLineage(map: ClusterMap, known: MapVersion): boolean {
  const { openedFrom, version } = map;
  if (openedFrom === undefined || compareGenerations(version, known) === 0) return false;
  return compareMapVersions(version, known) > 0 && compareMapVersions(openedFrom, known) < 0;
}

/**
 * H32: which recovery's promise still binds a node: none any more once the node knows a map of that generation or
 * above.
 * @param known the newest map that the node, or an earlier incarnation of its store, adopted; undefined when it has
 * none, for such a node never acknowledged anything that a recovery could miss
 */
export function boundBy(
  promised: Generation,
  known: Generation | undefined,
): Generation | undefined {
  const isBound = known !== undefined && compareGenerations(known, promised) < 0;
  return isBound ? promised : undefined;
}

/**
 * H32: whether the generation of this map was opened without asking the nodes, though a recovery had this node's
 * promise. The node must not adopt such a map: it could acknowledge sets that the recovery, which counts on the
 * promise, never hears of.
 */
export function isPassedOver(map: ClusterMap, promised: Generation | undefined): boolean {
  return promised !== undefined && compareGenerations(askedFor(map), promised) < 0;
}

/** The generation of a founding; assumed too for maps whose history older software did not note in `recoveredAs`. */
const FOUNDED: Generation = { generation: 1 };

/**
 * H32: the last generation for which the nodes were asked: that of the last recovery, or of the founding. Later ones
 * were opened from the controller's state without asking, so a node that promised itself to a recovery above this one
 * adopts none of them.
 */
export function askedFor({ recoveredAs, openedFrom, version }: ClusterMap): Generation {
  return recoveredAs ?? (openedFrom === undefined ? version : FOUNDED);
}

export function isFrozen(map: ClusterMap): boolean {
  return map.partitions.some(({ frozen }) => frozen);
}

/** The number of partitions for which nobody may answer gets by this map. */
export function offlinePartitions(map: ClusterMap): number {
  return map.partitions.filter((entry) => answeringMembers(map, entry).length === 0).length;
}

export const incarnationId = object({ node: nodeId, incarnation });

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

const witnesses = list(incarnationId, { max: WITNESSES_MAX });

/** Every field of a map except its partition entries. */
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
  fileServers: optional(fileServers),
  acceptedLosses: optional(dictionary(mapVersion, { max: partitionCount(DIGITS_MAX) })),
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

/** Checks a whole map from outside: its shape, and that nodes and partitions fit each other. */
export const clusterMap: Shape<ClusterMap> = (value) => {
  const map = fields(value);
  if (map.partitions.length !== partitionCount(map.digits)) {
    throw new Misshapen('has not 16^digits entries', 'partitions');
  }
  for (const [partition, entry] of map.partitions.entries()) checkMembers(map, partition, entry);
  return map;
};

/** @throws Misshapen when a member is not a node of the map, or is listed twice */
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
