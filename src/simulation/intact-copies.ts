// G2, beyond who serves: somebody still has what was acknowledged, in memory or on a disk that is whole, whether the
// map names it or not. Only a fault may take the last copy, never the product itself.

import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import type { World } from './world.ts';

type SimulatedStorage = SimulatedNode<StorageNode>;

/** How often it is asked who has what. */
const ASKED_EVERY_MS = 250;

export class IntactCopies {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #oracles: Oracles;
  readonly #violation: (text: string) => void;
  /** By key: who had the acknowledged record, or a newer one, when it was last asked. */
  readonly #holders = new Map<string, Set<SimulatedStorage>>();
  /** Nodes whose disk will be replaced, whatever later lives bring there until then. */
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

  /** A fault destroyed all that this node had. */
  gone(node: SimulatedNode): void {
    for (const holders of this.#holders.values()) {
      for (const holder of holders) if (holder === node) holders.delete(holder);
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

  /** Whether without these nodes everything that was acknowledged is still somewhere. */
  isElsewhere(nodes: readonly SimulatedNode[]): boolean {
    this.check();
    return [...this.#holders.values()].every((holders) =>
      [...holders].some((holder) => !nodes.includes(holder) && this.#mayComeBack(holder)),
    );
  }

  check(): void {
    if (this.#cluster.isCache) return;
    for (const key of this.#oracles.acknowledgedKeys()) {
      const earlier = this.#holders.get(key) ?? new Set();
      const now = new Set<SimulatedStorage>();
      for (const node of this.#cluster.storages) {
        const holds = this.#oracles.holds(node, key);
        // Who cannot be asked still has what it had, if its disk is whole.
        if (holds ?? (earlier.has(node) && this.#mayComeBack(node))) now.add(node);
      }
      if (now.size === 0 && earlier.size > 0) this.#report(key, earlier);
      this.#holders.set(key, now);
    }
  }

  /** Where nobody could be asked, a fault took it; who still lives has dropped it. */
  #report(key: string, earlier: ReadonlySet<SimulatedStorage>): void {
    const dropped = [...earlier].filter((node) => this.#oracles.holds(node, key) === false);
    if (dropped.length === 0) return;
    this.#violation(
      `G2: ${dropped.map(({ process }) => process.name).join(', ')} dropped the last copy of ${key}, at ${this.#world.nowMs.toFixed(1)}`,
    );
  }

  #mayComeBack(node: SimulatedNode): boolean {
    return (node.keepsData || node.process.alive) && !this.#condemned.has(node);
  }
}
