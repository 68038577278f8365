// The simulated operator: inspects the cluster every few seconds, and acts as a person would who sees which machines
// are gone and what the controller reports. Now and then he is mistaken or impatient.

import {
  answeringMembers,
  type ClusterMap,
  isGranted,
  type PartitionEntry,
} from '../cluster/model/cluster-map.ts';
import type { PartitionId } from '../cluster/model/partition.ts';
import { partitionOf } from '../cluster/model/partition.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { Hands } from './hands.ts';
import type { History } from './history.ts';
import type { Losses } from './losses.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import { allKeys, type RunShape } from './run-shape.ts';
import type { World } from './world.ts';

const NO_KEY = Buffer.alloc(0);
const LOOKS_EVERY_MS = [1000, 3000] as const;
/** Every node with a machine must run and be heard for so long before he believes that no other comes back. */
const STEADY_MS = 3000;

export class Operator {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #shape: RunShape;
  readonly #hands: Hands;
  readonly #losses: Losses;
  readonly #oracles: Oracles;
  readonly #history: History;
  readonly #givenUp: (partitions: readonly PartitionId[]) => void;
  readonly #isImpatient: boolean;
  readonly #offlineSinceMs = new Map<number, number>();
  #steadySinceMs = 0;
  #isOutOfPatience = false;
  #actedMs = Number.NEGATIVE_INFINITY;

  constructor(
    world: World,
    cluster: SimulatedCluster,
    shape: RunShape,
    parts: {
      readonly hands: Hands;
      readonly losses: Losses;
      readonly oracles: Oracles;
      readonly history: History;
      /** Called when he gives up partitions. */
      readonly givenUp: (partitions: readonly PartitionId[]) => void;
    },
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#shape = shape;
    this.#hands = parts.hands;
    this.#losses = parts.losses;
    this.#oracles = parts.oracles;
    this.#history = parts.history;
    this.#givenUp = parts.givenUp;
    this.#isImpatient = shape.isImpatient;
  }

  /** World time at which he last gave up a partition; new copies of it are made from then on. */
  get actedMs(): number {
    return this.#actedMs;
  }

  start(): void {
    this.#world.at(this.#world.random.between(...LOOKS_EVERY_MS), () => {
      this.#look();
      this.start();
    });
  }

  #look(): void {
    const { map } = this.#oracles;
    const { process } = this.#cluster.controller;
    if (map === undefined || !process.alive || process.paused) {
      // Without a controller he sees nothing, and what he saw before no longer counts.
      this.#steadySinceMs = this.#world.nowMs;
      return;
    }
    if (!this.#isSteady()) this.#steadySinceMs = this.#world.nowMs;
    this.#forgetTheGone();
    this.#acceptLosses(map);
    if (this.#world.random.chance(0.1)) this.#doSomethingNeedless();
  }

  /** Whether every node that has a machine runs and is heard by the controller. */
  #isSteady(): boolean {
    const { controller, network, storages, spares } = this.#cluster;
    return storages
      .filter((node) => !spares.includes(node) && !this.#losses.burned.has(node))
      .every(
        ({ process }) =>
          process.alive &&
          !process.paused &&
          !network.isCut(process, controller.process) &&
          !network.isCut(controller.process, process),
      );
  }

  /** H5c: he saw the machine burn, so he declares the node dead; and removes it from the map once nothing needs it. */
  #forgetTheGone(): void {
    for (const { process } of this.#losses.burned) {
      if (process.name.startsWith('controller') || this.#world.random.chance(0.5)) continue;
      this.#hands.tell(CONTROL.forget, { node: process.name });
      this.#hands.tell(CONTROL.remove, { node: process.name });
    }
  }

  #acceptLosses(map: ClusterMap): void {
    const now = this.#world.nowMs;
    this.#isOutOfPatience = this.#world.random.chance(0.5);
    const given: PartitionId[] = [];
    for (const [index, entry] of map.partitions.entries()) {
      const partition = index as PartitionId;
      if (answeringMembers(map, entry).length > 0) this.#offlineSinceMs.delete(partition);
      else {
        const sinceMs = this.#offlineSinceMs.get(partition) ?? now;
        this.#offlineSinceMs.set(partition, sinceMs);
        if (now - sinceMs > this.#shape.patienceMs && this.#isHopeless(entry)) {
          given.push(partition);
          if (this.#shape.acceptsLosses) this.#forgetTheReplaced(entry.members);
        }
      }
    }
    if (given.length > 0 && this.#shape.acceptsLosses) this.#accept(given);
  }

  /** Whether he gives the partition up: no missing member can come back, or he is impatient. */
  #isHopeless({ members }: PartitionEntry): boolean {
    const isSteady = this.#world.nowMs - this.#steadySinceMs > STEADY_MS;
    if (!isSteady) return this.#isImpatient && this.#isOutOfPatience;
    // If no member's machine or data is gone, the members settle the partition by themselves.
    const isGone = (id: string) =>
      [...this.#losses.burned].some(({ process }) => process.name === id) ||
      this.#losses.hasLost(id);
    return this.#isImpatient || members.some(({ node }) => isGone(node));
  }

  /**
   * I7: where no witness is left that could say that a member's lease ended, `accept-loss` asks for the operator's
   * word that it runs no more. He gives it only when every node that has a machine is heard, so that `forget` declares
   * nothing dead but incarnations whose machine he saw burn. Without that word a partition whose last member lay on a
   * machine that was replaced would stay offline for good.
   */
  #forgetTheReplaced(members: PartitionEntry['members']): void {
    if (this.#world.nowMs - this.#steadySinceMs <= STEADY_MS) return;
    for (const node of new Set(members.map((member) => member.node))) {
      if (this.#losses.hasLost(node)) this.#hands.tell(CONTROL.forget, { node });
    }
  }

  #accept(partitions: readonly PartitionId[]): void {
    const keysOf = (partition: PartitionId) =>
      allKeys(this.#shape).filter(
        (key) => partitionOf(Buffer.from(key), this.#oracles.map?.digits ?? 1) === partition,
      );
    const keys = partitions.flatMap(keysOf);
    const lost = partitions
      .filter((partition) => !this.#isKeptBySomebody(partition, keysOf(partition)))
      .flatMap(keysOf);
    this.#actedMs = this.#world.nowMs;
    this.#world.note(`the operator gives up partitions ${partitions.join(', ')}`);
    this.#world.occur('loss accepted');
    if (lost.length < keys.length) this.#world.occur('loss accepted, and nothing lost');
    this.#oracles.lossAccepted(lost);
    this.#history.acceptLoss(lost, this.#world.nowMs);
    this.#givenUp(partitions);
    this.#hands.tell(CONTROL.acceptLoss, { partitions: [...partitions] });
    // An impatient person sends it twice.
    if (this.#world.random.chance(0.2)) {
      this.#hands.tell(CONTROL.acceptLoss, { partitions: [...partitions] });
    }
  }

  /**
   * Whether the controller hears nodes that have all acknowledged records of the partition, so that nothing need be
   * lost. It can rely only on the nodes that know themselves complete up to the latest epoch; others may hold more
   * without a way to know it, such as an unfinished copy.
   */
  #isKeptBySomebody(partition: PartitionId, keys: readonly string[]): boolean {
    const heard = this.#cluster.storages.filter((node) => this.#isHeard(node));
    const epochOf = ({ living }: SimulatedNode<StorageNode>) =>
      living?.holding(partition, NO_KEY)?.completeness?.epoch ?? 0;
    const latest = Math.max(0, ...heard.map(epochOf));
    const best = latest === 0 ? [] : heard.filter((node) => epochOf(node) === latest);
    const hasAll = (node: SimulatedNode<StorageNode>) =>
      keys.every((key) => this.#oracles.holds(node, key) !== false);
    return best.length > 0 && best.every(hasAll);
  }

  #isHeard(node: SimulatedNode<StorageNode>): boolean {
    const { controller, network } = this.#cluster;
    const { process } = node;
    const [incarnationId, { map }] = [this.#oracles.incarnationIdOf(node), this.#oracles];
    if (incarnationId === undefined || map === undefined || !isGranted(map, incarnationId))
      return false;
    return (
      !process.paused &&
      !network.isCut(process, controller.process) &&
      !network.isCut(controller.process, process)
    );
  }

  /** Sends a command that changes nothing in a healthy cluster, or that names an unknown node. */
  #doSomethingNeedless(): void {
    const { random } = this.#world;
    const node = random.pick(this.#cluster.storages);
    switch (random.below(4)) {
      case 0:
        return this.#hands.tell(CONTROL.remove, { node: node.process.name });
      case 1:
        return this.#hands.tell(CONTROL.undrain, { node: 'nobody' });
      case 2:
        return this.#hands.add();
      case 3:
        // H5c: `forget` of a running node concerns only earlier incarnations; of any other he knows that it is down.
        if (this.#isDown(node)) this.#hands.tell(CONTROL.forget, { node: node.process.name });
    }
  }

  #isDown({ process }: SimulatedNode): boolean {
    return !process.alive;
  }
}
