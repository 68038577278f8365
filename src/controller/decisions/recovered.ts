// Concludes from the promises what a recovery may (H32): for each partition the known entry of the highest epoch, and
// whether it counts or stays frozen. Pure; whom to ask, and when, is in map/recovery.ts.

import {
  type ClusterMap,
  compareMapVersions,
  type IncarnationId,
  isFrozen,
  isSameIncarnation,
  type Member,
  type NodeEntry,
  nodeEntry,
  type PartitionEntry,
} from '../../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { PrepareReply } from '../../cluster/wire/control-messages.ts';
import { hasEpochLeft, openEpoch } from './epochs.ts';

/** The promise of each node, with what the node knew when it gave it. */
export type PromisesByNode = ReadonlyMap<NodeId, PrepareReply>;

/** What is known beside the map; during a recovery all of it only grows. */
export interface Evidence {
  readonly promises: PromisesByNode;
  /** Whether the node promised so long ago that every lease it granted before has lapsed. */
  hasLapsed(node: NodeId): boolean;
  /**
   * Whether an entry may count without the promise of this node: the operator declared it dead, or gave the word that
   * no earlier controller runs, which might still grant it leases.
   */
  mayBeMissed(node: NodeId): boolean;
}

interface KnownEntry {
  readonly entry: PartitionEntry;
  /** The map that contains the entry. */
  readonly map: ClusterMap;
}

/**
 * Replaces each frozen entry by the known one of the highest epoch. The entry counts, and is no longer frozen, when
 * all its members have promised: then no set was acknowledged at a later entry, because that entry has one of these
 * members, which would know it, or descends from a joiner that copied from one of them, which would know it likewise.
 * It also counts when one member suffices (see `survivor`).
 *
 * The entry may be from an older map or a late promise, which does not know the present incarnations of its members:
 * they are updated where the store is the same (H7).
 *
 * @returns the same map when nothing new is known
 */
export function recovered(map: ClusterMap, evidence: Evidence): ClusterMap {
  const { promises } = evidence;
  const maps = mapsOf(promises);
  const known = map.partitions.map((entry, partition) =>
    entry.frozen ? highestEntry([map, ...maps], partition as PartitionId) : undefined,
  );
  const nodes = latestIncarnations(map, known);
  const isVouchedFor = hasWitnesses(evidence);
  let changed = false;
  const partitions = map.partitions.map((entry, partition) => {
    const highest = known[partition];
    if (highest === undefined) return entry;
    const { members } = highest.entry;
    const present = members.map((member) =>
      presentIncarnation(member, nodeEntry(highest.map, member.node), nodes[member.node]),
    );
    const { epoch } = highest.entry;
    // While the entry is frozen nothing is applied, so new incarnations need no new epoch.
    const next: PartitionEntry = { epoch, members: present, frozen: true };
    const isComplete =
      members.every((member) => hasPromised(promises, highest.map, member)) ||
      (isVouchedFor && survivor(evidence, highest.entry, partition as PartitionId) !== undefined);
    const counts = isComplete && hasEpochLeft(next);
    const isNews =
      highest.map !== map || present.some((member, index) => member !== members[index]);
    if (!counts && !isNews) return entry;
    changed = true;
    return counts ? openEpoch(next, () => present) : next;
  });
  const promised = [...promises.keys()].filter((node) => Object.hasOwn(nodes, node));
  // The map may be from an earlier recovery, with as many promises but of other nodes.
  if (!changed && isSameSet(promised, map.promised ?? [])) return map;
  const next = { ...map, nodes, partitions };
  return isFrozen(next)
    ? { ...next, promised }
    : { ...next, promised: undefined, onlyController: undefined };
}

/** @param a,b lists without duplicates */
function isSameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node) => b.includes(node));
}

/** The newest map in any promise. */
export function newestMap(promises: PromisesByNode): ClusterMap | undefined {
  return mapsOf(promises).sort((a, b) => compareMapVersions(b.version, a.version))[0];
}

/** The frozen partitions that wait for a promise, by the node that has to give it. */
export function frozenFor(
  map: ClusterMap,
  promises: PromisesByNode,
): ReadonlyMap<NodeId, readonly PartitionId[]> {
  const waiting = new Map<NodeId, PartitionId[]>();
  for (const [partition, entry] of map.partitions.entries()) {
    if (!entry.frozen) continue;
    for (const member of entry.members) {
      if (hasPromised(promises, map, member)) continue;
      const partitions = waiting.get(member.node) ?? [];
      partitions.push(partition as PartitionId);
      waiting.set(member.node, partitions);
    }
  }
  return waiting;
}

/**
 * Finds a member that has every acknowledged set of the entry although others have not promised: it is a member of
 * every later entry at which a set was acknowledged (R4). That is so unless it was removed, and it cannot have been:
 *
 * 1. Not as a leaving member: it would have adopted the map in which it leaves (H12), and in its own map it serves.
 * 2. Not as a dead incarnation: this very incarnation has promised, and has sent no goodbye.
 * 3. Not because its lease lapsed. For that, so many witnesses that no majority was left had adopted a map that
 *   fences it, or were dead (R6). A majority of the witnesses has promised, each as the incarnation that votes, so
 *   one of them would know that map or a later one, in which the member is still fenced or the partition has a higher
 *   epoch.
 *
 * The witnesses to ask are the present and the next ones of the newest known map. A change of witnesses is complete
 * only when every unfenced node, this member among them, has adopted the map that began it (H13), so that map would
 * be known.
 *
 * An entry that an earlier recovery froze counts only when all its members have promised. The maps since then show
 * nobody as fenced, may have other witnesses and follow new incarnations, so the facts that 2 and 3 need may be lost.
 */
function survivor(
  evidence: Evidence,
  highest: PartitionEntry,
  partition: PartitionId,
): Member | undefined {
  const { promises } = evidence;
  const maps = mapsOf(promises);
  const told = highestEntry(maps, partition);
  if (told === undefined || told.entry.epoch !== highest.epoch) return undefined;
  if (maps.some((map) => map.partitions[partition]?.frozen)) return undefined;
  const mayGoOn = told.entry.members.every(
    (member) => hasPromised(promises, told.map, member) || evidence.mayBeMissed(member.node),
  );
  if (!mayGoOn) return undefined;
  return told.entry.members.find((member) => {
    if (member.role !== 'serving' || !incarnationIds(promises, member)) return false;
    const own = promises.get(member.node)?.map?.partitions[partition];
    return (
      own?.epoch === told.entry.epoch &&
      own.members.some((other) => other.role === 'serving' && isSameIncarnation(other, member)) &&
      !maps.some((map) => bars(map, member))
    );
  });
}

/** Whether this very incarnation has promised and has sent no goodbye. */
function incarnationIds(promises: PromisesByNode, { node, incarnation }: IncarnationId): boolean {
  const promise = promises.get(node);
  return promise?.incarnation === incarnation && promise.living === true;
}

/** Whether a majority of the witnesses promised so long ago that every lease they renewed before has lapsed (R6). */
function hasWitnesses({ promises, hasLapsed }: Evidence): boolean {
  const { witnesses = [], nextWitnesses } = newestMap(promises) ?? {};
  return [witnesses, ...(nextWitnesses === undefined ? [] : [nextWitnesses])].every((set) => {
    const heard = set.filter(
      (incarnationId) => incarnationIds(promises, incarnationId) && hasLapsed(incarnationId.node),
    );
    return 2 * heard.length > set.length;
  });
}

/** Whether under this map no lease of the incarnation is renewed: it is fenced, or the node has a later incarnation. */
function bars(map: ClusterMap, { node, incarnation }: IncarnationId): boolean {
  const entry = nodeEntry(map, node);
  if (entry === undefined || entry.incarnation < incarnation) return false;
  return entry.fenced || entry.incarnation > incarnation;
}

function mapsOf(promises: PromisesByNode): ClusterMap[] {
  const known = [...promises.values()].flatMap(({ map, obeyed }) => [map, obeyed]);
  return known.filter((map) => map !== undefined);
}

/** The nodes of the map, each with the latest incarnation in the map itself or in a map that an entry is from. */
function latestIncarnations(
  map: ClusterMap,
  known: readonly (KnownEntry | undefined)[],
): Record<string, NodeEntry> {
  const nodes = { ...map.nodes };
  for (const { entry, map: from } of known.filter((each) => each !== undefined)) {
    for (const { node } of entry.members) {
      const named = nodeEntry(from, node);
      if (named !== undefined && named.incarnation > (nodes[node]?.incarnation ?? 0)) {
        nodes[node] = { ...named, fenced: false };
      }
    }
  }
  return nodes;
}

/** Among entries of equal epoch, the one in the newest map. */
function highestEntry(maps: readonly ClusterMap[], partition: PartitionId): KnownEntry | undefined {
  return maps
    .flatMap((map) => {
      const entry = map.partitions[partition];
      return entry === undefined ? [] : [{ entry, map }];
    })
    .sort(
      (a, b) => b.entry.epoch - a.entry.epoch || compareMapVersions(b.map.version, a.map.version),
    )[0];
}

/** The member, with its node's present incarnation if that has all the data that the member had. */
function presentIncarnation(
  member: Member,
  named: NodeEntry | undefined,
  present: NodeEntry | undefined,
): Member {
  const since = present?.completeSince;
  const isOver = present !== undefined && present.incarnation > member.incarnation;
  const isSameStore = named?.incarnation === member.incarnation && named.store === present?.store;
  if (!isOver || !isSameStore || since === undefined || since > member.incarnation) return member;
  return { ...member, incarnation: present.incarnation };
}

/**
 * D6: only the incarnation or the store that the entry names counts: a node without its data knows nothing. The store
 * counts only if it has had that incarnation: an old copy of it does not know the later maps.
 */
function hasPromised(promises: PromisesByNode, map: ClusterMap, member: Member): boolean {
  const promise = promises.get(member.node);
  if (promise === undefined) return false;
  if (promise.incarnation === member.incarnation) return true;
  const entry = nodeEntry(map, member.node);
  const isSameStore = entry?.incarnation === member.incarnation && entry.store === promise.store;
  return isSameStore && coversIncarnation(promise, member.incarnation);
}

/** Whether the promise covers an earlier incarnation. Older software does not report them, and is believed. */
export function coversIncarnation(
  promise: Pick<PrepareReply, 'incarnation' | 'lives'>,
  incarnation: Incarnation,
): boolean {
  return promise.incarnation === incarnation || promise.lives?.includes(incarnation) !== false;
}
