// The controller as a Service: nodes register with it, it founds the cluster when enough are there, and
// it publishes the map. How a map changes is membership.ts's, where partitions go placement.ts's.

import { assert } from '../cluster/assert.ts';
import {
  type ClusterMap,
  type NodeEntry,
  nodeEntry,
  printMapVersion,
  unservedPartitions,
} from '../cluster/cluster-map.ts';
import { EXIT, FatalError } from '../cluster/errors.ts';
import { type HttpReply, type HttpRequest, jsonReply, queryOf } from '../cluster/http.ts';
import type { ClusterId, NodeId } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import { isNewer, sinceOf } from '../cluster/map-exchange.ts';
import {
  type HeartbeatRequest,
  heartbeatRequest,
  type MapReply,
  PATHS,
  type RegisterRequest,
  registerRequest,
} from '../cluster/messages.ts';
import { Metrics } from '../cluster/metrics.ts';
import { parseQuery } from '../cluster/query.ts';
import { type ReplyCallback, Routes, refusalReply } from '../cluster/routes.ts';
import type { Runtime, Service } from '../cluster/runtime.ts';
import { foundMap, nextGeneration, nextIncarnation, withNode } from './membership.ts';
import { PublishedMap } from './published-map.ts';
import { decodeState, STATE_FILE } from './state-file.ts';

export interface ControllerOptions {
  /** So many registrations found the cluster. */
  readonly storageNodes: number;
  readonly redundancy: number;
  readonly digits: number;
  readonly times: Times;
}

/** A life that was given an incarnation, and has not shown itself yet. */
interface Registered {
  readonly process: string;
  readonly clean: boolean;
  readonly entry: NodeEntry;
  /** The map that names it is being made durable; until then it is no node's life yet. */
  admitting: boolean;
}

export class Controller implements Service {
  readonly #runtime: Runtime;
  readonly #options: ControllerOptions;
  readonly #map: PublishedMap;
  readonly #metrics = new Metrics();
  readonly #routes: Routes;
  readonly #registrations = new Map<NodeId, Registered>();
  /** Nodes that live, before there is a cluster for them to be in. */
  readonly #candidates = new Map<NodeId, NodeEntry>();
  /** Which life of a node holds its incarnation, as far as this life of the controller knows. */
  readonly #processes = new Map<NodeId, string>();
  /** When each storage node was last heard of, on the monotonic clock. */
  readonly #heardMs = new Map<NodeId, number>();
  /** Frontends by address, with when they last polled, on the monotonic clock (D14). */
  readonly #frontends = new Map<string, number>();
  #loaded = false;
  #draining = false;

  constructor(runtime: Runtime, options: ControllerOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#map = new PublishedMap(runtime, (map) => this.#push(map));
    this.#routes = new Routes('controller', runtime, this.#metrics);
    this.#addRoutes();
    this.#addMetrics();
  }

  start(): void {
    const { disk } = this.#runtime;
    if (disk === undefined) {
      this.#loaded = true;
      return;
    }
    disk.read(STATE_FILE, (result) => {
      if (result.kind === 'failed') {
        throw new FatalError(EXIT.config, `${STATE_FILE} cannot be read: ${result.detail}`);
      }
      if (result.value === undefined) this.#loaded = true;
      else this.#resume(result.value);
    });
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    this.#routes.handle(request, reply);
  }

  accept(): { refused: string } {
    return { refused: 'a controller takes no operations' };
  }

  drain(): void {
    this.#draining = true;
    this.#map.releaseWaiters();
  }

  #resume(bytes: Buffer): void {
    const state = decodeState(bytes);
    if (state.kind === 'unusable') {
      throw new FatalError(
        EXIT.config,
        `${STATE_FILE} cannot be used: ${state.reason}. The controller does not start empty in its place; put back a good copy`,
      );
    }
    const { redundancy, digits } = this.#options;
    const stored = state.map;
    if (stored.redundancy !== redundancy || stored.digits !== digits) {
      // H34: what the cluster was founded with stands in its map; flags cannot change it.
      this.#runtime.log.write(
        'warn',
        'the stored cluster differs from the command line, and wins',
        {
          redundancy: stored.redundancy,
          digits: stored.digits,
        },
      );
    }
    this.#map.propose(
      () => nextGeneration(stored),
      (outcome) => {
        if (outcome.kind === 'not-durable') {
          throw new FatalError(EXIT.config, `${STATE_FILE} cannot be written: ${outcome.detail}`);
        }
        this.#loaded = true;
      },
    );
  }

  /**
   * Gives a life its incarnation, and no more: the map changes when that life shows itself by a heartbeat.
   *
   * 1. Life 1 of a node registers; the message is held up. The node dies.
   * 2. Life 2 registers and becomes a member.
   * 3. The message of step 1 arrives. Were it believed, the cluster would follow a life that is over,
   *    and life 2 would find itself replaced by nobody.
   */
  #register(message: RegisterRequest, reply: ReplyCallback): void {
    if (!this.#loaded) return reply(refusalReply('not-ready', 'the state is being read'));
    const refused = this.#refuseOtherCluster(message);
    if (refused !== undefined) return reply(refused);
    const { node, process, address, store, clean } = message;
    const known = this.#known(node);
    const sameLife =
      this.#processes.get(node) === process ||
      (message.incarnation === known?.incarnation && store === known?.store);
    if (known !== undefined && sameLife) {
      return reply(jsonReply(200, { incarnation: known.incarnation, map: this.#map.current }));
    }
    const earlier = this.#registrations.get(node);
    const incarnation =
      earlier?.process === process
        ? earlier.entry.incarnation
        : nextIncarnation(this.#runtime.clock.wallMs(), message.incarnation, [
            known?.incarnation,
            earlier?.entry.incarnation,
          ]);
    this.#registrations.set(node, {
      process,
      clean,
      entry: { address, incarnation, store },
      admitting: false,
    });
    return reply(jsonReply(200, { incarnation }));
  }

  /** D5: a controller without a state founds no second cluster beside one that a node knows of. */
  #refuseOtherCluster({ node, cluster }: RegisterRequest): HttpReply | undefined {
    const own = this.#map.current?.cluster;
    if (cluster === undefined || cluster === own) return undefined;
    if (own !== undefined) {
      return refusalReply('other-cluster', `this is cluster ${own}, not ${cluster}`);
    }
    this.#runtime.log.write(
      'error',
      'a node belongs to a cluster that this controller has no state of',
      { node, cluster },
    );
    return refusalReply(
      'cluster-state-missing',
      `node belongs to cluster ${cluster}, and this controller has no state of any`,
    );
  }

  #heartbeat(message: HeartbeatRequest, reply: ReplyCallback): void {
    const { node, incarnation } = message;
    const known = this.#known(node);
    if (known?.incarnation !== incarnation) {
      const registration = this.#registrations.get(node);
      if (registration?.entry.incarnation === incarnation) {
        if (!registration.admitting) this.#admit(node, registration);
      } else if (known === undefined || known.incarnation < incarnation) {
        return reply(refusalReply('unknown-node', `node ${node} must register`));
      } else {
        return reply(
          refusalReply('other-incarnation', `node ${node} lives as ${known.incarnation}`),
        );
      }
    }
    this.#heard(node);
    const map = this.#map.current;
    return reply(
      jsonReply(200, { incarnation, map: isNewer(map, message.mapVersion) ? map : undefined }),
    );
  }

  #known(node: NodeId): NodeEntry | undefined {
    const map = this.#map.current;
    return map === undefined ? this.#candidates.get(node) : nodeEntry(map, node);
  }

  #admit(node: NodeId, registration: Registered): void {
    const { entry, clean } = registration;
    const earlier = this.#known(node);
    const admitted = () => {
      this.#processes.set(node, registration.process);
      if (this.#registrations.get(node) === registration) this.#registrations.delete(node);
    };
    if (this.#map.current === undefined) {
      admitted();
      this.#candidates.set(node, entry);
      if (this.#candidates.size >= this.#options.storageNodes) this.#found();
      return;
    }
    registration.admitting = true;
    const resumes = clean && entry.store === earlier?.store;
    this.#runtime.log.write('info', earlier === undefined ? 'new node' : 'new life of a node', {
      node,
      address: entry.address,
      incarnation: entry.incarnation,
      resumes,
    });
    this.#map.propose(
      (current) => {
        assert(current !== undefined, 'a map, once there, stays');
        return withNode(current, node, entry, resumes);
      },
      (outcome) => {
        registration.admitting = false;
        if (outcome.kind === 'published') admitted();
        // The node's next heartbeat tries again.
        else this.#runtime.log.write('error', 'the state could not be written', outcome);
      },
    );
  }

  #found(): void {
    const { redundancy, digits } = this.#options;
    const cluster = this.#runtime.random.token() as ClusterId;
    const nodes = new Map(this.#candidates);
    this.#map.propose(
      // Another heartbeat can get here while the first founding is being written.
      (map) => map ?? foundMap({ cluster, digits, redundancy, nodes }),
      (outcome) => {
        if (outcome.kind === 'not-durable') {
          throw new FatalError(EXIT.config, `${STATE_FILE} cannot be written: ${outcome.detail}`);
        }
        this.#candidates.clear();
      },
    );
  }

  #heard(node: NodeId): void {
    this.#heardMs.set(node, this.#runtime.clock.monotonicMs());
  }

  /** Nodes that miss it get the map with their next heartbeat. */
  #push(map: ClusterMap): void {
    this.#runtime.log.write('info', 'map published', {
      map: printMapVersion(map.version),
      nodes: Object.keys(map.nodes).length,
      partitions: map.partitions.length,
    });
    for (const { address } of Object.values(map.nodes)) {
      this.#runtime.network.call(
        {
          address,
          method: 'POST',
          path: PATHS.storageMap,
          message: { map },
          timeoutMs: this.#options.times.controlCallMs,
        },
        () => undefined,
      );
    }
  }

  #poll(request: HttpRequest, reply: ReplyCallback): void {
    const query = parseQuery(queryOf(request.target));
    const parameters = query.kind === 'query' ? query.parameters : new Map<string, Buffer>();
    const frontend = parameters.get('frontend')?.toString('latin1');
    if (frontend !== undefined && frontend.length <= 262) this.#noteFrontend(frontend);
    const asked = Number(parameters.get('wait')?.toString('latin1') ?? 0);
    const waitMs = Number.isFinite(asked) ? Math.min(asked, this.#options.times.mapPollMs) : 0;
    this.#map.waitForNewer(sinceOf(request), this.#draining ? 0 : waitMs, (map) => {
      const answer: MapReply = { map, waitingFor: this.#waitingFor() };
      reply(jsonReply(200, answer));
    });
  }

  #noteFrontend(address: string): void {
    const now = this.#runtime.clock.monotonicMs();
    this.#frontends.set(address, now);
    const forgottenBefore = now - 4 * this.#options.times.mapPollMs;
    for (const [other, polledMs] of this.#frontends) {
      if (polledMs < forgottenBefore) this.#frontends.delete(other);
    }
  }

  #waitingFor(): string | undefined {
    if (this.#map.current !== undefined) return undefined;
    if (!this.#loaded) return 'the controller reads its state';
    const { storageNodes, redundancy } = this.#options;
    return `${this.#candidates.size} of ${storageNodes} storage nodes registered (redundancy ${redundancy})`;
  }

  #addRoutes(): void {
    const routes = this.#routes;
    routes.addCheck('cluster', () => this.#waitingFor());
    routes.addCheck('running', () => (this.#draining ? 'stopping' : undefined));
    routes.addControl(PATHS.register, registerRequest, (message, reply) =>
      this.#register(message, reply),
    );
    routes.addControl(PATHS.heartbeat, heartbeatRequest, (message, reply) =>
      this.#heartbeat(message, reply),
    );
    routes.add(['GET'], PATHS.controllerMap, (request, reply) => this.#poll(request, reply));
    routes.add(['GET'], '/status', (_request, reply) => reply(jsonReply(200, this.#status())));
  }

  #status(): unknown {
    const map = this.#map.current;
    const now = this.#runtime.clock.monotonicMs();
    const nodes = map?.nodes ?? Object.fromEntries(this.#candidates);
    return {
      ready: map !== undefined,
      waitingFor: this.#waitingFor(),
      cluster: map?.cluster,
      map: map === undefined ? undefined : printMapVersion(map.version),
      partitions: map?.partitions.length,
      redundancy: map?.redundancy ?? this.#options.redundancy,
      unservedPartitions: map === undefined ? undefined : unservedPartitions(map),
      storage: Object.fromEntries(
        Object.entries(nodes).map(([id, entry]) => [
          id,
          {
            address: entry.address,
            incarnation: entry.incarnation,
            partitions: map?.partitions.filter(({ members }) =>
              members.some(({ node }) => node === id),
            ).length,
            heardMsAgo: Math.round(now - (this.#heardMs.get(id as NodeId) ?? Number.NaN)),
          },
        ]),
      ),
      frontends: [...this.#frontends.keys()],
    };
  }

  #addMetrics(): void {
    const map = () => this.#map.current;
    const metrics = this.#metrics;
    metrics.gauge(
      'velourfog_storage_nodes',
      'Storage nodes in the map.',
      () => Object.keys(map()?.nodes ?? {}).length,
    );
    metrics.gauge(
      'velourfog_frontends',
      'Frontends that polled lately.',
      () => this.#frontends.size,
    );
    metrics.gauge('velourfog_unserved_partitions', 'Partitions without a serving member.', () => {
      const current = map();
      return current === undefined ? 0 : unservedPartitions(current);
    });
    metrics.gauge(
      'velourfog_map_number',
      'Number of the map within its generation.',
      () => map()?.version.number ?? 0,
    );
  }
}
