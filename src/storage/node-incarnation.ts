// One life of a storage node, from the moment it has its incarnation: adopts maps, keeps its lease, votes
// as a witness, copies what it joins. A process that is given another incarnation begins another one.

import type { ClusterClock } from '../cluster/model/cluster-clock.ts';
import {
  type ClusterMap,
  compareMapVersions,
  type Generation,
  isGranted,
  isSameLife,
  type Life,
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

export interface LifeOptions {
  readonly client: ControlCaller;
  readonly controller: Address;
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  readonly valueBytesMax: number;
  readonly copyChunkBytes: number;
  readonly times: Times;
  /** H31: by which everything expires, and is judged. */
  readonly clock: ClusterClock;
  /** What earlier lives had, the store has only since this one (H8); undefined: it is of this process alone. */
  readonly completeSince: Incarnation | undefined;
  /** What the data directory knew (H32). */
  readonly promised: Generation;
  /** Of the newest map that an earlier life adopted. */
  readonly stored: MapVersion | undefined;
}

export interface LifeEvents {
  /** The controller does not know this life: the process must register. */
  unknown(): void;
  problem(text: string | undefined): void;
}

export class NodeIncarnation {
  readonly replica: Replica;
  readonly #adoption: MapAdoption;
  readonly #runtime: Runtime;
  readonly #options: LifeOptions;
  readonly #store: LoggedStore;
  readonly #channels: StorageChannels;
  readonly #heartbeats: Heartbeats;
  readonly #joiner: Joiner;
  readonly #antiEntropy: AntiEntropy;
  /** Lives to which this one renewed a lease, and when (H11). */
  readonly #vouched = new Map<
    NodeId,
    { readonly incarnation: Incarnation; readonly atMs: number }
  >();
  #ended = false;

  constructor(runtime: Runtime, store: LoggedStore, options: LifeOptions, events: LifeEvents) {
    const { node, incarnation, valueBytesMax, copyChunkBytes, times, clock } = options;
    const lease = new Lease(runtime.clock, times);
    this.#runtime = runtime;
    this.#options = options;
    this.#store = store;
    this.replica = new Replica(
      store,
      clock,
      { life: { node, incarnation }, valueBytesMax, copyChunkBytes, lease, stored: options.stored },
      options.promised,
    );
    this.#channels = new StorageChannels(runtime, times);
    this.#joiner = new Joiner(runtime, this.replica, store, this.#channels, {
      times,
      pushTo: (life) => this.#pushTo(life),
      joined: () => this.#heartbeats.soon(),
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

  /** H35: why its log or its map cannot be written, or not in good time. */
  get diskProblem(): string | undefined {
    return diskProblem(this.#store.durability) ?? this.#adoption.problem;
  }

  /** Of each partition where deletes that are due cannot be forgotten, the member that this waits for, and why. */
  get obstacles(): readonly string[] {
    return this.#antiEntropy.obstacles;
  }

  get unrepaired(): number {
    return this.#antiEntropy.unrepaired;
  }

  /** @param recovered the map that the data directory had */
  begin(recovered: ClusterMap | undefined): void {
    if (this.#ended) return;
    if (recovered !== undefined) this.#adoption.now(recovered);
    this.#heartbeats.start();
    this.#antiEntropy.start();
  }

  /** Nothing is answered any more, nor asked of anybody. */
  end(): void {
    this.#ended = true;
    this.replica.stop();
    this.#adoption.stop();
    this.#heartbeats.stop();
    this.#antiEntropy.stop();
  }

  adopt(map: ClusterMap, source: ReplicaMapSource, done: (outcome: AdoptionOutcome) => void): void {
    this.#adoption.offer(map, source, done);
  }

  /**
   * As a witness: may that life go on? Never without a map, and only as the own map has it, and a newer one that
   * this life has seen (R5): such a grant is given under that one, and of use to who knows it (H3). Nor once
   * this life has ended: a witness that said goodbye counts as one that knows of every fence (D2), while
   * its process may take seconds more to finish the requests in progress.
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

  /** Whether it has said goodbye, or is about to: from then on it answers nothing, and counts for dead (H5b). */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether any partition is still this life's to keep. */
  isMember(): boolean {
    return this.replica.memberships.length > 0;
  }

  /** Whether the map has it that this node is to hold no partitions. */
  isDraining(): boolean {
    const { map, life } = this.replica;
    return map !== undefined && nodeEntry(map, life.node)?.draining === true;
  }

  /** Whether the map has another node that could take over what this one has. */
  hasHeirs(): boolean {
    const { map, life } = this.replica;
    const nodes = Object.entries(map?.nodes ?? {});
    return nodes.some(([node, { fenced, draining }]) => node !== life.node && !fenced && !draining);
  }

  #judgeGrant(life: Life): GrantAnswer {
    const { map, obeyedMaps } = this.replica;
    if (this.#ended) return 'ended';
    if (map === undefined) return 'no-map';
    // H32: until it has the map of the recovery that it promised to follow, this witness renews nothing: that
    // recovery counts on it that the leases of before run out.
    if (this.replica.isOverruled(map.version)) return 'overruled';
    const against = obeyedMaps.find((obeyed) => !isGranted(obeyed, life));
    if (against === undefined) return 'granted';
    const isPresent = nodeEntry(against, life.node)?.incarnation === life.incarnation;
    return isPresent ? 'fenced' : 'other-incarnation';
  }

  #state(): NodeState {
    return {
      items: this.#store.reader.items(),
      payloadBytes: this.#store.reader.payloadBytes(),
      writable: this.diskProblem === undefined,
      diskProblem: this.diskProblem,
      joined: this.#joiner.joined(),
      vouched: this.#recentlyVouched(),
      retained: this.#retained(),
      retains: this.replica.retained.partitions.length > 0,
    };
  }

  /** What somebody may ask back who accepts a loss; undefined when there is nothing. */
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

  #pushTo(life: Life): void {
    const { map } = this.replica;
    const entry = map === undefined ? undefined : nodeEntry(map, life.node);
    if (entry === undefined || isSameLife(life, this.replica.life)) return;
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
