// The storage node as a Service: registers with the controller, keeps up with the map, and answers
// operations that come over links. It decides nothing about the cluster (DESIGN "storage nodes stay
// dumb"); what it may answer is replica.ts's, what it remembers memory.ts's.

import { type ClusterMap, NO_MAP, nodeEntry, printMapVersion } from '../cluster/cluster-map.ts';
import { EXIT, FatalError } from '../cluster/errors.ts';
import { type HttpReply, type HttpRequest, jsonReply, queryOf } from '../cluster/http.ts';
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

import { encodeIdentity, IDENTITY_FILE, type Identity } from './identity-file.ts';
import { type Durability, type FsyncMode, MEMORY_ONLY } from './log.ts';
import { MapStore } from './memory.ts';
import { encodeAdoptedMap, MAP_FILE, Recovery } from './recovery.ts';
import { Registration } from './registration.ts';
import { type Adoption, Replica } from './replica.ts';

export interface StorageOptions {
  readonly controller: Address;
  readonly address: Address;
  readonly node: NodeId;
  /** Whether the operator named the node; else its id may be the one its data directory has. */
  readonly nodeIsGiven: boolean;
  readonly fsync: FsyncMode;
  readonly valueBytesMax: number;
  readonly times: Times;
}

const MALFORMED: Answer = { kind: 'refused', reason: 'malformed' };
const NOT_SERVING: Answer = { kind: 'not-serving' };

/** Who this process is, before the controller has spoken. */
interface Life {
  readonly node: NodeId;
  readonly store: StoreId;
  readonly clean: boolean;
  readonly incarnation: Incarnation | undefined;
  /** What the data directory says of it. */
  readonly identity: Identity | undefined;
  readonly durability: Durability;
}

export class StorageNode implements Service {
  readonly #runtime: Runtime;
  readonly #options: StorageOptions;
  readonly #store = new MapStore();
  readonly #metrics = new Metrics();
  readonly #routes: Routes;
  readonly #answers: AnswerCounters;
  readonly #links = new Set<Link>();
  #node: NodeId;
  #registration: Registration | undefined;
  #durability: Durability = MEMORY_ONLY;
  #replica: Replica | undefined;
  /** The map that was read back, for the replica to begin with. */
  #recoveredMap: ClusterMap | undefined;
  #draining = false;

  constructor(runtime: Runtime, options: StorageOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#node = options.node;
    this.#answers = new AnswerCounters(this.#metrics);
    this.#routes = new Routes('storage', runtime, this.#metrics);
    this.#addRoutes();
    this.#addMetrics();
  }

  start(): void {
    const { disk, random } = this.#runtime;
    if (disk === undefined) {
      return this.#register({
        node: this.#options.node,
        store: random.token() as StoreId,
        clean: false,
        incarnation: undefined,
        identity: undefined,
        durability: MEMORY_ONLY,
      });
    }
    const recovery = new Recovery(this.#runtime, disk, this.#store, this.#options, (recovered) => {
      const { identity, map, log } = recovered;
      this.#recoveredMap = map;
      this.#register({ ...identity, identity, durability: log });
    });
    return recovery.start();
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    this.#routes.handle(request, reply);
  }

  /** D13: a stream is bound to cluster, node and incarnation, and refused when any is another's. */
  accept(hello: LinkHello, link: Link): LinkEvents | { refused: string } {
    const cluster = this.#replica?.map?.cluster;
    const incarnation = this.#replica?.incarnation;
    if (this.#draining) return { refused: 'this node is stopping' };
    if (hello.node !== this.#node) return { refused: `this is node ${this.#node}` };
    if (hello.incarnation !== incarnation) {
      return { refused: `this is incarnation ${incarnation ?? 'none yet'}` };
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

  #register(life: Life): void {
    this.#node = life.node;
    this.#durability = life.durability;
    const { controller, address, times } = this.#options;
    const { node, store, clean, incarnation } = life;
    this.#registration = new Registration(
      this.#runtime,
      { controller, node, address, store, incarnation, clean, times },
      {
        registered: (given, begin) => this.#begin(life, given, begin),
        offered: (map) => this.#adopt(map, () => undefined),
        state: () => ({
          mapVersion: this.#replica?.mapVersion ?? NO_MAP,
          items: this.#store.items(),
        }),
        cluster: () => this.#replica?.map?.cluster ?? this.#recoveredMap?.cluster,
      },
    );
    this.#registration.start();
  }

  /** A life begins when the controller has named it: only now can a map speak of this process. */
  #begin(life: Life, incarnation: Incarnation, begin: () => void): void {
    const { identity } = life;
    const { disk } = this.#runtime;
    if (disk === undefined || identity === undefined || identity.incarnation === incarnation) {
      this.#become(incarnation);
      return begin();
    }
    // The controller knows a later life than the disk does; that one is on disk before it is lived (3.5).
    return disk.replace(IDENTITY_FILE, encodeIdentity({ ...identity, incarnation }), (written) => {
      if (written.kind === 'failed') {
        throw new FatalError(EXIT.config, `${IDENTITY_FILE} cannot be written: ${written.detail}`);
      }
      this.#become(incarnation);
      begin();
    });
  }

  #become(incarnation: Incarnation): void {
    this.#replica = new Replica(this.#store, this.#durability, this.#runtime.clock, {
      node: this.#node,
      incarnation,
      valueBytesMax: this.#options.valueBytesMax,
    });
    if (this.#recoveredMap !== undefined) this.#replica.adopt(this.#recoveredMap);
    this.#runtime.log.write('info', 'registered', { incarnation });
  }

  /** I2: a map is on disk before anything is answered under it; `done` comes after that. */
  #adopt(map: ClusterMap, done: (adoption: Adoption | 'not-durable') => void): void {
    const { disk } = this.#runtime;
    const replica = this.#replica;
    const judgement = replica?.judge(map) ?? 'already-newer';
    if (replica === undefined || judgement !== 'adopted') return done(judgement);
    if (disk === undefined) return done(replica.adopt(map));
    // Replacements of one file end in their order, so of two maps the newer one is adopted last.
    return disk.replace(MAP_FILE, encodeAdoptedMap(map), (written) => {
      if (written.kind === 'done') return done(replica.adopt(map));
      this.#runtime.log.write('error', `${MAP_FILE} cannot be written`, { detail: written.detail });
      return done('not-durable');
    });
  }

  #operation(link: Link, id: number, message: Buffer): void {
    const operation = decodeOperation(message);
    if (typeof operation === 'string') {
      this.#runtime.log.write('warn', 'operation refused', { reason: operation });
      return answerTo(link, id, MALFORMED);
    }
    const answer = this.#replica?.answer(operation) ?? NOT_SERVING;
    this.#answers.count(operation.kind, answer);
    if (operation.kind === 'get') return answerTo(link, id, answer);
    // Not only `applied` waits for the log: `equal` and `superseded` vouch for a record that may still be
    // on its way there. Lost in a crash, it would be missing from a store that calls itself clean (I14).
    return this.#durability.whenDown(() => answerTo(link, id, answer));
  }

  #addRoutes(): void {
    const routes = this.#routes;
    routes.addCheck('registered', () =>
      this.#registration === undefined ? 'reading its data directory' : this.#registration.problem,
    );
    routes.addCheck('map', () => this.#mapProblem());
    routes.addCheck('disk', () => this.#durability.failure);
    routes.addCheck('running', () => (this.#draining ? 'stopping' : undefined));
    routes.addControl(PATHS.storageMap, mapPush, ({ map }, reply) => {
      const answer = (adoption: Adoption | 'not-durable') => reply(this.#mapReply(adoption));
      if (map === undefined) answer('already-newer');
      else this.#adopt(map, answer);
    });
    routes.add(['GET'], PATHS.storageMap, (request, reply) =>
      reply(newerMap(request, this.#replica?.map)),
    );
    routes.add(['GET'], '/s/record', (request, reply) => this.#showRecord(request, reply));
    routes.add(['GET'], '/status', (_request, reply) => reply(jsonReply(200, this.#status())));
  }

  #mapProblem(): string | undefined {
    const map = this.#replica?.map;
    if (map === undefined) return 'no cluster map adopted yet';
    return nodeEntry(map, this.#node)?.incarnation === this.#replica?.incarnation
      ? undefined
      : 'the adopted map does not name this life of the node yet';
  }

  #mapReply(adoption: Adoption | 'not-durable'): HttpReply {
    const replica = this.#replica;
    if (adoption === 'other-cluster') {
      return refusalReply('other-cluster', 'this node belongs to another cluster');
    }
    if (adoption === 'not-durable')
      return refusalReply('not-durable', 'the map could not be written');
    if (replica === undefined) return refusalReply('not-ready', 'not registered yet');
    const { incarnation, mapVersion } = replica;
    return jsonReply(200, { incarnation, mapVersion });
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
      node: this.#node,
      incarnation: this.#replica?.incarnation ?? 0,
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

function answerTo(link: Link, id: number, answer: Answer): void {
  const { head, body } = encodeAnswer(answer);
  link.send(id, head, body);
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
