// What a recovery may conclude from the promises (H32): of each partition the entry of the highest epoch that anybody
// knows, and whether it counts, or stays frozen. Pure; who is asked, and when, is recovery.ts's.

import {
  type ClusterMap,
  compareMapVersions,
  isFrozen,
  isSameLife,
  type Life,
  type Member,
  type NodeEntry,
  nodeEntry,
  type PartitionEntry,
} from '../../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { PrepareReply } from '../../cluster/wire/control-messages.ts';
import { hasEpochLeft, openEpoch } from './epochs.ts';

/** What each node said when it promised. */
export type PromisesByNode = ReadonlyMap<NodeId, PrepareReply>;

/** What is known beside the map; all of it only grows during a recovery. */
export interface Evidence {
  readonly promises: PromisesByNode;
  /** Whether it promised so long ago that every lease is over which it granted before. */
  hasLapsed(node: NodeId): boolean;
  /**
   * Whether an entry may count without the promise of this node: the operator's word that it is dead, or that no
   * earlier controller runs, which might go on granting leases to it.
   */
  mayBeMissed(node: NodeId): boolean;
}

interface KnownEntry {
  readonly entry: PartitionEntry;
  /** Where it stands. */
  readonly map: ClusterMap;
}

/**
 * Of each frozen partition the entry of the highest epoch that anybody knows. It is frozen no longer when
 * all its members promised: no later entry was ever acknowledged to, for that one would have one of these
 * members, which would know it, or descend from a joiner whose source is one of them, likewise. Or when a member
 * stands alone (survivor).
 *
 * The entry may stand in an older map, or come with a late promise, and knows nothing of the lives that
 * its members have by now: it follows their stores (H7).
 *
 * @returns the map itself when nothing is known beyond it
 */
export function recovered(map: ClusterMap, evidence: Evidence): ClusterMap {
  const { promises } = evidence;
  const maps = mapsOf(promises);
  const known = map.partitions.map((entry, partition) =>
    entry.frozen ? highestEntry([map, ...maps], partition as PartitionId) : undefined,
  );
  const nodes = latestLives(map, known);
  const isVouchedFor = hasWitnesses(evidence);
  let changed = false;
  const partitions = map.partitions.map((entry, partition) => {
    const highest = known[partition];
    if (highest === undefined) return entry;
    const { members } = highest.entry;
    const present = members.map((member) =>
      presentLife(member, nodeEntry(highest.map, member.node), nodes[member.node]),
    );
    const { epoch } = highest.entry;
    // Nothing was applied since, so while it is frozen the lives need no new epoch.
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
  // The map may be an earlier recovery's, with as many promises of others.
  if (!changed && isSameSet(promised, map.promised ?? [])) return map;
  const next = { ...map, nodes, partitions };
  return isFrozen(next)
    ? { ...next, promised }
    : { ...next, promised: undefined, onlyController: undefined };
}

/** @param a,b without anybody twice */
function isSameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node) => b.includes(node));
}

/** The newest map that anybody who promised has. */
export function newestMap(promises: PromisesByNode): ClusterMap | undefined {
  return mapsOf(promises).sort((a, b) => compareMapVersions(b.version, a.version))[0];
}

/** The partitions that wait for a promise, by the node that is to give it. */
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
 * A member that has every acknowledged set of the entry though others have not promised, because it is a member of
 * every later entry that a set was acknowledged at (R4). It would not be if it had been removed, and it cannot have
 * been:
 *
 * 1. Not as one that leaves: for that it would have adopted the map that says so (H12), and its own map has it serving.
 * 2. Not as one whose life is proven over: that very life has promised, and has said no goodbye.
 * 3. Not as one whose lease lapsed. For that witnesses that block every majority had adopted a map that fences it,
 *    or were dead (R6). A majority of them has promised, each as the life that votes, so one of them would know that map
 *    or a later one, which has the member fenced still, or the partition at a higher epoch.
 *
 * The witnesses to ask are those of the newest map that is known, and its coming ones: a change of them is over only
 * when every unfenced node, this one among them, has adopted the map that began it (H13), and that map would be known.
 *
 * An entry that an earlier recovery froze is judged by the promises of all its members only: maps since then have
 * nobody fenced, perhaps other witnesses, and follow lives, so what 2 and 3 rest on may be forgotten.
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
    if (member.role !== 'serving' || !lives(promises, member)) return false;
    const own = promises.get(member.node)?.map?.partitions[partition];
    return (
      own?.epoch === told.entry.epoch &&
      own.members.some((other) => other.role === 'serving' && isSameLife(other, member)) &&
      !maps.some((map) => bars(map, member))
    );
  });
}

/** That very life promised, and has said no goodbye. */
function lives(promises: PromisesByNode, { node, incarnation }: Life): boolean {
  const promise = promises.get(node);
  return promise?.incarnation === incarnation && promise.living === true;
}

/** A majority of the witnesses promised, and so long ago that no lease is left which one of them renewed before (R6). */
function hasWitnesses({ promises, hasLapsed }: Evidence): boolean {
  const { witnesses = [], nextWitnesses } = newestMap(promises) ?? {};
  return [witnesses, ...(nextWitnesses === undefined ? [] : [nextWitnesses])].every((set) => {
    const heard = set.filter((life) => lives(promises, life) && hasLapsed(life.node));
    return 2 * heard.length > set.length;
  });
}

/** Whether the map renews no lease of this life: it has it fenced, or has a later one of the node. */
function bars(map: ClusterMap, { node, incarnation }: Life): boolean {
  const entry = nodeEntry(map, node);
  if (entry === undefined || entry.incarnation < incarnation) return false;
  return entry.fenced || entry.incarnation > incarnation;
}

function mapsOf(promises: PromisesByNode): ClusterMap[] {
  const known = [...promises.values()].flatMap(({ map, obeyed }) => [map, obeyed]);
  return known.filter((map) => map !== undefined);
}

/** The nodes of the map, each as the latest life that it or an entry's own map knows. */
function latestLives(
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

/** Of the newest map among equals. */
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

/** The life that has all that this member had. */
function presentLife(
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
 * D6: only the life or the store that the entry names counts: a node without its data knows nothing. And the store only
 * if it had that life: an old copy of it knows nothing of the maps since.
 */
function hasPromised(promises: PromisesByNode, map: ClusterMap, member: Member): boolean {
  const promise = promises.get(member.node);
  if (promise === undefined) return false;
  if (promise.incarnation === member.incarnation) return true;
  const entry = nodeEntry(map, member.node);
  const isSameStore = entry?.incarnation === member.incarnation && entry.store === promise.store;
  return isSameStore && coversLife(promise, member.incarnation);
}

/** Of earlier software nobody knows which lives its directory had. */
export function coversLife(
  { incarnation, lives }: Pick<PrepareReply, 'incarnation' | 'lives'>,
  life: Incarnation,
): boolean {
  return incarnation === life || lives?.includes(life) !== false;
}
