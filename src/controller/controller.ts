// The controller as a Service: nodes register with it (registrations.ts), and it publishes the map
// (published-map.ts). How a map changes is membership.ts's, where partitions go placement.ts's.

import { type ClusterMap, printMapVersion, unservedPartitions } from '../cluster/cluster-map.ts';
import { EXIT, FatalError } from '../cluster/errors.ts';
import { type HttpRequest, jsonReply, queryOf } from '../cluster/http.ts';
import type { NodeId } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import { sinceOf } from '../cluster/map-exchange.ts';
import { heartbeatRequest, type MapReply, PATHS, registerRequest } from '../cluster/messages.ts';
import { Metrics } from '../cluster/metrics.ts';
import { parseQuery } from '../cluster/query.ts';
import { type ReplyCallback, Routes, refusalReply } from '../cluster/routes.ts';
import type { Runtime, Service } from '../cluster/runtime.ts';
import { nextGeneration } from './membership.ts';
import { PublishedMap } from './published-map.ts';
import { Registrations } from './registrations.ts';
import { decodeState, STATE_FILE } from './state-file.ts';

export interface ControllerOptions {
  /** So many registrations found the cluster. */
  readonly storageNodes: number;
  readonly redundancy: number;
  readonly digits: number;
  readonly times: Times;
}

export class Controller implements Service {
  readonly #runtime: Runtime;
  readonly #options: ControllerOptions;
  readonly #map: PublishedMap;
  readonly #metrics = new Metrics();
  readonly #routes: Routes;
  readonly #registrations: Registrations;
  /** Frontends by address, with when they last polled, on the monotonic clock (D14). */
  readonly #frontends = new Map<string, number>();
  #loaded = false;
  #draining = false;

  constructor(runtime: Runtime, options: ControllerOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#map = new PublishedMap(runtime, (map) => this.#push(map));
    this.#registrations = new Registrations(runtime, this.#map, options);
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
    return `${this.#registrations.candidates.size} of ${storageNodes} storage nodes registered (redundancy ${redundancy})`;
  }

  #addRoutes(): void {
    const routes = this.#routes;
    routes.addCheck('cluster', () => this.#waitingFor());
    routes.addCheck('running', () => (this.#draining ? 'stopping' : undefined));
    routes.addControl(PATHS.register, registerRequest, (message, reply) =>
      reply(
        this.#loaded
          ? this.#registrations.register(message)
          : refusalReply('not-ready', 'the state is being read'),
      ),
    );
    routes.addControl(PATHS.heartbeat, heartbeatRequest, (message, reply) =>
      reply(this.#registrations.heartbeat(message)),
    );
    routes.add(['GET'], PATHS.controllerMap, (request, reply) => this.#poll(request, reply));
    routes.add(['GET'], '/status', (_request, reply) => reply(jsonReply(200, this.#status())));
  }

  #status(): unknown {
    const map = this.#map.current;
    const now = this.#runtime.clock.monotonicMs();
    const nodes = map?.nodes ?? Object.fromEntries(this.#registrations.candidates);
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
            heardMsAgo: Math.round(now - (this.#registrations.heardMs(id as NodeId) ?? Number.NaN)),
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
