// One incarnation of a storage node, from the moment it is assigned: adopts maps, maintains its lease, votes as a
// witness, and copies the partitions that it joins. A process that is assigned another incarnation makes another
// NodeIncarnation; storage-node.ts does that.

import type { ClusterClock } from '../cluster/model/cluster-clock.ts';
import {
  type ClusterMap,
  compareMapVersions,
  type Generation,
  type IncarnationId,
  isGranted,
  isSameIncarnation,
  type MapVersion,
  nodeEntry,
} from '../cluster/model/cluster-map.ts';
import type { Address, Incarnation, NodeId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import { StorageChannels } from '../cluster/peers/storage-channels.ts';
import type { Runtime } from '../cluster/ports.ts';
import type {
  GrantAnswer,
  GrantReply,
  GrantRequest,
  HeartbeatRequest,
} from '../cluster/wire/control-messages.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import { Heartbeats, type NodeState } from './heartbeats.ts';
import { Lease } from './lease.ts';
import { diskProblem } from './log/durability.ts';
import type { LoggedStore } from './logged-store.ts';
import { AntiEntropy } from './replication/anti-entropy.ts';
import { Joiner } from './replication/joiner.ts';
import {
  type AdoptionOutcome,
  MapAdoption,
  type ReplicaMapSource,
} from './replication/map-adoption.ts';
import { Replica } from './replication/replica.ts';

export interface IncarnationOptions {
  readonly client: ControlCaller;
  readonly controller: Address;
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  readonly valueBytesMax: number;
  readonly copyChunkBytes: number;
  readonly times: Times;
  /** The time of the cluster (H31), by which records expire and versions are judged. */
  readonly clock: ClusterClock;
  /**
   * The store has everything that this incarnation and later ones acknowledged (H8); undefined without a data
   * directory.
   */
  readonly completeSince: Incarnation | undefined;
  /** The generation to which the data directory says that this node has promised itself (H32). */
  readonly promised: Generation;
  /** The version of the newest map that an earlier incarnation adopted. */
  readonly stored: MapVersion | undefined;
}

export interface IncarnationEvents {
  /** The controller does not know this incarnation: the process must register. */
  unknown(): void;
  problem(text: string | undefined): void;
}

export class NodeIncarnation {
  readonly replica: Replica;
  readonly #adoption: MapAdoption;
  readonly #runtime: Runtime;
  readonly #options: IncarnationOptions;
  readonly #store: LoggedStore;
  readonly #channels: StorageChannels;
  readonly #heartbeats: Heartbeats;
  readonly #joiner: Joiner;
  readonly #antiEntropy: AntiEntropy;
  /** The incarnations whose lease this one renewed as a witness, and when (H11). */
  readonly #vouched = new Map<
    NodeId,
    { readonly incarnation: Incarnation; readonly atMs: number }
  >();
  #ended = false;

  constructor(
    runtime: Runtime,
    store: LoggedStore,
    options: IncarnationOptions,
    events: IncarnationEvents,
  ) {
    const { node, incarnation, valueBytesMax, copyChunkBytes, times, clock } = options;
    const lease = new Lease(runtime.clock, times);
    this.#runtime = runtime;
    this.#options = options;
    this.#store = store;
    this.replica = new Replica(
      store,
      clock,
      {
        incarnationId: { node, incarnation },
        valueBytesMax,
        copyChunkBytes,
        lease,
        stored: options.stored,
      },
      options.promised,
    );
    this.#channels = new StorageChannels(runtime, times);
    this.#joiner = new Joiner(runtime, this.replica, store, this.#channels, {
      times,
      pushTo: (incarnationId) => this.#pushTo(incarnationId),
      reportSoon: () => this.#heartbeats.soon(),
    });
    this.#antiEntropy = new AntiEntropy(
      { ...runtime, clock },
      this.replica,
      store,
      this.#channels,
      times,
    );
    store.attach({
      reclaim: () => this.#joiner.reclaim() || this.replica.retained.reclaim(),
      refused: () => this.#antiEntropy.memoryRefused(),
      evicted: (partition, version) => this.#joiner.evicted(partition, version),
    });
    this.#adoption = new MapAdoption(runtime, this.replica, (map) => {
      this.#channels.adopt(map);
      this.#joiner.mapAdopted();
    });
    this.#heartbeats = new Heartbeats(runtime, options.client, this.replica, options, {
      state: () => this.#state(),
      offered: (map) => this.adopt(map, 'controller', () => undefined),
      adopted: (...heard) => this.replica.retained.heardAdopted(...heard),
      ...events,
    });
  }

  /** H35: why the log or the map cannot be written, or not in good time; undefined when both can. */
  get diskProblem(): string | undefined {
    return diskProblem(this.#store.durability) ?? this.#adoption.problem;
  }

  /** One text for each partition whose due deletes cannot be forgotten: the member that this waits for, and why. */
  get obstacles(): readonly string[] {
    return this.#antiEntropy.obstacles;
  }

  get unrepaired(): number {
    return this.#antiEntropy.unrepaired;
  }

  /** @param recovered the map from the data directory */
  begin(recovered: ClusterMap | undefined): void {
    if (this.#ended) return;
    if (recovered !== undefined) this.#adoption.now(recovered);
    this.#heartbeats.start();
    this.#antiEntropy.start();
  }

  /** From now on this incarnation answers nothing, and asks nobody. */
  end(): void {
    this.#ended = true;
    this.replica.stop();
    this.#adoption.stop();
    this.#heartbeats.stop();
    this.#joiner.stop();
    this.#antiEntropy.stop();
    this.#channels.close();
  }

  adopt(map: ClusterMap, source: ReplicaMapSource, done: (outcome: AdoptionOutcome) => void): void {
    this.#adoption.offer(map, source, done);
  }

  /**
   * Decides as a witness whether that incarnation may go on. Never granted without a map, and only if both the
   * adopted map and a newer one that was seen allow it (R5); the reply has the newer one's version, and is of use
   * only to a node that knows that map (H3). Nor is anything granted after this incarnation has ended: a witness that
   * said goodbye counts as one that knows of every fence (D2), while its process may take seconds more to finish
   * requests in progress.
   */
  grant(request: GrantRequest): GrantReply {
    const { map, mapVersion, obeyedVersion, incarnation } = this.replica;
    const answer = this.#judgeGrant(request);
    if (answer === 'granted') {
      this.#vouched.set(request.node, {
        incarnation: request.incarnation,
        atMs: this.#runtime.clock.monotonicMs(),
      });
    }
    const newer = map !== undefined && compareMapVersions(mapVersion, request.mapVersion) > 0;
    return { incarnation, answer, mapVersion: obeyedVersion, map: newer ? map : undefined };
  }

  /** Whether this incarnation has said goodbye or is about to: it answers nothing more, and counts as dead (H5b). */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether this incarnation is still a member of any partition. */
  isMember(): boolean {
    return this.replica.memberships.length > 0;
  }

  /** Whether the map says that this node is to hold no partitions. */
  isDraining(): boolean {
    const { map, incarnationId } = this.replica;
    return map !== undefined && nodeEntry(map, incarnationId.node)?.draining === true;
  }

  /** Whether the map has another node that could take over this node's partitions. */
  hasHeirs(): boolean {
    const { map, incarnationId } = this.replica;
    const nodes = Object.entries(map?.nodes ?? {});
    return nodes.some(
      ([node, { fenced, draining }]) => node !== incarnationId.node && !fenced && !draining,
    );
  }

  #judgeGrant(incarnationId: IncarnationId): GrantAnswer {
    const { map, obeyedMaps } = this.replica;
    if (this.#ended) return 'ended';
    if (map === undefined) return 'no-map';
    // H32: until it has the map of the recovery that it has promised to follow, this witness renews nothing: the
    // recovery relies on it that the earlier leases run out.
    if (this.replica.isOverruled(map.version)) return 'overruled';
    const against = obeyedMaps.find((obeyed) => !isGranted(obeyed, incarnationId));
    if (against === undefined) return 'granted';
    const isPresent =
      nodeEntry(against, incarnationId.node)?.incarnation === incarnationId.incarnation;
    return isPresent ? 'fenced' : 'other-incarnation';
  }

  #state(): NodeState {
    return {
      items: this.#store.reader.items(),
      payloadBytes: this.#store.reader.payloadBytes(),
      writable: this.diskProblem === undefined,
      diskProblem: this.diskProblem,
      joined: this.#joiner.joined(),
      withoutMemory: this.#joiner.withoutMemory(),
      copying: this.#joiner.copying(),
      vouched: this.#recentlyVouched(),
      retained: this.#retained(),
      retains: this.replica.retained.partitions.length > 0,
    };
  }

  /**
   * The offline partitions of which this node has data, for an operator who accepts a loss; undefined if there are
   * none.
   */
  #retained(): HeartbeatRequest['retained'] {
    const { offline } = this.replica.retained;
    if (offline.length === 0) return undefined;
    const { completeSince = 0 } = this.#options;
    return offline.map((partition) => {
      const { items, newestMs } = this.#store.reader.figures(partition);
      const { epoch = 0, incarnation = 0 } = this.#store.reader.completeness(partition) ?? {};
      return { partition, epoch, complete: incarnation >= completeSince, items, newestMs };
    });
  }

  #recentlyVouched(): HeartbeatRequest['vouched'] {
    const now = this.#runtime.clock.monotonicMs();
    for (const [node, { atMs }] of this.#vouched) {
      if (now - atMs > this.#options.times.leaseMs) this.#vouched.delete(node);
    }
    return [...this.#vouched].map(([node, { incarnation, atMs }]) => ({
      node,
      incarnation,
      agoMs: Math.max(0, Math.ceil(now - atMs)),
    }));
  }

  #pushTo(incarnationId: IncarnationId): void {
    const { map } = this.replica;
    const entry = map === undefined ? undefined : nodeEntry(map, incarnationId.node);
    if (entry === undefined || isSameIncarnation(incarnationId, this.replica.incarnationId)) return;
    const { client, times } = this.#options;
    const timeoutMs = times.controlCallMs;
    client.call(
      CONTROL.pushMap,
      entry.address,
      { map, delta: undefined },
      { timeoutMs },
      () => undefined,
    );
  }
}
