// The changes in the map that wait for nodes, with the time and map version at which each wait began: fences for
// witnesses and leases (R6), leaving members and new witnesses for nodes that must adopt the map (H12, H13), joiners
// for their copy. Nothing is stored: a restarted controller begins each wait anew, which is safe.

import {
  type ClusterMap,
  compareMapVersions,
  type IncarnationId,
  isGranted,
  isSameIncarnation,
  type MapVersion,
  presentIncarnations,
} from '../../cluster/model/cluster-map.ts';
import type { Epoch, Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';

export interface Since {
  /** The first map version that is known to contain what is waited for. */
  readonly version: MapVersion;
  readonly atMs: number;
}

interface Join extends Since {
  /** How many steps forward its copy had made at `atMs`. */
  readonly steps: number;
}

interface Fence extends Since {
  readonly incarnationId: IncarnationId;
  /** Since when too few witnesses are left to renew its lease, monotonic; undefined while enough are. */
  blockedMs: number | undefined;
}

/** What must be known of the nodes to count the witnesses that know of a fence. */
export interface FenceEvidence {
  obeys(incarnationId: IncarnationId, version: MapVersion): boolean;
  isDead(incarnationId: IncarnationId): boolean;
}

type Copied = NonNullable<HeartbeatRequest['copying']>[number];

export class Pending {
  #fences = new Map<string, Fence>();
  #leaving = new Map<string, Since>();
  #joining = new Map<string, Join>();
  #witnesses = new Map<string, Since>();

  /** Call after each publication and at each tick. */
  update(map: ClusterMap, evidence: FenceEvidence, nowMs: number): void {
    const since = { version: map.version, atMs: nowMs };
    this.#fences = keep(this.#fences, barredIncarnations(map), (incarnationId) => ({
      ...since,
      incarnationId,
      blockedMs: undefined,
    }));
    for (const fence of this.#fences.values()) {
      if (fence.blockedMs === undefined && isBlocked(map, fence, evidence)) fence.blockedMs = nowMs;
    }
    this.#leaving = keep(this.#leaving, membersOf(map, 'leaving'), () => since);
    this.#joining = keep(this.#joining, membersOf(map, 'joining'), () => ({
      ...since,
      steps: 0,
    }));
    const changing = map.nextWitnesses;
    this.#witnesses = keep(
      this.#witnesses,
      changing === undefined ? [] : [[JSON.stringify(changing), changing]],
      () => since,
    );
  }

  /** True when nothing in the map is pending. */
  get isEmpty(): boolean {
    const waits = [this.#fences, this.#leaving, this.#joining, this.#witnesses];
    return waits.every(({ size }) => size === 0);
  }

  fence(incarnationId: IncarnationId): Readonly<Fence> | undefined {
    return this.#fences.get(incarnationKey(incarnationId));
  }

  leaving(partition: PartitionId, incarnationId: IncarnationId): Since | undefined {
    return this.#leaving.get(memberKey(partition, incarnationId));
  }

  /** @returns since when its copy has not got on */
  joining(
    partition: PartitionId,
    incarnationId: IncarnationId,
    joinEpoch: Epoch,
  ): Since | undefined {
    return this.#joining.get(memberKey(partition, incarnationId, joinEpoch));
  }

  /** The copy of a joiner has made so many steps forward. */
  copied(incarnationId: IncarnationId, { partition, joinEpoch, steps }: Copied, nowMs: number) {
    const key = memberKey(partition as PartitionId, incarnationId, joinEpoch);
    const join = this.#joining.get(key);
    if (join === undefined || join.steps >= steps) return;
    this.#joining.set(key, { ...join, atMs: nowMs, steps });
  }

  witnesses(map: ClusterMap): Since | undefined {
    return this.#witnesses.get(JSON.stringify(map.nextWitnesses));
  }
}

/**
 * Incarnations that are granted no leases, but still have a place in the map. A plain loop, as in `membersOf`:
 * each tick visits every member of every partition here, and seldom finds anything.
 */
function barredIncarnations(map: ClusterMap): readonly (readonly [string, IncarnationId])[] {
  const barred: [string, IncarnationId][] = [];
  const look = (incarnationId: IncarnationId) => {
    if (isGranted(map, incarnationId)) return;
    const { node, incarnation } = incarnationId;
    barred.push([incarnationKey(incarnationId), { node, incarnation }]);
  };
  for (const incarnationId of presentIncarnations(map)) look(incarnationId);
  for (const { members } of map.partitions) for (const member of members) look(member);
  return barred;
}

function membersOf(
  map: ClusterMap,
  role: 'leaving' | 'joining',
): readonly (readonly [string, undefined])[] {
  const found: [string, undefined][] = [];
  for (const [partition, { members }] of map.partitions.entries()) {
    for (const member of members) {
      if (member.role !== role) continue;
      const joinEpoch = member.role === 'joining' ? member.joinEpoch : undefined;
      found.push([memberKey(partition as PartitionId, member, joinEpoch), undefined]);
    }
  }
  return found;
}

/** Items that were there keep the time at which they began; new ones begin now; absent ones are dropped. */
function keep<K, T, S>(
  earlier: ReadonlyMap<K, S>,
  present: readonly (readonly [K, T])[],
  begin: (item: T) => S,
): Map<K, S> {
  return new Map(present.map(([key, item]) => [key, earlier.get(key) ?? begin(item)]));
}

/**
 * R6: so many witnesses know of the fence, or are dead, that the others are no majority. While the witnesses change
 * (H13), the present set decides: every renewal needs a majority of it until the change is complete. A suspect that
 * is the only witness can renew its own lease, and is never blocked.
 */
function isBlocked(map: ClusterMap, fence: Fence, evidence: FenceEvidence): boolean {
  const { witnesses } = map;
  const majority = Math.floor(witnesses.length / 2) + 1;
  const lost = witnesses.filter(
    (witness) =>
      evidence.isDead(witness) ||
      (!isSameIncarnation(witness, fence.incarnationId) && evidence.obeys(witness, fence.version)),
  );
  return witnesses.length - lost.length < majority;
}

/**
 * Whether a fence of this incarnation could be acknowledged by enough witnesses.
 * @param acknowledges whether a witness can acknowledge a fence
 */
export function canBlock(
  map: ClusterMap,
  incarnationId: IncarnationId,
  acknowledges: (witness: IncarnationId) => boolean,
): boolean {
  const { witnesses } = map;
  const majority = Math.floor(witnesses.length / 2) + 1;
  const others = witnesses.filter(
    (witness) => !isSameIncarnation(witness, incarnationId) && acknowledges(witness),
  );
  return witnesses.length - others.length < majority;
}

/** The latest value that each node reported; a value of an earlier incarnation does not count. */
export class LatestReport<T> {
  readonly #words = new Map<NodeId, { readonly incarnation: Incarnation; readonly words: T }>();

  of({ node, incarnation }: IncarnationId): T | undefined {
    const known = this.#words.get(node);
    return known?.incarnation === incarnation ? known.words : undefined;
  }

  set({ node, incarnation }: IncarnationId, words: T): void {
    this.#words.set(node, { incarnation, words });
  }

  forget(node: NodeId): void {
    this.#words.delete(node);
  }
}

export function isAtLeast(version: MapVersion | undefined, wanted: MapVersion): boolean {
  return version !== undefined && compareMapVersions(version, wanted) >= 0;
}

function incarnationKey({ node, incarnation }: IncarnationId): string {
  return `${incarnation} ${node}`;
}

function memberKey(
  partition: PartitionId,
  incarnationId: IncarnationId,
  joinEpoch?: Epoch,
): string {
  return `${partition} ${joinEpoch ?? ''} ${incarnationKey(incarnationId)}`;
}
