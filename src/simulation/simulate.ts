// One run: a cluster founded in peace, a phase of faults under load, then healing, and in the end the
// questions: was every promise kept, has every serving copy what was acknowledged, does it work again?

import type { HttpReply, HttpRequest } from '../cluster/http.ts';
import { CHUNK_RECORD_BYTES } from '../cluster/limits.ts';
import { smallestDigits } from '../cluster/partition.ts';
import { SimulatedCluster, type SimulatedNode } from './cluster.ts';
import { checkHistory, History, type Operation } from './history.ts';
import { Nemesis } from './nemesis.ts';
import { keysOfTwoPartitions, Oracles, plainGet } from './oracles.ts';
import type { ProgrammeName } from './programmes.ts';
import { World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly events: number;
  readonly operations: number;
  readonly succeeded: number;
  readonly digest: string;
  /** How often what happened: log messages, aimed faults, answers to sets. */
  readonly occurred: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

const FOUNDED_BY_MS = 3000;
const FAULTS_MS = 8000;
const SETTLED_AFTER_MS = 9000;
/** Without clients, for what was on its way to arrive or to be repaired. */
const QUIET_MS = 3000;
const CLIENTS = 8;
const KEYS = keysOfTwoPartitions(smallestDigits(1), 3);
/** Of a cache: more, and longer values, than its nodes have memory for. */
const CACHE = {
  keys: keysOfTwoPartitions(smallestDigits(1), 5),
  valueBytes: 80,
  memoryBytes: [5000, 6200],
} as const;
/** A client gives up waiting after this; its operation stays open in the history. */
const PATIENCE_MS = 7000;
/** Some clients set one key several times at once through one frontend, so that sets overtake others (H41). */
const BURST = { chance: 0.04, sets: [2, 6], withinMs: 6 } as const;

/**
 * @param seed decides everything
 * @param programme faults of one aimed kind only; by default all kinds, as the seed draws them
 */
export function simulate(seed: number, programme?: ProgrammeName): RunResult {
  const run = new Run(seed, programme);
  return run.result();
}

class Run {
  readonly #seed: number;
  readonly #programme: ProgrammeName | undefined;
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #history = new History();
  readonly #violations: string[] = [];
  readonly #oracles: Oracles;
  readonly #redundancy: number;
  #values = 0;
  #stopped = false;

  constructor(seed: number, programme: ProgrammeName | undefined) {
    this.#seed = seed;
    this.#programme = programme;
    this.#world = new World(seed);
    const { random } = this.#world;
    this.#redundancy = 2 + random.below(2);
    const memoryBytes = random.between(...CACHE.memoryBytes);
    const isCache = programme === 'evicting-copy' || random.chance(0.25);
    this.#cluster = new SimulatedCluster(this.#world, {
      storages: 4 + random.below(2),
      frontends: 3,
      redundancy: this.#redundancy,
      // What a recovery finds must have been kept (D6).
      fsync:
        programme !== 'controller-loss' && random.chance(0.3)
          ? undefined
          : random.pick(['interval', 'always'] as const),
      whenFull: isCache ? 'evict' : 'refuse',
      memoryBytesOf: () => (isCache ? memoryBytes : undefined),
      copyChunkBytes: random.pick([1, CHUNK_RECORD_BYTES]),
      logFileBytes: random.pick([300, 1000, 1_000_000]),
      times: {
        antiEntropyMs: 600,
        // Below the long tail of the network's delays, so that sets of before a delete come after it is forgotten.
        tombstoneGraceMs: random.pick([300, 1200]),
        expiryGraceMs: 500,
      },
    });
    this.#oracles = new Oracles(this.#world, this.#cluster, this.#history, (text) =>
      this.#violations.push(text),
    );
  }

  result(): RunResult {
    this.#play();
    for (const node of this.#cluster.storages) this.#countAnswers(node);
    for (const node of this.#cluster.frontends) {
      this.#world.occur('set overtaken', figureOf(node, 'velourfog_overtaken_sets_total'));
    }
    const { operations } = this.#history;
    return {
      seed: this.#seed,
      violations: [...this.#violations, ...checkHistory(operations, this.#cluster.isCache)],
      events: this.#world.events,
      operations: operations.length,
      succeeded: operations.filter(({ ok }) => ok).length,
      digest: this.#world.digest,
      occurred: this.#world.occurred,
      trace: this.#world.trace,
    };
  }

  #play(): void {
    const world = this.#world;
    try {
      for (const node of this.#cluster.nodes) {
        // A process that ends itself by an error it names is a failure of the run: nothing here damages
        // files. But without room on its disk it cannot even start.
        node.process.onFatal = ({ message }) => {
          node.ended();
          if (node.disk.isFull) return;
          this.#violations.push(`${node.process.name} ended itself: ${message}`);
        };
        node.start();
      }
      world.runUntil(FOUNDED_BY_MS);
      const nemesis = new Nemesis(world, this.#cluster, this.#oracles, this.#programme);
      for (let client = 0; client < CLIENTS; client++) this.#client(client);
      nemesis.start();
      world.runUntil(FOUNDED_BY_MS + FAULTS_MS);
      nemesis.heal();
      world.runUntil(FOUNDED_BY_MS + FAULTS_MS + SETTLED_AFTER_MS);
      this.#stopped = true;
      this.#checkLiveness();
      world.runUntil(FOUNDED_BY_MS + FAULTS_MS + SETTLED_AFTER_MS + QUIET_MS);
      this.#oracles.checkMaps();
      this.#oracles.checkCopies('at the end');
      this.#oracles.checkConvergence(this.#keys, this.#redundancy);
    } catch (error) {
      // A broken invariant of the product, or of the simulator.
      this.#violations.push(
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    }
  }

  get #keys(): readonly string[] {
    return this.#cluster.isCache ? CACHE.keys : KEYS;
  }

  /** What the sets met at the storage nodes that live in the end: the rare answers are the ones to see. */
  #countAnswers(node: SimulatedNode): void {
    for (const [, answer = '', count] of metricsOf(node).matchAll(
      /^velourfog_operations_total\{operation="set",answer="(.*)"\} (\d+)$/gm,
    )) {
      this.#world.occur(`set answered ${answer}`, Number(count));
    }
    this.#world.occur('record evicted', figureOf(node, 'velourfog_evicted_records_total'));
  }

  /** One operation after the other, until the run ends. */
  #client(index: number): void {
    const world = this.#world;
    const { random } = world;
    const frontend = this.#cluster.frontends[index % this.#cluster.frontends.length];
    const next = () => world.at(random.between(0, index < 3 ? 25 : 120), () => this.#client(index));
    if (this.#stopped || frontend === undefined) return;
    if (!frontend.process.alive) return next();
    const isReader = index < 3;
    if (!isReader && random.chance(BURST.chance)) this.#burst(frontend);
    const operation = this.#begin(isReader ? 'get' : random.pick(['get', 'set', 'set', 'delete']));
    return this.#ask(frontend, operation, next);
  }

  #burst(frontend: SimulatedNode): void {
    const { random } = this.#world;
    const key = random.pick(this.#keys);
    for (let left = Math.floor(random.between(...BURST.sets)); left > 0; left--) {
      this.#world.at(random.between(0, BURST.withinMs), () => {
        if (!frontend.process.alive) return;
        const operation = this.#begin(random.pick(['set', 'set', 'set', 'delete']), key);
        this.#ask(frontend, operation, () => undefined);
      });
    }
  }

  #ask(frontend: SimulatedNode, operation: Operation, done: () => void): void {
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      done();
    };
    this.#world.at(PATIENCE_MS, end);
    frontend.request(requestFor(operation), (reply) => {
      if (ended) return;
      this.#end(operation, reply);
      end();
    });
  }

  #begin(kind: Operation['kind'], key = this.#world.random.pick(this.#keys)): Operation {
    const bytes = this.#cluster.isCache ? CACHE.valueBytes : 0;
    const value = kind === 'set' ? `value ${++this.#values}`.padEnd(bytes) : undefined;
    return this.#history.begin(kind, key, this.#world.nowMs, value);
  }

  #end(operation: Operation, reply: HttpReply): void {
    const version = reply.headers['x-fog-version'];
    const isGet = operation.kind === 'get';
    if (isGet && reply.status === 200) operation.value = Buffer.from(reply.body).toString();
    this.#history.end(operation, this.#world.nowMs, reply.status, version);
    if (operation.ok && !isGet) this.#oracles.acknowledged(operation);
  }

  /** Some operation of every key that began well after healing succeeded. */
  #checkLiveness(): void {
    const sinceMs = FOUNDED_BY_MS + FAULTS_MS + 3000;
    for (const key of this.#keys) {
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

/** Nothing of a node that does not live. */
function metricsOf(node: SimulatedNode): string {
  const reply = node.peek(plainGet('/metrics'));
  return reply === undefined ? '' : Buffer.from(reply.body).toString();
}

function figureOf(node: SimulatedNode, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metricsOf(node))?.[1] ?? 0);
}

function requestFor({ kind, key, value }: Operation): HttpRequest {
  if (kind !== 'set') return plainGet(`/${kind}?key=${key}`);
  return plainGet(`/set?key=${key}&value=${encodeURIComponent(value ?? '')}`);
}
