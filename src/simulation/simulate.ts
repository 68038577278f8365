// One run: a cluster founded in peace, a phase of faults under load, then healing, and in the end the
// questions: was every promise kept, has every serving copy what was acknowledged, does it work again?

import {
  type ClusterMap,
  type Member,
  partitionEntry,
  servingMembers,
} from '../cluster/cluster-map.ts';
import type { HttpReply, HttpRequest } from '../cluster/http.ts';
import { mapReply } from '../cluster/messages.ts';
import { partitionOf } from '../cluster/partition.ts';
import { parseVersion, VERSION_ZERO, type Version } from '../cluster/version.ts';
import { SimulatedCluster } from './cluster.ts';
import { checkHistory, History, type Operation } from './history.ts';
import { Nemesis } from './nemesis.ts';
import { World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly events: number;
  readonly operations: number;
  readonly succeeded: number;
  readonly digest: string;
  readonly trace: readonly string[];
}

const FOUNDED_BY_MS = 3000;
const FAULTS_MS = 8000;
const SETTLED_AFTER_MS = 9000;
const CLIENTS = 8;
const KEYS = ['a', 'b', 'c', 'd'];
/** A client gives up waiting after this; its operation stays open in the history. */
const PATIENCE_MS = 7000;

/** @param seed decides everything */
export function simulate(seed: number): RunResult {
  const run = new Run(seed);
  return run.result();
}

class Run {
  readonly #seed: number;
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #history = new History();
  readonly #violations: string[] = [];
  /** The highest acknowledged version of each key, for the oracle. */
  readonly #acknowledged = new Map<string, Version>();
  /** As the controller published it last, as far as it could be asked. */
  #map: ClusterMap | undefined;
  #values = 0;
  #stopped = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#world = new World(seed);
    const { random } = this.#world;
    this.#cluster = new SimulatedCluster(this.#world, {
      storages: 3 + random.below(3),
      frontends: 3,
      redundancy: 2 + random.below(2),
      fsync: random.chance(0.5) ? 'interval' : 'always',
    });
  }

  result(): RunResult {
    this.#play();
    const { operations } = this.#history;
    return {
      seed: this.#seed,
      violations: [...this.#violations, ...checkHistory(operations)],
      events: this.#world.events,
      operations: operations.length,
      succeeded: operations.filter(({ ok }) => ok).length,
      digest: this.#world.digest,
      trace: this.#world.trace,
    };
  }

  #play(): void {
    const world = this.#world;
    try {
      for (const node of this.#cluster.nodes) {
        // A process that ends itself by an error it names is a failure of the run: nothing here damages files.
        node.process.onFatal = ({ message }) =>
          this.#violations.push(`${node.process.name} ended itself: ${message}`);
        node.start();
      }
      world.runUntil(FOUNDED_BY_MS);
      const nemesis = new Nemesis(world, this.#cluster);
      for (let client = 0; client < CLIENTS; client++) this.#client(client);
      nemesis.start();
      world.runUntil(FOUNDED_BY_MS + FAULTS_MS);
      nemesis.heal();
      world.runUntil(FOUNDED_BY_MS + FAULTS_MS + SETTLED_AFTER_MS);
      this.#stopped = true;
      this.#checkLiveness();
      this.#checkCopies('at the end');
    } catch (error) {
      // A broken invariant of the product, or of the simulator.
      this.#violations.push(
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    }
  }

  /** One operation after the other, until the run ends. */
  #client(index: number): void {
    const world = this.#world;
    const { random } = world;
    const frontend = this.#cluster.frontends[index % this.#cluster.frontends.length];
    const next = () => world.at(random.between(0, index < 3 ? 25 : 120), () => this.#client(index));
    if (this.#stopped || frontend === undefined) return;
    if (!frontend.process.alive) return next();
    const operation = this.#begin(index < 3 ? 'get' : random.pick(['get', 'set', 'set', 'delete']));
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      next();
    };
    world.at(PATIENCE_MS, end);
    return frontend.request(requestFor(operation), (reply) => {
      if (ended) return;
      this.#end(operation, reply);
      end();
    });
  }

  #begin(kind: Operation['kind']): Operation {
    const value = kind === 'set' ? `value ${++this.#values}` : undefined;
    return this.#history.begin(kind, this.#world.random.pick(KEYS), this.#world.nowMs, value);
  }

  #end(operation: Operation, reply: HttpReply): void {
    const version = reply.headers['x-fog-version'];
    const isGet = operation.kind === 'get';
    const ok = reply.status === 200 || (isGet && reply.status === 404);
    if (isGet && reply.status === 200) operation.value = Buffer.from(reply.body).toString();
    this.#history.end(operation, this.#world.nowMs, ok, version);
    if (!ok || isGet || operation.version === undefined) return;
    const known = this.#acknowledged.get(operation.key);
    if (known === undefined || operation.version > known) {
      this.#acknowledged.set(operation.key, operation.version);
    }
    this.#checkCopies(`when ${operation.kind} ${operation.key} was acknowledged`);
  }

  /**
   * I5, from inside: every serving copy holds every acknowledged record or a newer one. It sees what
   * clients miss, because a quick next set masks a lost one.
   */
  #checkCopies(when: string): void {
    this.#cluster.controller.request(plainGet('/c/map'), (reply) => {
      const { map } = mapReply(JSON.parse(Buffer.from(reply.body).toString()), '');
      this.#map = map ?? this.#map;
    });
    const map = this.#map;
    if (map === undefined) return;
    for (const [key, version] of this.#acknowledged) {
      const entry = partitionEntry(map, partitionOf(Buffer.from(key), map.digits));
      for (const member of servingMembers(entry)) {
        const held = this.#heldBy(member, key);
        if (held === undefined || held >= version) continue;
        this.#violations.push(
          `I5: ${member.node} serves ${key} without v=${version.toString(16)}, ${when} at ${this.#world.nowMs.toFixed(1)}`,
        );
      }
    }
  }

  /** @returns undefined while that life of the node cannot be asked */
  #heldBy(member: Member, key: string): Version | undefined {
    const node = this.#cluster.storages.find(({ process }) => process.name === member.node);
    let held: Version | undefined;
    node?.request(plainGet('/status'), (status) => {
      const { incarnation } = JSON.parse(Buffer.from(status.body).toString());
      if (incarnation !== String(member.incarnation)) return;
      node.request(plainGet(`/s/record?key=${key}`), (record) => {
        held = parseVersion(record.headers['x-fog-version'] ?? '') ?? VERSION_ZERO;
      });
    });
    return held;
  }

  /** Some operation of every key that began well after healing succeeded. */
  #checkLiveness(): void {
    const sinceMs = FOUNDED_BY_MS + FAULTS_MS + 3000;
    for (const key of KEYS) {
      for (const kinds of [['get'], ['set', 'delete']]) {
        const late = this.#history.operations.filter(
          (each) => each.key === key && kinds.includes(each.kind) && each.startMs > sinceMs,
        );
        if (late.length > 3 && !late.some(({ ok }) => ok)) {
          this.#violations.push(
            `liveness: no ${kinds.join(' or ')} of ${key} succeeded after healing`,
          );
        }
      }
    }
  }
}

function requestFor({ kind, key, value }: Operation): HttpRequest {
  if (kind !== 'set') return plainGet(`/${kind}?key=${key}`);
  return plainGet(`/set?key=${key}&value=${encodeURIComponent(value ?? '')}`);
}

function plainGet(target: string): HttpRequest {
  return { method: 'GET', target, header: () => undefined, body: { kind: 'none' } };
}
