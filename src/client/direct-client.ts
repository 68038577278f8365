// The direct client: this process as a frontend of its own, without HTTP and without a hop. Gives the core
// (coordinator/direct-core.ts) its adapters, promises and deadlines; what an outcome means to a caller is in
// direct-outcomes.ts.

import { EXIT } from '../cluster/http/errors.ts';
import { otherThanController } from '../cluster/io/network/answerer.ts';
import { Names } from '../cluster/io/network/names.ts';
import { openNetwork } from '../cluster/io/network/network.ts';
import { systemClock, systemRandom, systemTimers } from '../cluster/io/process/system.ts';
import { type Address, parseAddress } from '../cluster/model/identity.ts';
import { protocolTimes, VALUE_BYTES_MAX_DEFAULT } from '../cluster/model/limits.ts';

import {
  ATTRIBUTE_CONTENT_TYPE,
  type Attribute,
  recordValue,
  type StoredRecord,
} from '../cluster/model/record.ts';
import type { Host, LogFields, LogLevel, Runtime } from '../cluster/ports.ts';
import type { ClientRefused } from '../coordinator/cluster-client.ts';
import { DirectCore, type DirectWrite } from '../coordinator/direct-core.ts';
import type { Explanation } from '../coordinator/operations/get/explanation.ts';
import { parsePlace } from '../coordinator/operations/watch/place.ts';
import {
  checkBy,
  checkContentType,
  checkTtl,
  conditionOf,
  keyBytes,
  valueBytes,
} from './arguments.ts';
import { Calls, type UnknownCode } from './calls.ts';
import {
  copyOf,
  entryOf,
  foundIn,
  minVersionOf,
  modelCondition,
  storedIn,
  storedOf,
  valuedOf,
  type WrittenRecord,
} from './direct-outcomes.ts';
import { DirectScan } from './direct-scan.ts';
import { DirectWatch } from './direct-watch.ts';
import { VelourError } from './errors.ts';
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
/** How long what answers in place of a controller may take to say what it is. */
const ASK_MS = 1000;
/** How many of many keys are under way at once: many more only take longer each. */
const AT_ONCE = 256;
const NO_ATTRIBUTES: readonly Attribute[] = [];

export interface ConnectOptions {
  /** HOST:PORT of the controller. */
  readonly controller: string;
  /** HOST:PORT of storage nodes, which are asked for the map while the controller is away. */
  readonly storages?: readonly string[];
  /** The time limit of calls that do not have their own, in ms; 10,000 by default. */
  readonly timeoutMs?: number;
  /** `--max-value` of the cluster in bytes, where it is not the default of 16 MiB: a longer value is not sent at all. */
  readonly valueBytesMax?: number;
  /** `--time-scale` of the cluster, where it has one. */
  readonly timeScale?: number;
  /** Gets what a frontend would log; by default nobody does. */
  readonly log?: (level: LogLevel, message: string, fields: LogFields) => void;
}

/**
 * Makes this process a client of the cluster that needs no frontend.
 * @returns once it knows the map and the time of the cluster
 * @throws VelourError `not-ready` when no cluster answers in six seconds, or `other-time-scale`; TypeError for what is
 *   no address
 */
export async function connect(options: ConnectOptions): Promise<Velour> {
  const { controller, storages = [], timeScale = 1, timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  const { valueBytesMax = VALUE_BYTES_MAX_DEFAULT } = options;
  const core = new DirectCore(runtimeFor(options), {
    controller: addressOf(controller),
    storages: storages.map(addressOf),
    times: protocolTimes(timeScale),
  });
  const failure = await new Promise<ClientRefused | undefined>((resolve) => core.start(resolve));
  if (failure !== undefined) {
    core.close();
    if (failure.exitCode === EXIT.config)
      throw new VelourError('other-time-scale', failure.refused);
    // Another node refuses without a word of who it is.
    const other = await otherThanController(addressOf(controller), ASK_MS, new Names());
    throw new VelourError('not-ready', other ?? failure.refused);
  }
  return new DirectClient(core, { timeoutMs, valueBytesMax });
}

class DirectClient implements Velour {
  readonly #core: DirectCore;
  readonly #valueBytesMax: number;
  readonly #calls: Calls;
  readonly #timeoutMs: number;
  readonly #each: EachKey;

  constructor(
    core: DirectCore,
    { timeoutMs, valueBytesMax }: { readonly timeoutMs: number; readonly valueBytesMax: number },
  ) {
    this.#core = core;
    this.#valueBytesMax = valueBytesMax;
    this.#timeoutMs = timeoutMs;
    this.#calls = new Calls(systemTimers, timeoutMs);
    this.#each = new EachKey(this, { clock: systemClock, timeoutMs, atOnce: AT_ONCE });
  }

  async get(key: Bytes, options: GetOptions = {}): Promise<Uint8Array | undefined> {
    const record = await this.#read(key, options);
    return record === undefined ? undefined : copyOf(record);
  }

  async getText(key: Bytes, options: GetOptions = {}): Promise<string | undefined> {
    const record = await this.#read(key, options);
    return record === undefined ? undefined : recordValue(record).toString('utf8');
  }

  async entry(key: Bytes, options: GetOptions = {}): Promise<StoredEntry | undefined> {
    const record = await this.#read(key, options);
    return record === undefined ? undefined : entryOf(record);
  }

  async explain(key: Bytes, options: ExplainOptions = {}): Promise<Explanation> {
    const bytes = keyBytes(key);
    const minVersion = minVersionOf(options);
    return this.#calls.run(options, (outcome) => {
      let isWanted = true;
      this.#core.explain(bytes, minVersion, (explanation) => {
        if (isWanted) outcome.done(explanation);
      });
      return {
        giveUp() {
          isWanted = false;
          return undefined;
        },
      };
    });
  }

  async set(key: Bytes, value: Bytes, options: SetOptions = {}): Promise<SetResult> {
    const write = this.#storing('put', key, value, options);
    const { record, created } = await this.#write(write, 'outcome-unknown', options);
    return { ...storedOf(record), created };
  }

  async delete(key: Bytes, options: ConditionOptions = {}): Promise<Pick<Stored, 'version'>> {
    const condition = modelCondition(conditionOf(options));
    const write = { key: keyBytes(key), condition, change: { kind: 'delete' } } as const;
    const { record } = await this.#write(write, 'outcome-unknown', options);
    return { version: storedOf(record).version };
  }

  async incr(key: Bytes, by = 1, options: ConditionOptions = {}): Promise<number> {
    checkBy(by);
    const condition = modelCondition(conditionOf(options));
    const write = { key: keyBytes(key), condition, change: { kind: 'incr', by } } as const;
    const { record } = await this.#write(write, 'effect-unknown', options);
    return Number(recordValue(record).toString('latin1'));
  }

  async append(key: Bytes, value: Bytes, options: ConditionOptions = {}): Promise<Valued> {
    const condition = modelCondition(conditionOf(options));
    const change = { kind: 'append', bytes: this.#value(value) } as const;
    const write = { key: keyBytes(key), condition, change };
    const { record } = await this.#write(write, 'effect-unknown', options);
    return valuedOf(record);
  }

  async getset(
    key: Bytes,
    value: Bytes,
    options: SetOptions = {},
  ): Promise<Uint8Array | undefined> {
    const write = this.#storing('getset', key, value, options);
    const { previous } = await this.#write(write, 'outcome-unknown', options);
    return previous === undefined ? undefined : copyOf(previous);
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
    const { signal, timeoutMs } = options;
    return scanned(options, (scan) => {
      const { values } = scan;
      return new DirectScan(this.#core.scan(scan), this.#calls, { signal, timeoutMs, values });
    });
  }

  deletePrefix(prefix: Bytes, options: DeletePrefixOptions = {}): Promise<number> {
    return deletePrefix(this, prefix, options);
  }

  watch(options: WatchOptions = {}): Watch {
    return new EventWatch(options, this.#calls, (query) => {
      const { prefix, values } = query;
      const since = query.since === undefined ? undefined : parsePlace(query.since);
      if (query.since !== undefined && since === undefined) {
        throw new VelourError('bad-cursor', 'since is not the place of an earlier watch');
      }
      const keys = { kind: 'prefix', bytes: prefix } as const;
      const watch = this.#core.watch({ keys, values, since });
      const { clock } = this.#core;
      const { timeoutMs = this.#timeoutMs } = options;
      return new DirectWatch(watch, query, { clock, timers: systemTimers, timeoutMs });
    });
  }

  waitFor(key: Bytes, options: AwaitOptions = {}): Promise<Awaited> {
    return waitFor(this, { clock: systemClock, timers: systemTimers }, key, options);
  }

  async close(): Promise<void> {
    this.#calls.close();
    this.#core.close();
  }

  #read(key: Bytes, options: GetOptions): Promise<StoredRecord | undefined> {
    const bytes = keyBytes(key);
    const { linearizable } = options;
    const minVersion = minVersionOf(options);
    return this.#calls.run(options, (outcome) => {
      let isWanted = true;
      this.#core.get(bytes, { isLinearizable: linearizable === true, minVersion }, (read) => {
        if (isWanted) foundIn(read, outcome);
      });
      return {
        giveUp() {
          isWanted = false;
          return undefined;
        },
      };
    });
  }

  #storing(kind: 'put' | 'getset', key: Bytes, value: Bytes, options: SetOptions): DirectWrite {
    const { ttl, contentType } = options;
    checkTtl(ttl);
    checkContentType(contentType);
    const attributes =
      contentType === undefined
        ? NO_ATTRIBUTES
        : [{ type: ATTRIBUTE_CONTENT_TYPE, bytes: Buffer.from(contentType, 'latin1') }];
    return {
      key: keyBytes(key),
      condition: modelCondition(conditionOf(options)),
      change: { kind, value: this.#value(value), attributes, ttlSeconds: ttl },
    };
  }

  /** As a frontend does: several storage nodes would each have to take it and refuse it. */
  #value(value: Bytes): Buffer {
    const bytes = valueBytes(value);
    if (bytes.length <= this.#valueBytesMax) return bytes;
    const what = `the value has ${bytes.length} bytes, and ${this.#valueBytesMax} are the most`;
    throw new VelourError('value-too-large', what);
  }

  #write(write: DirectWrite, unknown: UnknownCode, options: CommonOptions): Promise<WrittenRecord> {
    return this.#calls.run(options, (outcome) => {
      let isWanted = true;
      this.#core.write(write, (written) => {
        if (isWanted) storedIn(written, unknown, outcome);
      });
      return {
        // The core goes on with it: nothing calls back what may be on its way to the members.
        giveUp() {
          isWanted = false;
          return unknown;
        },
      };
    });
  }
}

/** @throws TypeError */
function addressOf(text: string): Address {
  if (parseAddress(text) !== undefined) return text as Address;
  throw new TypeError(`an address is HOST:PORT, and ${JSON.stringify(text)} is none`);
}

function runtimeFor({ log }: ConnectOptions): Runtime {
  return {
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    network: openNetwork(),
    logger: { write: (level, message, fields = {}) => log?.(level, message, fields) },
    host: NOBODY_MEASURES,
    disk: undefined,
  };
}

/** How the process is, is for the application to measure: what does it for our own processes costs a little all the time. */
const NOBODY_MEASURES: Host = {
  usage: () => ({
    pid: 0,
    uptimeSeconds: 0,
    userCpuSeconds: 0,
    systemCpuSeconds: 0,
    residentBytes: 0,
    heapUsedBytes: 0,
    logLinesDropped: 0,
  }),
  eventLoopDelaySeconds: () => 0,
  collections: () => ({ count: 0, seconds: 0, longest: 0 }),
  bootId: () => '',
};
