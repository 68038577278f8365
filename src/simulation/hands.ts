// The faults of a simulated cluster: each strikes, is logged with the nodes it struck, and ends by itself. Which faults
// come, and when, is nemesis.ts's; what people do on purpose is operator.ts's.

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
import { mapOf } from './published-maps.ts';
import type { World } from './world.ts';

/** Shorter than any set takes, in ms. */
const MOMENT_MS = 0.5;
/** How long after it burned a machine is replaced, or its place given up, in ms. */
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
  /** Burned nodes that will get another machine. */
  readonly #replaced = new Set<SimulatedNode>();
  readonly #drained = new Set<string>();
  /** Spare machines that run a storage node now. */
  readonly #added = new Set<SimulatedNode>();
  #leaving: SimulatedNode | undefined;
  /** Old copies of data directories, made as the present incarnation of each node began. */
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

  /** Nothing strikes any more: links work, disks have room, and every node that has a machine runs. */
  healAll(): void {
    this.#over = true;
    const { network, nodes } = this.#cluster;
    network.faults = { loss: 0, duplicates: 0, longTail: false, resets: 0 };
    network.healAll();
    this.disks.healAll();
    const { formerController } = this.#cluster;
    // Only the present controller goes on: people stop the one that they replaced.
    formerController?.crash(false);
    this.#losses.burned.delete(this.#cluster.controller);
    // Burned nodes that nobody was going to replace stay away for good; but a cluster of which nobody has a map is founded by all.
    const back = this.#isFounded ? this.#replaced : this.#losses.burned;
    for (const node of [...back]) this.#losses.burned.delete(node);
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

  /** Strikes once no partition has this node as a member any more, if that comes before `untilMs`. */
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
      // With `--fsync always` a loss of power costs no acknowledged record.
      this.#losses.crash(node, this.#cluster.syncsAlways && this.#world.random.chance(0.3));
      this.#startLater(node, durationMs(), fault);
    }
  }

  /** Kills the node; its parent says that it will not return (H42), yet it does. */
  die(node: SimulatedNode, durationMs: number): void {
    const incarnationId = this.#oracles.incarnationIdOf(node);
    if (incarnationId === undefined || !node.process.alive || !node.keepsData) return;
    const fault = this.#faults.begin('aim', [node]);
    this.#losses.crash(node, false);
    this.tell(CONTROL.death, { ...incarnationId, returning: false });
    this.#startLater(node, durationMs, fault);
  }

  /**
   * Stops the node by SIGTERM, and starts it again later. Memory-only nodes leave one after the other: two at the same
   * time could both be gone with the last copies.
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

  /** Destroys the node's data, if every partition of it has another intact copy. */
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

  /** Cuts the power of the node's machine: unsynced records are gone, but not the synced promises (map, generation). */
  losePower(node: SimulatedNode, durationMs: number): void {
    if (!node.process.alive || !node.keepsData || !this.#losses.mayLoseRecords(node)) return;
    const fault = this.#faults.begin('lose-power', [node]);
    node.crash(true);
    this.#losses.gone(node);
    this.#startLater(node, durationMs, fault);
  }

  /** Puts back an old copy of the directory, from before the incarnation that ends now; otherwise as `lose`. */
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
   * Destroys the node's machine, unreported. No other serving member need have its records: a node that retains them
   * without being a member has a copy as well, which the operator can bring back.
   */
  burn(node: SimulatedNode): void {
    if (!node.process.alive || !this.#losses.keepsWitnesses(node)) return;
    const isSafe = this.#losses.mayLose(node);
    if (!isSafe && !this.#losses.isElsewhere(node)) return;
    const fault = this.#faults.begin(isSafe ? 'burn' : 'burn-last', [node]);
    this.#losses.burn(node);
    this.#replaceLater(node, fault);
  }

  /** Destroys the machine that both the controller and this node run on; the controller is started elsewhere. */
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
    // The operator undoes it later; undrainAll repeats it in case the controller did not hear.
    const undo = () => {
      this.tell(CONTROL.undrain, message);
      this.#faults.end(fault);
    };
    this.#world.at(durationMs, undo);
    this.#drained.add(process.name);
  }

  /** Repeats every undrain: the controller may have been away when it was first sent. */
  undrainAll(): void {
    for (const node of this.#drained) this.tell(CONTROL.undrain, { node });
  }

  /** Sends an operator's message from the controller's machine; it is lost while the controller is down. */
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

  /** Suspends the node's machine: the monotonic clock stands still, the wall clock is right again afterwards. */
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
      // Leave a later jump alone: it has its own end.
      if (process.wallOffsetMs === offsetMs) process.wallOffsetMs = 0;
    });
  }

  /** Sets all these clocks ahead by the same offset, as if they followed one wrong source of time. */
  jumpAll(nodes: readonly SimulatedNode[], offsetMs: number, durationMs: number): void {
    this.#world.note(`all clocks are ${Math.round(offsetMs)} ms ahead`);
    for (const { process } of nodes) process.wallOffsetMs = offsetMs;
    this.#faults.lasting('clocks', nodes, durationMs, () => {
      this.#world.note('all clocks are right');
      for (const { process } of nodes) process.wallOffsetMs = 0;
    });
  }

  /** Whether a storage node has a map, for which a recovery would wait for ever (seeds 5000072 and 110000515). */
  get #isFounded(): boolean {
    if (this.#oracles.map === undefined) return false;
    return this.#cluster.storages.some((node) => mapOf(node) !== undefined);
  }

  loseController(durationMs: number): void {
    const { controller } = this.#cluster;
    if (!controller.process.alive || !this.#isFounded) return;
    controller.disk.wipe();
    this.#cluster.controllerRecovers = true;
    this.kill([controller], 'lose-controller', () => durationMs);
  }

  /** The controller's machine hangs, and another takes its address; the first one wakes up, or is switched off and on. */
  replaceController(sleepsMs: number): void {
    const { controller, formerController } = this.#cluster;
    const isStruck = controller.process.paused || formerController?.process.alive === true;
    if (!controller.process.alive || isStruck || !this.#isFounded) return;
    const fault = this.#faults.begin('second-controller', [controller]);
    controller.process.pause();
    this.#cluster.controllerRecovers = true;
    this.#cluster.moveController();
    const next = this.#cluster.controller;
    next.disk.wipe();
    this.#world.note(`${next.process.name} takes the place of ${controller.process.name}`);
    next.start();
    const isRebooted = this.#world.random.chance(0.5);
    this.#world.at(sleepsMs, () => {
      controller.process.resume();
      if (isRebooted) controller.restart();
      this.#world.at(2000, () => {
        controller.crash(false);
        this.#faults.end(fault);
      });
    });
  }

  /** Restarts the node with a wrong --time-scale, which the operator corrects later. */
  startWithOtherScale(node: SimulatedNode, durationMs: number): void {
    if (!node.process.alive || (!node.keepsData && !this.#losses.mayLose(node))) return;
    const fault = this.#faults.begin('wrong-scale', [node]);
    this.#losses.crash(node, false);
    node.timeScale = this.#world.random.pick([4, 10]);
    this.#world.note(`${node.process.name} is started with --time-scale ${node.timeScale}`);
    this.#losses.start(node);
    this.#world.at(durationMs, () => {
      // healAll may have corrected it already.
      if (node.timeScale !== 1) {
        node.crash(false);
        node.timeScale = 1;
        this.#losses.start(node);
      }
      this.#faults.end(fault);
    });
  }

  /** Starts one more storage node, if a spare machine is left. */
  add(): void {
    const spare = this.#cluster.spares.find((each) => !this.#added.has(each));
    if (spare === undefined) return;
    this.#added.add(spare);
    spare.start();
  }

  /** Kills every node that has a data directory, and starts them again together. */
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
    return this.#cluster.frontends.some((frontend) => frontend === node);
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

  /** Later an empty machine takes the node's name and address, or the operator gives it up (operator.ts). */
  #replaceLater(node: SimulatedNode, fault: Fault | undefined): void {
    const { random } = this.#world;
    if (random.chance(0.6)) this.#replaced.add(node);
    this.#world.at(random.between(...REPLACED_AFTER_MS), () => {
      if (this.#replaced.has(node) && this.#losses.burned.delete(node)) node.start();
      this.#replaced.delete(node);
      if (fault !== undefined) this.#faults.end(fault);
    });
  }

  /** H42: half of the time the node has a parent process, which reaps it and reports its death. */
  #vouch(node: SimulatedNode): void {
    const { random } = this.#world;
    if (!this.#cluster.storages.some((storage) => storage === node)) return;
    const incarnationId = this.#oracles.incarnationIdOf(node);
    if (incarnationId === undefined || random.chance(0.5)) return;
    const message = { ...incarnationId, returning: random.chance(0.3) };
    this.#world.at(random.between(1, 50), () => this.tell(CONTROL.death, message));
  }
}
