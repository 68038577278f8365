// The frontend's view of the cluster: the newest map it has seen, and a channel to each storage node in
// it. Reads and writes ask it where a key lives and reach the members through it.

import {
  answeringMembers,
  type ClusterMap,
  compareMapVersions,
  isOfYesterday,
  isSameCluster,
  type Life,
  type Member,
  type PartitionEntry,
  partitionEntry,
  printMapVersion,
} from '../cluster/cluster-map.ts';
import type { NodeId } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import type { Operation } from '../cluster/operations.ts';
import { type PartitionId, partitionOf } from '../cluster/partition.ts';
import type { Runtime } from '../cluster/runtime.ts';
import type { AnswerCallback } from '../cluster/storage-channel.ts';
import { StorageChannels } from '../cluster/storage-channels.ts';

export interface Place {
  readonly partition: PartitionId;
  readonly entry: PartitionEntry;
  /** The members that may answer gets, as far as this map knows (R3). */
  readonly answering: readonly Member[];
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
  #map: ClusterMap | undefined;
  /** Of the present map, by partition; filled as they are asked for. */
  #places: (Place | undefined)[] = [];

  constructor(runtime: Runtime, times: Times) {
    this.#runtime = runtime;
    this.#channels = new StorageChannels(runtime, times);
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  /** I1: only forward; a map of another cluster, or of other digits, is never taken. */
  adopt(map: ClusterMap): 'adopted' | 'already-newer' | 'other-cluster' | 'of-yesterday' {
    const known = this.#map;
    if (known !== undefined) {
      if (!isSameCluster(map, known)) return 'other-cluster';
      if (compareMapVersions(map.version, known.version) <= 0) return 'already-newer';
      if (isOfYesterday(map, known.version)) return 'of-yesterday';
    }
    this.#map = map;
    this.#places = [];
    this.#channels.adopt(map);
    this.#runtime.log.write('info', 'map adopted', {
      map: printMapVersion(map.version),
      nodes: Object.keys(map.nodes).length,
      partitions: map.partitions.length,
    });
    return 'adopted';
  }

  /** Where the key lives now; undefined without a map. */
  locate(key: Buffer): Place | undefined {
    const map = this.#map;
    if (map === undefined) return undefined;
    const partition = partitionOf(key, map.digits);
    let place = this.#places[partition];
    if (place === undefined) {
      const entry = partitionEntry(map, partition);
      place = { partition, entry, answering: answeringMembers(map, entry) };
      this.#places[partition] = place;
    }
    return place;
  }

  /** @param slow see StorageChannel.send */
  send(life: Life, operation: Operation, callback: AnswerCallback, slow?: () => void): void {
    this.#channels.send(life, operation, callback, slow);
  }
}
