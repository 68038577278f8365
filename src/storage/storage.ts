// The storage node as a Service: registers with the controller, keeps up with the map, and answers
// operations that come over links. It decides nothing about the cluster (DESIGN "storage nodes stay
// dumb"); what it may answer is replica.ts's, what it remembers memory.ts's.

import { type ClusterMap, NO_MAP, printMapVersion } from '../cluster/cluster-map.ts';
import { type HttpRequest, jsonReply, queryOf } from '../cluster/http.ts';
import type { Address, Incarnation, NodeId, StoreId } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import { newerMap } from '../cluster/map-exchange.ts';
import { mapPush, PATHS } from '../cluster/messages.ts';
import { type Counter, Metrics } from '../cluster/metrics.ts';
import { type Answer, decodeOperation, encodeAnswer } from '../cluster/operations.ts';
import { partitionOf } from '../cluster/partition.ts';
import { parseQuery } from '../cluster/query.ts';
import { recordValue, recordVersion } from '../cluster/record.ts';
import { type ReplyCallback, Routes, refusalReply } from '../cluster/routes.ts';
import type { Link, LinkEvents, LinkHello, Runtime, Service } from '../cluster/runtime.ts';
import { VERSION } from '../cluster/software.ts';
import { printVersion } from '../cluster/version.ts';

import { MapStore } from './memory.ts';
import { Registration } from './registration.ts';
import { Replica } from './replica.ts';

export interface StorageOptions {
  readonly controller: Address;
  readonly address: Address;
  readonly node: NodeId;
  readonly valueBytesMax: number;
  readonly times: Times;
}

const MALFORMED: Answer = { kind: 'refused', reason: 'malformed' };
const NOT_SERVING: Answer = { kind: 'not-serving' };

export class StorageNode implements Service {
  readonly #runtime: Runtime;
  readonly #options: StorageOptions;
  readonly #store = new MapStore();
  readonly #registration: Registration;
  readonly #metrics = new Metrics();
  readonly #routes: Routes;
  readonly #answers: AnswerCounters;
  readonly #links = new Set<Link>();
  #incarnation: Incarnation | undefined;
  #replica: Replica | undefined;
  #draining = false;

  constructor(runtime: Runtime, options: StorageOptions) {
    this.#runtime = runtime;
    this.#options = options;
    const { controller, node, address, times } = options;
    this.#registration = new Registration(
      runtime,
      { controller, node, address, times, store: runtime.random.token() as StoreId },
      {
        registered: (incarnation) => this.#begin(incarnation),
        offered: (map) => this.#adopt(map),
        state: () => ({
          mapVersion: this.#replica?.mapVersion ?? NO_MAP,
          items: this.#store.items(),
        }),
        cluster: () => this.#replica?.map?.cluster,
      },
    );
    this.#answers = new AnswerCounters(this.#metrics);
    this.#routes = new Routes('storage', runtime, this.#metrics);
    this.#addRoutes();
    this.#addMetrics();
  }

  start(): void {
    this.#registration.start();
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    this.#routes.handle(request, reply);
  }

  /** D13: a stream is bound to cluster, node and incarnation, and refused when any is another's. */
  accept(hello: LinkHello, link: Link): LinkEvents | { refused: string } {
    const { node } = this.#options;
    const cluster = this.#replica?.map?.cluster;
    if (this.#draining) return { refused: 'this node is stopping' };
    if (hello.node !== node) return { refused: `this is node ${node}` };
    if (hello.incarnation !== this.#incarnation) {
      return { refused: `this is incarnation ${this.#incarnation ?? 'none yet'}` };
    }
    if (hello.cluster !== cluster) return { refused: `this is cluster ${cluster ?? 'none yet'}` };
    this.#links.add(link);
    return {
      received: (id, message) => this.#operation(link, id, message),
      closed: () => this.#links.delete(link),
    };
  }

  drain(): void {
    this.#draining = true;
  }

  /** A life begins when the controller has named it: only now can a map speak of this process. */
  #begin(incarnation: Incarnation): void {
    const { node, valueBytesMax } = this.#options;
    this.#incarnation = incarnation;
    this.#replica = new Replica(this.#store, this.#runtime.clock, {
      node,
      incarnation,
      valueBytesMax,
    });
    this.#runtime.log.write('info', 'registered', { incarnation });
  }

  #adopt(map: ClusterMap): 'adopted' | 'already-newer' | 'other-cluster' | 'not-registered' {
    const replica = this.#replica;
    if (replica === undefined) return 'not-registered';
    const first = replica.map === undefined;
    const adoption = replica.adopt(map);
    if (adoption === 'adopted') {
      const level = first ? 'info' : 'debug';
      this.#runtime.log.write(level, 'map adopted', { map: printMapVersion(map.version) });
    }
    return adoption;
  }

  #operation(link: Link, id: number, message: Buffer): void {
    const operation = decodeOperation(message);
    let answer: Answer;
    if (typeof operation === 'string') {
      this.#runtime.log.write('warn', 'operation refused', { reason: operation });
      answer = MALFORMED;
      this.#answers.count('set', answer);
    } else {
      answer = this.#replica?.answer(operation) ?? NOT_SERVING;
      this.#answers.count(operation.kind, answer);
    }
    const { head, body } = encodeAnswer(answer);
    link.send(id, head, body);
  }

  #addRoutes(): void {
    const routes = this.#routes;
    routes.addCheck('registered', () => this.#registration.problem);
    routes.addCheck('map', () =>
      this.#replica?.map === undefined ? 'no cluster map adopted yet' : undefined,
    );
    routes.addCheck('running', () => (this.#draining ? 'stopping' : undefined));
    routes.addControl(PATHS.storageMap, mapPush, ({ map }, reply) => {
      const adoption = map === undefined ? 'already-newer' : this.#adopt(map);
      const incarnation = this.#incarnation;
      if (adoption === 'other-cluster') {
        return reply(refusalReply('other-cluster', 'this node belongs to another cluster'));
      }
      if (incarnation === undefined) return reply(refusalReply('not-ready', 'not registered yet'));
      const mapVersion = this.#replica?.mapVersion ?? NO_MAP;
      return reply(jsonReply(200, { incarnation, mapVersion }));
    });
    routes.add(['GET'], PATHS.storageMap, (request, reply) =>
      reply(newerMap(request, this.#replica?.map)),
    );
    routes.add(['GET'], '/s/record', (request, reply) => this.#showRecord(request, reply));
    routes.add(['GET'], '/status', (_request, reply) => reply(jsonReply(200, this.#status())));
  }

  /** What this replica holds of a key, for people and tests; not a way to read the cluster. */
  #showRecord(request: HttpRequest, reply: ReplyCallback): void {
    const query = parseQuery(queryOf(request.target));
    const key = query.kind === 'query' ? query.parameters.get('key') : undefined;
    const map = this.#replica?.map;
    if (key === undefined) return reply(refusalReply('missing-key', 'the request names no key'));
    if (map === undefined) return reply(refusalReply('not-ready', 'no cluster map adopted yet'));
    const record = this.#store.get(partitionOf(key, map.digits), key);
    if (record === undefined)
      return reply(refusalReply('unknown-path', 'this node has no such record'));
    return reply({
      status: 200,
      headers: { 'x-fog-version': printVersion(recordVersion(record)) },
      body: recordValue(record),
    });
  }

  /** memcached's stat names and its texts for numbers, as the seed's small-file service shows them. */
  #status(): Readonly<Record<string, string>> {
    const usage = this.#runtime.host.usage();
    const stats = {
      pid: usage.pid,
      uptime: Math.floor(usage.uptimeSeconds),
      time: Math.floor(this.#runtime.clock.wallMs() / 1000),
      version: VERSION,
      rusage_user: usage.userCpuSeconds.toFixed(6),
      rusage_system: usage.systemCpuSeconds.toFixed(6),
      rusage_maxrss: Math.floor(usage.residentBytes / 1024),
      curr_connections: this.#links.size,
      cmd_get: this.#answers.total('get'),
      cmd_set: this.#answers.total('set'),
      get_hits: this.#answers.of('get', 'found'),
      get_misses: this.#answers.of('get', 'absent'),
      curr_items: this.#store.items(),
      bytes: this.#store.payloadBytes(),
      node: this.#options.node,
      incarnation: this.#incarnation ?? 0,
      map: printMapVersion(this.#replica?.mapVersion ?? NO_MAP),
    };
    return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, String(value)]));
  }

  #addMetrics(): void {
    const metrics = this.#metrics;
    metrics.gauge('velourfog_items', 'Records held, tombstones included.', () =>
      this.#store.items(),
    );
    metrics.gauge('velourfog_payload_bytes', 'Bytes of the records held.', () =>
      this.#store.payloadBytes(),
    );
    metrics.gauge('velourfog_links', 'Open streams of operations.', () => this.#links.size);
  }
}

/** Operations by kind and by what was answered. */
class AnswerCounters {
  readonly #counters = new Map<string, Counter>();
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    for (const answer of ['found', 'absent', 'not-serving'] as const) this.#counter('get', answer);
    for (const answer of [
      'applied',
      'equal',
      'superseded',
      'stale',
      'behind',
      'not-serving',
      'refused',
    ] as const) {
      this.#counter('set', answer);
    }
  }

  count(operation: 'get' | 'set', answer: Answer): void {
    this.#counter(operation, answer.kind).add();
  }

  of(operation: 'get' | 'set', answer: Answer['kind']): number {
    return this.#counter(operation, answer).value;
  }

  total(operation: 'get' | 'set'): number {
    let total = 0;
    for (const [name, counter] of this.#counters)
      if (name.startsWith(operation)) total += counter.value;
    return total;
  }

  #counter(operation: 'get' | 'set', answer: Answer['kind']): Counter {
    const name = `${operation} ${answer}`;
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = this.#metrics.counter(
        'velourfog_operations_total',
        'Operations by kind and answer.',
        {
          operation,
          answer,
        },
      );
      this.#counters.set(name, counter);
    }
    return counter;
  }
}
