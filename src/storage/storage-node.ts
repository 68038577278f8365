// The storage node as a Service: it registers with the controller, follows the map, and answers operations that
// arrive over links. It decides nothing about the cluster; what it may answer is decided in replica.ts, and its
// records are in segment-store.ts.

import { unreachable } from '../cluster/assert.ts';
import { ControlRoutes } from '../cluster/http/control-routes.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import type { HttpRequest } from '../cluster/http/http.ts';
import { type DurationHistogram, Metrics } from '../cluster/http/metrics.ts';
import { type ReplyCallback, Routes } from '../cluster/http/routes.ts';
import { ClusterClock } from '../cluster/model/cluster-clock.ts';
import {
  boundBy,
  type ClusterMap,
  type IncarnationId,
  type MapVersion,
} from '../cluster/model/cluster-map.ts';
import type { Address, Incarnation, NodeId, StoreId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { PartitionId } from '../cluster/model/partition.ts';
import { ControlClient } from '../cluster/peers/control-client.ts';
import { writePersistently } from '../cluster/persistent-write.ts';
import type {
  Disk,
  DrainOptions,
  Link,
  LinkEvents,
  LinkHello,
  RequestTraits,
  Runtime,
  Service,
} from '../cluster/ports.ts';
import type { RegisterReply } from '../cluster/wire/control-messages.ts';
import type { Answer, Operation } from '../cluster/wire/operations.ts';
import { ChangeLinks } from './changes/change-links.ts';
import { ChangeRing } from './changes/change-ring.ts';
import { AnswerCounters, GrantCounters, syncTimes } from './counters.ts';
import { distrustWrite, identityWrite, StoredIdentity } from './data-directory/identity.ts';
import { IDENTITY_FILE, type Identity } from './data-directory/identity-file.ts';
import { DirectoryRecovery, MAP_FILE, type Recovered } from './data-directory/recovery.ts';
import { type Holding, holdingOf, inspect } from './inspection.ts';
import type { Compaction } from './log/compaction.ts';
import { type AppendLog, diskProblem, type FsyncMode, MEMORY_ONLY } from './log/durability.ts';
import type { RecordLog } from './log/log.ts';
import { openNodeLog } from './log/node-log.ts';
import { LoggedStore } from './logged-store.ts';
import { SegmentStore, type StoreOptions } from './memory/segment-store.ts';
import { addNodeControl } from './node-control.ts';
import { NodeIncarnation } from './node-incarnation.ts';
import { OperationLinks } from './operation-links.ts';
import { Registration } from './registration.ts';
import { mapProblem } from './replication/map-reply.ts';
import { Shutdown } from './shutdown.ts';
import { StreamGate } from './stream-gate.ts';

export interface StorageOptions extends StoreOptions {
  readonly controller: Address;
  readonly address: Address;
  readonly node: NodeId;
  /** Whether the operator named the node; if not, its id may be the one in its data directory. */
  readonly nodeIsGiven: boolean;
  readonly fsync: FsyncMode;
  /** Length at which a file of the log is finished; by default it follows from the memory limit (log-files.ts). */
  readonly logFileBytes?: number;
  readonly valueBytesMax: number;
  /** The bytes of records that one answer to a copy or pull may have; at least one record is sent. */
  readonly copyChunkBytes: number;
  readonly times: Times;
  /** Called with each incarnation that this process begins, for the parent that must vouch for its end (H42). */
  readonly incarnationBegan?: (incarnationId: IncarnationId) => void;
}

/** The pause between two slices of work on the memory. */
const WORK_PAUSE_MS = 5;
/** The pause after finding no such work. Records that come in pay for most of it anyway. */
const LOOK_FOR_WORK_MS = 1000;

/** The identity of this process, before the controller has replied. */
interface Self {
  readonly node: NodeId;
  readonly store: StoreId;
  readonly completeSince: Incarnation | undefined;
  /** The incarnations that the data directory had before; undefined without a data directory. */
  readonly lives: readonly Incarnation[] | undefined;
  readonly incarnation: Incarnation | undefined;
  /** The identity in the data directory; undefined without one. */
  readonly identity: Identity | undefined;
  /** The map that the recovery read, with which the incarnation begins. */
  readonly map: ClusterMap | undefined;
  readonly log: AppendLog;
}

export class StorageNode implements Service {
  readonly #runtime: Runtime;
  readonly #options: StorageOptions;
  /** Used for reading, for its own maintenance, and by the replay; every other change goes through `#logged`. */
  readonly #store: SegmentStore;
  readonly #metrics = new Metrics();
  readonly #routes: Routes;
  readonly #control: ControlRoutes;
  readonly #client: ControlClient;
  readonly #answers: AnswerCounters;
  readonly #grants: GrantCounters;
  readonly #syncs: DurationHistogram;
  readonly #links: OperationLinks;
  readonly #changes = new ChangeRing();
  readonly #changeLinks: ChangeLinks;
  readonly #clock: ClusterClock;
  #node: NodeId;
  #registration: Registration | undefined;
  /** Has no log until the replay of the log is over. */
  #logged: LoggedStore;
  /** The log behind `#logged`; undefined without a data directory. */
  #log: RecordLog | undefined;
  #incarnation: NodeIncarnation | undefined;
  #self: Self | undefined;
  #identity = new StoredIdentity(undefined, undefined);
  #compaction: Compaction | undefined;
  #draining = false;

  constructor(runtime: Runtime, options: StorageOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#node = options.node;
    this.#store = new SegmentStore(options);
    this.#logged = new LoggedStore(this.#store, MEMORY_ONLY, this.#changes);
    this.#answers = new AnswerCounters(this.#metrics);
    this.#grants = new GrantCounters(this.#metrics);
    this.#syncs = syncTimes(this.#metrics);
    this.#clock = new ClusterClock(runtime.clock, runtime.logger);
    const target = { node: () => this.#node, replica: () => this.#incarnation?.replica };
    const gate = new StreamGate(runtime, options.times, target);
    this.#links = new OperationLinks(runtime, options.times, this.#answers, gate, {
      ...target,
      durability: () => this.#logged.durability,
    });
    this.#changeLinks = new ChangeLinks(runtime, options.times, gate, {
      ...target,
      reader: this.#store,
      ring: this.#changes,
    });
    this.#client = new ControlClient(runtime, options.times);
    this.#routes = new Routes('storage', runtime, this.#metrics, {
      address: options.address,
    });
    this.#control = new ControlRoutes(
      'a storage node',
      this.#routes,
      this.#metrics,
      runtime.logger,
    );
    this.#addRoutes();
    inspect(this.#routes, this.#metrics, {
      runtime,
      store: this.#store,
      clock: this.#clock,
      timeScale: options.times.scale,
      answers: this.#answers,
      syncs: this.#syncs,
      log: () => this.#logged.durability.figures(),
      diskProblem: () => this.#diskProblem(),
      node: () => this.#node,
      links: () => this.#links.count,
      replica: () => this.#incarnation?.replica,
      obstacles: () => this.#incarnation?.obstacles ?? [],
      unrepaired: () => this.#incarnation?.unrepaired ?? 0,
    });
  }

  start(): void {
    this.#maintain();
    const { disk, random } = this.#runtime;
    if (disk === undefined) {
      return this.#register({
        node: this.#options.node,
        store: random.token() as StoreId,
        completeSince: undefined,
        lives: undefined,
        incarnation: undefined,
        identity: undefined,
        map: undefined,
        log: MEMORY_ONLY,
      });
    }
    const recovery = new DirectoryRecovery(
      this.#runtime,
      disk,
      this.#store,
      this.#options,
      (recovered) => {
        const { identity, map } = recovered;
        const log = this.#openLog(disk, recovered);
        this.#register({ ...identity, identity, map, log });
      },
    );
    return recovery.start();
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    this.#routes.handle(request, reply);
  }

  traits(request: HttpRequest): RequestTraits {
    return this.#routes.traits(request);
  }

  /** The record that the node has of a key, for the simulator's checks: they ask too often for HTTP requests. */
  holding(partition: PartitionId, key: Buffer): Holding | undefined {
    const replica = this.#incarnation?.replica;
    if (replica?.map === undefined) return undefined;
    return holdingOf({ store: this.#store, replica }, partition, key);
  }

  /** How the node would answer the operation now, for the same checks. */
  wouldAnswer(operation: Extract<Operation, { kind: 'get' | 'time' }>): Answer | undefined {
    return this.#incarnation?.replica.answer(operation);
  }

  accept(hello: LinkHello, link: Link): LinkEvents | { refused: string } {
    switch (hello.purpose) {
      case 'control':
        return this.#control.accept(link);
      case 'operations':
        return this.#links.accept(hello, link);
      case 'changes':
        return this.#changeLinks.accept(hello, link);
      default:
        return unreachable(hello);
    }
  }

  drain(options: DrainOptions, done: () => void): void {
    this.#draining = true;
    this.#compaction?.stop();
    const incarnation = this.#incarnation;
    const { controller, times } = this.#options;
    const keepsData = this.#runtime.disk !== undefined;
    const { durability } = this.#logged;
    const closed = (failure: string | undefined) => {
      // If this cannot be written, the next start merely trusts the store less.
      if (failure === undefined) this.#identity.close(this.#log?.syncedTo, () => done());
      else done();
    };
    // Nobody counts on this process yet. But its start recorded that the store is open: if that stayed, a restart of
    // the machine would make the store count as incomplete, although nothing was written to it (H8).
    if (incarnation === undefined) return durability.sync(closed);
    const node = { client: this.#client, controller, times, durability, keepsData };
    new Shutdown(this.#runtime, node, incarnation, options, closed);
  }

  /** Reclaims memory of dropped partitions and of idle bytes even when no records come in that would pay for it. */
  #maintain(): void {
    const waitMs = this.#store.work() ? WORK_PAUSE_MS : LOOK_FOR_WORK_MS;
    this.#runtime.timers.after(waitMs, () => this.#maintain());
  }

  #openLog(disk: Disk, recovered: Recovered): RecordLog {
    const opened = { store: this.#store, recovered };
    const { log, compaction } = openNodeLog(this.#runtime, disk, opened, this.#options, {
      synced: (milliseconds) => this.#syncs.observeMs(milliseconds),
      neededFiles: () =>
        this.#incarnation?.replica.map === undefined ? [IDENTITY_FILE] : [IDENTITY_FILE, MAP_FILE],
      distrusted: () => this.#distrustStore(),
    });
    this.#log = log;
    this.#compaction = compaction;
    return log;
  }

  /**
   * Tries until the distrust is on disk, so that the next start does not trust a disk that failed only for a moment
   * (H8).
   */
  #distrustStore(): void {
    const write = distrustWrite((written) => this.#identity.distrust(written));
    writePersistently(this.#runtime, write, () => undefined);
  }

  #register(self: Self): void {
    this.#node = self.node;
    this.#self = self;
    this.#identity = new StoredIdentity(this.#runtime.disk, self.identity);
    this.#logged = new LoggedStore(this.#store, self.log, this.#changes);
    const { controller, address, times } = this.#options;
    const { node, store, completeSince, lives, incarnation } = self;
    this.#registration = new Registration(
      this.#runtime,
      this.#client,
      { controller, node, address, store, incarnation, completeSince, lives, times },
      {
        registered: (reply) => this.#registered(self, reply),
        map: () => this.#incarnation?.replica.map ?? self.map,
        promised: () => boundBy(this.#identity.promised, this.#newestVersion(self)),
      },
    );
    this.#registration.register();
  }

  #registered(self: Self, { incarnation, map }: RegisterReply): void {
    const begin = () => {
      // Do not begin while draining: the controller would count on the incarnation, which would end without a
      // goodbye.
      if (this.#draining) return;
      const begun = this.#incarnationOf(self, incarnation);
      // Begin as soon as possible: the controller counts on this incarnation only after its first heartbeat.
      if (map === undefined) begun.begin(self.map);
      else begun.adopt(map, 'controller', () => begun.begin(self.map));
    };
    const identity = this.#identity;
    const live = identityWrite((written) => identity.storeIncarnation(incarnation, written));
    writePersistently(this.#runtime, live, (failure) => {
      if (failure === undefined) return begin();
      throw new FatalError(EXIT.config, `${IDENTITY_FILE} cannot be written: ${failure}`);
    });
  }

  /** The version of the newest map that this incarnation or an earlier one has adopted. */
  #newestVersion(self: Self): MapVersion | undefined {
    return this.#incarnation?.replica.map?.version ?? self.map?.version;
  }

  /** Returns the present NodeIncarnation if it has this incarnation; otherwise ends it and makes a new one. */
  #incarnationOf(self: Self, incarnation: Incarnation): NodeIncarnation {
    if (this.#incarnation?.replica.incarnation === incarnation) return this.#incarnation;
    const stored = this.#newestVersion(self);
    this.#incarnation?.end();
    const { controller, valueBytesMax, copyChunkBytes, times } = this.#options;
    const { node, completeSince } = self;
    const { promised } = this.#identity;
    this.#incarnation = new NodeIncarnation(
      this.#runtime,
      this.#logged,
      {
        client: this.#client,
        controller,
        node,
        incarnation,
        valueBytesMax,
        copyChunkBytes,
        times,
        clock: this.#clock,
        promised,
        stored,
        completeSince,
      },
      {
        unknown: () => this.#registration?.register(),
        problem: (text) => this.#registration?.report(text),
      },
    );
    this.#runtime.logger.write('info', 'registered', { incarnation });
    this.#options.incarnationBegan?.({ node, incarnation });
    return this.#incarnation;
  }

  #addRoutes(): void {
    const routes = this.#routes;
    routes.addCheck('registered', () =>
      this.#registration === undefined ? 'reading its data directory' : this.#registration.problem,
    );
    routes.addCheck('map', () => mapProblem(this.#node, this.#incarnation?.replica));
    routes.addCheck('disk', () => this.#diskProblem());
    routes.addCheck('running', () => (this.#draining ? 'stopping' : undefined));
    addNodeControl(this.#control, {
      address: this.#options.address,
      grants: this.#grants,
      incarnationId: () => this.#incarnation,
      self: () => this.#self,
      identity: () => this.#identity,
    });
  }

  #diskProblem(): string | undefined {
    return (
      this.#identity.problem ??
      this.#incarnation?.diskProblem ??
      diskProblem(this.#logged.durability)
    );
  }
}
