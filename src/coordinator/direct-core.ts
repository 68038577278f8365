// The core of the direct client: a frontend without HTTP inside an application, with the same map, streams, clock,
// rules and answers. A state machine over ports: who calls it has promises, deadlines and bytes of his own
// (client/direct-client.ts), and the simulator runs it as it is.
//
// It reports storage nodes that do not answer, so that they are looked at sooner (R6), but does not announce itself to
// the controller (D14): applications come and go, and a cut between one of them and a node must not move partitions
// (H11).

import { assert } from '../cluster/assert.ts';
import { EXIT } from '../cluster/http/errors.ts';
import { ClusterClock } from '../cluster/model/cluster-clock.ts';
import { type Change, type Condition, NO_CONDITION } from '../cluster/model/condition.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { Attribute } from '../cluster/model/record.ts';
import { COUNTERS, HybridClock, VERSION_ZERO, type Version } from '../cluster/model/version.ts';
import { ControlClient } from '../cluster/peers/control-client.ts';
import type { Runtime } from '../cluster/ports.ts';
import type { ClientRefused } from './cluster-client.ts';
import { FailureReports } from './failure-reports.ts';
import { Lifetime } from './lifetime.ts';
import { MapFollower } from './map-follower.ts';
import { MapHints } from './map-hints.ts';
import type { ConditionalCallback } from './operations/conditional/decision.ts';
import { ConditionalWriter } from './operations/conditional/round.ts';
import { ExplainedReader } from './operations/get/explained.ts';
import type { Explanation } from './operations/get/explanation.ts';
import { LinearizableReader } from './operations/get/linearizable.ts';
import { type ReadCallback, Reader } from './operations/get/round.ts';
import type { OperationContext } from './operations/operation-context.ts';
import type { ClusterScan } from './operations/scan/cluster-scan.ts';
import type { WriteRequest } from './operations/set/decision.ts';
import { storedRecordOf } from './operations/set/set-record.ts';
import { Writer } from './operations/set/writer.ts';
import {
  UserConditionalWriter,
  UserExplainedReader,
  UserReader,
  UserScanner,
  type UserScanQuery,
  UserWatcher,
  type UserWatchQuery,
  UserWriter,
} from './operations/user-keys.ts';
import type { ClusterWatch } from './operations/watch/cluster-watch.ts';
import { Probes } from './probes.ts';
import { Router } from './router.ts';
import { withExpiry } from './timed-writes.ts';

/** In place of the address of a frontend, which nobody needs to reach; `invalid` is a name that no host has (RFC 2606). */
const REPORTED_BY = 'direct-client.invalid:1' as Address;
const EMPTY = Buffer.alloc(0);
const NO_ATTRIBUTES: readonly Attribute[] = [];

export interface DirectOptions {
  readonly controller: Address;
  readonly times: Times;
  /** The storage nodes that are asked for a map while the controller is away. */
  readonly storages?: readonly Address[];
}

export interface DirectRead {
  /** Whether every member is asked (H21). */
  readonly isLinearizable: boolean;
  /** Nothing older is answered (H21). */
  readonly minVersion?: Version | undefined;
}

export type DirectChange =
  | {
      readonly kind: 'put' | 'getset';
      readonly value: Buffer;
      readonly attributes: readonly Attribute[];
      readonly ttlSeconds: number | undefined;
    }
  | Exclude<Change, { readonly kind: 'put' | 'getset' }>;

export interface DirectWrite {
  readonly key: Buffer;
  readonly condition: Condition;
  readonly change: DirectChange;
}

export class DirectCore {
  /** The time of the cluster, by which records expire (H31). */
  readonly clock: ClusterClock;
  readonly #lifetime: Lifetime;
  readonly #times: Times;
  readonly #router: Router;
  readonly #follower: MapFollower;
  readonly #hints: MapHints;
  readonly #probes: Probes;
  readonly #reader: UserReader;
  readonly #linearizable: UserReader;
  readonly #explained: UserExplainedReader;
  readonly #writer: UserWriter;
  readonly #conditional: UserConditionalWriter;
  readonly #scanner: UserScanner;
  readonly #watcher: UserWatcher;
  #refused: string | undefined;

  constructor(own: Runtime, options: DirectOptions) {
    const { times, storages = [] } = options;
    this.#lifetime = new Lifetime(own);
    const { runtime } = this.#lifetime;
    this.#times = times;
    this.#router = new Router(runtime, times);
    const client = new ControlClient(runtime, times);
    this.#follower = new MapFollower(runtime, client, this.#router, options, (problem) => {
      this.#refused = problem;
    });
    this.#hints = new MapHints(runtime, client, this.#router, {
      times,
      storages,
      cache: undefined,
      isControllerAway: () => this.#follower.problem !== undefined,
    });
    this.clock = new ClusterClock(runtime.clock, runtime.logger);
    this.#probes = new Probes(runtime, this.#router, times, {
      told: (...told) => this.clock.heard(...told),
      silent: () => undefined,
      asking: () => undefined,
    });
    const context: OperationContext = {
      // H31: what expires does so by the time of the cluster, also where an operation decides by it (H21, H39b).
      runtime: { ...runtime, clock: this.clock },
      times,
      router: this.#router,
      refresh: this.#follower,
      versions: new HybridClock(this.clock.forVersions, runtime.random.below(COUNTERS)),
      reports: new FailureReports(runtime, client, { ...options, address: REPORTED_BY }),
    };
    this.#reader = new UserReader(new Reader(context));
    const linearizable = new LinearizableReader(context);
    this.#linearizable = new UserReader(linearizable);
    this.#explained = new UserExplainedReader(context, new ExplainedReader(context, linearizable));
    this.#writer = new UserWriter(new Writer(context));
    this.#conditional = new UserConditionalWriter(new ConditionalWriter(context));
    this.#scanner = new UserScanner(context);
    this.#watcher = new UserWatcher(context);
  }

  /**
   * Waits for a map and for the time of the cluster, at most `setDeadlineMs`.
   * @param done gets undefined, or why there is no cluster to be had; it may come later all the same, unless this is
   *   closed
   */
  start(done: (refused: ClientRefused | undefined) => void): void {
    const { clock, timers } = this.#lifetime.runtime;
    const untilMs = clock.monotonicMs() + this.#times.setDeadlineMs;
    const look = () => {
      if (this.#refused !== undefined) {
        return done({ refused: this.#refused, exitCode: EXIT.config });
      }
      const hasMap = this.#router.map !== undefined;
      if (hasMap && this.clock.isKnown) return done(undefined);
      if (clock.monotonicMs() > untilMs) {
        const refused = hasMap
          ? 'no storage node answers'
          : (this.#follower.problem ?? 'the controller does not answer');
        return done({ refused, exitCode: EXIT.unavailable });
      }
      timers.after(this.#times.retryMs, look);
      return undefined;
    };
    this.#follower.start();
    this.#hints.start();
    this.#probes.start();
    look();
  }

  /** Ends all timers and streams. What is under way is never answered. */
  close(): void {
    this.#lifetime.end();
  }

  get(key: Buffer, { isLinearizable, minVersion }: DirectRead, callback: ReadCallback): void {
    const reader = isLinearizable ? this.#linearizable : this.#reader;
    reader.get(key, callback, minVersion);
  }

  /** @param minVersion as of `get` @param callback gets the explanation also of a read that failed */
  explain(
    key: Buffer,
    minVersion: Version | undefined,
    callback: (explanation: Explanation) => void,
  ): void {
    this.#explained.explain(key, callback, minVersion);
  }

  /** Writes as `/v1/keys` does: what has no condition, and needs none, takes the way of sets (R4), and the rest H39's. */
  write({ key, condition, change }: DirectWrite, callback: ConditionalCallback): void {
    switch (change.kind) {
      case 'put':
      case 'getset':
        return this.#timed(change.ttlSeconds, callback, (expiresAtMs, arrivedMs) => {
          const { kind, value, attributes } = change;
          if (kind === 'put' && condition === NO_CONDITION) {
            return this.#set(
              { key, value, tombstone: false, expiresAtMs, attributes },
              callback,
              arrivedMs,
            );
          }
          const stamped = { kind, value, attributes, expiresAtMs };
          return this.#conditional.write({ key, condition, change: stamped }, callback, arrivedMs);
        });
      case 'delete':
        if (condition !== NO_CONDITION) break;
        return this.#set(
          { key, value: EMPTY, tombstone: true, expiresAtMs: 0, attributes: NO_ATTRIBUTES },
          callback,
        );
      case 'incr':
      case 'append':
        break;
    }
    return this.#conditional.write({ key, condition, change }, callback);
  }

  /** Follows users' keys; the watch is to be started. */
  watch(query: UserWatchQuery): ClusterWatch {
    const { digits } = this.#watcher;
    assert(digits !== undefined, 'a watch begins after the start, and so with a map');
    return this.#watcher.watch(query, digits);
  }

  /**
   * Lists live records of users' keys, from the beginning. As many may be under way as the application keeps: each
   * holds a few pages that were not taken yet.
   */
  scan(query: Pick<UserScanQuery, 'prefix' | 'values' | 'limit'>): ClusterScan {
    const { digits } = this.#scanner;
    assert(digits !== undefined, 'a scan begins after the start, and so with a map');
    return this.#scanner.scan({ ...query, deletes: false, since: VERSION_ZERO }, digits);
  }

  #timed(
    ttlSeconds: number | undefined,
    callback: ConditionalCallback,
    write: (expiresAtMs: number, arrivedMs?: number) => void,
  ): void {
    if (ttlSeconds === undefined) return write(0);
    const { timers } = this.#lifetime.runtime;
    const context = {
      clock: this.clock,
      times: this.#times,
      timers,
      hasMap: () => this.#router.map !== undefined,
    };
    return withExpiry(context, ttlSeconds, write, (detail) =>
      callback({ kind: 'not-stored', code: 'not-stored', detail }),
    );
  }

  #set(request: WriteRequest, callback: ConditionalCallback, arrivedMs?: number): void {
    this.#writer.set(
      request,
      (outcome) => {
        if (outcome.kind !== 'stored') return callback(outcome);
        const { kind, created } = outcome;
        const record = storedRecordOf(request, outcome);
        return callback({ kind, created, record, previous: undefined });
      },
      arrivedMs,
    );
  }
}
