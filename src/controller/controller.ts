// The controller as a Service: registers nodes, publishes the map, and answers nodes, frontends and operators. How a
// map changes is in decisions/, how it becomes durable in map/, who may be which incarnation in registrations.ts.

import { assert } from '../cluster/assert.ts';
import { ControlRoutes } from '../cluster/http/control-routes.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import type { HttpRequest } from '../cluster/http/http.ts';
import { Metrics } from '../cluster/http/metrics.ts';
import { type ReplyCallback, Routes } from '../cluster/http/routes.ts';
import {
  type ClusterMap,
  type Generation,
  isFrozen,
  isGranted,
  NO_MAP,
  printMapVersion,
} from '../cluster/model/cluster-map.ts';
import type { ClusterId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import { ControlClient } from '../cluster/peers/control-client.ts';
import type {
  DrainOptions,
  Link,
  LinkEvents,
  LinkHello,
  RequestTraits,
  Runtime,
  Service,
} from '../cluster/ports.ts';
import type {
  HeartbeatReply,
  HeartbeatRequest,
  MapReply,
  PollRequest,
  RegisterReply,
  RegisterRequest,
} from '../cluster/wire/control-messages.ts';
import { CONTROL, Refused } from '../cluster/wire/control-table.ts';
import { sinceOf } from '../cluster/wire/map-exchange.ts';
import { DecisionLoop } from './decision-loop.ts';
import { changesBetween } from './decisions/changes.ts';
import { EpochWatch } from './decisions/epochs.ts';
import { nextNumber } from './decisions/membership.ts';
import { noGenerationLeft, openGeneration, reopened } from './map/generations.ts';
import { pushMap } from './map/map-push.ts';
import { PublishedMap } from './map/published-map.ts';
import { MapRecovery } from './map/recovery.ts';
import { noteOtherFounding, refuseOtherWhenFull, StartupGuard } from './map/startup-guard.ts';
import { decodeState, refuseBrokenDisk, STATE_FILE } from './map/state-file.ts';
import { watchState } from './map/state-watch.ts';
import { Followers } from './observations/followers.ts';
import { addIncarnationReports } from './observations/incarnation-reports.ts';
import { isLate } from './observations/lateness.ts';
import { ReachabilityChecks } from './observations/looks.ts';
import { Observations } from './observations/observations.ts';
import { refusePoll, refuseSmallerScale, refuseTimeScale } from './observations/time-scales.ts';
import { type FoundingRule, Registrations } from './registrations.ts';
import { judgeNewcomer } from './rivals.ts';
import { type Administered, addAdminRoutes } from './routes/admin.ts';
import { addFileServerRoutes } from './routes/file-servers.ts';
import { inspect } from './routes/inspection.ts';
import { OfflineWatch } from './routes/offline.ts';
import { addRemovalRoutes } from './routes/removal.ts';

/** Wait between two attempts to store the first map of a generation while the disk is full. */
const OPEN_AGAIN_MS = 1000;

export interface ControllerOptions extends FoundingRule {
  /** Recover the map from the nodes, whatever the controller's own state says (H32). */
  readonly recover: boolean;
  readonly times: Times;
}

export class Controller implements Service {
  readonly #runtime: Runtime;
  readonly #options: ControllerOptions;
  readonly #map: PublishedMap;
  readonly #metrics = new Metrics();
  readonly #routes: Routes;
  readonly #control: ControlRoutes;
  readonly #client: ControlClient;
  readonly #registrations: Registrations;
  readonly #observations: Observations;
  readonly #decisions: DecisionLoop;
  readonly #epochs: EpochWatch;
  readonly #offline: OfflineWatch;
  readonly #followers: Followers;
  #startupGuard: StartupGuard | undefined;
  #recovery: MapRecovery | undefined;
  #loaded = false;
  #draining = false;

  constructor(runtime: Runtime, options: ControllerOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#client = new ControlClient(runtime, options.times);
    this.#observations = new Observations(options.times, runtime);
    this.#followers = new Followers(options.times);
    this.#epochs = new EpochWatch(runtime.logger);
    this.#offline = new OfflineWatch(runtime.logger);
    this.#map = new PublishedMap(runtime, (map, earlier) => this.#published(map, earlier));
    this.#decisions = new DecisionLoop(
      runtime,
      this.#map,
      this.#observations,
      () => this.#recovery,
    );
    const timed = { ...runtime, clock: this.#observations.clocks.time };
    this.#registrations = new Registrations(timed, this.#map, options, {
      aheadMs: (wallMs) => this.#observations.clocks.aheadAtStartMs(wallMs),
      proved: (incarnationId) =>
        this.#observations.detector.died(incarnationId, this.#nowMs(), false),
      recovery: () => this.#recovery,
      recovering: () => this.#recovering(),
    });
    this.#routes = new Routes('controller', runtime, this.#metrics);
    this.#control = new ControlRoutes(
      'the controller',
      this.#routes,
      this.#metrics,
      runtime.logger,
    );
    this.#addRoutes();
    const administered: Administered = {
      observations: this.#observations,
      nowMs: () => this.#nowMs(),
      map: () => this.#map.current,
      propose: (change, done) => this.#propose(change, done),
      recovery: () => this.#recovery,
    };
    addAdminRoutes(this.#control, administered, runtime);
    addRemovalRoutes(this.#control, administered, { runtime, times: options.times });
    addFileServerRoutes(this.#control, administered, () => this.#waitingFor());
    const { detector } = this.#observations;
    const { times } = options;
    const map = () => this.#map.current;
    const looks = new ReachabilityChecks(runtime, this.#client, { detector, times, map });
    addIncarnationReports(this.#control, administered, looks, runtime.logger);
    inspect(this.#routes, this.#metrics, {
      runtime,
      redundancy: options.redundancy,
      timeScale: options.times.scale,
      whenFull: options.whenFull,
      observations: this.#observations,
      map: () => this.#map.current,
      waitingFor: () => this.#waitingFor(),
      stateProblem: () => this.#map.problem,
      frozenFor: (map) => this.#recovery?.frozenFor(map),
      candidates: () => this.#registrations.candidates,
      frontends: () => this.#observations.frontends.addresses,
    });
  }

  start(): void {
    const { disk } = this.#runtime;
    this.#decisions.start();
    if (disk !== undefined) watchState(this.#runtime, disk, this.#map);
    if (disk === undefined || this.#options.recover) {
      this.#loaded = true;
      return;
    }
    disk.read(STATE_FILE, (result) => {
      if (result.kind === 'failed') {
        throw new FatalError(EXIT.config, `${STATE_FILE} cannot be read: ${result.detail}`);
      }
      if (result.value === undefined) this.#loaded = true;
      else this.#resume(result.value);
    });
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    this.#routes.handle(request, reply);
  }

  traits(request: HttpRequest): RequestTraits {
    return this.#routes.traits(request);
  }

  accept({ purpose }: LinkHello, link: Link): LinkEvents | { readonly refused: string } {
    if (purpose !== 'control') return { refused: `a controller takes no ${purpose}` };
    return this.#control.accept(link);
  }

  drain(_options: DrainOptions, done: () => void): void {
    this.#draining = true;
    this.#map.releaseWaiters();
    done();
  }

  #resume(bytes: Buffer): void {
    const state = decodeState(bytes);
    if (state.kind === 'unusable') {
      throw new FatalError(
        EXIT.config,
        `${STATE_FILE} cannot be used: ${state.reason}. The controller does not start empty in its place; put back a good copy, or start it with --recover`,
      );
    }
    const { whenFull, times } = this.#options;
    const stored = refuseSmallerScale(state.map, times.scale);
    refuseOtherWhenFull(whenFull, stored);
    noteOtherFounding(this.#options, stored, this.#runtime.logger);
    // The stored map is of an unfinished recovery: its frozen partitions wait for promises, so recover again.
    if (isFrozen(stored)) return this.#recover(stored, 0, stored.onlyController);
    const generation = openGeneration(stored.version.generation, this.#runtime);
    if (generation === undefined) throw new FatalError(EXIT.config, noGenerationLeft(STATE_FILE));
    this.#startupGuard = new StartupGuard(this.#runtime, times, stored, (promised) =>
      promised === undefined ? this.#open(stored, generation) : this.#recover(stored, promised),
    );
  }

  #recover({ cluster, version }: ClusterMap, promised: number, isOnly = false): void {
    this.#recovery = this.#recoveryOf(cluster, Math.max(version.generation, promised), isOnly);
    this.#loaded = true;
  }

  /**
   * @param generation opened when this controller started: where it sleeps here, or its disk stays full, until another one
   *   has recovered the map, that one's generation has to be the greater of the two (H32)
   */
  #open(stored: ClusterMap, generation: Generation): void {
    this.#map.propose(
      () => reopened(stored, generation),
      (outcome) => {
        if (outcome.kind === 'published') this.#loaded = true;
        else {
          refuseBrokenDisk(outcome.detail);
          this.#runtime.timers.after(OPEN_AGAIN_MS, () => this.#open(stored, generation));
        }
      },
    );
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }

  /** Changes the map on behalf of nodes and operators, beside the controller's own decisions. */
  #propose(
    change: (map: ClusterMap) => ClusterMap,
    done: (failure: string | undefined) => void,
  ): void {
    this.#map.propose(
      (map) => {
        assert(map !== undefined, 'a map, once there, stays');
        const next = change(map);
        return next === map ? map : nextNumber(next);
      },
      (outcome) => done(outcome.kind === 'published' ? undefined : outcome.detail),
    );
  }

  #published(map: ClusterMap, earlier: ClusterMap | undefined): void {
    if (earlier === undefined) this.#observations.detector.listens(this.#nowMs());
    this.#observations.published(map, earlier);
    this.#observations.update(map, this.#nowMs());
    this.#observations.onNews();
    this.#epochs.published(map);
    for (const { message, fields } of changesBetween(earlier, map)) {
      this.#runtime.logger.write('info', message, fields);
    }
    this.#runtime.logger.write('info', 'map published', {
      map: printMapVersion(map.version),
      nodes: Object.keys(map.nodes).length,
      partitions: map.partitions.length,
    });
    this.#offline.published(map);
    const { times } = this.#options;
    pushMap(this.#client, this.#map, map, { observations: this.#observations, times });
  }

  #register(message: RegisterRequest, reply: (answer: RegisterReply | Refused) => void): void {
    const answer = () => this.#refuse(message) ?? this.#registrations.register(message);
    const rival = this.#registrations.rivalOf(message);
    if (rival === undefined || this.#refuse(message) !== undefined) return reply(answer());
    const heardMs = this.#observations.detector.heardMs(message.node);
    const newcomer = { message, rival, heardMs };
    judgeNewcomer(this.#runtime, this.#client, this.#options.times, newcomer, (elsewhere) =>
      reply(elsewhere ?? answer()),
    );
  }

  /** Refuses a registration that cannot be judged yet, or that is of another cluster or time scale (D5, D12). */
  #refuse(message: RegisterRequest): Refused | undefined {
    const { cluster, address, node, timeScale } = message;
    // Check the time scale first: a node with another scale must not even start a recovery.
    const refused = refuseTimeScale(`node ${node}`, timeScale, this.#options.times.scale);
    if (refused !== undefined) return refused;
    if (!this.#loaded) {
      this.#startupGuard?.heard(message);
      return new Refused('not-ready', 'the controller starts');
    }
    if (this.#map.current === undefined && cluster !== undefined) {
      this.#recovery ??= this.#beginRecovery(cluster);
    }
    const recovery = this.#recovery;
    if (recovery !== undefined && cluster !== undefined && cluster !== recovery.cluster) {
      return new Refused('other-cluster', `this is cluster ${recovery.cluster}`);
    }
    recovery?.found(address, node);
    const recovering = this.#recovering();
    return recovering === undefined ? undefined : new Refused('not-ready', recovering);
  }

  /** What a recovery waits for, as text for people; undefined without one. Meanwhile no cluster is founded (D5). */
  #recovering(): string | undefined {
    if (this.#map.current !== undefined) return undefined;
    if (this.#recovery !== undefined) return this.#recovery.waitingFor;
    return this.#options.recover
      ? 'recovery: no storage node that has a map came yet; start them, or leave --recover away to found a new cluster'
      : undefined;
  }

  #beginRecovery(cluster: ClusterId): MapRecovery {
    if (this.#runtime.disk !== undefined && !this.#options.recover) {
      throw new FatalError(
        EXIT.config,
        `a storage node belongs to cluster ${cluster}, and this controller has no state of any: put ${STATE_FILE} back, or start it with --recover`,
      );
    }
    return this.#recoveryOf(cluster, 0, this.#options.recover);
  }

  #recoveryOf(cluster: ClusterId, above: number, isOnlyController: boolean): MapRecovery {
    const { times, whenFull } = this.#options;
    const options = { times, cluster, above, isOnlyController };
    return new MapRecovery(this.#runtime, this.#client, options, (map) => {
      refuseOtherWhenFull(whenFull, map);
      const scaled = refuseSmallerScale(map, times.scale);
      this.#map.propose(
        () => scaled,
        (outcome) => {
          if (outcome.kind === 'published') return;
          throw new FatalError(EXIT.config, `${STATE_FILE} cannot be written: ${outcome.detail}`);
        },
      );
    });
  }

  #heartbeat(message: HeartbeatRequest): HeartbeatReply | Refused {
    if (!this.#loaded) {
      this.#startupGuard?.heard(message);
      return new Refused('not-ready', 'the controller starts');
    }
    const refused = this.#registrations.heartbeat(message);
    if (refused !== undefined) return refused;
    if (this.#observations.detector.death(message) !== undefined) {
      return new Refused('other-incarnation', 'this life was declared dead; start the node again');
    }
    const map = this.#map.current;
    const now = this.#nowMs();
    // Reply to a late heartbeat too: the next one echoes this reply's stamp, which shows that it is not late (H45).
    if (!isLate(message, now, this.#options.times)) {
      if (map !== undefined) this.#followers.heard(map, message, now);
      this.#observations.heard(message, now);
    }
    return {
      incarnation: message.incarnation,
      mapVersion: map?.version ?? NO_MAP,
      lease: map !== undefined && isGranted(map, message),
      timeMs: this.#observations.clocks.tellMs,
      stampMs: Math.floor(now),
      adopted: message.retains === true ? this.#observations.adoptedBy(map) : undefined,
      ...this.#map.newsFor({ since: message.mapVersion, deltas: message.deltas ?? false }),
    };
  }

  #poll(message: PollRequest, reply: (answer: MapReply | Refused) => void): void {
    const { frontend, since, waitMs = 0, deltas = false } = message;
    const refused = refusePoll(message, this.#options.times.scale);
    if (refused !== undefined) return reply(refused);
    if (frontend !== undefined) this.#observations.frontends.polled(frontend, this.#nowMs());
    const untilMs = this.#draining ? 0 : Math.min(waitMs, this.#options.times.mapPollMs);
    this.#map.waitForNewer({ since: sinceOf(since), deltas }, untilMs, (news) =>
      reply({ ...news, waitingFor: this.#waitingFor() }),
    );
  }

  #waitingFor(): string | undefined {
    if (this.#map.current !== undefined) return undefined;
    if (this.#map.problem !== undefined) return this.#map.problem;
    if (!this.#loaded) return this.#startupGuard?.waitingFor ?? 'the controller reads its state';
    const { storageNodes, redundancy } = this.#options;
    return (
      this.#recovering() ??
      `${this.#registrations.candidates.size} of ${storageNodes} storage nodes registered (redundancy ${redundancy})`
    );
  }

  #addRoutes(): void {
    const routes = this.#routes;
    routes.addCheck('cluster', () => this.#waitingFor());
    routes.addCheck('running', () => (this.#draining ? 'stopping' : undefined));
    const control = this.#control;
    control.on(CONTROL.register, (message, reply) => this.#register(message, reply));
    control.on(CONTROL.heartbeat, (message, reply) => reply(this.#heartbeat(message)));
    control.on(CONTROL.pollMap, (message, reply) => this.#poll(message, reply));
  }
}
