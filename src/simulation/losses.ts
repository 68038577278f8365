// What is gone for good, as the one knows who plays fate: whose data may still be destroyed without breaking what
// is promised, and which machines burned.

import type { Life } from '../cluster/model/cluster-map.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { IntactCopies } from './intact-copies.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';

/** A supervisor starts again what ended itself. */
const SUPERVISED_MS = 1000;

export class Losses {
  readonly #cluster: SimulatedCluster;
  readonly #oracles: Oracles;
  readonly #intact: IntactCopies;
  /** Lives up to these incarnations have lost their data. */
  readonly #lost = new Map<string, number>();
  /** Machines that are gone, until somebody puts another one in their place. */
  readonly burned = new Set<SimulatedNode>();

  constructor(cluster: SimulatedCluster, oracles: Oracles, intact: IntactCopies) {
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#intact = intact;
  }

  /** Whether this node came back without its data, as the one who runs it knows. */
  hasLost(id: string): boolean {
    return this.#lost.has(id);
  }

  /** Notes that the node loses what it has, if every partition of it has another copy in sync. */
  mayLose(node: SimulatedNode): boolean {
    if (!this.#oracles.canLose(node, this.#isIntact)) return false;
    this.#note(node);
    return true;
  }

  /** The same where only records are lost, and not what it promised, or voted for. */
  mayLoseRecords(node: SimulatedNode): boolean {
    if (!this.#oracles.isCopied(node, this.#isIntact)) return false;
    this.#note(node);
    return true;
  }

  #note(node: SimulatedNode): void {
    this.#lost.set(node.process.name, this.#oracles.incarnationOf(node));
  }

  /**
   * Whether somebody else has what it has, though perhaps no member that serves: also what a node has kept that the
   * map does not name is a copy, and an operator may bring it back. The witnesses that are left are a majority.
   */
  isElsewhere(node: SimulatedNode): boolean {
    return this.keepsWitnesses(node) && this.#intact.isElsewhere([node]);
  }

  keepsWitnesses(node: SimulatedNode): boolean {
    return this.#oracles.keepsWitnesses([node], this.#isIntact);
  }

  /** Everything that the node had is destroyed. */
  gone(node: SimulatedNode): void {
    this.#intact.gone(node);
  }

  /** The operator will replace its disk: until then nobody counts on what is there. */
  condemn(node: SimulatedNode): void {
    this.#intact.condemn(node);
  }

  isCondemned(node: SimulatedNode): boolean {
    return this.#intact.isCondemned(node);
  }

  /** The life that is over by now, and those between the fault and it, left nothing. */
  replaced(node: SimulatedNode): void {
    this.#note(node);
    this.#intact.replaced(node);
  }

  /** Its machine is gone, and the disk with it. */
  burn(node: SimulatedNode): void {
    this.#note(node);
    node.crash(true);
    node.disk.wipe();
    this.burned.add(node);
    this.gone(node);
    node.process.world.note(`the machine of ${node.process.name} is gone`);
  }

  /** A process dies, and with it what only its memory had. */
  crash(node: SimulatedNode, power: boolean): void {
    node.crash(power);
    if (!node.keepsData) this.gone(node);
  }

  /** Unless its machine is gone, or it runs already. */
  start(node: SimulatedNode): void {
    if (node.process.alive || this.burned.has(node)) return;
    // It may have died before it noticed, and then nothing but this says so.
    if (node.disk.isTampered) {
      node.disk.wipe();
      this.replaced(node);
    }
    node.start();
  }

  /** Its supervisor starts it, unless another machine has its place by then. */
  startAgain(node: SimulatedNode): void {
    node.process.world.at(SUPERVISED_MS, () => {
      if (node !== this.#cluster.formerController) this.start(node);
    });
  }

  readonly #isIntact = ({ node: id, incarnation }: Life): boolean => {
    const other = this.#cluster.storages.find(({ process }) => process.name === id);
    if (other === undefined || incarnation <= (this.#lost.get(id) ?? 0)) return false;
    if (this.#intact.isCondemned(other)) return false;
    return other.keepsData ? !this.burned.has(other) : other.process.alive;
  };
}
