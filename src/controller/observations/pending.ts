// What in the map waits for others, and since when and which version: fences for the witnesses and the
// leases (R6), leaving members and new witnesses for the nodes to have adopted it (H12, H13), joiners for
// their copy. None of it is kept: a controller that starts begins each wait anew, which is safe.

import {
  type ClusterMap,
  compareMapVersions,
  isGranted,
  isSameLife,
  type Life,
  type MapVersion,
  presentLives,
} from '../../cluster/model/cluster-map.ts';
import type { Epoch, Incarnation, NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';

export interface Since {
  /** The first map known to say so. */
  readonly version: MapVersion;
  readonly atMs: number;
}

interface Fence extends Since {
  readonly life: Life;
  /** Since when too few witnesses are left that could renew its lease. */
  blockedMs: number | undefined;
}

/** What must be known of a life to count a fence. */
export interface FenceEvidence {
  obeys(life: Life, version: MapVersion): boolean;
  isDead(life: Life): boolean;
}

export class Pending {
  #fences = new Map<string, Fence>();
  #leaving = new Map<string, Since>();
  #joining = new Map<string, Since>();
  #witnesses = new Map<string, Since>();

  /** After each publication and at each tick. */
  update(map: ClusterMap, evidence: FenceEvidence, nowMs: number): void {
    const since = { version: map.version, atMs: nowMs };
    this.#fences = keep(this.#fences, barredLives(map), (life) => ({
      ...since,
      life,
      blockedMs: undefined,
    }));
    for (const fence of this.#fences.values()) {
      if (fence.blockedMs === undefined && isBlocked(map, fence, evidence)) fence.blockedMs = nowMs;
    }
    this.#leaving = keep(this.#leaving, membersOf(map, 'leaving'), () => since);
    this.#joining = keep(this.#joining, membersOf(map, 'joining'), () => since);
    const changing = map.nextWitnesses;
    this.#witnesses = keep(
      this.#witnesses,
      changing === undefined ? [] : [[JSON.stringify(changing), changing]],
      () => since,
    );
  }

  /** Whether nothing in the map waits for anybody. */
  get isEmpty(): boolean {
    const waits = [this.#fences, this.#leaving, this.#joining, this.#witnesses];
    return waits.every(({ size }) => size === 0);
  }

  fence(life: Life): Readonly<Fence> | undefined {
    return this.#fences.get(lifeKey(life));
  }

  leaving(partition: PartitionId, life: Life): Since | undefined {
    return this.#leaving.get(memberKey(partition, life));
  }

  joining(partition: PartitionId, life: Life, joinEpoch: Epoch): Since | undefined {
    return this.#joining.get(memberKey(partition, life, joinEpoch));
  }

  witnesses(map: ClusterMap): Since | undefined {
    return this.#witnesses.get(JSON.stringify(map.nextWitnesses));
  }
}

/**
 * Lives that nobody grants leases to any more, and that the map still has a place for. A loop, as below: every
 * tick comes by each member of each partition here, and there is hardly ever anything to find.
 */
function barredLives(map: ClusterMap): readonly (readonly [string, Life])[] {
  const barred: [string, Life][] = [];
  const look = (life: Life) => {
    if (isGranted(map, life)) return;
    const { node, incarnation } = life;
    barred.push([lifeKey(life), { node, incarnation }]);
  };
  for (const life of presentLives(map)) look(life);
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

/** What is there already keeps its time; what is new begins now; the rest is over. */
function keep<K, T, S>(
  earlier: ReadonlyMap<K, S>,
  present: readonly (readonly [K, T])[],
  begin: (item: T) => S,
): Map<K, S> {
  return new Map(present.map(([key, item]) => [key, earlier.get(key) ?? begin(item)]));
}

/**
 * R6: so many witnesses know of the fence that the others are no majority. While the witnesses change
 * (H13) the present set decides: every life needs a majority of it until the change is complete. A
 * suspect that is the only witness can grant itself, and is never blocked.
 */
function isBlocked(map: ClusterMap, fence: Fence, evidence: FenceEvidence): boolean {
  const { witnesses } = map;
  const majority = Math.floor(witnesses.length / 2) + 1;
  const lost = witnesses.filter(
    (witness) =>
      evidence.isDead(witness) ||
      (!isSameLife(witness, fence.life) && evidence.obeys(witness, fence.version)),
  );
  return witnesses.length - lost.length < majority;
}

/** Whether a fence of this life would ever be acknowledged by enough of the witnesses. */
export function canBlock(
  map: ClusterMap,
  life: Life,
  acknowledges: (witness: Life) => boolean,
): boolean {
  const { witnesses } = map;
  const majority = Math.floor(witnesses.length / 2) + 1;
  const others = witnesses.filter((witness) => !isSameLife(witness, life) && acknowledges(witness));
  return witnesses.length - others.length < majority;
}

/** What each life said last: the map it has, what it copied, whether it can write. */
export class LatestReport<T> {
  readonly #words = new Map<NodeId, { readonly incarnation: Incarnation; readonly words: T }>();

  of({ node, incarnation }: Life): T | undefined {
    const known = this.#words.get(node);
    return known?.incarnation === incarnation ? known.words : undefined;
  }

  set({ node, incarnation }: Life, words: T): void {
    this.#words.set(node, { incarnation, words });
  }
}

export function isAtLeast(version: MapVersion | undefined, wanted: MapVersion): boolean {
  return version !== undefined && compareMapVersions(version, wanted) >= 0;
}

function lifeKey({ node, incarnation }: Life): string {
  return `${incarnation} ${node}`;
}

function memberKey(partition: PartitionId, life: Life, joinEpoch?: Epoch): string {
  return `${partition} ${joinEpoch ?? ''} ${lifeKey(life)}`;
}
