// What befalls disks, and what the operator does about it in the end: makes room, or replaces what cannot be
// trusted any more. What can befall them is disk-faults.ts's.

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
  /** Nodes whose disk the operator still has to look after, and how he ends it. */
  readonly #struck = new Map<SimulatedNode, () => void>();

  constructor(world: World, cluster: SimulatedCluster, faults: FaultLog, losses: Losses) {
    this.#world = world;
    this.#cluster = cluster;
    this.#faults = faults;
    this.#losses = losses;
  }

  /** Until the operator makes room: the node goes on by itself then (H35). */
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

  /** Slow for long, full at some byte, errors, bits that turn over, foreign hands. */
  strike(node: SimulatedNode, lasts: boolean): void {
    const { random } = this.#world;
    if (this.#struck.has(node) || !node.keepsData || !node.process.alive) return;
    const isStorage = this.#cluster.storages.some((storage) => storage === node);
    // What a controller has on its disk only a recovery brings back, and that is another fault (D6).
    const kinds = isStorage
      ? (['slow', 'full', 'error', 'shortage', 'rot', 'tamper'] as const)
      : (['slow', 'full', 'shortage'] as const);
    const fault = drawDiskFault(random, kinds, lasts);
    const costsTheDisk = mayCostTheDisk(fault);
    // One at a time: whoever is not a witness now may be one by the time that its disk is replaced.
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
        // A start may have put another one in its place; who was counted on since then would lose that as well.
        if (costsTheDisk && !this.#losses.isCondemned(node)) return;
        if (costsTheDisk) this.#replace(node);
        else if (fault.kind === 'error') this.#restart(node);
        else this.#mend(node);
      });
      // What rotted shows at the next start.
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
    // As fast as they were.
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

  /** Only who could not even start has to be started again. */
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
