// Faults of links: cuts, and losses of what is sent. Each heals by itself.

import type { SimulatedCluster } from './cluster.ts';
import type { FaultKind, FaultLog } from './fault-log.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** [from, to]: one direction of a link. */
export type NodePair = readonly [SimulatedNode, SimulatedNode];

export class LinkHands {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #faults: FaultLog;

  constructor(world: World, cluster: SimulatedCluster, faults: FaultLog) {
    this.#world = world;
    this.#cluster = cluster;
    this.#faults = faults;
  }

  /** Cuts these nodes off from all others: both ways, or only what they send. */
  cutOff(side: readonly SimulatedNode[], kind: FaultKind, durationMs: number): void {
    const oneWay = this.#world.random.chance(0.3);
    const links: NodePair[] = [];
    for (const inside of side) {
      for (const outside of [...this.#cluster.nodes, ...this.#cluster.spares]) {
        if (side.includes(outside)) continue;
        links.push([inside, outside]);
        if (!oneWay) links.push([outside, inside]);
      }
    }
    this.#world.note(`cut off: ${side.map(({ process }) => process.name).join(', ')}`);
    this.cutFor(links, durationMs, kind, side);
  }

  /** @param nodes the nodes that the fault log names as struck; by default those that cannot send */
  cutFor(
    links: readonly NodePair[],
    durationMs: number,
    kind: FaultKind = 'aim',
    nodes: readonly SimulatedNode[] = links.map(([from]) => from),
  ): void {
    const { network } = this.#cluster;
    for (const [{ process: from }, { process: to }] of links) network.cut(from.name, to.name);
    this.#faults.lasting(kind, nodes, durationMs, () => {
      for (const [{ process: from }, { process: to }] of links) network.heal(from.name, to.name);
    });
  }

  /** Loses this share of all messages between the two nodes, both ways. */
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
    this.#faults.lasting('lossy', [one, other], durationMs, () => set(0));
  }
}
