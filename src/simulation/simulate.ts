// One run: a cluster founded in peace, a phase of faults under load, then healing, and in the end the
// questions: was every promise kept, has every serving copy what was acknowledged, does it work again?

import { OWN_CLOCK_OFF_MS_MAX, protocolTimes } from '../cluster/model/limits.ts';
import { Answers } from './answers.ts';
import { Availability } from './availability.ts';
import { BackupKeeper } from './backup-keeper.ts';
import { Clients } from './clients.ts';
import { SimulatedCluster } from './cluster.ts';
import { Emptying } from './emptying.ts';
import { Expiry } from './expiry.ts';
import { FaultLog } from './fault-log.ts';
import { checkStoredNowhere, heldValues } from './full-store.ts';
import { Hands } from './hands.ts';
import { History } from './history.ts';
import { IntactCopies } from './intact-copies.ts';
import { Losses } from './losses.ts';
import { Nemesis } from './nemesis.ts';
import type { SimulatedNode } from './node.ts';
import { Operator } from './operator.ts';
import { Oracles } from './oracles.ts';
import { figureOf, metricsOf } from './peeks.ts';
import type { ProgrammeName } from './programmes.ts';
import { longRun, type RunShape, shortRun } from './run-shape.ts';
import { nameOf } from './values.ts';
import { World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly events: number;
  readonly operations: number;
  readonly succeeded: number;
  readonly digest: string;
  /** How often what happened: log messages, faults, answers to sets, and how long sets took by what was wrong. */
  readonly occurred: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

const FOUNDED_BY_MS = 3000;
/** By how much what went by a median may be off: that of whoever was heard. */
const SLACK_MS = 1000;
/** Without clients, for what was on its way to arrive or to be repaired. */
const QUIET_MS = 3000;
/** A set that was begun before takes its time, and its answer may be late by the margin of answers.ts. */
const ANSWERED_WITHIN_MS = 9000;
/** Copies are complete again so long after the operator gave up a partition. */
const COPIED_WITHIN_MS = 8000;
/** What no process logs while all are of one software: that it could not read what another one sent it. */
const NOBODY_LOGS = [
  'answer refused',
  'operation refused',
  'control message refused',
  'a promise cannot be used',
  'a request failed',
];
/** What a controller says that ends because nodes follow another one, or its recovery (H32). */
const STALE_LINEAGE = /which is newer than the one that this controller started from/;
const OVERRULED = /has promised itself to the recovery of another controller/;
/** Of a run: each time another recovery must have come to nothing. */
const OVERRULED_MAX = 4;

export interface SimulationOptions {
  /** Faults of one aimed kind only; by default all kinds, as the seed draws them. */
  readonly programme?: ProgrammeName | undefined;
  /** All partitions, more nodes, minutes. */
  readonly long?: boolean;
  /**
   * Whether machines burn with what only an operator can bring back, and he gives partitions up; true by default.
   * Without it nothing is lost, so nothing may be missing in the end.
   */
  readonly acceptsLosses?: boolean;
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
  readonly #nemesis: Nemesis;
  readonly #operator: Operator;
  readonly #backups: BackupKeeper;

  constructor(seed: number, { programme, long = false, acceptsLosses = true }: SimulationOptions) {
    this.#seed = seed;
    const world = new World(seed);
    this.#world = world;
    const drawn = long ? longRun(world.random) : shortRun(world.random, programme);
    const shape = { ...drawn, acceptsLosses };
    this.#shape = shape;
    const cluster = new SimulatedCluster(world, shape.cluster);
    this.#cluster = cluster;
    cluster.onEnd = (node, message) => this.#endedItself(node, message);
    const violation = (text: string) => this.#violations.push(text);
    // H31: whoever's clock is off by more goes by the median of all; below that each by its own.
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
    this.#nemesis = new Nemesis({
      world,
      cluster,
      oracles,
      hands: this.#hands,
      faults,
      shape,
      programme,
    });
    this.#operator = new Operator(world, cluster, shape, {
      hands: this.#hands,
      losses,
      oracles,
      history,
    });
    this.#backups = new BackupKeeper(world, cluster, shape, history, violation);
  }

  result(): RunResult {
    this.#play();
    for (const node of this.#cluster.storages) this.#countAnswers(node);
    for (const node of this.#cluster.frontends) {
      this.#world.occur('set coalesced', figureOf(node, 'velourfog_coalesced_sets_total'));
    }
    const { operations } = this.#history;
    return {
      seed: this.#seed,
      violations: [...this.#violations, ...this.#history.violations(this.#backups.reads)],
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
      world.runUntil(FOUNDED_BY_MS);
      this.#clients.start();
      this.#intact.start();
      if (this.#shape.ttl.share > 0) this.#expiry.start([...this.#shape.keys, this.#shape.loneKey]);
      this.#operator.start();
      this.#backups.start();
      this.#nemesis.start();
      world.runUntil(FOUNDED_BY_MS + faultsMs);
      this.#nemesis.heal();
      this.#clients.makeRoom();
      const healedMs = world.nowMs;
      world.runUntil(healedMs + settledAfterMs);
      // What the operator gave up late is copied late.
      const copiedMs = this.#operator.actedMs + COPIED_WITHIN_MS;
      if (copiedMs > world.nowMs) world.runUntil(copiedMs);
      this.#clients.stop();
      this.#backups.stop();
      this.#checkLiveness(healedMs + 3000);
      world.runUntil(world.nowMs + QUIET_MS);
      this.#oracles.checkMaps();
      this.#oracles.checkCopies('at the end');
      this.#converge();
      if (this.#empty()) this.#converge();
      world.runUntil(world.nowMs + ANSWERED_WITHIN_MS);
      this.#checkNobodyWaits();
      this.#checkStoredNowhere();
      this.#checkAllIsUnderstood();
    } catch (error) {
      // A broken invariant of the product, or of the simulator.
      this.#violations.push(
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    }
  }

  /**
   * A process that ends itself by an error it names is a failure of the run, unless its disk is the reason, or it
   * was started with other times than the cluster's. A controller that ends to go above others is started again.
   */
  #endedItself(node: SimulatedNode, message: string): void {
    if (OVERRULED.test(message) && ++this.#overruled <= OVERRULED_MAX) {
      return this.#losses.startAgain(node);
    }
    // Two controllers recovered, and the nodes follow the later one.
    if (STALE_LINEAGE.test(message) && this.#cluster.formerController !== undefined) return;
    if (node.disk.excuses(message) || node.timeScale !== 1) return;
    this.#violations.push(`${node.process.name} ended itself: ${message}`);
  }

  /** A node that frontends did not reach for long gets nothing for half a minute afterwards (H11). */
  #converge(): void {
    const { keys } = this.#shape;
    const isOver = () =>
      this.#oracles.unconverged(keys, this.#copies(), this.#hands.burned).length === 0;
    const untilMs = this.#world.nowMs + protocolTimes(1).rejoinBarMs + COPIED_WITHIN_MS;
    while (!isOver() && this.#world.nowMs < untilMs) this.#world.runUntil(this.#world.nowMs + 2000);
    this.#oracles.checkConvergence(keys, this.#copies(), this.#hands.burned);
  }

  /** R10: a store that is full of deletes takes sets again, long before these are as old as they should become. @returns whether it was */
  #empty(): boolean {
    const digits = this.#oracles.map?.digits;
    const { frontends, storages } = this.#cluster;
    const everybodyIsUp =
      this.#hands.burned.size === 0 && storages.every(({ process }) => process.alive);
    const canBeAsked = frontends.some(({ process }) => process.alive);
    if (!this.#shape.isTight || digits === undefined || !everybodyIsUp || !canBeAsked) return false;
    this.#world.occur('full store emptied');
    // Now everything is deleted, also what was to be left alone until it expires.
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

  /** Of each partition, with the machines that are left. */
  #copies(): number {
    const { storages, spares } = this.#cluster;
    const left = storages.filter((node) => node.process.alive || !spares.includes(node));
    const gone = left.filter((node) => this.#hands.burned.has(node));
    return Math.min(this.#shape.cluster.redundancy, left.length - gone.length);
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

  /** Some operation of every key that began well after healing succeeded. */
  #checkLiveness(sinceMs: number): void {
    for (const key of this.#shape.keys) {
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

  /** D9: what was answered that it is nowhere is nowhere. */
  #checkStoredNowhere(): void {
    const { keys, cluster } = this.#shape;
    const digits = this.#oracles.map?.digits;
    if (digits === undefined || cluster.whenFull === 'evict') return;
    const held = heldValues(this.#cluster, keys, digits, nameOf);
    this.#violations.push(...checkStoredNowhere(this.#history.operations, held));
  }

  /** Who sends nonsense is asked again, or somebody else is, so clients may never see it. */
  #checkAllIsUnderstood(): void {
    for (const line of NOBODY_LOGS) {
      const times = this.#world.occurred.get(line);
      if (times !== undefined) this.#violations.push(`logged, ${times} times: ${line}`);
    }
  }

  /** H41: nothing is left of sets that waited for others of their key. */
  #checkNobodyWaits(): void {
    for (const node of this.#cluster.frontends) {
      const waiting = figureOf(node, 'velourfog_waiting_sets');
      if (waiting > 0) {
        this.#violations.push(`one answer: ${waiting} sets still wait at ${node.process.name}`);
      }
    }
    if (this.#answers.open > 0) {
      this.#violations.push(`one answer: ${this.#answers.open} operations have none in the end`);
    }
  }
}

/** How long an expired record is kept at least, at any time of the run. */
function expiryGraceMsOf({ cluster, isTight }: RunShape): number {
  const { expiryGraceMs, expiryGraceShortMs } = { ...protocolTimes(1), ...cluster.times };
  return isTight ? Math.min(expiryGraceMs, expiryGraceShortMs) : expiryGraceMs;
}
