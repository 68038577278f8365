// What can be done to a simulated cluster: each fault strikes, is written down with whom it struck, and ends by
// itself. Which of them come, and when, is nemesis.ts's; what people do on purpose is operator.ts's.

import { CONTROL, type ControlKind } from '../cluster/wire/control-table.ts';
import type { ControlMessage } from '../cluster/wire/map-json.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { DiskImage } from './disk.ts';
import { DiskHands } from './disk-hands.ts';
import type { Fault, FaultKind, FaultLog } from './fault-log.ts';
import { LinkHands } from './link-hands.ts';
import type { Losses } from './losses.ts';
import { requestOfCall } from './network.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import type { World } from './world.ts';

/** Less than it takes to set anything. */
const MOMENT_MS = 0.5;
/** From when an operator notices to when a machine that burned is replaced, or its place given up. */
const REPLACED_AFTER_MS = [4000, 20_000] as const;

export interface HandsOf {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly oracles: Oracles;
  readonly losses: Losses;
  readonly faults: FaultLog;
}

export class Hands {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #oracles: Oracles;
  readonly #faults: FaultLog;
  readonly #losses: Losses;
  readonly links: LinkHands;
  readonly disks: DiskHands;
  /** Those of them that get another machine. */
  readonly #replaced = new Set<SimulatedNode>();
  readonly #drained = new Set<string>();
  /** Spare machines that run a storage node by now. */
  readonly #added = new Set<SimulatedNode>();
  #leaving: SimulatedNode | undefined;
  /** Their directories as their earlier lives left them: old copies, from when the present life began. */
  readonly #copies = new Map<SimulatedNode, DiskImage>();
  #over = false;

  constructor({ world, cluster, oracles, losses, faults }: HandsOf) {
    this.#world = world;
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#losses = losses;
    this.links = new LinkHands(world, cluster, faults);
    this.disks = new DiskHands(world, cluster, faults, losses);
    this.#faults = faults;
  }

  get burned(): ReadonlySet<SimulatedNode> {
    return this.#losses.burned;
  }

  /** Nothing new strikes any more; full disks have room, and everybody runs who has a machine. */
  healAll(): void {
    this.#over = true;
    const { network, nodes } = this.#cluster;
    network.faults = { loss: 0, duplicates: 0, longTail: false, resets: 0 };
    network.healAll();
    this.disks.healAll();
    const { formerController } = this.#cluster;
    // There is one controller by now; the other machine stays as it is, for people stop what they replaced.
    formerController?.crash(false);
    this.#losses.burned.delete(this.#cluster.controller);
    // The others stay away for good.
    for (const node of this.#replaced) this.#losses.burned.delete(node);
    for (const node of [...nodes, ...this.#added]) {
      if (this.#losses.burned.has(node)) continue;
      if (node.timeScale !== 1) node.crash(false);
      node.timeScale = 1;
      this.#losses.start(node);
      node.process.resume();
      node.process.endSuspension(true);
    }
    this.#faults.endAll();
  }

  after(delayMs: number, strike: () => void): void {
    this.#world.at(delayMs, () => {
      if (!this.#over) strike();
    });
  }

  /** In the moment in which no partition has this member any more, if that comes within some seconds. */
  onceRemoved(node: SimulatedNode, strike: () => void, untilMs = this.#world.nowMs + 4000): void {
    const { map } = this.#oracles;
    const isMember = map?.partitions.some(({ members }) =>
      members.some((member) => member.node === node.process.name),
    );
    if (isMember === false) return strike();
    if (this.#world.nowMs > untilMs) return;
    this.after(MOMENT_MS, () => this.onceRemoved(node, strike, untilMs));
  }

  kill(nodes: readonly SimulatedNode[], kind: FaultKind, durationMs: () => number): void {
    for (const node of nodes) {
      if (!node.process.alive) continue;
      if (!node.keepsData && !this.#losses.mayLose(node)) continue;
      const fault = this.#faults.begin(kind, [node]);
      this.#vouch(node);
      // With every write synced, the power may go as well.
      this.#losses.crash(node, this.#cluster.syncsAlways && this.#world.random.chance(0.3));
      this.#startLater(node, durationMs(), fault);
    }
  }

  /** For good, says its parent (H42); yet it comes back. */
  die(node: SimulatedNode, durationMs: number): void {
    const life = this.#oracles.lifeOf(node);
    if (life === undefined || !node.process.alive || !node.keepsData) return;
    const fault = this.#faults.begin('aim', [node]);
    this.#losses.crash(node, false);
    this.tell(CONTROL.death, { ...life, returning: false });
    this.#startLater(node, durationMs, fault);
  }

  /**
   * In order, and later started again. A node in memory hands over first, one after the other: those that
   * leave together may leave in time with the last copies.
   */
  stop(node: SimulatedNode, durationMs: number): void {
    if (!node.process.alive || this.#leaving?.process.alive) return;
    if (!node.keepsData && !this.#losses.mayLose(node)) return;
    if (!node.keepsData) this.#leaving = node;
    const { random } = this.#world;
    const lingersMs = random.chance(0.5) ? 0 : random.between(0, 4000);
    const fault = this.#faults.begin('stop', [node]);
    node.stop(lingersMs, () => {
      if (!node.keepsData) this.#losses.gone(node);
      if (this.#leaving === node) this.#leaving = undefined;
      this.#startLater(node, durationMs, fault);
    });
  }

  /** Its data is gone for good; only if another copy is intact, or nothing could be promised. */
  lose(node: SimulatedNode, durationMs: number): void {
    if (!node.process.alive || !this.#losses.mayLose(node)) return;
    const fault = this.#faults.begin('lose', [node]);
    const power = this.#world.random.chance(0.5);
    node.crash(power);
    if (!power) node.disk.wipe();
    this.#losses.gone(node);
    this.#world.note(`${node.process.name} has lost its data`);
    this.#startLater(node, durationMs, fault);
  }

  /** Its machine loses power, and with it what was not synced; what it promised it keeps. */
  losePower(node: SimulatedNode, durationMs: number): void {
    if (!node.process.alive || !node.keepsData || !this.#losses.mayLoseRecords(node)) return;
    const fault = this.#faults.begin('lose-power', [node]);
    node.crash(true);
    this.#losses.gone(node);
    this.#startLater(node, durationMs, fault);
  }

  /** An old copy of its directory is put back, which knows nothing of the life that ends now; as `lose` in all else. */
  putBack(node: SimulatedNode, durationMs: number): void {
    const copy = this.#copies.get(node);
    if (copy === undefined || !node.process.alive || !this.#losses.mayLose(node)) return;
    const fault = this.#faults.begin('put-back', [node]);
    node.crash(false);
    node.disk.restore(copy);
    this.#losses.gone(node);
    this.#world.note(`${node.process.name} has an old copy of its data`);
    this.#startLater(node, durationMs, fault);
  }

  /**
   * Its machine is gone, and nobody says so. Members that serve need not be left: also what a node has kept that
   * the map does not name is a copy, and an operator may bring it back.
   */
  burn(node: SimulatedNode): void {
    if (!node.process.alive || !this.#losses.keepsWitnesses(node)) return;
    const isSafe = this.#losses.mayLose(node);
    if (!isSafe && !this.#losses.isElsewhere(node)) return;
    const fault = this.#faults.begin(isSafe ? 'burn' : 'burn-last', [node]);
    this.#losses.burn(node);
    this.#replaceLater(node, fault);
  }

  /** One machine with the controller and a storage node on it; a controller is started elsewhere. */
  loseHost(node: SimulatedNode): void {
    const { controller } = this.#cluster;
    if (!node.process.alive || !controller.process.alive || !this.#isFounded) return;
    if (!this.#losses.mayLose(node)) return;
    const fault = this.#faults.begin('lose-host', [node, controller]);
    this.#losses.burn(node);
    this.#losses.burn(controller);
    this.#cluster.controllerRecovers = true;
    this.#world.at(this.#world.random.between(500, 6000), () => {
      this.#losses.burned.delete(controller);
      if (!controller.process.alive) controller.start();
      this.#faults.end(fault);
    });
    this.#replaceLater(node, undefined);
  }

  drain({ process }: SimulatedNode, durationMs: number): void {
    const fault = this.#faults.begin('drain', [this.#named(process.name)]);
    const message = { node: process.name };
    this.tell(CONTROL.drain, message);
    // The operator thinks better of it later; said until it is heard, as a person would.
    const undo = () => {
      this.tell(CONTROL.undrain, message);
      this.#faults.end(fault);
    };
    this.#world.at(durationMs, undo);
    this.#drained.add(process.name);
  }

  /** What was undone while the controller was away. */
  undrainAll(): void {
    for (const node of this.#drained) this.tell(CONTROL.undrain, { node });
  }

  /** From the controller's own machine; lost while it is down. */
  tell<M extends ControlMessage>({ http }: ControlKind<M, unknown>, message: M): void {
    const request = { ...requestOfCall({ ...http, message }), fromLoopback: true };
    this.#cluster.controller.request(request, () => undefined);
  }

  pause(node: SimulatedNode, durationMs: number): void {
    const { process } = node;
    if (!process.alive || process.paused) return;
    this.#world.note(`${process.name} is paused`);
    process.pause();
    this.#faults.lasting(
      this.#isFrontend(node) ? 'pause-frontend' : 'pause',
      [node],
      durationMs,
      () => process.resume(),
    );
  }

  /** With its machine: the monotonic clock stands still, and the wall clock is right when it goes on. */
  suspend(node: SimulatedNode, durationMs: number): void {
    const { process } = node;
    if (!process.alive || process.paused) return;
    this.#world.note(`the machine of ${process.name} is suspended`);
    process.suspend();
    this.#faults.lasting(
      this.#isFrontend(node) ? 'suspend-frontend' : 'suspend',
      [node],
      durationMs,
      () => process.endSuspension(true),
    );
  }

  jump(node: SimulatedNode, offsetMs: number, durationMs: number): void {
    const { process } = node;
    process.wallOffsetMs = offsetMs;
    this.#world.note(`the clock of ${process.name} is ${Math.round(offsetMs)} ms off`);
    this.#faults.lasting('clock', [node], durationMs, () => {
      // Set right, unless it has jumped once more: that jump has its own end.
      if (process.wallOffsetMs === offsetMs) process.wallOffsetMs = 0;
    });
  }

  /** All of them by as much, as those follow a source of time that is wrong for a while. */
  jumpAll(nodes: readonly SimulatedNode[], offsetMs: number, durationMs: number): void {
    this.#world.note(`all clocks are ${Math.round(offsetMs)} ms ahead`);
    for (const { process } of nodes) process.wallOffsetMs = offsetMs;
    this.#faults.lasting('clocks', nodes, durationMs, () => {
      this.#world.note('all clocks are right');
      for (const { process } of nodes) process.wallOffsetMs = 0;
    });
  }

  /** Before, a controller that is to recover would wait for nodes with a map for ever (seed 5000072). */
  get #isFounded(): boolean {
    return this.#oracles.map !== undefined;
  }

  loseController(durationMs: number): void {
    const { controller } = this.#cluster;
    if (!controller.process.alive || !this.#isFounded) return;
    controller.disk.wipe();
    this.#cluster.controllerRecovers = true;
    this.kill([controller], 'lose-controller', () => durationMs);
  }

  /** The machine of the controller hangs; another one takes its address, and later the first one wakes. */
  replaceController(sleepsMs: number): void {
    const { controller } = this.#cluster;
    const { formerController } = this.#cluster;
    if (!controller.process.alive || controller.process.paused || formerController?.process.alive) {
      return;
    }
    if (!this.#isFounded) return;
    const fault = this.#faults.begin('second-controller', [controller]);
    controller.process.pause();
    this.#cluster.controllerRecovers = true;
    this.#cluster.moveController();
    const next = this.#cluster.controller;
    next.disk.wipe();
    this.#world.note(`${next.process.name} takes the place of ${controller.process.name}`);
    next.start();
    this.#world.at(sleepsMs, () => {
      controller.process.resume();
      this.#world.at(2000, () => {
        controller.crash(false);
        this.#faults.end(fault);
      });
    });
  }

  /** The operator starts it with another --time-scale, and corrects that later. */
  startWithOtherScale(node: SimulatedNode, durationMs: number): void {
    if (!node.process.alive || (!node.keepsData && !this.#losses.mayLose(node))) return;
    const fault = this.#faults.begin('wrong-scale', [node]);
    this.#losses.crash(node, false);
    node.timeScale = this.#world.random.pick([4, 10]);
    this.#world.note(`${node.process.name} is started with --time-scale ${node.timeScale}`);
    this.#losses.start(node);
    this.#world.at(durationMs, () => {
      // Or it was corrected when all faults ended, and lives.
      if (node.timeScale !== 1) {
        node.crash(false);
        node.timeScale = 1;
        this.#losses.start(node);
      }
      this.#faults.end(fault);
    });
  }

  /** One storage node more, if there is a spare machine. */
  add(): void {
    const spare = this.#cluster.spares.find((each) => !this.#added.has(each));
    if (spare === undefined) return;
    this.#added.add(spare);
    spare.start();
  }

  /** Everything that keeps its data is stopped, and started again together. */
  restartAll(durationMs: number): void {
    const nodes = this.#cluster.nodes.filter(
      ({ process, keepsData }) => process.alive && keepsData,
    );
    const fault = this.#faults.begin('restart-all', nodes);
    for (const node of nodes) node.crash(false);
    this.#world.at(durationMs, () => {
      for (const node of nodes) {
        this.#losses.start(node);
      }
      this.#faults.end(fault);
    });
  }

  #isFrontend(node: SimulatedNode): boolean {
    return this.#cluster.frontends.includes(node);
  }

  #named(name: string): SimulatedNode {
    const node = this.#cluster.storages.find(({ process }) => process.name === name);
    if (node === undefined) throw new RangeError(`there is no ${name}`);
    return node;
  }

  #startLater(node: SimulatedNode, durationMs: number, fault: Fault): void {
    this.#world.at(durationMs, () => {
      const isCopied = node.keepsData && !node.process.alive && !node.disk.isTampered;
      if (isCopied) this.#copies.set(node, node.disk.image());
      this.#losses.start(node);
      this.#faults.end(fault);
    });
  }

  /** An empty machine takes its name and address; or the operator gives it up for good (operator.ts). */
  #replaceLater(node: SimulatedNode, fault: Fault | undefined): void {
    const { random } = this.#world;
    if (random.chance(0.6)) this.#replaced.add(node);
    this.#world.at(random.between(...REPLACED_AFTER_MS), () => {
      if (this.#replaced.has(node) && this.#losses.burned.delete(node)) node.start();
      this.#replaced.delete(node);
      if (fault !== undefined) this.#faults.end(fault);
    });
  }

  /** H42: about half of the nodes have a parent, which reaps them and says so. */
  #vouch(node: SimulatedNode): void {
    const { random } = this.#world;
    if (!this.#cluster.storages.some((storage) => storage === node)) return;
    const life = this.#oracles.lifeOf(node);
    if (life === undefined || random.chance(0.5)) return;
    const message = { ...life, returning: random.chance(0.3) };
    this.#world.at(random.between(1, 50), () => this.tell(CONTROL.death, message));
  }
}
