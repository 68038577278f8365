// The frontend's view of the cluster: the newest map it has seen, and a channel to each storage node in
// it. Reads and writes ask it where a key lives and reach the members through it.

import {
  type ClusterMap,
  compareMapVersions,
  type Member,
  nodeEntry,
  type PartitionEntry,
  partitionEntry,
  printMapVersion,
} from '../cluster/cluster-map.ts';
import type { NodeId } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import type { Operation } from '../cluster/operations.ts';
import { type PartitionId, partitionOf } from '../cluster/partition.ts';
import type { Runtime } from '../cluster/runtime.ts';
import { type AnswerCallback, StorageChannel } from './batch.ts';

export interface Place {
  readonly partition: PartitionId;
  readonly entry: PartitionEntry;
}

/** Asked to bring the map up to date; how is the map follower's business. */
export interface MapRefresh {
  /** This node seems to know a newer map. */
  fetchFrom(node: NodeId): void;
  /** This node seems not to know our map. */
  pushTo(node: NodeId): void;
}

interface Reached {
  readonly incarnation: number;
  readonly address: string;
  readonly channel: StorageChannel;
}

export class Router {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #channels = new Map<NodeId, Reached>();
  #map: ClusterMap | undefined;

  constructor(runtime: Runtime, times: Times) {
    this.#runtime = runtime;
    this.#times = times;
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  /** I1: only forward; a map of another cluster is never taken. */
  adopt(map: ClusterMap): 'adopted' | 'already-newer' | 'other-cluster' {
    const known = this.#map;
    if (known !== undefined) {
      if (known.cluster !== map.cluster) return 'other-cluster';
      if (compareMapVersions(map.version, known.version) <= 0) return 'already-newer';
    }
    this.#map = map;
    for (const [node, { incarnation, address, channel }] of this.#channels) {
      const entry = nodeEntry(map, node);
      if (entry?.incarnation === incarnation && entry.address === address) continue;
      this.#channels.delete(node);
      channel.retire();
    }
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
    return { partition, entry: partitionEntry(map, partition) };
  }

  /** @param slow see StorageChannel.send */
  send(member: Member, operation: Operation, callback: AnswerCallback, slow?: () => void): void {
    const channel = this.#channelTo(member);
    if (channel === undefined) callback({ kind: 'unreachable', detail: 'not in the map any more' });
    else channel.send(operation, callback, slow);
  }

  #channelTo(member: Member): StorageChannel | undefined {
    const reached = this.#channels.get(member.node);
    if (reached?.incarnation === member.incarnation) return reached.channel;
    const map = this.#map;
    const entry = map === undefined ? undefined : nodeEntry(map, member.node);
    // The member's incarnation may be gone while its node lives on as another, which is not a member.
    if (map === undefined || entry?.incarnation !== member.incarnation) return undefined;
    const channel = new StorageChannel(this.#runtime, this.#times, {
      cluster: map.cluster,
      member,
      entry,
    });
    const { incarnation, address } = entry;
    this.#channels.set(member.node, { incarnation, address, channel });
    return channel;
  }
}
