// What can be done to a simulated cluster: each fault strikes, is written down with whom it struck, and ends by
// itself. Which of them come, and when, is nemesis.ts's; what people do on purpose is operator.ts's.

import type { Life } from '../cluster/cluster-map.ts';
import type { ControlMessage } from '../cluster/map-json.ts';
import { PATHS } from '../cluster/messages.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { Fault, FaultKind, FaultLog } from './fault-log.ts';
import type { IntactCopies } from './intact-copies.ts';
import { requestOf } from './network.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import type { World } from './world.ts';

export type Link = readonly [SimulatedNode, SimulatedNode];

/** From when an operator notices to when a machine that burned is replaced, or its place given up. */
const REPLACED_AFTER_MS = [4000, 20_000] as const;

export interface HandsOf {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly oracles: Oracles;
  readonly intact: IntactCopies;
  readonly faults: FaultLog;
}

export class Hands {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #oracles: Oracles;
  readonly #intact: IntactCopies;
  readonly #faults: FaultLog;
  /** Lives up to these incarnations have lost their data. */
  readonly #lost = new Map<string, number>();
  readonly #full = new Map<SimulatedNode, Fault>();
  /** Machines that are gone, until somebody puts another one in their place. */
  readonly #burned = new Set<SimulatedNode>();
  /** Those of them that get another machine. */
  readonly #replaced = new Set<SimulatedNode>();
  readonly #drained = new Set<string>();
  /** Spare machines that run a storage node by now. */
  readonly #added = new Set<SimulatedNode>();
  #leaving: SimulatedNode | undefined;
  #over = false;

  constructor({ world, cluster, oracles, intact, faults }: HandsOf) {
    this.#world = world;
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#intact = intact;
    this.#faults = faults;
  }

  get burned(): ReadonlySet<SimulatedNode> {
    return this.#burned;
  }

  /** Whether this node came back without its data, as the one who runs it knows. */
  hasLost(id: string): boolean {
    return this.#lost.has(id);
  }

  /** Nothing new strikes any more; full disks have room, and everybody runs who has a machine. */
  healAll(): void {
    this.#over = true;
    const { network, nodes } = this.#cluster;
    network.faults = { loss: 0, duplicates: 0, longTail: false, resets: 0 };
    network.healAll();
    for (const node of this.#full.keys()) this.#makeRoom(node);
    const { formerController } = this.#cluster;
    // There is one controller by now; the other machine stays as it is, for people stop what they replaced.
    formerController?.crash(false);
    // The others stay away for good.
    for (const node of this.#replaced) this.#burned.delete(node);
    for (const node of [...nodes, ...this.#added]) {
      if (this.#burned.has(node)) continue;
      node.timeScale = 1;
      if (!node.process.alive) node.start();
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

  kill(nodes: readonly SimulatedNode[], kind: FaultKind, durationMs: () => number): void {
    for (const node of nodes) {
      if (!node.process.alive) continue;
      if (!node.keepsData && !this.#mayLose(node)) continue;
      const fault = this.#begin(kind, [node]);
      this.#vouch(node);
      // With every write synced, the power may go as well.
      this.#crash(node, this.#cluster.syncsAlways && this.#world.random.chance(0.3));
      this.#startLater(node, durationMs(), fault);
    }
  }

  /** For good, says its parent (H42); yet it comes back. */
  die(node: SimulatedNode, durationMs: number): void {
    const life = this.#oracles.lifeOf(node);
    if (life === undefined || !node.process.alive || !node.keepsData) return;
    const fault = this.#begin('aim', [node]);
    this.#crash(node, false);
    this.tell(PATHS.death, { ...life, returning: false });
    this.#startLater(node, durationMs, fault);
  }

  /**
   * In order, and later started again. A node in memory hands over first, one after the other: those that
   * leave together may leave in time with the last copies.
   */
  stop(node: SimulatedNode, durationMs: number): void {
    if (!node.process.alive || this.#leaving?.process.alive) return;
    if (!node.keepsData && !this.#mayLose(node)) return;
    if (!node.keepsData) this.#leaving = node;
    const { random } = this.#world;
    const lingersMs = random.chance(0.5) ? 0 : random.between(0, 4000);
    const fault = this.#begin('stop', [node]);
    node.stop(lingersMs, () => {
      if (!node.keepsData) this.#intact.gone(node);
      if (this.#leaving === node) this.#leaving = undefined;
      this.#startLater(node, durationMs, fault);
    });
  }

  /** Its data is gone for good; only if another copy is intact, or nothing could be promised. */
  lose(node: SimulatedNode, durationMs: number): void {
    if (!node.process.alive || !this.#mayLose(node)) return;
    const fault = this.#begin('lose', [node]);
    const power = this.#world.random.chance(0.5);
    node.crash(power);
    if (!power) node.disk.wipe();
    this.#intact.gone(node);
    this.#world.note(`${node.process.name} has lost its data`);
    this.#startLater(node, durationMs, fault);
  }

  /**
   * Its machine is gone, and nobody says so. Members that serve need not be left: also what a node has kept that
   * the map does not name is a copy, and an operator may bring it back.
   */
  burn(node: SimulatedNode): void {
    if (!node.process.alive || !this.#keepsWitnesses([node])) return;
    const isSafe = this.#mayLose(node);
    if (!isSafe && !this.#intact.isElsewhere([node])) return;
    const fault = this.#begin(isSafe ? 'burn' : 'burn-last', [node]);
    this.#burnNow(node);
    this.#replaceLater(node, fault);
  }

  /** One machine with the controller and a storage node on it; a controller is started elsewhere. */
  loseHost(node: SimulatedNode): void {
    const { controller } = this.#cluster;
    if (!node.process.alive || !controller.process.alive || !this.#mayLose(node)) return;
    const fault = this.#begin('lose-host', [node, controller]);
    this.#burnNow(node);
    this.#burnNow(controller);
    this.#cluster.controllerRecovers = true;
    this.#world.at(this.#world.random.between(500, 6000), () => {
      this.#burned.delete(controller);
      if (!controller.process.alive) controller.start();
      this.#faults.end(fault);
    });
    this.#replaceLater(node, undefined);
  }

  drain({ process }: SimulatedNode, durationMs: number): void {
    const fault = this.#begin('drain', [this.#named(process.name)]);
    const message = { node: process.name };
    this.tell(PATHS.drain, message);
    // The operator thinks better of it later; said until it is heard, as a person would.
    const undo = () => {
      this.tell(PATHS.undrain, message);
      this.#faults.end(fault);
    };
    this.#world.at(durationMs, undo);
    this.#drained.add(process.name);
  }

  /** What was undone while the controller was away. */
  undrainAll(): void {
    for (const node of this.#drained) this.tell(PATHS.undrain, { node });
  }

  /** From the controller's own machine; lost while it is down. */
  tell(path: string, message: ControlMessage): void {
    this.#cluster.controller.request(
      { ...requestOf({ method: 'POST', path, message }), fromLoopback: true },
      () => undefined,
    );
  }

  /** Until the operator makes room; and starts the node again, for a log that failed stays so. */
  fill(node: SimulatedNode, durationMs: number, kind: FaultKind = 'fill-disk'): void {
    if (node.disk.isFull || !node.keepsData || !node.process.alive) return;
    this.#world.note(`the disk of ${node.process.name} is full`);
    node.disk.fill();
    this.#full.set(node, this.#begin(kind, [node]));
    this.#world.at(durationMs, () => this.#makeRoom(node));
  }

  #makeRoom(node: SimulatedNode): void {
    const fault = this.#full.get(node);
    if (fault === undefined) return;
    this.#full.delete(node);
    node.disk.free();
    node.process.resume();
    node.crash(false);
    if (!this.#burned.has(node)) node.start();
    this.#faults.end(fault);
  }

  stall(node: SimulatedNode, durationMs: number): void {
    node.disk.stall(durationMs);
    this.#lasting('stall-disk', [node], durationMs);
  }

  pause(node: SimulatedNode, durationMs: number): void {
    const { process } = node;
    if (!process.alive || process.paused) return;
    this.#world.note(`${process.name} is paused`);
    process.pause();
    this.#lasting(this.#isFrontend(node) ? 'pause-frontend' : 'pause', [node], durationMs, () =>
      process.resume(),
    );
  }

  /** With its machine: the monotonic clock stands still, and the wall clock is right when it goes on. */
  suspend(node: SimulatedNode, durationMs: number): void {
    const { process } = node;
    if (!process.alive || process.paused) return;
    this.#world.note(`the machine of ${process.name} is suspended`);
    process.suspend();
    this.#lasting(this.#isFrontend(node) ? 'suspend-frontend' : 'suspend', [node], durationMs, () =>
      process.endSuspension(true),
    );
  }

  /** These from all others, each direction by itself. */
  cutOff(side: readonly SimulatedNode[], kind: FaultKind, durationMs: number): void {
    const oneWay = this.#world.random.chance(0.3);
    const links: Link[] = [];
    for (const inside of side) {
      for (const outside of this.#cluster.nodes) {
        if (side.includes(outside)) continue;
        links.push([inside, outside]);
        if (!oneWay) links.push([outside, inside]);
      }
    }
    this.#world.note(`cut off: ${side.map(({ process }) => process.name).join(', ')}`);
    this.cutFor(links, durationMs, kind, side);
  }

  /** @param links as [from, to]; one way each */
  cutFor(
    links: readonly Link[],
    durationMs: number,
    kind: FaultKind = 'aim',
    nodes: readonly SimulatedNode[] = links.map(([from]) => from),
  ): void {
    if (this.#over) return;
    const { network } = this.#cluster;
    for (const [{ process: from }, { process: to }] of links) network.cut(from.name, to.name);
    this.#lasting(kind, nodes, durationMs, () => {
      for (const [{ process: from }, { process: to }] of links) network.heal(from.name, to.name);
    });
  }

  /** Both ways, between these two only. */
  loseOn(one: SimulatedNode, other: SimulatedNode, share: number, durationMs: number): void {
    const { network } = this.#cluster;
    const set = (value: number) => {
      network.lossy(one.process.name, other.process.name, value);
      network.lossy(other.process.name, one.process.name, value);
    };
    set(share);
    this.#world.note(
      `${Math.round(100 * share)} % is lost between ${one.process.name} and ${other.process.name}`,
    );
    this.#lasting('lossy', [one, other], durationMs, () => set(0));
  }

  jump(node: SimulatedNode, offsetMs: number, durationMs: number): void {
    const { process } = node;
    const earlierMs = process.wallOffsetMs;
    process.wallOffsetMs = offsetMs;
    this.#world.note(`the clock of ${process.name} is ${Math.round(offsetMs)} ms off`);
    // Whoever's clock was a little off before stays so: right clocks are not the rule.
    this.#lasting('clock', [node], durationMs, () => {
      process.wallOffsetMs = earlierMs;
    });
  }

  loseController(durationMs: number): void {
    const { controller } = this.#cluster;
    if (!controller.process.alive) return;
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
    const fault = this.#begin('second-controller', [controller]);
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
    if (!node.process.alive || (!node.keepsData && !this.#mayLose(node))) return;
    const fault = this.#begin('wrong-scale', [node]);
    this.#crash(node, false);
    node.timeScale = this.#world.random.pick([4, 10]);
    this.#world.note(`${node.process.name} is started with --time-scale ${node.timeScale}`);
    node.start();
    this.#world.at(durationMs, () => {
      node.crash(false);
      node.timeScale = 1;
      if (!this.#burned.has(node)) node.start();
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
    const fault = this.#begin('restart-all', nodes);
    for (const node of nodes) node.crash(false);
    this.#world.at(durationMs, () => {
      for (const node of nodes) {
        if (!node.process.alive && !this.#burned.has(node)) node.start();
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

  #begin(kind: FaultKind, nodes: readonly SimulatedNode[]): Fault {
    return this.#faults.begin(
      kind,
      nodes.map(({ process }) => process.name),
    );
  }

  #lasting(
    kind: FaultKind,
    nodes: readonly SimulatedNode[],
    durationMs: number,
    end: () => void = () => undefined,
  ): void {
    const fault = this.#begin(kind, nodes);
    this.#world.at(durationMs, () => {
      end();
      this.#faults.end(fault);
    });
  }

  #startLater(node: SimulatedNode, durationMs: number, fault: Fault): void {
    this.#world.at(durationMs, () => {
      if (!node.process.alive && !this.#burned.has(node)) node.start();
      this.#faults.end(fault);
    });
  }

  #crash(node: SimulatedNode, power: boolean): void {
    node.crash(power);
    if (!node.keepsData) this.#intact.gone(node);
  }

  #burnNow(node: SimulatedNode): void {
    node.crash(true);
    node.disk.wipe();
    this.#burned.add(node);
    this.#intact.gone(node);
    this.#world.note(`the machine of ${node.process.name} is gone`);
  }

  /** An empty machine takes its name and address; or the operator gives it up for good (operator.ts). */
  #replaceLater(node: SimulatedNode, fault: Fault | undefined): void {
    const { random } = this.#world;
    if (random.chance(0.6)) this.#replaced.add(node);
    this.#world.at(random.between(...REPLACED_AFTER_MS), () => {
      if (this.#replaced.has(node) && this.#burned.delete(node)) node.start();
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
    this.#world.at(random.between(1, 50), () => this.tell(PATHS.death, message));
  }

  #mayLose(node: SimulatedNode): boolean {
    if (!this.#oracles.canLose(node, this.#isIntact)) return false;
    this.#lost.set(node.process.name, this.#oracles.incarnationOf(node));
    return true;
  }

  #keepsWitnesses(nodes: readonly SimulatedNode[]): boolean {
    return this.#oracles.keepsWitnesses(nodes, this.#isIntact);
  }

  readonly #isIntact = ({ node: id, incarnation }: Life): boolean => {
    const other = this.#cluster.storages.find(({ process }) => process.name === id);
    if (other === undefined || incarnation <= (this.#lost.get(id) ?? 0)) return false;
    return other.keepsData ? !this.#burned.has(other) : other.process.alive;
  };
}
