// The frontend's view of the cluster: the newest map it has seen, and a channel to each storage node in
// it. Reads and writes ask it where a key lives and reach the members through it.

import {
  answeringMembers,
  type ClusterMap,
  compareMapVersions,
  isOfStaleLineage,
  isSameCluster,
  type Life,
  type MapVersion,
  type Member,
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
import type { Runtime } from '../cluster/ports.ts';
import type { Operation } from '../cluster/wire/operations.ts';
import { LaterRounds } from './operations/set/later-rounds.ts';

/** Where a map comes from. Who comes later here is believed over who comes before, as to which cluster this is. */
const SOURCES = ['file', 'storage', 'controller'] as const;
export type MapSource = (typeof SOURCES)[number];

export type RouterAdoption = 'adopted' | 'already-newer' | 'other-cluster' | 'stale-lineage';

/** A member and the way to it; undefined where its node lives on as another life, which is none. */
export interface Reach {
  readonly member: Member;
  readonly channel: StorageChannel | undefined;
}

export interface KeyPlace {
  readonly partition: PartitionId;
  readonly entry: PartitionEntry;
  /** The members that may answer gets, as far as this map knows (R3). */
  readonly answering: readonly Reach[];
}

/** Asked to bring the map up to date; how is the map follower's business. */
export interface MapRefresh {
  /** This node seems to know a newer map. */
  fetchFrom(node: NodeId): void;
  /** This node seems not to know our map. */
  pushTo(node: NodeId): void;
}

export class Router {
  readonly #runtime: Runtime;
  readonly #channels: StorageChannels;
  /** What failed, and may well succeed with a newer map. */
  readonly laterRounds: LaterRounds;
  readonly #adopted: (map: ClusterMap) => void;
  #map: ClusterMap | undefined;
  /** The most believed of those who said that this is the cluster; its place among the sources. */
  #saidBy = -1;
  /** Of the present map, by partition; filled as they are asked for. */
  #places: (KeyPlace | undefined)[] = [];

  /** @param adopted is told of every map that is adopted */
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
   * What to ask that source for news since: for all it has, until it or a better one has said which cluster this is.
   * The map of another cluster may be of a lower version, and would not be told otherwise.
   */
  sinceFor(source: MapSource): MapVersion {
    const isSaid = this.#saidBy >= SOURCES.indexOf(source);
    return isSaid ? (this.#map?.version ?? NO_MAP) : NO_MAP;
  }

  /**
   * I1: only forward; a map of another cluster, or of other digits, is never taken. But what only a file or storage
   * nodes said is a hint: it must not keep a frontend from the cluster that its controller leads.
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
    return 'adopted';
  }

  /** Where the key lives now; undefined without a map. */
  locate(key: Buffer): KeyPlace | undefined {
    const map = this.#map;
    if (map === undefined) return undefined;
    const partition = partitionOf(key, map.digits);
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
   * Whom to ask first (R3: any, so at random among the equal): a node whose batch is about to leave, as one
   * exchange costs the same for one get as for many; else one that is not waiting for an exchange, so that a
   * node that stands still gets no more gets while others are there.
   * @param answering at least one
   */
  first(answering: readonly Reach[]): number {
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

  /** @param slow see StorageChannel.send */
  send(life: Life, operation: Operation, callback: AnswerCallback, slow?: () => void): void {
    this.#channels.send(life, operation, callback, slow);
  }
}
