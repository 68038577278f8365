// The HTTP client: reaches the cluster through any of its frontends, over connections that it keeps. It goes on to the
// next frontend when one does not answer; it never sends a write twice whose outcome it does not know.

import type { OpenHttpPool, PoolAnswer, PoolRequest } from '../cluster/http/http-pool.ts';
import { poolsOf } from '../cluster/io/network/http-pool.ts';
import { afterTurn, systemClock, systemTimers } from '../cluster/io/process/system.ts';
import type { Clock, Timers } from '../cluster/ports.ts';
import type { Explanation } from '../coordinator/operations/get/explanation.ts';
import {
  checkBy,
  checkContentType,
  checkMinVersion,
  checkTtl,
  conditionOf,
  keyBytes,
  valueBytes,
} from './arguments.ts';
import { deleteItem, getItem, isOfLines, setItem } from './batch-lines.ts';
import { Batches, type BatchWorld } from './batches.ts';
import { Calls } from './calls.ts';
import { ConditionFailedError } from './errors.ts';
import { KnownFrontends } from './frontends.ts';
import {
  accepted,
  entryIn,
  explanationIn,
  isAbsence,
  isExplanation,
  storedIn,
  valuedIn,
  valueIn,
  versionIn,
} from './http-answers.ts';
import { beginCall, type HttpCall } from './http-call.ts';
import {
  deleteRequest,
  explainRequest,
  postRequest,
  putRequest,
  readRequest,
} from './http-requests.ts';
import { HttpScan } from './http-scan.ts';
import { HttpWatch } from './http-watch.ts';
import { EachKey } from './many.ts';
import { deletePrefix, scanned } from './scans.ts';
import type {
  Awaited,
  AwaitOptions,
  Bytes,
  CommonOptions,
  ConditionOptions,
  DeletePrefixOptions,
  ExplainOptions,
  GetOptions,
  ManyEntry,
  Result,
  ScannedEntry,
  ScanOptions,
  SetOptions,
  SetResult,
  Stored,
  StoredEntry,
  Valued,
  Velour,
  Watch,
  WatchOptions,
} from './velour.ts';
import { EventWatch, waitFor } from './watches.ts';

const TIMEOUT_MS_DEFAULT = 10_000;
const CONNECTIONS_DEFAULT = 256;

export interface VelourClientOptions {
  /** URLs of frontends, such as http://127.0.0.1:12080, or HOST:PORT; at least one. */
  readonly frontends: readonly string[];
  /** The time limit of calls that do not have their own, in ms; 10,000 by default. */
  readonly timeoutMs?: number;
  /** How many connections to one frontend there may be, each with one request at a time; 256 by default. */
  readonly connections?: number;
  /**
   * Whether the plain gets, sets and deletes of one turn of the event loop go as one request. A key then costs a small
   * part, and each call waits for the slowest of its batch. False by default; `getMany` and the like always do so.
   */
  readonly batch?: boolean;
}

/** What the client has of the world. */
export interface ClientWorld {
  readonly open: OpenHttpPool;
  readonly clock: Clock;
  readonly timers: Timers;
  afterTurn(callback: () => void): void;
}

export class VelourClient implements Velour {
  readonly #calls: Calls;
  readonly #each: EachKey;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #world: BatchWorld;
  readonly #isBatching: boolean;
  readonly #gets: Batches<Uint8Array | undefined>;
  readonly #sets: Batches<SetResult>;
  readonly #deletes: Batches<Pick<Stored, 'version'>>;

  /** @throws TypeError without frontends, or for one that is no HTTP URL */
  constructor(
    { frontends, timeoutMs = TIMEOUT_MS_DEFAULT, connections, batch }: VelourClientOptions,
    world: ClientWorld = {
      open: poolsOf(connections ?? CONNECTIONS_DEFAULT),
      clock: systemClock,
      timers: systemTimers,
      afterTurn,
    },
  ) {
    this.#calls = new Calls(world.timers, timeoutMs);
    this.#clock = world.clock;
    this.#timeoutMs = timeoutMs;
    const { timers, afterTurn: turn } = world;
    this.#world = { frontends: new KnownFrontends(frontends, world), timers, afterTurn: turn };
    this.#isBatching = batch === true;
    this.#gets = new Batches(this.#world, 'mget');
    this.#sets = new Batches(this.#world, 'mset');
    this.#deletes = new Batches(this.#world, 'mdelete');
    // All at once, as they go into few requests.
    const atOnce = Number.POSITIVE_INFINITY;
    this.#each = new EachKey(
      {
        get: (key, options = {}) => this.#get(key, options, true),
        set: (key, value, options = {}) => this.#set(key, value, options, true),
        delete: (key, options = {}) => this.#delete(key, options, true),
      },
      { clock: world.clock, timeoutMs, atOnce },
    );
  }

  get(key: Bytes, options: GetOptions = {}): Promise<Uint8Array | undefined> {
    return this.#get(key, options, this.#isBatching);
  }

  async getText(key: Bytes, options: GetOptions = {}): Promise<string | undefined> {
    return (await this.#read(key, options))?.body.toString('utf8');
  }

  async entry(key: Bytes, options: GetOptions = {}): Promise<StoredEntry | undefined> {
    const answer = await this.#read(key, options);
    return answer === undefined ? undefined : entryIn(answer, this.#clock.wallMs());
  }

  async explain(key: Bytes, options: ExplainOptions = {}): Promise<Explanation> {
    checkMinVersion(options.minVersion);
    const request = explainRequest(keyBytes(key), options);
    const call = { request, unknown: undefined, isLast: isExplanation };
    return explanationIn(await this.#call(call, options));
  }

  set(key: Bytes, value: Bytes, options: SetOptions = {}): Promise<SetResult> {
    return this.#set(key, value, options, this.#isBatching);
  }

  delete(key: Bytes, options: ConditionOptions = {}): Promise<Pick<Stored, 'version'>> {
    return this.#delete(key, options, this.#isBatching);
  }

  async incr(key: Bytes, by = 1, options: ConditionOptions = {}): Promise<number> {
    checkBy(by);
    const request = postRequest('incr', keyBytes(key), conditionOf(options), { by });
    const answer = await this.#call({ request, unknown: 'effect-unknown' }, options);
    return Number(accepted(answer).body.toString('latin1'));
  }

  async append(key: Bytes, value: Bytes, options: ConditionOptions = {}): Promise<Valued> {
    const condition = conditionOf(options);
    const request = postRequest('append', keyBytes(key), condition, { value: valueBytes(value) });
    const call = { request, unknown: 'effect-unknown', answersValue: true } as const;
    return valuedIn(accepted(await this.#call(call, options)));
  }

  async getset(
    key: Bytes,
    value: Bytes,
    options: SetOptions = {},
  ): Promise<Uint8Array | undefined> {
    checkTtl(options.ttl);
    checkContentType(options.contentType);
    const request = postRequest('getset', keyBytes(key), conditionOf(options), {
      value: valueBytes(value),
      options,
    });
    const call = { request, unknown: 'outcome-unknown', answersValue: true } as const;
    const answer = accepted(await this.#call(call, options));
    return answer.status === 204 ? undefined : valueIn(answer);
  }

  getMany(
    keys: Iterable<Bytes>,
    options: GetOptions = {},
  ): Promise<readonly Result<Uint8Array | undefined>[]> {
    return this.#each.get(keys, options);
  }

  setMany(
    entries: Iterable<ManyEntry>,
    options: CommonOptions = {},
  ): Promise<readonly Result<SetResult>[]> {
    return this.#each.set(entries, options);
  }

  deleteMany(
    keys: Iterable<Bytes>,
    options: CommonOptions = {},
  ): Promise<readonly Result<Pick<Stored, 'version'>>[]> {
    return this.#each.delete(keys, options);
  }

  scan(options: ScanOptions = {}): AsyncIterable<ScannedEntry> {
    const page = { unknown: undefined, isAnswer: isOfLines } as const;
    const ask = (request: PoolRequest) => this.#call({ ...page, request }, options);
    return scanned(options, (scan) => new HttpScan(scan, ask));
  }

  deletePrefix(prefix: Bytes, options: DeletePrefixOptions = {}): Promise<number> {
    return deletePrefix(this, prefix, options);
  }

  watch(options: WatchOptions = {}): Watch {
    const { frontends, timers } = this.#world;
    const { timeoutMs = this.#timeoutMs } = options;
    return new EventWatch(
      options,
      this.#calls,
      (query) => new HttpWatch(query, { frontends, timers, timeoutMs }),
    );
  }

  waitFor(key: Bytes, options: AwaitOptions = {}): Promise<Awaited> {
    return waitFor(this, { clock: this.#clock, timers: this.#world.timers }, key, options);
  }

  async close(): Promise<void> {
    this.#calls.close();
    this.#world.frontends.close();
  }

  async #get(key: Bytes, options: GetOptions, batches: boolean): Promise<Uint8Array | undefined> {
    if (batches && options.linearizable !== true) {
      checkMinVersion(options.minVersion);
      const item = getItem(keyBytes(key), options.minVersion);
      return this.#calls.run(options, (outcome) => this.#gets.begin(item, outcome));
    }
    const answer = await this.#read(key, options);
    return answer === undefined ? undefined : valueIn(answer);
  }

  async #set(key: Bytes, value: Bytes, options: SetOptions, batches: boolean): Promise<SetResult> {
    const { ttl, contentType } = options;
    checkTtl(ttl);
    checkContentType(contentType);
    const condition = conditionOf(options);
    if (batches && condition === undefined && contentType === undefined) {
      const item = setItem(keyBytes(key), valueBytes(value), ttl);
      return this.#calls.run(options, (outcome) => this.#sets.begin(item, outcome));
    }
    const request = putRequest(keyBytes(key), valueBytes(value), condition, options);
    const answer = accepted(await this.#write(request, options));
    return { ...storedIn(answer), created: answer.status === 201 };
  }

  async #delete(
    key: Bytes,
    options: ConditionOptions,
    batches: boolean,
  ): Promise<Pick<Stored, 'version'>> {
    const condition = conditionOf(options);
    if (batches && condition === undefined) {
      const item = deleteItem(keyBytes(key));
      return this.#calls.run(options, (outcome) => this.#deletes.begin(item, outcome));
    }
    const answer = await this.#write(deleteRequest(keyBytes(key), condition), options);
    if (isAbsence(answer)) {
      throw new ConditionFailedError('the key has no value, and the call wants one', undefined);
    }
    return { version: versionIn(accepted(answer)) };
  }

  /** @returns undefined when the key is absent */
  async #read(key: Bytes, options: GetOptions): Promise<PoolAnswer | undefined> {
    checkMinVersion(options.minVersion);
    const request = readRequest(keyBytes(key), options);
    const answer = await this.#call({ request, unknown: undefined }, options);
    return isAbsence(answer) ? undefined : accepted(answer);
  }

  #write(request: HttpCall['request'], options: CommonOptions): Promise<PoolAnswer> {
    return this.#call({ request, unknown: 'outcome-unknown' }, options);
  }

  #call(
    { answersValue = false, ...rest }: Omit<HttpCall, 'answersValue'> & Partial<HttpCall>,
    options: CommonOptions,
  ): Promise<PoolAnswer> {
    const call = { ...rest, answersValue };
    return this.#calls.run(options, (outcome) => beginCall(this.#world, call, outcome));
  }
}
