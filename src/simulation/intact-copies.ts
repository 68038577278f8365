// G2 beyond serving members: some node still has each acknowledged record, in memory or on an intact disk, whether the
// map names it or not. Only a fault may destroy the last copy, never the product itself.

import type { Version } from '../cluster/model/version.ts';
import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import type { World } from './world.ts';

type SimulatedStorage = SimulatedNode<StorageNode>;

/** How often the holders are checked. */
const ASKED_EVERY_MS = 250;

export class IntactCopies {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #oracles: Oracles;
  readonly #violation: (text: string) => void;
  /**
   * By key: the nodes that had the acknowledged record, or a newer one, when they were last asked, and which record was
   * acknowledged then. A node that is down has nothing of what is acknowledged later (seed 110000837).
   */
  readonly #holders = new Map<string, Map<SimulatedStorage, Version>>();
  /** Nodes whose disk will be replaced: data that they get until then does not count as a copy. */
  readonly #condemned = new Set<SimulatedNode>();

  constructor(
    world: World,
    cluster: SimulatedCluster,
    oracles: Oracles,
    violation: (text: string) => void,
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#violation = violation;
  }

  start(): void {
    this.#world.at(ASKED_EVERY_MS, () => this.start());
    this.check();
  }

  /** Notes that a fault destroyed all data of this node. */
  gone(node: SimulatedNode): void {
    for (const holders of this.#holders.values()) {
      for (const holder of holders.keys()) if (holder === node) holders.delete(holder);
    }
  }

  condemn(node: SimulatedNode): void {
    this.#condemned.add(node);
    this.gone(node);
  }

  replaced(node: SimulatedNode): void {
    this.#condemned.delete(node);
    this.gone(node);
  }

  isCondemned(node: SimulatedNode): boolean {
    return this.#condemned.has(node);
  }

  /** Whether every acknowledged record is still somewhere without these nodes. */
  isElsewhere(nodes: readonly SimulatedNode[]): boolean {
    this.check();
    return [...this.#holders.values()].every((holders) =>
      [...holders.keys()].some((holder) => !nodes.includes(holder) && this.#mayComeBack(holder)),
    );
  }

  check(): void {
    if (this.#cluster.isCache) return;
    for (const [key, { version }] of this.#oracles.acknowledgedSets) {
      const earlier = this.#holders.get(key) ?? new Map<SimulatedStorage, Version>();
      const now = new Map<SimulatedStorage, Version>();
      for (const node of this.#cluster.storages) {
        const holds = this.#oracles.holds(node, key);
        // A node that is down still has what it had, if its disk is intact.
        const mayHold = () => earlier.get(node) === version && this.#mayComeBack(node);
        if (holds ?? mayHold()) now.set(node, version);
      }
      const before = [...earlier].filter(([, held]) => held === version).map(([node]) => node);
      if (now.size === 0 && before.length > 0) this.#report(key, before);
      this.#holders.set(key, now);
    }
  }

  /** Reports a record whose last holders run and dropped it; if none of them runs, a fault took it. */
  #report(key: string, earlier: readonly SimulatedStorage[]): void {
    const dropped = earlier.filter((node) => this.#oracles.holds(node, key) === false);
    if (dropped.length === 0) return;
    this.#violation(
      `G2: ${dropped.map(({ process }) => process.name).join(', ')} dropped the last copy of ${key}, at ${this.#world.nowMs.toFixed(1)}`,
    );
  }

  #mayComeBack(node: SimulatedNode): boolean {
    return (node.keepsData || node.process.alive) && !this.#condemned.has(node);
  }
}
