// What a node holds of partitions that the map gives to others: retained, untouched and never answered from,
// until the partition is safe without it (H29). The map may show a member that answers and is dead already: a
// switch was down for some seconds, and the machine of the only other copy burns. Then this is the last copy.

import { answeringMembers, type ClusterMap } from '../cluster/cluster-map.ts';
import type { NodeId } from '../cluster/identity.ts';
import type { PartitionId } from '../cluster/partition.ts';
import type { Durability } from './durability.ts';
import type { PartitionFigures, PartitionStore } from './partition-store.ts';

export class Retained {
  readonly #store: PartitionStore;
  readonly #durability: Durability;
  readonly #node: NodeId;
  #retained: readonly PartitionId[] = [];
  /** Those of them that some member answers for, as the map has it. */
  readonly #reclaimable: PartitionId[] = [];
  #offline: readonly PartitionId[] = [];

  constructor(store: PartitionStore, durability: Durability, node: NodeId) {
    this.#store = store;
    this.#durability = durability;
    this.#node = node;
  }

  /** What the map gives to others, and is held here still. */
  get partitions(): readonly PartitionId[] {
    return this.#retained;
  }

  /** What is held here while nobody answers for it, whether the map names this node or not. */
  get offline(): readonly PartitionId[] {
    return this.#offline;
  }

  figures(): Pick<PartitionFigures, 'items' | 'payloadBytes'> & { readonly partitions: number } {
    const sum = { partitions: this.#retained.length, items: 0, payloadBytes: 0 };
    for (const partition of this.#retained) {
      const { items, payloadBytes } = this.#store.figures(partition);
      sum.items += items;
      sum.payloadBytes += payloadBytes;
    }
    return sum;
  }

  mapAdopted(map: ClusterMap): void {
    const wanted = copiesWanted(map, this.#node);
    const retained: PartitionId[] = [];
    const offline: PartitionId[] = [];
    this.#reclaimable.length = 0;
    for (const partition of this.#store.held()) {
      const entry = map.partitions[partition];
      const answering = entry === undefined ? 0 : answeringMembers(map, entry).length;
      // While the map names the node, be it an earlier life of it, the data may be needed (H37); and while
      // the entry is frozen nobody knows yet whom it names (H32).
      const isNamed = entry?.members.some(({ node }) => node === this.#node) === true;
      const isOthers = !isNamed && entry?.frozen !== true;
      if (isOthers && answering >= wanted) {
        this.#reset(partition);
        continue;
      }
      if (answering === 0) offline.push(partition);
      if (!isOthers) continue;
      retained.push(partition);
      if (answering > 0) this.#reclaimable.push(partition);
    }
    this.#retained = retained;
    this.#offline = offline;
  }

  /** While memory is short one that is answered for goes early; one that is not never does. */
  reclaim(): boolean {
    const partition = this.#reclaimable.pop();
    if (partition === undefined) return false;
    this.#retained = this.#retained.filter((other) => other !== partition);
    this.#reset(partition);
    return true;
  }

  #reset(partition: PartitionId): void {
    this.#store.reset(partition);
    this.#durability.append({ kind: 'reset', partition });
  }
}

/**
 * So many members must answer before a partition is safe without this node: as many as there should be, or as
 * there can be. A node that adopts a map lives, though that map may still have it fenced.
 */
function copiesWanted({ nodes, redundancy }: ClusterMap, own: NodeId): number {
  const placeable = Object.entries(nodes).filter(
    ([node, { fenced, draining }]) => !draining && (!fenced || node === own),
  );
  return Math.max(1, Math.min(redundancy, placeable.length));
}
