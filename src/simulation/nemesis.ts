// Faults, one after the other, drawn from the seed: which kinds a run has, how often, how long. It
// never causes what the cluster does not promise to survive.

import type { Life } from '../cluster/cluster-map.ts';
import type { ControlMessage } from '../cluster/map-json.ts';
import { PATHS } from '../cluster/messages.ts';
import type { SimulatedCluster, SimulatedNode } from './cluster.ts';
import { requestOf } from './network.ts';
import type { Oracles } from './oracles.ts';
import { type Hands, PROGRAMME_NAMES, type ProgrammeName, strike } from './programmes.ts';
import type { World } from './world.ts';

const KINDS = [
  'kill',
  'kill-many',
  'stop',
  'drain',
  'lose',
  'kill-controller',
  'lose-controller',
  'kill-frontend',
  'pause',
  'cut',
  'isolate',
  'clock',
  'fill-disk',
  'stall-disk',
  'aim',
] as const;
type Kind = (typeof KINDS)[number];

/** A controller that was started again has its map by then. */
const UNDONE_AFTER_MS = 2000;

export class Nemesis {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #kinds: readonly Kind[];
  /** Sparse faults let a state settle in; dense ones hide what it does (PROTOCOL 4.2). */
  readonly #gapMs: readonly [number, number];
  readonly #programmes: readonly ProgrammeName[];
  readonly #oracles: Oracles;
  readonly #drained = new Set<string>();
  /** Lives up to these incarnations have lost their data. */
  readonly #lost = new Map<string, number>();
  readonly #full = new Set<SimulatedNode>();
  #leaving: SimulatedNode | undefined;
  #over = false;

  /** @param programme aims only like this; undefined: all kinds of faults, drawn */
  constructor(
    world: World,
    cluster: SimulatedCluster,
    oracles: Oracles,
    programme: ProgrammeName | undefined,
  ) {
    this.#oracles = oracles;
    const { random } = world;
    this.#world = world;
    this.#cluster = cluster;
    // A recovery needs what the nodes promised and knew, so a run loses one or the other (D6).
    const controllerIsLost =
      cluster.storages.every(({ keepsData }) => keepsData) &&
      (programme === 'controller-loss' || random.chance(0.25));
    const excluded = controllerIsLost ? 'lose' : 'lose-controller';
    const drawn = KINDS.filter((kind) => kind !== excluded && random.chance(0.6));
    const some = drawn.length === 0 ? ['kill' as const] : drawn;
    this.#kinds = programme === undefined ? some : ['aim'];
    const possible = PROGRAMME_NAMES.filter(
      (name) => controllerIsLost || name !== 'controller-loss',
    );
    this.#programmes = programme === undefined ? possible : [programme];
    const sparse = programme !== undefined || random.chance(0.6);
    this.#gapMs = sparse ? [500, 2500] : [30, 400];
    cluster.network.faults = {
      loss: random.pick([0, 0.004, 0.03, 0.12]),
      duplicates: random.pick([0.01, 0.1, 0.3]),
      longTail: random.chance(0.7),
      resets: random.pick([0, 0.0005, 0.01]),
    };
    world.note(`faults: ${this.#kinds.join(', ')} every ${this.#gapMs.join(' to ')} ms`);
  }

  start(): void {
    this.#world.at(this.#world.random.between(...this.#gapMs), () => {
      if (this.#over) return;
      this.#strike(this.#world.random.pick(this.#kinds));
      this.start();
    });
  }

  /** All faults end, and everything that is down starts again. */
  heal(): void {
    this.#over = true;
    this.#world.note('all faults end');
    this.#cluster.network.faults = { loss: 0, duplicates: 0, longTail: false, resets: 0 };
    this.#cluster.network.healAll();
    for (const node of this.#full) this.#makeRoom(node);
    for (const node of this.#cluster.nodes) {
      if (!node.process.alive) node.start();
      node.process.resume();
    }
    // What was undone while the controller was away.
    for (const node of this.#drained) {
      this.#world.at(UNDONE_AFTER_MS, () => this.#tell(PATHS.undrain, { node }));
    }
  }

  #strike(kind: Kind): void {
    const { random } = this.#world;
    const { controller, storages, frontends, nodes } = this.#cluster;
    switch (kind) {
      case 'kill':
        return this.#kill([random.pick(storages)]);
      case 'kill-many':
        return this.#kill(storages.filter(() => random.chance(0.6)));
      case 'stop':
        return this.#stop(random.pick(storages));
      case 'drain':
        return this.#drain(random.pick(storages));
      case 'lose':
        return this.#lose(random.pick(storages));
      case 'kill-controller':
        return this.#kill([controller]);
      case 'lose-controller':
        return this.#loseController();
      case 'kill-frontend':
        return this.#kill([random.pick(frontends)]);
      case 'pause':
        return this.#pause(random.pick(nodes));
      case 'cut':
        return this.#cut(nodes.filter(() => random.chance(0.5)));
      case 'isolate':
        return this.#cut([random.pick(nodes)]);
      case 'clock':
        return this.#jump(random.pick(nodes));
      case 'fill-disk':
        return this.#fill(random.pick([controller, ...storages]));
      case 'stall-disk':
        return random.pick([controller, ...storages]).disk.stall(this.#durationMs());
      case 'aim':
        return this.#aim();
    }
  }

  #durationMs(): number {
    const { random } = this.#world;
    return random.between(1, random.chance(0.3) ? 3000 : 600);
  }

  #kill(nodes: readonly SimulatedNode[]): void {
    for (const node of nodes) {
      if (!node.keepsData && !this.#mayLose(node)) continue;
      this.#vouch(node);
      // With every write synced, the power may go as well.
      node.crash(this.#cluster.syncsAlways && this.#world.random.chance(0.3));
      this.#world.at(this.#durationMs(), () => {
        if (!node.process.alive) node.start();
      });
    }
  }

  /**
   * In order, and later started again. A node in memory hands over first, one after the other: those that
   * leave together may leave in time with the last copies.
   */
  #stop(node: SimulatedNode): void {
    if (!node.process.alive || this.#leaving?.process.alive) return;
    if (!node.keepsData && !this.#mayLose(node)) return;
    if (!node.keepsData) this.#leaving = node;
    const { random } = this.#world;
    const lingersMs = random.chance(0.5) ? 0 : random.between(0, 4000);
    node.stop(lingersMs, () => {
      if (this.#leaving === node) this.#leaving = undefined;
      this.#world.at(this.#durationMs(), () => {
        if (!node.process.alive) node.start();
      });
    });
  }

  /** H42: about half of the nodes have a parent, which reaps them and says so. */
  #vouch(node: SimulatedNode): void {
    const { random } = this.#world;
    if (!this.#cluster.storages.some((storage) => storage === node)) return;
    const life = this.#oracles.lifeOf(node);
    if (life === undefined || random.chance(0.5)) return;
    const message = { ...life, returning: random.chance(0.3) };
    this.#world.at(random.between(1, 50), () => this.#tell(PATHS.death, message));
  }

  /** The operator drains a node, and thinks better of it later. */
  #drain({ process }: SimulatedNode): void {
    const message = { node: process.name };
    this.#tell(PATHS.drain, message);
    this.#world.at(this.#durationMs(), () => this.#tell(PATHS.undrain, message));
    this.#drained.add(process.name);
  }

  /** From the controller's own machine; lost while it is down. */
  #tell(path: string, message: ControlMessage): void {
    this.#cluster.controller.request(
      { ...requestOf({ method: 'POST', path, message }), fromLoopback: true },
      () => undefined,
    );
  }

  /** Its data is gone for good; only if another copy is intact, or nothing could be promised. */
  #lose(node: SimulatedNode): void {
    if (!this.#mayLose(node)) return;
    const power = this.#world.random.chance(0.5);
    node.crash(power);
    if (!power) node.disk.wipe();
    this.#world.note(`${node.process.name} has lost its data`);
    this.#world.at(this.#durationMs(), () => {
      if (!node.process.alive) node.start();
    });
  }

  /** Until the operator makes room; and starts the node again, for a log that failed stays so. */
  #fill(node: SimulatedNode): void {
    if (node.disk.isFull || !node.keepsData) return;
    this.#world.note(`the disk of ${node.process.name} is full`);
    node.disk.fill();
    this.#full.add(node);
    this.#world.at(this.#durationMs(), () => this.#makeRoom(node));
  }

  #makeRoom(node: SimulatedNode): void {
    if (!this.#full.delete(node)) return;
    node.disk.free();
    node.process.resume();
    node.crash(false);
    node.start();
  }

  #mayLose(node: SimulatedNode): boolean {
    const isIntact = ({ node: id, incarnation }: Life) => {
      const other = this.#cluster.storages.find(({ process }) => process.name === id);
      if (other === undefined || incarnation <= (this.#lost.get(id) ?? 0)) return false;
      return other.keepsData || other.process.alive;
    };
    if (!this.#oracles.canLose(node, isIntact)) return false;
    this.#lost.set(node.process.name, this.#oracles.incarnationOf(node));
    return true;
  }

  #pause({ process }: SimulatedNode, durationMs = this.#durationMs()): void {
    if (!process.alive) return;
    this.#world.note(`${process.name} is paused`);
    process.pause();
    this.#world.at(durationMs, () => process.resume());
  }

  /** These from all others, each direction by itself. */
  #cut(side: readonly SimulatedNode[]): void {
    const { random } = this.#world;
    const oneWay = random.chance(0.3);
    this.#world.note(`cut off: ${side.map(({ process }) => process.name).join(', ')}`);
    const durationMs = this.#durationMs();
    for (const inside of side) {
      for (const outside of this.#cluster.nodes) {
        if (side.includes(outside)) continue;
        this.#cutLink(inside, outside, durationMs);
        if (!oneWay) this.#cutLink(outside, inside, durationMs);
      }
    }
  }

  #aim(): void {
    const { map } = this.#oracles;
    if (map === undefined) return;
    const hands: Hands = {
      cutFor: (links, durationMs) => {
        if (this.#over) return;
        for (const [from, to] of links) this.#cutLink(from, to, durationMs);
      },
      pauseFor: (node, durationMs) => {
        if (!this.#over) this.#pause(node, durationMs);
      },
      drain: (node) => this.#drain(node),
      loseController: () => {
        if (!this.#over) this.#loseController();
      },
      after: (delayMs, run) => this.#world.at(delayMs, run),
    };
    strike(this.#world.random.pick(this.#programmes), this.#world, this.#cluster, map, hands);
  }

  #loseController(): void {
    const { controller } = this.#cluster;
    controller.disk.wipe();
    this.#cluster.controllerRecovers = true;
    this.#kill([controller]);
  }

  #cutLink({ process: a }: SimulatedNode, { process: b }: SimulatedNode, durationMs: number): void {
    const { network } = this.#cluster;
    network.cut(a.name, b.name);
    this.#world.at(durationMs, () => network.heal(a.name, b.name));
  }

  #jump({ process }: SimulatedNode): void {
    const { random } = this.#world;
    process.wallOffsetMs = random.between(-1, 1) * (random.chance(0.3) ? 10_000 : 500);
    this.#world.note(`the clock of ${process.name} is ${Math.round(process.wallOffsetMs)} ms off`);
  }
}
