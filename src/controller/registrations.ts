// Lives of storage nodes, from their registration to their place in the map: who may be which
// incarnation, and when there are enough to found a cluster. Everything here is gone with the controller;
// what must outlive it stands in the map.

import { assert } from '../cluster/assert.ts';
import {
  type ClusterMap,
  type Life,
  type NodeEntry,
  nodeEntry,
  type WhenFull,
} from '../cluster/model/cluster-map.ts';
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

/** With what a cluster is founded, if there is none yet. */
export interface FoundingRule {
  /** So many living nodes found it. */
  readonly storageNodes: number;
  readonly redundancy: number;
  readonly digits: number;
  /** Undefined: the operator did not say, and means a store if there is no cluster yet. */
  readonly whenFull?: WhenFull | undefined;
  readonly times: Pick<Times, 'scale'>;
  /** For the simulator, whose runs are too short to spend the epochs that a cluster spends in years. */
  readonly firstEpoch?: Epoch | undefined;
}

/** A life that was given an incarnation, and has not shown itself yet. */
interface Registered {
  readonly process: string;
  readonly completeSince: Incarnation | undefined;
  /** Those that its directory had before. */
  readonly lives: readonly Incarnation[] | undefined;
  readonly entry: NodeEntry;
  /** The map that names it is being made durable; until then it is no node's life yet. */
  admitting: boolean;
}

export interface RegistryEvents {
  /** How far ahead the clock is of a node that registers (H31). */
  aheadMs(wallMs: number): number;
  /** A life is over, because its successor holds its directory (H5a). */
  proved(death: Life): void;
  /** The one that may still wait for what the store of a node knows; until then its memberships stay (H32). */
  recovery(): Pick<MapRecovery, 'isWanted' | 'resumed'> | undefined;
  /** What a recovery waits for, for people: while it does, new nodes found nothing (D5). */
  recovering(): string | undefined;
}

export class Registrations {
  readonly #runtime: Runtime;
  readonly #map: PublishedMap;
  readonly #options: FoundingRule;
  readonly #registered = new Map<NodeId, Registered>();
  readonly #candidates = new Map<NodeId, NodeEntry>();
  /** Which life of a node holds its incarnation, as far as this life of the controller knows. */
  readonly #processes = new Map<NodeId, string>();
  readonly #events: RegistryEvents;

  constructor(runtime: Runtime, map: PublishedMap, options: FoundingRule, events: RegistryEvents) {
    this.#runtime = runtime;
    this.#map = map;
    this.#options = options;
    this.#events = events;
  }

  /** Nodes that live, before there is a cluster for them to be in. */
  get candidates(): ReadonlyMap<NodeId, NodeEntry> {
    return this.#candidates;
  }

  /**
   * Gives a life its incarnation, and no more: the map changes when that life shows itself by a heartbeat.
   *
   * 1. Life 1 of a node registers; the message is held up. The node dies.
   * 2. Life 2 registers and becomes a member.
   * 3. The message of step 1 arrives. Were it believed, the cluster would follow a life that is over,
   *    and life 2 would find itself replaced by nobody.
   */
  register(message: RegisterRequest): RegisterReply | Refused {
    const refused = this.#refuseOtherCluster(message) ?? this.#refuseClock(message);
    if (refused !== undefined) return refused;
    const { node, process, address, store, completeSince, previous } = message;
    const lives = message.lives ?? (previous && [previous]);
    const known = this.#known(node);
    // A recovery may know of an earlier life only, than the one that this process was a candidate as (I10).
    const isPresent = (known?.incarnation ?? 0) >= (message.incarnation ?? 0);
    const present = this.#processes.get(node);
    // A controller that was started anew knows lives, and not their processes. One that knows the process takes no other
    // one for the same life, whatever it says: two lives of one directory and its copy could say the same (I10).
    const sameLife =
      present === undefined
        ? message.incarnation === known?.incarnation &&
          store === known?.store &&
          address === known?.address
        : present === process && isPresent;
    if (known !== undefined && sameLife) {
      return { incarnation: known.incarnation, map: this.#map.current };
    }
    const tooMany = this.#refuseTooMany(node);
    if (tooMany !== undefined) return tooMany;
    const earlier = this.#registered.get(node);
    // A message of before its node was removed may come late, and be given less than its process has by now (I10).
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

  /** The node as it is known, if that is at another address than who registers, and is not the same process. */
  rivalOf({ node, address, process }: RegisterRequest): NodeEntry | undefined {
    const known = this.#known(node);
    if (known === undefined || known.address === address) return undefined;
    return this.#processes.get(node) === process ? undefined : known;
  }

  /** D5: a controller without a state founds no second cluster beside one that a node knows of. */
  #refuseOtherCluster({ cluster }: RegisterRequest): Refused | undefined {
    const own = this.#map.current?.cluster;
    if (cluster === undefined || cluster === own) return undefined;
    if (own !== undefined) {
      return new Refused('other-cluster', `this is cluster ${own}, not ${cluster}`);
    }
    return undefined;
  }

  #refuseTooMany(node: NodeId): Refused | undefined {
    const map = this.#map.current;
    if (map === undefined || hasRoom(map, node)) return undefined;
    return new Refused(
      'too-many-nodes',
      `the cluster has ${STORAGE_NODES_MAX} storage nodes, as many as it can, and ${node} is none of them: take one off that is stopped for good, with velour remove`,
    );
  }

  /**
   * H31: until it is told the time a node goes by its own clock, and its voice counts as much as any. It asks again
   * with every heartbeat, so it is registered as soon as the clocks are right; the text keeps to minutes, so that
   * it is logged once and not each time.
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
   * Refuses what is not the node's present life; admits one that was only registered so far.
   * @returns the refusal, or undefined for a life that counts
   */
  heartbeat({ node, incarnation }: HeartbeatRequest): Refused | undefined {
    const known = this.#known(node);
    if (known?.incarnation === incarnation) return undefined;
    const registration = this.#registered.get(node);
    if (registration?.entry.incarnation === incarnation) {
      const recovering = this.#events.recovering();
      if (recovering !== undefined) return new Refused('not-ready', recovering);
      const tooMany = this.#refuseTooMany(node);
      if (tooMany !== undefined) return tooMany;
      if (!registration.admitting) this.#admit(node, registration);
      return undefined;
    }
    if (known === undefined || known.incarnation < incarnation) {
      return new Refused('unknown-node', `node ${node} must register`);
    }
    return new Refused('other-incarnation', `node ${node} lives as ${known.incarnation}`);
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
      if (this.#candidates.size >= this.#options.storageNodes) this.#found();
      return;
    }
    const { sameStore, resumes } = successionOf(registration, earlier);
    // Asked again with its next heartbeat.
    if (sameStore && this.#events.recovery()?.isWanted(this.#map.current, node)) return;
    registration.admitting = true;
    // H5a: the lock of the directory proves that the life before is over.
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
        // Others were admitted while this change waited.
        if (!hasRoom(current, node)) return current;
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
        // Else the node's next heartbeat tries again.
      },
    );
  }

  #found(): void {
    const { redundancy, digits, whenFull, times, firstEpoch } = this.#options;
    const timeScale = times.scale;
    const cluster = this.#runtime.random.token() as ClusterId;
    const nodes = new Map(this.#candidates);
    this.#map.propose(
      // Another heartbeat can get here while the first founding is being written.
      (map) =>
        map ?? foundMap({ cluster, digits, redundancy, whenFull, timeScale, nodes, firstEpoch }),
      (outcome) => {
        // The next word of a candidate tries again.
        if (outcome.kind === 'not-durable') return refuseBrokenDisk(outcome.detail);
        this.#candidates.clear();
      },
    );
  }
}

/** By the map as it is now: while the change waited for the disk an operator may have drained the node, or removed it. */
function admittedTo(map: ClusterMap, node: NodeId, registration: Registered): ClusterMap {
  const { entry } = registration;
  const earlier = nodeEntry(map, node);
  const { sameStore, resumes } = successionOf(registration, earlier);
  // What the operator asked for outlives a life that kept its data.
  const draining = sameStore && (earlier?.draining ?? false);
  // A store that is not believed now is not believed about the lives before either.
  const completeSince = sameStore && !resumes ? undefined : registration.completeSince;
  return withNode(map, node, { ...entry, draining, completeSince }, resumes);
}

/** What a life is to the one before it, as a map has that. */
function successionOf(registration: Registered, earlier: NodeEntry | undefined) {
  const sameStore = registration.entry.store === earlier?.store;
  const resumes = sameStore && hasAllOf(registration, earlier);
  return { sameStore, resumes };
}

/** A map of more nodes would be malformed, and nobody could read it. */
function hasRoom(map: ClusterMap, node: NodeId): boolean {
  return nodeEntry(map, node) !== undefined || Object.keys(map.nodes).length < STORAGE_NODES_MAX;
}

/** H8: whether everything that the life before acknowledged is in the store of this one. */
function hasAllOf({ completeSince, lives }: Registered, earlier: NodeEntry | undefined): boolean {
  if (earlier === undefined || completeSince === undefined || lives === undefined) return false;
  // A directory that does not know of the life before is an old copy of itself. That it had a later one proves nothing:
  // that life may have begun from the copy, and ended before it reached anybody (seed 42222230).
  return completeSince <= earlier.incarnation && lives.includes(earlier.incarnation);
}
