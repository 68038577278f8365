// The channels to all storage nodes of the map, one for each incarnation. Every process that sends operations to
// storage nodes has one of these, frontends and storage nodes alike.

import { type ClusterMap, type IncarnationId, nodeEntry } from '../model/cluster-map.ts';
import type { NodeId } from '../model/identity.ts';
import type { Times } from '../model/limits.ts';
import type { Runtime } from '../ports.ts';
import type { Operation } from '../wire/operations.ts';
import { type AnswerCallback, type MemberAnswer, StorageChannel } from './storage-channel.ts';

/** The answer of an incarnation that the map does not name, so that there is no channel to it. */
export const NOT_NAMED: MemberAnswer = {
  kind: 'unreachable',
  detail: 'not in the map any more',
};

interface Reached {
  readonly incarnation: number;
  readonly address: string;
  readonly channel: StorageChannel;
}

export class StorageChannels {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #channels = new Map<NodeId, Reached>();
  #map: ClusterMap | undefined;

  constructor(runtime: Runtime, times: Times) {
    this.#runtime = runtime;
    this.#times = times;
  }

  /** Closes the streams to incarnations and addresses that the map no longer names (D13). */
  adopt(map: ClusterMap): void {
    const isOther = this.#map !== undefined && this.#map.cluster !== map.cluster;
    this.#map = map;
    for (const [node, { incarnation, address, channel }] of this.#channels) {
      const entry = isOther ? undefined : nodeEntry(map, node);
      if (entry?.incarnation === incarnation && entry.address === address) continue;
      this.#channels.delete(node);
      channel.retire();
    }
  }

  /** Closes all streams. Until another map is adopted no incarnation is named any more, so that none is opened. */
  close(): void {
    this.#map = undefined;
    const reached = [...this.#channels.values()];
    this.#channels.clear();
    for (const { channel } of reached) channel.retire();
  }

  /** @param slow as in StorageChannel.send */
  send(
    incarnationId: IncarnationId,
    operation: Operation,
    callback: AnswerCallback,
    slow?: () => void,
  ): void {
    const channel = this.channelTo(incarnationId);
    if (channel === undefined) callback(NOT_NAMED);
    else channel.send(operation, callback, slow);
  }

  /** @returns a channel that stays valid as long as the map; undefined when the map does not name this incarnation */
  channelTo(incarnationId: IncarnationId): StorageChannel | undefined {
    const reached = this.#channels.get(incarnationId.node);
    if (reached?.incarnation === incarnationId.incarnation) return reached.channel;
    const map = this.#map;
    const entry = map === undefined ? undefined : nodeEntry(map, incarnationId.node);
    // A node may run as another incarnation by now, which is not the member.
    if (map === undefined || entry?.incarnation !== incarnationId.incarnation) return undefined;
    const channel = new StorageChannel(this.#runtime, this.#times, {
      cluster: map.cluster,
      member: incarnationId,
      entry,
    });
    const { incarnation, address } = entry;
    this.#channels.set(incarnationId.node, { incarnation, address, channel });
    return channel;
  }
}
