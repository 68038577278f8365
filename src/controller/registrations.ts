// Incarnations of storage nodes, from their registration to their place in the map: which process may be which
// incarnation, and when there are enough nodes to found a cluster. Everything here ends with the controller's process;
// what must survive is in the map.

import { assert } from '../cluster/assert.ts';
import {
  type ClusterMap,
  type IncarnationId,
  type NodeEntry,
  nodeEntry,
  type WhenFull,
} from '../cluster/model/cluster-map.ts';
import { fileServerEntry } from '../cluster/model/file-server.ts';
import type { ClusterId, Epoch, Incarnation, NodeId } from '../cluster/model/identity.ts';
import { NODE_CLOCK_OFF_MS_MAX, STORAGE_NODES_MAX, type Times } from '../cluster/model/limits.ts';
import type { Runtime } from '../cluster/ports.ts';
import type {
  HeartbeatRequest,
  RegisterReply,
  RegisterRequest,
} from '../cluster/wire/control-messages.ts';
import { Refused } from '../cluster/wire/control-table.ts';
import { foundMap, nextIncarnation, withNode } from './decisions/membership.ts';
import type { PublishedMap } from './map/published-map.ts';
import type { MapRecovery } from './map/recovery.ts';
import { refuseBrokenDisk } from './map/state-file.ts';
import { withScaleOf } from './observations/time-scales.ts';

/** What a cluster is founded with if there is none yet. */
export interface FoundingRule {
  /** Number of live nodes that the founding waits for. */
  readonly storageNodes: number;
  readonly redundancy: number;
  readonly digits: number;
  /** Undefined when the operator did not choose; a new cluster is then a store, not a cache. */
  readonly whenFull?: WhenFull | undefined;
  readonly times: Pick<Times, 'scale'>;
  /** For the simulator, whose runs are too short to use up the epochs that a cluster uses in years. */
  readonly firstEpoch?: Epoch | undefined;
}

/** An incarnation that was assigned and has not sent a heartbeat yet. */
interface Registered {
  readonly process: string;
  readonly completeSince: Incarnation | undefined;
  /** Earlier incarnations that used the same data directory; undefined when the node did not report them. */
  readonly lives: readonly Incarnation[] | undefined;
  readonly entry: NodeEntry;
  /** True while the map that names this incarnation is being made durable; until then it does not count. */
  admitting: boolean;
}

export interface RegistryEvents {
  /** How far ahead of the time of the cluster the clock of a registering node is, in milliseconds (H31). */
  aheadMs(wallMs: number): number;
  /** Called when an incarnation is proven dead because its successor holds the lock of its directory (H5a). */
  proved(death: IncarnationId): void;
  /** The recovery in progress, if any: a node's memberships stay while it waits for that node's store (H32). */
  recovery(): Pick<MapRecovery, 'isWanted' | 'resumed'> | undefined;
  /** What a recovery waits for, as text for people; while it waits, new nodes found no cluster (D5). */
  recovering(): string | undefined;
}

export class Registrations {
  readonly #runtime: Runtime;
  readonly #map: PublishedMap;
  readonly #options: FoundingRule;
  readonly #registered = new Map<NodeId, Registered>();
  readonly #candidates = new Map<NodeId, NodeEntry>();
  /** The process that holds each node's incarnation, as far as this controller process knows. */
  readonly #processes = new Map<NodeId, string>();
  readonly #events: RegistryEvents;

  constructor(runtime: Runtime, map: PublishedMap, options: FoundingRule, events: RegistryEvents) {
    this.#runtime = runtime;
    this.#map = map;
    this.#options = options;
    this.#events = events;
  }

  /** Whether the first map is being made durable. */
  #founding = false;
  /** Live nodes that wait for a cluster to be founded. */
  get candidates(): ReadonlyMap<NodeId, NodeEntry> {
    return this.#candidates;
  }

  /**
   * Assigns an incarnation and nothing more: the map changes only when that incarnation sends a heartbeat.
   *
   * 1. Incarnation 1 of a node registers, but the message is delayed. The node dies.
   * 2. Incarnation 2 registers and becomes a member.
   * 3. The message of step 1 arrives. If it changed the map, the cluster would follow a dead incarnation, and
   *   incarnation 2 would be replaced by nobody.
   *
   * @returns the incarnation, or why the node is refused: another cluster, a wrong clock, too many nodes
   */
  register(message: RegisterRequest): RegisterReply | Refused {
    const refused = this.#refuseOtherCluster(message) ?? this.#refuseClock(message);
    if (refused !== undefined) return refused;
    const { node, process, address, store, completeSince, previous } = message;
    const lives = message.lives ?? (previous && [previous]);
    const known = this.#known(node);
    // I10: a recovered map may know only an earlier incarnation than the one that this process already has.
    const isPresent = (known?.incarnation ?? 0) >= (message.incarnation ?? 0);
    const present = this.#processes.get(node);
    // A restarted controller knows incarnations but not their processes, so it goes by what the node says. Once it
    // knows the process, no other process passes for the same incarnation: a data directory and its copy could send
    // the same message (I10).
    const sameIncarnation =
      present === undefined
        ? message.incarnation === known?.incarnation &&
          store === known?.store &&
          address === known?.address
        : present === process && isPresent;
    if (known !== undefined && sameIncarnation) {
      return { incarnation: known.incarnation, map: this.#map.current };
    }
    const noPlace = this.#refuseWithoutPlace(node);
    if (noPlace !== undefined) return noPlace;
    const earlier = this.#registered.get(node);
    // I10: a delayed message, sent before the node was removed, must not lower the incarnation its process has now.
    const isRepeated =
      earlier?.process === process && earlier.entry.incarnation >= (message.incarnation ?? 0);
    const incarnation = isRepeated
      ? earlier.entry.incarnation
      : nextIncarnation(this.#runtime.clock.wallMs(), message.incarnation, [
          known?.incarnation,
          earlier?.entry.incarnation,
          this.#map.current?.removedUpTo,
        ]);
    this.#registered.set(node, {
      process,
      completeSince,
      lives,
      entry: { address, incarnation, store, fenced: false, draining: false },
      admitting: false,
    });
    return { incarnation, map: undefined };
  }

  /** The known entry of the node, if it is at another address than the one that registers, and is another process. */
  rivalOf({ node, address, process }: RegisterRequest): NodeEntry | undefined {
    const known = this.#known(node);
    if (known === undefined || known.address === address) return undefined;
    return this.#processes.get(node) === process ? undefined : known;
  }

  /** D5: refuses a node of another cluster than the one that this controller leads. */
  #refuseOtherCluster({ cluster }: RegisterRequest): Refused | undefined {
    const own = this.#map.current?.cluster;
    if (cluster === undefined || cluster === own) return undefined;
    if (own !== undefined) {
      return new Refused('other-cluster', `this is cluster ${own}, not ${cluster}`);
    }
    return undefined;
  }

  #refuseWithoutPlace(node: NodeId): Refused | undefined {
    const map = this.#map.current;
    if (map === undefined || nodeEntry(map, node) !== undefined) return undefined;
    const fileServer = fileServerEntry(map, node);
    // An operator's command names a node by its id alone.
    if (fileServer !== undefined) {
      return new Refused(
        'node-elsewhere',
        `${node} is a file server of this cluster, at ${fileServer.address}: give one of the two another --name, or take the file server off if it is gone for good, with velour drain and velour remove`,
      );
    }
    if (hasRoom(map)) return undefined;
    return new Refused(
      'too-many-nodes',
      `the cluster has ${STORAGE_NODES_MAX} storage nodes, as many as it can, and ${node} is none of them: take one off that is stopped for good, with velour remove`,
    );
  }

  /**
   * H31: until a node learns the time of the cluster it goes by its own clock, and that clock has a vote in the
   * median. The node asks again with every heartbeat, so it is registered soon after the clocks are right. The text
   * has whole minutes only, so that the node logs it once and not each time.
   */
  #refuseClock({ node, wallMs }: RegisterRequest): Refused | undefined {
    const aheadMs = this.#events.aheadMs(wallMs);
    if (Math.abs(aheadMs) <= NODE_CLOCK_OFF_MS_MAX) return undefined;
    const minutes = Math.round(Math.abs(aheadMs) / 60_000);
    return new Refused(
      'clock-off',
      `the clock of node ${node} is ${minutes} minutes ${aheadMs > 0 ? 'ahead of' : 'behind'} the time of the cluster, which is the controller's where no other storage node has told its own: set the wrong one right`,
    );
  }

  /**
   * Refuses a heartbeat of any but the node's present incarnation, and admits an incarnation that has only registered
   * so far.
   * @returns the refusal; undefined when the heartbeat counts
   */
  heartbeat({ node, incarnation }: HeartbeatRequest): Refused | undefined {
    const known = this.#known(node);
    if (known?.incarnation === incarnation) {
      this.#foundOnceEnough();
      return undefined;
    }
    const registration = this.#registered.get(node);
    if (registration?.entry.incarnation === incarnation) {
      const recovering = this.#events.recovering();
      if (recovering !== undefined) return new Refused('not-ready', recovering);
      const noPlace = this.#refuseWithoutPlace(node);
      if (noPlace !== undefined) return noPlace;
      if (!registration.admitting) this.#admit(node, registration);
      return undefined;
    }
    if (this.#wasCandidate(node, incarnation)) {
      return new Refused('unknown-node', `node ${node} must register with the recovered map`);
    }
    if (known === undefined || known.incarnation < incarnation) {
      return new Refused('unknown-node', `node ${node} must register`);
    }
    return new Refused('other-incarnation', `node ${node} lives as ${known.incarnation}`);
  }

  /**
   * Whether the node waited here for a cluster to be founded, until a recovery found one (H32). Its incarnation was
   * assigned without knowing any map, so an earlier one of the node may have a higher number where the clocks were
   * ahead (D3). The process must not pass for that one either, so what is known of it is forgotten (I10).
   */
  #wasCandidate(node: NodeId, incarnation: Incarnation): boolean {
    if (this.#candidates.get(node)?.incarnation !== incarnation) return false;
    this.#candidates.delete(node);
    this.#processes.delete(node);
    return true;
  }

  #known(node: NodeId): NodeEntry | undefined {
    const map = this.#map.current;
    return map === undefined ? this.#candidates.get(node) : nodeEntry(map, node);
  }

  #admit(node: NodeId, registration: Registered): void {
    const { entry } = registration;
    const earlier = this.#known(node);
    const admitted = () => {
      this.#processes.set(node, registration.process);
      if (this.#registered.get(node) === registration) this.#registered.delete(node);
    };
    if (this.#map.current === undefined) {
      admitted();
      this.#candidates.set(node, entry);
      this.#foundOnceEnough();
      return;
    }
    const { sameStore, resumes } = successionOf(registration, earlier);
    // Wait: the node's next heartbeat asks again.
    if (sameStore && this.#events.recovery()?.isWanted(this.#map.current, node)) return;
    registration.admitting = true;
    // H5a: the lock of the data directory proves that the earlier incarnation is dead.
    if (earlier !== undefined && sameStore) {
      this.#events.proved({ node, incarnation: earlier.incarnation });
    }
    this.#runtime.logger.write('info', earlier === undefined ? 'new node' : 'new life of a node', {
      node,
      address: entry.address,
      incarnation: entry.incarnation,
      resumes,
    });
    this.#map.propose(
      (current) => {
        assert(current !== undefined, 'a map, once there, stays');
        // Check again: others may have been admitted, or have joined, while this change waited.
        if (!hasPlace(current, node)) return current;
        return withScaleOf(admittedTo(current, node, registration), this.#options.times.scale);
      },
      (outcome) => {
        registration.admitting = false;
        if (outcome.kind === 'published') {
          if (this.#known(node)?.incarnation === entry.incarnation) admitted();
          if (resumes && earlier !== undefined) {
            this.#events.recovery()?.resumed(node, earlier.incarnation, entry.incarnation);
          }
        }
        // If the change failed, the node's next heartbeat tries again.
      },
    );
  }

  /** Called with each heartbeat of a candidate: the disk may have been full when the last one of them came. */
  #foundOnceEnough(): void {
    if (this.#map.current !== undefined || this.#founding) return;
    // A node may have come meanwhile that has a map (D5).
    if (this.#events.recovering() !== undefined) return;
    if (this.#candidates.size >= this.#options.storageNodes) this.#found();
  }

  #found(): void {
    this.#founding = true;
    const { redundancy, digits, whenFull, times, firstEpoch } = this.#options;
    const timeScale = times.scale;
    const cluster = this.#runtime.random.token() as ClusterId;
    const nodes = new Map(this.#candidates);
    this.#map.propose(
      // A heartbeat may get here while an earlier founding is being written; then there is a map already.
      (map) =>
        map ?? foundMap({ cluster, digits, redundancy, whenFull, timeScale, nodes, firstEpoch }),
      (outcome) => {
        this.#founding = false;
        // The next heartbeat of a candidate tries again.
        if (outcome.kind === 'not-durable') return refuseBrokenDisk(outcome.detail);
        this.#candidates.clear();
      },
    );
  }
}

/** Adds the node to the present map: while the change waited, an operator may have drained or removed the node. */
function admittedTo(map: ClusterMap, node: NodeId, registration: Registered): ClusterMap {
  const { entry } = registration;
  const earlier = nodeEntry(map, node);
  const { sameStore, resumes } = successionOf(registration, earlier);
  // A drain that the operator asked for continues after a restart with the same store.
  const draining = sameStore && (earlier?.draining ?? false);
  // A store that may miss something of the last incarnation is not trusted about earlier ones either.
  const completeSince = sameStore && !resumes ? undefined : registration.completeSince;
  return withNode(map, node, { ...entry, draining, completeSince }, resumes);
}

/** How an incarnation relates to the node's earlier one in the map: whether it has the same store, and all its data. */
function successionOf(registration: Registered, earlier: NodeEntry | undefined) {
  const sameStore = registration.entry.store === earlier?.store;
  const resumes = sameStore && hasAllOf(registration, earlier);
  return { sameStore, resumes };
}

function hasPlace(map: ClusterMap, node: NodeId): boolean {
  if (nodeEntry(map, node) !== undefined) return true;
  return fileServerEntry(map, node) === undefined && hasRoom(map);
}

/** A map with more nodes than the limit would be malformed, and no node could decode it. */
function hasRoom(map: ClusterMap): boolean {
  return Object.keys(map.nodes).length < STORAGE_NODES_MAX;
}

/** H8: whether everything that the earlier incarnation acknowledged is in the store of the new one. */
function hasAllOf({ completeSince, lives }: Registered, earlier: NodeEntry | undefined): boolean {
  if (earlier === undefined || completeSince === undefined || lives === undefined) return false;
  // A directory that does not know the earlier incarnation is an old copy. That it has had a later one proves nothing:
  // that one may have started from the copy, and ended before it reached the controller (seed 42222230).
  return completeSince <= earlier.incarnation && lives.includes(earlier.incarnation);
}
