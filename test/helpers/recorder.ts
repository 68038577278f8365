// Clients that load real frontends and record what they were answered, for the checkers of the simulator.
// Every client waits for its answer before it asks again. A connection error, a 503 and a 504 leave the
// outcome of a set open. Nothing is deleted, so a 404 of a key that was set is a lost or a stale answer.

import { performance } from 'node:perf_hooks';
import type { Pool } from 'undici';
import { type ClientOperation, checkHistory, History } from '../../src/simulation/history.ts';
import { type Door, inParallel, openPool } from './client.ts';
import { until } from './cluster.ts';

/** Above every deadline of the cluster; only a stopped frontend is silent for longer. */
const SILENCE_MS = 60_000;
/** A client whose frontend is gone asks again this much later, so that it does not spin. */
const AFTER_FAILURE_MS = 50;
const READ_BACK_WIDTH = 8;
/** Of one frontend; above all that wait at a time, or they would wait for one another. */
const CONNECTIONS_MAX = 256;

export interface LoadSettings {
  readonly clients: number;
  readonly keys: number;
  /** Of one client between an answer and its next request, so that the machine is not saturated. */
  readonly pauseMs: number;
  /** Bytes of a value. */
  readonly valueBytes: number;
}

export const MODERATE: LoadSettings = {
  clients: Number(process.env.FAULT_CLIENTS ?? 8),
  keys: 150,
  pauseMs: 4,
  valueBytes: 24,
};

interface Endpoint {
  readonly door: Door;
  readonly pool: Pool;
  /** What a scenario takes away does not count as failed, from then on. */
  readonly excused: Set<ClientOperation['kind']>;
}

interface Attempt {
  readonly operation: ClientOperation;
  readonly excused: boolean;
  /** The status, or the code of a connection error. */
  readonly answer: string;
}

export interface Verdict {
  readonly gets: number;
  readonly sets: number;
  /** Neither 200 nor 404, through endpoints that are not excused. */
  readonly failedGets: number;
  /** Not 200, likewise; their outcome is unknown. */
  readonly failedSets: number;
  /** Failed gets and sets that are excused. */
  readonly excused: number;
  /** Answers of failed requests with their counts. */
  readonly failures: Readonly<Record<string, number>>;
  /** Keys whose newest acknowledged set was gone in the end. */
  readonly lost: readonly string[];
  /** What the history of the load violates: stale reads, lost updates, phantoms. */
  readonly violations: readonly string[];
  /** The longest time between two acknowledgements of any client. */
  readonly stallMs: number;
  readonly slowestSetMs: number;
  readonly slowestGetMs: number;
}

export class Load {
  readonly #settings: LoadSettings;
  readonly #endpoints: readonly Endpoint[];
  readonly #history = new History();
  readonly #attempts: Attempt[] = [];
  readonly #acknowledged = new Map<string, number>();
  readonly #startMs = performance.now();
  readonly #clients: Promise<unknown>[] = [];
  #stopMs: number | undefined;

  /** Client n uses frontend n, round and round, all the time. */
  static start(doors: readonly Door[], settings: Partial<LoadSettings> = {}): Load {
    const load = new Load(doors, { ...MODERATE, ...settings });
    for (let number = 0; number < load.#settings.clients; number++) {
      load.#clients.push(load.#client(number));
    }
    return load;
  }

  private constructor(doors: readonly Door[], settings: LoadSettings) {
    this.#settings = settings;
    this.#endpoints = doors.map((door) => ({
      door,
      pool: openPool(door, CONNECTIONS_MAX, SILENCE_MS),
      excused: new Set<ClientOperation['kind']>(),
    }));
  }

  get keys(): readonly string[] {
    return Array.from({ length: this.#settings.keys }, (_, number) => `key ${number}`);
  }

  /** From now on these may fail there: what is tested is that the others do not. */
  excuse(door: Door, kinds: readonly ClientOperation['kind'][] = ['get', 'set']): void {
    for (const kind of kinds) this.#endpointOf(door).excused.add(kind);
  }

  /** More clients, which only get, and only these keys: none of them is ever held up by a set. */
  watch(door: Door, keys: readonly string[], clients: number): void {
    const watch = async (number: number) => {
      for (let count = number; this.#stopMs === undefined; count++) {
        await this.#get(this.#endpointOf(door), keys[count % keys.length] ?? '');
        await new Promise((resolve) => setTimeout(resolve, this.#settings.pauseMs));
      }
    };
    for (let number = 0; number < clients; number++) this.#clients.push(watch(number * 7));
  }

  /** A set every few milliseconds that waits for none before it: clients that wait all wait for the same. */
  async stream(door: Door, keys: readonly string[], options: { count: number; everyMs: number }) {
    for (let count = 0; count < options.count; count++) {
      const value = `stream ${this.#clients.length}`.padEnd(this.#settings.valueBytes, ' ');
      const key = keys[count % keys.length] ?? '';
      this.#clients.push(this.#set(this.#endpointOf(door), key, value));
      await new Promise((resolve) => setTimeout(resolve, options.everyMs));
    }
  }

  /** Until a set of every key was begun after this call, and acknowledged: nothing is stuck. */
  async untilEveryKeyIsSetAgain(): Promise<void> {
    const fromMs = performance.now();
    await until(() => this.keys.every((key) => (this.#acknowledged.get(key) ?? -1) >= fromMs));
  }

  /** Stops the clients, reads every key back through the doors, and judges. */
  async stop(readThrough?: readonly Door[]): Promise<Verdict> {
    this.#stopMs = performance.now();
    await Promise.all(this.#clients);
    const endpoints = (readThrough ?? this.#endpoints.map(({ door }) => door)).map((door) =>
      this.#endpointOf(door),
    );
    const readBack: ClientOperation[] = [];
    await inParallel(this.keys, READ_BACK_WIDTH, async (key) => {
      for (const endpoint of endpoints) readBack.push(await this.#readBack(endpoint, key));
    });
    await Promise.all(this.#endpoints.map(({ pool }) => pool.destroy()));
    return this.#judge(readBack);
  }

  async #client(number: number): Promise<void> {
    const endpoint = this.#endpoints[number % this.#endpoints.length];
    if (endpoint === undefined) throw new Error('no frontends');
    for (let count = 0; this.#stopMs === undefined; count++) {
      const key = `key ${Math.floor(Math.random() * this.#settings.keys)}`;
      const value = `${number}.${count}`.padEnd(this.#settings.valueBytes, ' ');
      const done = await (Math.random() < 0.5
        ? this.#get(endpoint, key)
        : this.#set(endpoint, key, value));
      const pauseMs = done ? this.#settings.pauseMs : AFTER_FAILURE_MS;
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #get(endpoint: Endpoint, key: string): Promise<boolean> {
    const operation = this.#history.begin('get', key, performance.now());
    const { ok, answer } = await this.#ask(endpoint, operation, { method: 'GET' });
    this.#attempts.push({ operation, excused: endpoint.excused.has(operation.kind), answer });
    return ok;
  }

  async #set(endpoint: Endpoint, key: string, value: string): Promise<boolean> {
    const operation = this.#history.begin('set', key, performance.now(), value);
    const { ok, answer } = await this.#ask(endpoint, operation, { method: 'POST', body: value });
    this.#attempts.push({ operation, excused: endpoint.excused.has(operation.kind), answer });
    if (ok) {
      const before = this.#acknowledged.get(key) ?? -1;
      this.#acknowledged.set(key, Math.max(before, operation.startMs));
    }
    return ok;
  }

  async #ask(
    { pool }: Endpoint,
    operation: ClientOperation,
    options: { readonly method: 'GET' | 'POST'; readonly body?: string },
  ): Promise<{ ok: boolean; answer: string }> {
    const path = `/${operation.kind}?key=${encodeURIComponent(operation.key)}`;
    try {
      const response = await pool.request({ path, ...options });
      const text = await response.body.text();
      const { statusCode: status } = response;
      const isGet = operation.kind === 'get';
      if (isGet) operation.value = status === 200 ? text : undefined;
      // What took a key away has a version as well, but nothing takes keys away here.
      const version = status === 200 ? response.headers['x-fog-version'] : undefined;
      this.#history.end(operation, performance.now(), status, version?.toString());
      const code = response.headers['x-fog-error'];
      const { ok } = operation;
      return { ok, answer: code === undefined ? String(status) : `${status} ${code}` };
    } catch (error) {
      operation.value = operation.kind === 'get' ? undefined : operation.value;
      const { code, message } = error as NodeJS.ErrnoException;
      return { ok: false, answer: code ?? message };
    }
  }

  /** Asks until somebody can say. */
  async #readBack(endpoint: Endpoint, key: string): Promise<ClientOperation> {
    let operation: ClientOperation | undefined;
    await until(async () => {
      operation = new History().begin('get', key, performance.now());
      return (await this.#ask(endpoint, operation, { method: 'GET' })).ok;
    });
    if (operation === undefined) throw new Error('nothing was asked');
    return operation;
  }

  #endpointOf(door: Door): Endpoint {
    const endpoint = this.#endpoints.find((each) => each.door.address === door.address);
    if (endpoint === undefined) throw new Error(`no clients use ${door.address}`);
    return endpoint;
  }

  #judge(readBack: readonly ClientOperation[]): Verdict {
    const { operations } = this.#history;
    const writes = operations.filter(({ kind }) => kind !== 'get');
    const failed = this.#attempts.filter(({ operation, excused }) => !operation.ok && !excused);
    const failures: Record<string, number> = {};
    for (const { operation, answer } of failed) {
      const name = `${operation.kind} ${answer}`;
      failures[name] = (failures[name] ?? 0) + 1;
    }
    const ofKind = (kind: ClientOperation['kind']) =>
      failed.filter((each) => each.operation.kind === kind);
    return {
      gets: operations.length - writes.length,
      sets: writes.length,
      failedGets: ofKind('get').length,
      failedSets: ofKind('set').length,
      excused: this.#attempts.filter((each) => !each.operation.ok && each.excused).length,
      failures,
      violations: checkHistory(operations),
      lost: checkHistory([...writes, ...readBack]).filter(
        (line) => !line.startsWith('lost update'),
      ),
      stallMs: this.#longestStall(),
      slowestSetMs: slowest(operations.filter(({ kind, ok }) => kind === 'set' && ok)),
      slowestGetMs: slowest(operations.filter(({ kind, ok }) => kind === 'get' && ok)),
    };
  }

  #longestStall(): number {
    const ends = this.#attempts
      .filter(({ operation }) => operation.kind === 'set' && operation.ok)
      .map(({ operation }) => operation.endMs ?? 0)
      .filter((endMs) => endMs < (this.#stopMs ?? Number.POSITIVE_INFINITY));
    let longestMs = 0;
    let lastMs = this.#startMs;
    for (const moment of [...ends.sort((a, b) => a - b), this.#stopMs ?? lastMs]) {
      longestMs = Math.max(longestMs, moment - lastMs);
      lastMs = moment;
    }
    return longestMs;
  }
}

function slowest(operations: readonly ClientOperation[]): number {
  return operations.reduce(
    (longest, { startMs, endMs }) => Math.max(longest, (endMs ?? startMs) - startMs),
    0,
  );
}

/** One line for people. */
export function describeVerdict(verdict: Verdict): string {
  const { gets, sets, failedGets, failedSets, lost, violations } = verdict;
  const failures = Object.entries(verdict.failures).map(([name, count]) => `${name}: ${count}`);
  return [
    `${gets} gets, ${failedGets} failed; ${sets} sets, ${failedSets} failed; ${lost.length} lost`,
    `${violations.length} violations; no set acknowledged for ${verdict.stallMs.toFixed(0)} ms`,
    `slowest set ${verdict.slowestSetMs.toFixed(0)} ms, get ${verdict.slowestGetMs.toFixed(0)} ms`,
    ...failures,
  ].join('; ');
}
