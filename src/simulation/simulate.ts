// One run of the simulator: it founds a cluster without faults, strikes it with faults under load, heals it, and then
// checks that every promise was kept, that every serving copy has what was acknowledged, and that the cluster works
// again. Which faults strike is nemesis.ts's; each checker is a file of its own.

import { offlinePartitions } from '../cluster/model/cluster-map.ts';
import { OWN_CLOCK_OFF_MS_MAX, protocolTimes } from '../cluster/model/limits.ts';
import { Answers } from './answers.ts';
import { Availability } from './availability.ts';
import { BackupKeeper } from './backup-keeper.ts';
import { Clients } from './clients.ts';
import { SimulatedCluster } from './cluster.ts';
import { ConditionalClients } from './conditional-clients.ts';
import { Emptying } from './emptying.ts';
import { Expiry } from './expiry.ts';
import { FaultLog } from './fault-log.ts';
import { FileRun, fileServersOf, shortFileTimes } from './file-run.ts';
import { checkStoredNowhere, heldValues } from './full-store.ts';
import { Hands } from './hands.ts';
import { History } from './history.ts';
import { IntactCopies } from './intact-copies.ts';
import { notUnderstood, stillWaiting } from './last-checks.ts';
import { olderThanDemanded } from './least-version.ts';
import { Losses } from './losses.ts';
import { Nemesis } from './nemesis.ts';
import type { SimulatedNode } from './node.ts';
import { Operator } from './operator.ts';
import { Oracles } from './oracles.ts';
import { figureOf, metricsOf } from './peeks.ts';
import type { ProgrammeName } from './programmes.ts';
import { allKeys, expiryGraceMsOf, longRun, type RunShape, shortRun } from './run-shape.ts';
import { ScanClient } from './scans.ts';
import { nameOf } from './values.ts';
import { WatchClient } from './watches.ts';
import { World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly events: number;
  readonly operations: number;
  readonly succeeded: number;
  readonly digest: string;
  /** Counts of events: log messages, faults, answers to sets, and how long sets took by the active fault. */
  readonly occurred: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

const FOUNDED_BY_MS = 3000;
/**
 * Added to the clock skew (H31): the cluster's time, the median of the clocks heard, may itself be off by this much.
 */
const SLACK_MS = 1000;
/** After the clients stopped, messages still in the network get this long to arrive, and copies to be repaired. */
const QUIET_MS = 3000;
/** Every operation is answered within this: the set deadline, plus the margin that answers.ts allows. */
const ANSWERED_WITHIN_MS = 9000;
/**
 * The operator sees within this which machines do not come back, and does all that a recovery waits for. A run that
 * ended before he acted would take for a fault of the cluster that it still waited for him.
 */
const OPERATOR_WITHIN_MS = 15_000;
/** Copies are complete again this long after the operator gave up a partition. */
const COPIED_WITHIN_MS = 8000;
/**
 * Messages of a controller that ends itself because the nodes follow another controller's map, or its recovery (H32).
 */
const STALE_LINEAGE = /which is newer than the one that this controller started from/;
const OVERRULED = /has promised itself to the recovery of another controller/;
/** How many controllers of a run may end as OVERRULED: each time another controller's recovery must have failed. */
const OVERRULED_MAX = 4;

/** One in so many runs has a client that follows all changes. */
const WATCHED_EVERY = 2;
/** One in so many runs has an application with the direct client. */
const APPLICATION_EVERY = 3;

export interface SimulationOptions {
  /** Strikes only with this aimed programme; by default with all kinds of faults, as the seed draws them. */
  readonly programme?: ProgrammeName | undefined;
  /** A long run: keys in all partitions, more nodes, minutes of virtual time. */
  readonly long?: boolean;
  /**
   * Whether machines may burn with data that nobody else serves, so that the operator must accept a loss; true by
   * default. If false, no acknowledged record is lost, so none may be missing in the end.
   */
  readonly acceptsLosses?: boolean;
  /** So many file servers, but in a run that can have none; by default as the seed has it. */
  readonly fileServers?: number | undefined;
}

/** @param seed decides everything */
export function simulate(seed: number, options: SimulationOptions = {}): RunResult {
  return new SimulationRun(seed, options).result();
}

class SimulationRun {
  readonly #seed: number;
  readonly #world: World;
  readonly #shape: RunShape;
  readonly #cluster: SimulatedCluster;
  readonly #history: History;
  readonly #violations: string[] = [];
  #overruled = 0;
  readonly #oracles: Oracles;
  readonly #answers: Answers;
  readonly #intact: IntactCopies;
  readonly #expiry: Expiry;
  readonly #losses: Losses;
  readonly #hands: Hands;
  readonly #clients: Clients;
  readonly #conditionals: ConditionalClients;
  readonly #nemesis: Nemesis;
  readonly #files: FileRun;
  readonly #operator: Operator;
  readonly #backups: BackupKeeper;
  readonly #scans: ScanClient;
  /** Undefined in runs that nobody watches. */
  readonly #watcher: WatchClient | undefined;

  constructor(seed: number, options: SimulationOptions) {
    const { programme, long = false, acceptsLosses = true } = options;
    this.#seed = seed;
    const world = new World(seed);
    this.#world = world;
    const drawn = long ? longRun(world.random) : shortRun(world.random, programme);
    const fileServers =
      programme === undefined ? fileServersOf(seed, drawn, options.fileServers) : 0;
    // A backup has the records of files, and what a restore sets anew no history of files knows.
    const isBackedUp = drawn.isBackedUp && fileServers === 0;
    const shape = { ...drawn, acceptsLosses, isBackedUp };
    this.#shape = shape;
    // By the seed itself, not drawn: all other runs are what they were without it.
    const hasApplication = seed % APPLICATION_EVERY === 0;
    const cluster = new SimulatedCluster(world, {
      ...shape.cluster,
      hasApplication,
      fileServers,
      fileTimes: shortFileTimes(shape.lasts),
    });
    this.#cluster = cluster;
    cluster.onEnd = (node, message) => this.#endedItself(node, message);
    const violation = (text: string) => this.#violations.push(text);
    // H31: a process whose clock is further off than this uses the median of all clocks; below that each uses its own.
    const clockSkewMs = 2 * Math.min(shape.jumpMsMax, OWN_CLOCK_OFF_MS_MAX) + SLACK_MS;
    const history = new History({ isCache: cluster.isCache, clockSkewMs });
    this.#history = history;
    const oracles = new Oracles(world, cluster, history, violation);
    this.#oracles = oracles;
    const faults = new FaultLog(world);
    this.#answers = new Answers(world, violation);
    this.#intact = new IntactCopies(world, cluster, oracles, violation);
    this.#expiry = new Expiry({
      world,
      cluster,
      oracles,
      violation,
      expiryGraceMs: expiryGraceMsOf(shape),
      givenUpMs: () => this.#operator.actedMs,
    });
    const losses = new Losses(cluster, oracles, this.#intact);
    this.#losses = losses;
    this.#hands = new Hands({ world, cluster, oracles, losses, faults });
    const availability = new Availability(world, faults, shape, violation);
    this.#clients = new Clients(world, cluster, shape, {
      history,
      answers: this.#answers,
      availability,
      oracles,
      expiry: this.#expiry,
    });
    this.#conditionals = new ConditionalClients(world, cluster, shape, {
      history,
      answers: this.#answers,
      oracles,
    });
    this.#nemesis = new Nemesis({
      world,
      cluster,
      oracles,
      hands: this.#hands,
      faults,
      shape,
      programme,
    });
    this.#files = new FileRun({
      world,
      cluster,
      shape,
      oracles,
      hands: this.#hands,
      faults,
      violation,
    });
    this.#operator = new Operator(world, cluster, shape, {
      hands: this.#hands,
      losses,
      oracles,
      history,
      givenUp: (partitions) => this.#files.givenUp(partitions),
    });
    this.#backups = new BackupKeeper(world, cluster, shape, history, violation);
    // What is incremented has no values that the history knows; linearizability.ts judges it.
    const others = shape.conditional === undefined ? [] : [shape.conditional.counter];
    const keys = allKeys(shape).filter((key) => !others.includes(key));
    const scanWatch = { keys, others, nameOf, violation };
    this.#scans = new ScanClient(world, cluster, scanWatch);
    const isWatched = seed % WATCHED_EVERY === 0 && !cluster.isCache;
    this.#watcher = isWatched ? new WatchClient(world, cluster, scanWatch) : undefined;
  }

  result(): RunResult {
    this.#play();
    for (const node of this.#cluster.storages) this.#countAnswers(node);
    for (const node of this.#cluster.frontends) {
      this.#world.occur('set coalesced', figureOf(node, 'velourfog_coalesced_sets_total'));
    }
    const { operations } = this.#history;
    const reads = [...this.#backups.reads, ...this.#scans.reads];
    return {
      seed: this.#seed,
      violations: [
        ...this.#violations,
        ...this.#history.violations(reads),
        ...olderThanDemanded(operations),
        ...this.#conditionals.violations(),
      ],
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
    const { faultsMs, settledAfterMs } = this.#shape;
    try {
      for (const node of this.#cluster.nodes) node.start();
      this.#cluster.application?.start();
      world.runUntil(FOUNDED_BY_MS);
      this.#clients.start();
      this.#conditionals.start();
      this.#intact.start();
      if (this.#shape.ttl.share > 0) this.#expiry.start([...this.#shape.keys, this.#shape.loneKey]);
      this.#operator.start();
      this.#backups.start();
      this.#scans.start();
      this.#watcher?.start();
      this.#files.start();
      this.#nemesis.start();
      world.runUntil(FOUNDED_BY_MS + faultsMs);
      this.#nemesis.heal();
      this.#files.heal();
      this.#clients.makeRoom();
      const healedMs = world.nowMs;
      world.runUntil(healedMs + settledAfterMs);
      this.#awaitOperator();
      // A partition that the operator gave up late also gets its copies late.
      const copiedMs = this.#operator.actedMs + COPIED_WITHIN_MS;
      if (copiedMs > world.nowMs) world.runUntil(copiedMs);
      this.#clients.stop();
      this.#conditionals.stop();
      this.#backups.stop();
      this.#scans.stop();
      this.#files.stop();
      this.#violations.push(...this.#history.unlively(this.#shape.keys, healedMs + 3000));
      this.#violations.push(...this.#conditionals.unlively(healedMs + 3000));
      world.runUntil(world.nowMs + QUIET_MS);
      this.#oracles.checkMaps();
      this.#oracles.checkCopies('at the end');
      this.#converge(this.#shape.isTight);
      this.#checkWatch();
      // The next step sets keys that no client knows.
      this.#watcher?.stop();
      if (this.#empty()) this.#converge(false);
      world.runUntil(world.nowMs + ANSWERED_WITHIN_MS);
      this.#files.check();
      this.#checkNobodyWaits();
      this.#checkStoredNowhere();
      this.#violations.push(...notUnderstood(world.occurred));
    } catch (error) {
      // An assertion of the product failed, or one of the simulator.
      this.#violations.push(
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    }
  }

  /**
   * A process that ends itself with a FatalError is a violation, unless its disk is the reason or it was started with
   * another time scale than the cluster. A controller that another controller's recovery overruled is started again.
   */
  #endedItself(node: SimulatedNode, message: string): void {
    if (OVERRULED.test(message) && ++this.#overruled <= OVERRULED_MAX) {
      return this.#losses.startAgain(node);
    }
    // Two controllers recovered the map, and the nodes follow the later one (H32).
    if (STALE_LINEAGE.test(message) && this.#cluster.formerController !== undefined) return;
    if (node.disk.excuses(message) || node.files.hasFailed || node.timeScale !== 1) return;
    this.#violations.push(`${node.process.name} ended itself: ${message}`);
  }

  /** Where machines are gone for good, nothing is served before he has forgotten them and accepted what is lost. */
  #awaitOperator(): void {
    const untilMs = this.#world.nowMs + OPERATOR_WITHIN_MS;
    const isOffline = () => {
      const { map } = this.#oracles;
      return map === undefined || offlinePartitions(map) > 0;
    };
    while (isOffline() && this.#world.nowMs < untilMs)
      this.#world.runUntil(this.#world.nowMs + 500);
  }

  /** Waits until all copies agree: a node that frontends could not reach gets none for rejoinBarMs (H11). */
  #converge(isFull: boolean): void {
    const keys = allKeys(this.#shape).filter((key) => key !== this.#shape.loneKey);
    const wanted = () => ({ copies: this.#copies(), gone: this.#hands.burned });
    const isOver = () => this.#oracles.unconverged(keys, wanted()).length === 0;
    const untilMs = this.#world.nowMs + protocolTimes(1).rejoinBarMs + COPIED_WITHIN_MS;
    while (!isOver() && this.#world.nowMs < untilMs) this.#world.runUntil(this.#world.nowMs + 2000);
    this.#oracles.checkConvergence(keys, { ...wanted(), isFull });
  }

  /**
   * R10: checks that a full store takes sets again once everything is deleted, long before the usual grace of
   * tombstones.
   * @returns whether the check ran: only in a tight run with all storage nodes up
   */
  #empty(): boolean {
    const digits = this.#oracles.map?.digits;
    const { frontends, storages } = this.#cluster;
    const everybodyIsUp =
      this.#hands.burned.size === 0 && storages.every(({ process }) => process.alive);
    const canBeAsked = frontends.some(({ process }) => process.alive);
    if (!this.#shape.isTight || digits === undefined || !everybodyIsUp || !canBeAsked) return false;
    this.#world.occur('full store emptied');
    // Emptying also deletes the lone key, which the expiry check otherwise leaves alone until it expires.
    this.#expiry.released();
    const violation = (text: string) => this.#violations.push(text);
    new Emptying({
      world: this.#world,
      cluster: this.#cluster,
      history: this.#history,
      oracles: this.#oracles,
      violation,
    }).play([...this.#shape.keys, this.#shape.loneKey], digits);
    return true;
  }

  /** H46: checks that who has followed all changes knows what a scan lists. */
  #checkWatch(): void {
    const watcher = this.#watcher;
    if (watcher === undefined) return;
    const { map } = this.#oracles;
    // Where a partition stays offline, nobody can scan.
    if (map === undefined || offlinePartitions(map) > 0) return;
    const { operations } = this.#history;
    const expires = this.#shape.ttl.share > 0;
    this.#violations.push(...watcher.check({ operations, expires }));
  }

  /** How many copies each partition can have on the machines that are left. */
  #copies(): number {
    const { storages, spares } = this.#cluster;
    const left = storages.filter((node) => node.process.alive || !spares.includes(node));
    const gone = left.filter((node) => this.#hands.burned.has(node));
    return Math.min(this.#shape.cluster.redundancy, left.length - gone.length);
  }

  /** Counts the answers to sets of the storage nodes that run in the end: a run should produce the rare ones too. */
  #countAnswers(node: SimulatedNode): void {
    for (const [, answer = '', count] of metricsOf(node).matchAll(
      /^velourfog_operations_total\{operation="set",answer="(.*)"\} (\d+)$/gm,
    )) {
      this.#world.occur(`set answered ${answer}`, Number(count));
    }
    this.#world.occur('record evicted', figureOf(node, 'velourfog_evicted_records_total'));
  }

  /** D9: checks that no node has the value of a set that was answered "nothing was stored". */
  #checkStoredNowhere(): void {
    const { cluster } = this.#shape;
    const keys = allKeys(this.#shape);
    const digits = this.#oracles.map?.digits;
    if (digits === undefined || cluster.whenFull === 'evict') return;
    const held = heldValues(this.#cluster, keys, digits, nameOf);
    this.#violations.push(...checkStoredNowhere(this.#history.operations, held));
  }

  /** H41: checks that no coalesced set still waits at a frontend, and that every operation was answered. */
  #checkNobodyWaits(): void {
    this.#violations.push(...stillWaiting(this.#cluster.frontends));
    if (this.#answers.open > 0) {
      this.#violations.push(`one answer: ${this.#answers.open} operations have none in the end`);
    }
  }
}
