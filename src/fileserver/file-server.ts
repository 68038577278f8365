// The file server as a Service: a directory of blobs, and HTTP in front of it. It decides nothing about the cluster: it
// joins, follows the map, and keeps what it is sent. Its blobs are in blob-store/, the requests in uploads/ and downloads/.

import type { Files } from '../cluster/files.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import type { HttpRequest } from '../cluster/http/http.ts';
import { Measure } from '../cluster/http/measure.ts';
import { Metrics } from '../cluster/http/metrics.ts';
import { type Handler, type ReplyCallback, Routes } from '../cluster/http/routes.ts';
import { ClusterClock } from '../cluster/model/cluster-clock.ts';
import type { ClusterMap } from '../cluster/model/cluster-map.ts';
import { fileServerEntry, whyForeign } from '../cluster/model/file-server.ts';
import type { Address, ClusterId, NodeId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { ControlClient } from '../cluster/peers/control-client.ts';
import { writePersistently } from '../cluster/persistent-write.ts';
import type { DrainOptions, RequestTraits, Runtime, Service } from '../cluster/ports.ts';
import { MapFollower } from '../coordinator/map-follower.ts';
import { Probes } from '../coordinator/probes.ts';
import { Router } from '../coordinator/router.ts';
import { type FileTimes, fileTimes } from '../files/file-times.ts';
import { type Rebuilt, rebuiltAgain } from '../files/provenance.ts';
import { BlobServer, type OpenedStore } from './blob-server.ts';
import { BlobStore } from './blob-store/blob-store.ts';
import { Census } from './blob-store/census.ts';
import type { StoreIdentity } from './blob-store/identity-file.ts';
import { claimFor, openStore } from './blob-store/opening.ts';
import { IDENTITY_FILE } from './blob-store/places.ts';
import { type ClusterAccess, clusterAccess } from './cluster-access.ts';
import { Door } from './door/door.ts';
import { BlobSource } from './downloads/blob-source.ts';
import { ReadHandlers } from './downloads/read-handlers.ts';
import { inspect } from './inspection.ts';
import { Joining } from './joining.ts';
import { addOperatorHandlers } from './operator-handlers.ts';
import { Uptime } from './replicator/uptime.ts';
import { Upkeep } from './upkeep.ts';
import { DiskRoom } from './uploads/disk-room.ts';
import { Pulls } from './uploads/pulls.ts';
import { UploadHandlers } from './uploads/upload-handlers.ts';

export interface FileServerOptions {
  readonly controller: Address;
  readonly address: Address;
  /** Where clients reach it, if not at `address`: brokers send them there. */
  readonly publicAddress?: Address | undefined;
  readonly node: NodeId;
  /** Whether the operator named the node; if not, its id may be the one in its data directory. */
  readonly nodeIsGiven: boolean;
  /** Copies of a blob go to distinct hosts first. */
  readonly host: string;
  readonly weight: number;
  /** The share of the file system that uploads leave free, from 0 to 1. */
  readonly reserveShare: number;
  /** Whether a directory of another cluster is taken over into this one. */
  readonly adopt: boolean;
  readonly times: Times;
  /** Those of the file layer; by default as `times` is scaled. */
  readonly fileTimes?: FileTimes | undefined;
}

/** How often the file system is asked for its room; multiplied by the time scale. */
const LOOK_MS = 1000;
/** A look that takes longer stands behind work that does not end: the disk hangs. Multiplied by the time scale. */
const HANGING_MS = 5000;
/** How often a stop looks whether what is under way is over. */
const DRAIN_LOOK_MS = 20;
/** How long a stop waits for the commit of an upload that has come; multiplied by the time scale. */
const DRAIN_COMMIT_MS = 2000;

export class FileServer implements Service {
  readonly #runtime: Runtime;
  readonly #options: FileServerOptions;
  readonly #fileTimes: FileTimes;
  readonly #files: Files;
  readonly #router: Router;
  readonly #follower: MapFollower;
  readonly #client: ControlClient;
  readonly #routes: Routes;
  readonly #room: DiskRoom;
  readonly #server: BlobServer;
  readonly #store: BlobStore;
  readonly #uptime: Uptime;
  #hasUptime = false;
  readonly #clock: ClusterClock;
  readonly #probes: Probes;
  readonly #access: ClusterAccess;
  /** Undefined until the directory is open. */
  #identity: StoreIdentity | undefined;
  /** As it was on the disk at the start. */
  #before: StoreIdentity | undefined;
  #joining: Joining | undefined;
  /** Undefined until it has joined: only then can the records of owners be asked for. */
  #upkeep: Upkeep | undefined;

  constructor(runtime: Runtime, options: FileServerOptions) {
    const { files } = runtime;
    if (files === undefined) throw new FatalError(EXIT.usage, 'a file server needs a --data-dir');
    const { address, times, reserveShare, host } = options;
    this.#runtime = runtime;
    this.#options = options;
    this.#fileTimes = options.fileTimes ?? fileTimes(times.scale);
    this.#files = files;
    const metrics = new Metrics();
    this.#client = new ControlClient(runtime, times);
    this.#router = new Router(runtime, times, (map) => this.#adopted(map));
    // Without an address: it is no frontend (D14).
    const followed = { controller: options.controller, times };
    this.#follower = new MapFollower(runtime, this.#client, this.#router, followed, (problem) => {
      throw new FatalError(EXIT.config, problem);
    });
    this.#room = new DiskRoom(reserveShare);
    this.#uptime = new Uptime(files, runtime, times.scale);
    this.#clock = new ClusterClock(runtime.clock, runtime.logger);
    this.#probes = new Probes(runtime, this.#router, times, {
      told: (...told) => this.#clock.heard(...told),
      silent: () => undefined,
      asking: () => undefined,
    });
    this.#access = clusterAccess(runtime, {
      clock: this.#clock,
      router: this.#router,
      refresh: this.#follower,
      times,
      fileTimes: this.#fileTimes,
    });
    this.#store = new BlobStore(runtime, files, {
      room: this.#room,
      stagedMs: this.#fileTimes.stagedMs,
      map: () => this.#router.map?.version,
      uptimeMs: () => this.#uptime.ms,
      spoiled: (id) => this.#upkeep?.spoiled(id),
    });
    this.#server = new BlobServer({
      timers: runtime.timers,
      scale: times.scale,
      opened: () => this.#opened(),
      whyNot: () => this.#whyNotOpen(),
      map: () => this.#router.map?.version,
      check: (id) => this.#upkeep?.replicator.check(id),
    });
    this.#routes = new Routes('fileserver', runtime, metrics, { address });
    this.#addRoutes(metrics);
    inspect(this.#routes, metrics, {
      host: runtime.host,
      address,
      publicAddress: options.publicAddress,
      placementHost: host,
      server: this.#server,
      room: this.#room,
      store: this.#store,
      identity: () => this.#identity,
      map: () => this.#router.map,
      joiningProblem: () => this.#joiningProblem(),
      upkeep: () => this.#upkeep,
    });
  }

  start(): void {
    const { random } = this.#runtime;
    // It serves only when it knows what room there is.
    openStore(this.#files, random, this.#options, (identity) =>
      this.#look(() => this.#loadUptime(() => this.#begin(identity))),
    );
  }

  /**
   * Before the first commit, which is stamped with it: a blob that was stamped with too little would soon count as old, and
   * go while its upload is being finished.
   */
  #loadUptime(done: () => void): void {
    this.#uptime.load((detail) => {
      this.#hasUptime = detail === undefined;
      if (detail !== undefined) {
        const failure = { kind: 'failed', fault: 'broken', detail } as const;
        this.#store.health.failed(failure, 'reading how long this file server was up');
      }
      done();
    });
  }

  #begin(identity: StoreIdentity): void {
    // Until it is taken over, a directory of another cluster is as a new one: nobody is served from it.
    this.#identity = this.#options.adopt ? { ...identity, cluster: undefined } : identity;
    this.#before = identity;
    const { node, store } = identity;
    this.#joining = new Joining(
      this.#runtime,
      this.#client,
      { ...this.#options, id: node, store, cluster: () => this.#identity?.cluster },
      (cluster) => this.#joined(cluster),
    );
    this.#joining.join();
    this.#follower.start();
    this.#probes.start();
    new Census(this.#runtime, this.#files, this.#store, () => this.#counted()).start();
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    this.#routes.handle(request, reply);
  }

  traits(request: HttpRequest): RequestTraits {
    return this.#routes.traits(request);
  }

  accept(): { refused: string } {
    return { refused: 'a file server takes no streams' };
  }

  /** Lets uploads that have begun come to their commit; downloads are the server's to finish. */
  drain({ timeoutMs }: DrainOptions, done: () => void): void {
    this.#server.isStopping = true;
    this.#upkeep?.stop();
    const { clock, timers } = this.#runtime;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    let idleSinceMs: number | undefined;
    const look = () => {
      const nowMs = clock.monotonicMs();
      const { uploads, works, ticketed } = this.#server;
      const isIdle = uploads.taken + works.taken + ticketed.taken === 0;
      idleSinceMs = isIdle ? (idleSinceMs ?? nowMs) : undefined;
      // Whoever has sent all of a body commits it at once, unless it is gone.
      const patienceMs = this.#store.staged === 0 ? 0 : DRAIN_COMMIT_MS * this.#options.times.scale;
      const isOver = idleSinceMs !== undefined && nowMs - idleSinceMs >= patienceMs;
      if (isOver || nowMs >= deadlineMs) return done();
      timers.after(DRAIN_LOOK_MS, look);
      return undefined;
    };
    look();
  }

  #addRoutes(metrics: Metrics): void {
    const { clock, timers, logger } = this.#runtime;
    const measured = (name: string, handler: Handler): Handler => {
      const measure = new Measure(name, metrics, clock);
      return (request, reply, parameters) => handler(request, measure.begin(reply), parameters);
    };
    const counters = {
      sentBytes: metrics.counter('velourfog_sent_bytes_total', 'Bytes of blobs that were sent.'),
      wrongBlocks: metrics.counter(
        'velourfog_wrong_blocks_total',
        'Blocks of blobs that had another checksum when they were read, or could not be read.',
      ),
    };
    const pulls = new Pulls(this.#runtime, this.#options.times.scale);
    new UploadHandlers(this.#server, pulls).addTo(this.#routes, measured);
    const source = new BlobSource(this.#server, counters, logger);
    new ReadHandlers(this.#server, this.#files, source).addTo(this.#routes, measured);
    const isInMap = () => this.#isInMap();
    const door = new Door(this.#server, this.#access.files, source, {
      clock: this.#clock,
      timers,
      isInMap,
    });
    door.addTo(this.#routes, measured);
    addOperatorHandlers(this.#routes, {
      upkeep: () => this.#upkeep,
      identity: () => this.#identity,
      rebuilt: (rebuilt, done) => this.#rebuilt(rebuilt, done),
    });
    this.#routes.addCheck('blobs', () => {
      return this.#opened() === undefined ? this.#whyNotOpen() : undefined;
    });
    this.#routes.addCheck('disk', () => this.#store.health.problem);
    this.#routes.addCheck('running', () => (this.#server.isStopping ? 'stopping' : undefined));
    // One that was in the map before serves on while the controller is away.
    this.#routes.addWarning('joined', () => this.#joiningProblem());
    this.#routes.addWarning('copies', () => this.#missingCopies());
  }

  #opened(): OpenedStore | undefined {
    const { cluster, rebuilt } = this.#identity ?? {};
    return cluster === undefined ? undefined : { store: this.#store, cluster, rebuilt };
  }

  #isInMap(): boolean {
    const { map } = this.#router;
    const node = this.#identity?.node;
    if (map === undefined || node === undefined) return false;
    if (fileServerEntry(map, node) !== undefined) return true;
    this.#follower.fetchFromAnyone();
    return false;
  }

  #whyNotOpen(): string {
    if (this.#identity === undefined) return 'opening its data directory';
    return this.#joining?.problem ?? 'noting its cluster';
  }

  #joiningProblem(): string | undefined {
    return this.#joining === undefined ? 'opening its data directory' : this.#joining.problem;
  }

  /** Who looks at a cluster is to see that the loss of one more disk may lose a file. */
  #missingCopies(): string | undefined {
    const { incomplete = 0 } = this.#upkeep?.replicator.report?.counts ?? {};
    if (incomplete === 0) return undefined;
    return `blobs that lacked copies when all were looked at: ${incomplete}; they are made, and velour files check names what lacks some now`;
  }

  #joined(cluster: ClusterId): void {
    const identity = this.#identity;
    if (identity === undefined) return;
    if (identity.cluster !== undefined) {
      this.#refuseForeign(cluster);
      return this.#beginUpkeep(identity, cluster);
    }
    const from = this.#before?.cluster;
    const isOther = from !== undefined && from !== cluster;
    // What was rebuilt was so in the other cluster: here nothing was yet.
    const claimed = { ...identity, cluster, ...(isOther && { rebuilt: undefined }) };
    // On the disk before the first blob: its blobs must never be judged by another cluster's records.
    return this.#claim(claimed, () => {
      const { logger } = this.#runtime;
      if (isOther)
        logger.write('warn', 'blobs of another cluster are taken over', { from, cluster });
      this.#beginUpkeep(claimed, cluster);
    });
  }

  #claim(identity: StoreIdentity, done: () => void): void {
    writePersistently(this.#runtime, claimFor(this.#files, identity), (failure) => {
      if (failure !== undefined) {
        throw new FatalError(EXIT.config, `${IDENTITY_FILE} cannot be written: ${failure}`);
      }
      this.#identity = identity;
      done();
    });
  }

  #rebuilt(rebuilt: Rebuilt, done: () => void): void {
    const identity = this.#identity;
    if (identity === undefined) return done();
    return this.#claim({ ...identity, rebuilt: rebuiltAgain(identity.rebuilt, rebuilt) }, done);
  }

  #beginUpkeep({ node }: StoreIdentity, cluster: ClusterId): void {
    this.#runtime.logger.write('info', 'joined', { cluster, id: node });
    if (this.#upkeep !== undefined) return;
    const upkeep = new Upkeep({
      self: node,
      runtime: this.#runtime,
      access: this.#access,
      files: this.#files,
      store: this.#store,
      uptime: this.#uptime,
      times: this.#fileTimes,
      provenance: () => this.#identity ?? { cluster: undefined },
      room: this.#room,
    });
    this.#upkeep = upkeep;
    this.#access.files.start();
    this.#access.files.tickets.start();
    // Ages would be wrong: nothing is collected, and nothing repaired, until somebody has looked.
    if (this.#hasUptime) upkeep.start();
    else this.#runtime.logger.write('error', 'blobs are not looked after', {});
  }

  #adopted(map: ClusterMap): void {
    this.#refuseForeign(map.cluster);
    this.#joining?.adopted(map);
  }

  #refuseForeign(cluster: ClusterId): void {
    const own = this.#identity?.cluster;
    if (own === undefined || own === cluster) return;
    throw new FatalError(
      EXIT.config,
      `controller ${this.#options.controller}: ${whyForeign(own, cluster)}`,
    );
  }

  /** @param first called once the first look is over */
  #look(first: () => void = () => undefined): void {
    const { timers } = this.#runtime;
    const { scale } = this.#options.times;
    const { health } = this.#store;
    const cancel = timers.after(HANGING_MS * scale, () =>
      health.looked('the disk does not answer'),
    );
    this.#files.look((state) => {
      cancel();
      if (state.kind === 'failed') health.looked(`it cannot be looked at: ${state.detail}`);
      else {
        health.looked(state.value.problem);
        this.#room.looked(state.value);
      }
      timers.after(LOOK_MS * scale, () => this.#look());
      first();
    });
  }

  #counted(): void {
    const { blobs, bytes } = this.#store.blobs.count;
    this.#runtime.logger.write('info', 'blobs counted', { blobs, bytes });
  }
}
