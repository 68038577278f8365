// The ground truth of destroyed data: whose data a fault may still destroy without breaking a promise, and which
// machines burned. Nothing of the product reads it.

import type { IncarnationId } from '../cluster/model/cluster-map.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { IntactCopies } from './intact-copies.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';

/** A supervisor restarts a process that ended itself after this time. */
const SUPERVISED_MS = 1000;

export class Losses {
  readonly #cluster: SimulatedCluster;
  readonly #oracles: Oracles;
  readonly #intact: IntactCopies;
  /** By node: incarnations up to this one have lost their data. */
  readonly #lost = new Map<string, number>();
  /** Nodes whose machine is gone, until another one takes its place. */
  readonly burned = new Set<SimulatedNode>();

  constructor(cluster: SimulatedCluster, oracles: Oracles, intact: IntactCopies) {
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#intact = intact;
  }

  /** Whether this node ever lost its data, as the operator knows. */
  hasLost(id: string): boolean {
    return this.#lost.has(id);
  }

  /**
   * Whether the node may lose all its data: every partition of it has another intact copy in sync, and a majority of
   * the witnesses stays. If so, notes the loss.
   */
  mayLose(node: SimulatedNode): boolean {
    if (!this.#oracles.canLose(node, this.#isIntact)) return false;
    this.#note(node);
    return true;
  }

  /** The same for a node that loses only records, not what it promised or voted for. */
  mayLoseRecords(node: SimulatedNode): boolean {
    if (!this.#oracles.isCopied(node, this.#isIntact)) return false;
    this.#note(node);
    return true;
  }

  #note(node: SimulatedNode): void {
    this.#lost.set(node.process.name, this.#oracles.incarnationOf(node));
  }

  /**
   * Whether other nodes have all acknowledged records of this node, though perhaps not as serving members: a node
   * outside the map that retains records is a copy as well, which the operator can bring back.
   */
  isElsewhere(node: SimulatedNode): boolean {
    return this.keepsWitnesses(node) && this.#intact.isElsewhere([node]);
  }

  keepsWitnesses(node: SimulatedNode): boolean {
    return this.#oracles.keepsWitnesses([node], this.#isIntact);
  }

  /** Notes that all data of the node is destroyed. */
  gone(node: SimulatedNode): void {
    this.#intact.gone(node);
  }

  /** Notes that the operator will replace the node's disk: until then its data does not count as a copy. */
  condemn(node: SimulatedNode): void {
    this.#intact.condemn(node);
  }

  isCondemned(node: SimulatedNode): boolean {
    return this.#intact.isCondemned(node);
  }

  /** Notes that the disk was replaced: the incarnations from the fault until now left no data. */
  replaced(node: SimulatedNode): void {
    this.#note(node);
    this.#intact.replaced(node);
  }

  /** Destroys the node's machine with its disk. */
  burn(node: SimulatedNode): void {
    this.#note(node);
    node.crash(true);
    node.disk.wipe();
    this.burned.add(node);
    this.gone(node);
    node.process.world.note(`the machine of ${node.process.name} is gone`);
  }

  /** Kills the process, and notes the loss of data that only its memory had. */
  crash(node: SimulatedNode, power: boolean): void {
    // What it has just copied may be the only copy by the next regular check, and is still on its disk then. After a
    // loss of power it need not be.
    if (!power) this.#intact.check();
    node.crash(power);
    if (!node.keepsData) this.gone(node);
  }

  /** Starts the node, unless its machine is gone or it runs already. */
  start(node: SimulatedNode): void {
    if (node.process.alive || this.burned.has(node)) return;
    // The process may have died before it noticed the tampering: only the operator knows that data is missing (H8).
    if (node.disk.isTampered) {
      node.disk.wipe();
      this.replaced(node);
    }
    node.start();
  }

  /** Lets the supervisor restart the node, unless another machine has its place by then. */
  startAgain(node: SimulatedNode): void {
    node.process.world.at(SUPERVISED_MS, () => {
      if (node !== this.#cluster.formerController) this.start(node);
    });
  }

  readonly #isIntact = ({ node: id, incarnation }: IncarnationId): boolean => {
    const other = this.#cluster.storages.find(({ process }) => process.name === id);
    if (other === undefined || incarnation <= (this.#lost.get(id) ?? 0)) return false;
    if (this.#intact.isCondemned(other)) return false;
    return other.keepsData ? !this.burned.has(other) : other.process.alive;
  };
}
