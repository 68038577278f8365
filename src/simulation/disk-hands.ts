// Faults of disks, and what the operator does about each in the end: he makes room, restarts the node, or replaces a
// disk that cannot be trusted any more. How faults are drawn is disk-faults.ts's.

import type { SimulatedCluster } from './cluster.ts';
import { drawDiskFault, mayCostTheDisk, strikeDisk } from './disk-faults.ts';
import type { Fault, FaultKind, FaultLog } from './fault-log.ts';
import type { Losses } from './losses.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

export class DiskHands {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #faults: FaultLog;
  readonly #losses: Losses;
  /** Nodes whose disk has a fault that the operator must end, and how he ends it. */
  readonly #struck = new Map<SimulatedNode, () => void>();

  constructor(world: World, cluster: SimulatedCluster, faults: FaultLog, losses: Losses) {
    this.#world = world;
    this.#cluster = cluster;
    this.#faults = faults;
    this.#losses = losses;
  }

  /** Fills the disk until the operator makes room; the node must go on by itself then (H35). */
  fill(node: SimulatedNode, durationMs: number, kind: FaultKind = 'fill-disk'): void {
    if (this.#struck.has(node) || !node.keepsData || !node.process.alive) return;
    this.#world.note(`the disk of ${node.process.name} is full`);
    node.disk.fill();
    this.#endLater(node, this.#faults.begin(kind, [node]), durationMs, () => this.#mend(node));
  }

  stall(node: SimulatedNode, durationMs: number): void {
    node.disk.stall(durationMs);
    this.#faults.lasting('stall-disk', [node], durationMs);
  }

  /** Strikes the disk with a drawn fault: slow, full, errors, shortages, rot or tampering. */
  strike(node: SimulatedNode, lasts: boolean): void {
    const { random } = this.#world;
    if (this.#struck.has(node) || !node.keepsData || !node.process.alive) return;
    const isStorage = this.#cluster.storages.some((storage) => storage === node);
    // A controller's lost state comes back only by a recovery, which is a fault of its own (`loseController`, D6).
    const kinds = isStorage
      ? (['slow', 'full', 'error', 'shortage', 'rot', 'tamper'] as const)
      : (['slow', 'full', 'shortage'] as const);
    const fault = drawDiskFault(random, kinds, lasts);
    const costsTheDisk = mayCostTheDisk(fault);
    // One such fault at a time: a node that is no witness now may be one when its disk is replaced.
    if (costsTheDisk && (this.#isToBeReplaced || !this.#losses.mayLose(node))) return;
    const durationMs =
      'durationMs' in fault ? Math.min(fault.durationMs, 60_000) : random.between(500, 3000);
    const what = strikeDisk(node.disk, 'durationMs' in fault ? { ...fault, durationMs } : fault);
    if (what === undefined) return;
    this.#world.note(`the disk of ${node.process.name} ${what}`);
    if (costsTheDisk) this.#losses.condemn(node);
    const kind: Readonly<Record<typeof fault.kind, FaultKind>> = {
      slow: 'slow-disk',
      stall: 'stall-disk',
      full: 'fill-disk',
      error: 'disk-error',
      shortage: 'disk-shortage',
      rot: 'disk-rot',
      tamper: 'disk-tampered',
    };
    const log = this.#faults.begin(kind[fault.kind], [node]);
    if (fault.kind === 'slow') this.#world.at(durationMs, () => this.#faults.end(log));
    else {
      this.#endLater(node, log, durationMs, () => {
        // The disk may have been replaced at a start since; the new one holds data that others count on.
        if (costsTheDisk && !this.#losses.isCondemned(node)) return;
        if (costsTheDisk) this.#replace(node);
        else if (fault.kind === 'error') this.#restart(node);
        else this.#mend(node);
      });
      // A node meets rot only when it starts, so it is mostly restarted.
      if (fault.kind === 'rot' && random.chance(0.7)) {
        this.#world.at(random.between(0, durationMs / 2), () => {
          if (!this.#struck.has(node)) return;
          node.crash(false);
          this.#losses.start(node);
        });
      }
    }
  }

  get #isToBeReplaced(): boolean {
    return this.#cluster.storages.some(
      (node) => this.#struck.has(node) && this.#losses.isCondemned(node),
    );
  }

  healAll(): void {
    for (const end of [...this.#struck.values()]) end();
    const { controller, storages } = this.#cluster;
    // Ends `slow`, whose fault has no end in `#struck`.
    for (const { disk } of [controller, ...storages]) disk.slow([0, 0], 0);
  }

  #endLater(node: SimulatedNode, fault: Fault, durationMs: number, end: () => void): void {
    const once = () => {
      if (this.#struck.get(node) !== once) return;
      this.#struck.delete(node);
      end();
      this.#faults.end(fault);
    };
    this.#struck.set(node, once);
    this.#world.at(durationMs, once);
  }

  /** Ends the fault; starts only a node that ended itself because of it. */
  #mend(node: SimulatedNode): void {
    node.disk.mend();
    if (!node.process.alive) this.#losses.start(node);
  }

  #restart(node: SimulatedNode): void {
    node.disk.free();
    node.disk.mend();
    node.process.resume();
    node.crash(false);
    this.#losses.start(node);
  }

  #replace(node: SimulatedNode): void {
    node.crash(false);
    node.disk.mend();
    node.disk.wipe();
    this.#losses.replaced(node);
    this.#losses.start(node);
  }
}
