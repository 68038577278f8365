// The frontend's view of the cluster: the newest map it has seen, and a channel to each storage node in that map.
// Operations ask it where a key lives and reach the members through it. Fetching maps is in map-follower.ts and
// map-hints.ts.

import {
  answeringMembers,
  type ClusterMap,
  compareMapVersions,
  type IncarnationId,
  isOfStaleLineage,
  isSameCluster,
  type MapVersion,
  type Member,
  movedPartitions,
  NO_MAP,
  type PartitionEntry,
  partitionEntry,
  printMapVersion,
} from '../cluster/model/cluster-map.ts';
import type { NodeId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { type PartitionId, partitionOf } from '../cluster/model/partition.ts';
import {
  type AnswerCallback,
  BUSY,
  type StorageChannel,
} from '../cluster/peers/storage-channel.ts';
import { StorageChannels } from '../cluster/peers/storage-channels.ts';
import type { Cancel, Runtime } from '../cluster/ports.ts';
import type { Operation } from '../cluster/wire/operations.ts';
import { LaterRounds } from './operations/set/later-rounds.ts';

/** Where a map comes from, the least trusted first: a later source overrules earlier ones on which cluster this is. */
const SOURCES = ['file', 'storage', 'controller'] as const;
export type MapSource = (typeof SOURCES)[number];

export type RouterAdoption = 'adopted' | 'already-newer' | 'other-cluster' | 'stale-lineage';

/** A member and the channel to it; undefined when the map gives its node another incarnation, which is no member. */
export interface ReachableMember {
  readonly member: Member;
  readonly channel: StorageChannel | undefined;
}

export interface KeyPlace {
  readonly partition: PartitionId;
  readonly entry: PartitionEntry;
  /** The members that may answer gets according to this map (R3). */
  readonly answering: readonly ReachableMember[];
}

/** Brings the map up to date on request; map-follower.ts implements it. */
export interface MapRefresh {
  /** Call when this node seems to have a newer map than ours. */
  fetchFrom(node: NodeId): void;
  /** Call when a partition is offline by our map: no answer to an operation of it can tell of a newer one (R4). */
  fetchFromAnyone(): void;
  /** Call when this node seems to have an older map than ours. */
  pushTo(node: NodeId): void;
}

export class Router {
  readonly #runtime: Runtime;
  readonly #channels: StorageChannels;
  /** Sets whose last round failed; a newer map starts their next round at once. */
  readonly laterRounds: LaterRounds;
  readonly #adopted: (map: ClusterMap) => void;
  readonly #listeners = new Set<(moved: readonly PartitionId[]) => void>();
  #map: ClusterMap | undefined;
  /** Index in SOURCES of the most trusted source that has named this cluster; -1 before any. */
  #saidBy = -1;
  /** The place of each partition in the present map; filled on first use. */
  #places: (KeyPlace | undefined)[] = [];

  /** @param adopted is called with every map that is adopted */
  constructor(
    runtime: Runtime,
    times: Times,
    adopted: (map: ClusterMap) => void = () => undefined,
  ) {
    this.#runtime = runtime;
    this.#adopted = adopted;
    this.#channels = new StorageChannels(runtime, times);
    this.laterRounds = new LaterRounds(runtime, times);
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  /**
   * The version to send when asking this source for newer maps. It is NO_MAP until this source or a more trusted one
   * has named the cluster: the source's map may be of another cluster and have a lower version than ours, and would
   * not be sent otherwise.
   */
  sinceFor(source: MapSource): MapVersion {
    const isSaid = this.#saidBy >= SOURCES.indexOf(source);
    return isSaid ? (this.#map?.version ?? NO_MAP) : NO_MAP;
  }

  /**
   * Adopts a map if it is newer (I1) and of the same cluster and digits. One exception: a map from a file or from
   * storage nodes is a hint, so a more trusted source may replace it by a map of another cluster.
   */
  adopt(map: ClusterMap, source: MapSource): RouterAdoption {
    const known = this.#map;
    const isBetter = SOURCES.indexOf(source) > this.#saidBy;
    if (known !== undefined && !isSameCluster(map, known)) {
      if (!isBetter) return 'other-cluster';
      const [before, now] = [known.cluster, map.cluster];
      this.#runtime.logger.write('warn', 'the map so far was of another cluster', { before, now });
    }
    if (isBetter) this.#saidBy = SOURCES.indexOf(source);
    if (known !== undefined && isSameCluster(map, known)) {
      if (compareMapVersions(map.version, known.version) <= 0) return 'already-newer';
      if (isOfStaleLineage(map, known.version)) return 'stale-lineage';
    }
    this.#map = map;
    this.#places = [];
    this.#channels.adopt(map);
    this.laterRounds.wake();
    this.#runtime.logger.write('info', 'map adopted', {
      map: printMapVersion(map.version),
      nodes: Object.keys(map.nodes).length,
      partitions: map.partitions.length,
      source,
    });
    this.#adopted(map);
    this.#tell(known, map);
    return 'adopted';
  }

  /** There may be thousands who listen: what they would all look for is found once. */
  #tell(known: ClusterMap | undefined, map: ClusterMap): void {
    if (this.#listeners.size === 0) return;
    const moved = movedPartitions(known, map);
    for (const listener of this.#listeners) listener(moved);
  }

  /**
   * @param listener called after each map that is adopted, until the returned function is called, with the partitions
   *   for which others may answer gets than before
   */
  onAdopted(listener: (moved: readonly PartitionId[]) => void): Cancel {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Where the key lives now; undefined without a map. */
  locate(key: Buffer): KeyPlace | undefined {
    const map = this.#map;
    if (map === undefined) return undefined;
    return this.#placeIn(map, partitionOf(key, map.digits));
  }

  /** Where the partition lives now; undefined without a map. */
  placeOf(partition: PartitionId): KeyPlace | undefined {
    return this.#map === undefined ? undefined : this.#placeIn(this.#map, partition);
  }

  #placeIn(map: ClusterMap, partition: PartitionId): KeyPlace {
    let place = this.#places[partition];
    if (place === undefined) {
      const entry = partitionEntry(map, partition);
      const answering = answeringMembers(map, entry).map((member) => ({
        member,
        channel: this.#channels.channelTo(member),
      }));
      place = { partition, entry, answering };
      this.#places[partition] = place;
    }
    return place;
  }

  /**
   * Which member to ask first. R3 allows any, so it is random among equals. Preferred is a node whose batch is about
   * to leave, as one exchange costs the same for one get as for many; then an idle node, so that a stalled node gets
   * no more gets while others are available.
   * @param answering at least one member
   * @returns an index into `answering`
   */
  first(answering: readonly ReachableMember[]): number {
    const { length } = answering;
    let at = this.#runtime.random.below(length);
    let best = at;
    let bestReadiness = BUSY;
    for (let tries = 0; tries < length; tries++) {
      const readiness = answering[at]?.channel?.readiness() ?? BUSY;
      if (readiness < bestReadiness) {
        best = at;
        bestReadiness = readiness;
      }
      at = at + 1 === length ? 0 : at + 1;
    }
    return best;
  }

  /** @param callback and slow as in StorageChannel.send */
  send(
    incarnationId: IncarnationId,
    operation: Operation,
    callback: AnswerCallback,
    slow?: () => void,
  ): void {
    this.#channels.send(incarnationId, operation, callback, slow);
  }
}
