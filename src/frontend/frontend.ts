// The frontend as a Service; its only state is the newest map. Puts together the map follower, the router, the reader,
// the writer and the gateways. It decides nothing itself: gets and sets are decided in coordinator/operations.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import type { HttpRequest } from '../cluster/http/http.ts';
import { Metrics } from '../cluster/http/metrics.ts';
import { type ReplyCallback, Routes } from '../cluster/http/routes.ts';
import type { WorkerGroup } from '../cluster/http/worker-group.ts';
import { addTimeMetrics, ClusterClock } from '../cluster/model/cluster-clock.ts';
import { offlinePartitions, whenFullOf } from '../cluster/model/cluster-map.ts';
import type { Address } from '../cluster/model/identity.ts';
import {
  SFSS_BYTES_MAX_DEFAULT,
  type Times,
  VALUE_BYTES_MAX_DEFAULT,
} from '../cluster/model/limits.ts';
import { COUNTERS, HybridClock } from '../cluster/model/version.ts';
import { ControlClient } from '../cluster/peers/control-client.ts';
import type {
  DrainOptions,
  FurtherInterface,
  RequestTraits,
  Runtime,
  Service,
} from '../cluster/ports.ts';
import { CachedMap, type MapFile } from '../coordinator/cached-map.ts';
import { FailureReports } from '../coordinator/failure-reports.ts';
import { MapFollower } from '../coordinator/map-follower.ts';
import { MapHints } from '../coordinator/map-hints.ts';
import { ConditionalWriter } from '../coordinator/operations/conditional/round.ts';
import { ExplainedReader } from '../coordinator/operations/get/explained.ts';
import { LinearizableReader } from '../coordinator/operations/get/linearizable.ts';
import { ManyReader } from '../coordinator/operations/get/many.ts';
import { Reader } from '../coordinator/operations/get/round.ts';
import { VersionedWriter } from '../coordinator/operations/restore/round.ts';
import { PageReader } from '../coordinator/operations/scan/page.ts';
import { Writer } from '../coordinator/operations/set/writer.ts';
import {
  UserConditionalWriter,
  UserExplainedReader,
  UserManyReader,
  UserReader,
  UserScanner,
  UserVersionedWriter,
  UserWatcher,
  UserWriter,
} from '../coordinator/operations/user-keys.ts';
import { Probes } from '../coordinator/probes.ts';
import { Router } from '../coordinator/router.ts';
import { ClassRecords } from '../files/class-records.ts';
import { ClusterFiles } from '../files/cluster-files.ts';
import type { FileTimes } from '../files/file-times.ts';
import type { FileLayer } from '../files/outcomes.ts';
import { Coverage } from './coverage.ts';
import { BlobInterface, type BlobOptions } from './gateways/blobs/blob-interface.ts';
import { BrokerInterface, type BrokerOptions } from './gateways/broker/broker-interface.ts';
import { ActiveConfig } from './gateways/broker/config/active-config.ts';
import { DavGateway } from './gateways/dav/dav.ts';
import { SfssGateway } from './gateways/files/sfss.ts';
import type { Gateway, GatewayContext } from './gateways/gateway.ts';
import { KvGateway } from './gateways/kv/kv.ts';
import { BatchGateway } from './gateways/v1/batch.ts';
import { V1KeysGateway } from './gateways/v1/keys.ts';
import { ScanGateway } from './gateways/v1/scan.ts';
import { TransferGateway } from './gateways/v1/transfer/transfer.ts';
import { WatchGateway } from './gateways/v1/watch/watch.ts';
import { HotKeys } from './hot-keys/hot-keys.ts';
import { addHotKeys } from './hot-keys/hot-keys-route.ts';
import { addStatusRoute } from './status.ts';

export interface FrontendOptions {
  readonly controller: Address;
  readonly address: Address;
  readonly times: Times;
  /** Those of the file layer; by default as `times` is scaled. */
  readonly fileTimes?: FileTimes | undefined;
  /** The longest value that is taken. */
  readonly valueBytesMax?: number;
  /** The longest file that the small file storage service takes. */
  readonly sfssBytesMax?: number;
  /** The storage nodes that are asked for a map while the controller is away. */
  readonly storages?: readonly Address[];
  /** Where the latest map is saved for the next start. */
  readonly mapFile?: MapFile | undefined;
  /** How to reach the other workers, if this frontend has several processes. */
  readonly workerGroup?: WorkerGroup | undefined;
  /** The blob service at a port of its own; undefined where there is none. */
  readonly blobs?: BlobOptions | undefined;
  /** The same of the broker. */
  readonly broker?: BrokerOptions | undefined;
}

export class Frontend implements Service {
  readonly #router: Router;
  readonly #follower: MapFollower;
  readonly #hints: MapHints;
  readonly #probes: Probes;
  readonly #routes: Routes;
  readonly #files: ClusterFiles;
  readonly #brokerRules: ActiveConfig;
  readonly #gateways: readonly Gateway[];
  readonly further: readonly FurtherInterface[];
  #draining = false;
  #requests = 0;

  constructor(runtime: Runtime, options: FrontendOptions) {
    const { address, times, workerGroup, storages = [], mapFile } = options;
    const { valueBytesMax = VALUE_BYTES_MAX_DEFAULT, sfssBytesMax = SFSS_BYTES_MAX_DEFAULT } =
      options;
    const metrics = new Metrics();
    const cache = mapFile === undefined ? undefined : new CachedMap(runtime, times, mapFile);
    this.#router = new Router(runtime, times, (map) => cache?.save(map));
    const client = new ControlClient(runtime, times);
    this.#follower = new MapFollower(runtime, client, this.#router, options, (problem) => {
      throw new FatalError(EXIT.config, problem);
    });
    const isControllerAway = () => this.#follower.problem !== undefined;
    this.#hints = new MapHints(runtime, client, this.#router, {
      times,
      storages,
      cache,
      isControllerAway,
    });
    this.#routes = new Routes('frontend', runtime, metrics, { address, workerGroup });
    const clock = new ClusterClock(runtime.clock, runtime.logger);
    const reports = new FailureReports(runtime, client, options);
    this.#probes = new Probes(runtime, this.#router, times, {
      told: (...told) => clock.heard(...told),
      silent: (incarnationIds) => reports.silent(incarnationIds),
      asking: () => coverage.look(),
    });
    const coverage = new Coverage(runtime, times, this.#router, this.#probes);
    const hotKeys = new HotKeys(runtime);
    const context = {
      // H31: what expires does so by the time of the cluster, also where an operation decides by it (H21, H39b).
      runtime: { ...runtime, clock },
      times,
      router: this.#router,
      refresh: this.#follower,
      versions: new HybridClock(clock.forVersions, runtime.random.below(COUNTERS)),
      reports,
      hotKeys,
    };
    const reader = new Reader(context);
    const writer = new Writer(context);
    const linearizable = new LinearizableReader(context);
    const conditional = new ConditionalWriter(context);
    const pages = new PageReader(context);
    const operations = { reader, linearizable, pages, writer, conditional };
    this.#files = new ClusterFiles(context, operations, options.fileTimes);
    const gatewayContext: GatewayContext = {
      reader: new UserReader(reader),
      manyReader: new UserManyReader(new ManyReader(context, reader)),
      linearizable: new UserReader(linearizable),
      explained: new UserExplainedReader(context, new ExplainedReader(context, linearizable)),
      writer: new UserWriter(writer),
      conditional: new UserConditionalWriter(conditional),
      versionedWriter: new UserVersionedWriter(new VersionedWriter(context)),
      scanner: new UserScanner(context),
      watcher: new UserWatcher(context),
      files: this.#files,
      timers: runtime.timers,
      random: runtime.random,
      times,
      valueBytesMax,
      sfssBytesMax,
      clock,
      hasMap: () => this.#router.map !== undefined,
      absence: () => this.#absence(),
    };
    const dav = new DavGateway(gatewayContext);
    this.#gateways = [
      new KvGateway(gatewayContext),
      new V1KeysGateway(gatewayContext),
      new ScanGateway(gatewayContext),
      new TransferGateway(gatewayContext),
      new BatchGateway(gatewayContext),
      new WatchGateway(gatewayContext),
      new SfssGateway(gatewayContext),
      dav,
    ];
    for (const gateway of this.#gateways) gateway.addTo(this.#routes, metrics);
    const { blobs, broker } = options;
    const own = { routes: this.#routes, metrics, workerGroup };
    this.#brokerRules = new ActiveConfig(
      { runtime, classes: new ClassRecords(operations) },
      broker?.configFile,
    );
    const { random, timers } = runtime;
    const davParts = { files: this.#files, clock, random, timers };
    this.further = [
      ...(blobs === undefined
        ? []
        : [new BlobInterface(runtime, { ...own, files: this.#files }, blobs)]),
      ...(broker === undefined
        ? []
        : [
            new BrokerInterface(
              runtime,
              { ...own, rules: this.#brokerRules, dav, davParts },
              broker,
            ),
          ]),
    ];
    addHotKeys(this.#routes, metrics, hotKeys, workerGroup);
    addStatusRoute(this.#routes, {
      runtime,
      router: this.#router,
      times,
      clock,
      requests: () => this.#requests,
    });
    coverage.addTo(this.#routes, metrics);
    this.#routes.addCheck('map', () => this.#mapProblem());
    // The first sets must not be stamped by a clock that is days ahead: all later versions would have to exceed theirs.
    this.#routes.addCheck('clock', () =>
      clock.isKnown ? undefined : 'no storage node has told its time yet',
    );
    this.#routes.addCheck('running', () => (this.#draining ? 'stopping' : undefined));
    metrics.gauge(
      'velourfog_offline_partitions',
      'Partitions that nobody may answer gets for, as this map has it.',
      () => (this.#router.map === undefined ? 0 : offlinePartitions(this.#router.map)),
    );
    metrics.countedElsewhere(
      'velourfog_coalesced_sets_total',
      'Sets acknowledged with a newer one of their key that came while they waited, and never sent.',
      () => writer.coalesced,
    );
    metrics.gauge(
      'velourfog_waiting_sets',
      'Sets that wait for an earlier one of their key.',
      () => writer.waiting,
      {},
      'sum',
    );
    addTimeMetrics(metrics, clock, times.scale);
    metrics.gauge(
      'velourfog_map_number',
      'Number of the adopted map within its generation.',
      () => this.#router.map?.version.number ?? 0,
      {},
      'min',
    );
    if (workerGroup !== undefined) this.#addWorkerMetrics(metrics, workerGroup);
  }

  start(): void {
    this.#follower.start();
    this.#hints.start();
    this.#probes.start();
    this.#files.start();
    this.#brokerRules.start();
  }

  /** The files of the cluster, as its gateways use them. */
  get files(): FileLayer {
    return this.#files;
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    this.#requests++;
    this.#routes.handle(request, reply);
  }

  traits(request: HttpRequest): RequestTraits {
    return this.#routes.traits(request);
  }

  accept(): { refused: string } {
    return { refused: 'a frontend takes no streams' };
  }

  drain(_options: DrainOptions, done: () => void): void {
    this.#draining = true;
    for (const gateway of this.#gateways) gateway.drain?.();
    done();
  }

  #addWorkerMetrics(metrics: Metrics, { worker }: WorkerGroup): void {
    metrics.gauge('velourfog_workers', 'Processes that take requests.', () => 1, {}, 'sum');
    metrics.countedElsewhere(
      'velourfog_worker_requests_total',
      'Requests that each of them took, of all paths.',
      () => this.#requests,
      { worker: String(worker) },
    );
  }

  /** The text of a 404. H40: in a cache an evicted key cannot be told from one that never existed. */
  #absence(): string {
    const { map } = this.#router;
    return map !== undefined && whenFullOf(map) === 'evict'
      ? 'not here: this cluster is a cache, and may have evicted it'
      : 'no such key';
  }

  /** A frontend with a map is ready even without the controller, since it can serve with that map. */
  #mapProblem(): string | undefined {
    if (this.#router.map !== undefined) return undefined;
    return this.#follower.problem ?? 'no cluster map yet';
  }
}
