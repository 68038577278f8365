// What a node holds of partitions that the map gives to others: retained, untouched and never answered from,
// until the partition is safe without it (H29). The map may show a member that answers and is dead already: a
// switch was down for some seconds, and the machine of the only other copy burns. Then this is the last copy.

import {
  answeringMembers,
  type ClusterMap,
  compareGenerations,
  compareMapVersions,
  isSameLife,
  type Life,
  type MapVersion,
  NO_MAP,
} from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { HeartbeatReply } from '../../cluster/wire/control-messages.ts';
import type { LoggedStore } from '../logged-store.ts';
import type { PartitionFigures } from '../memory/partition-store.ts';

/** The newest map that each life has, as far as the controller heard. */
type Adopted = NonNullable<HeartbeatReply['adopted']>;

interface Held {
  readonly partition: PartitionId;
  /** The map that took it from this node. */
  readonly since: MapVersion;
}

export class Retained {
  readonly #store: LoggedStore;
  readonly #node: NodeId;
  #map: ClusterMap | undefined;
  #adopted: ReadonlyMap<NodeId, Adopted[number]> = new Map();
  #adoptedUnder: MapVersion = NO_MAP;
  #retained: readonly Held[] = [];
  /** Those of them that some member answers for who knows that they were taken from this node. */
  readonly #reclaimable: PartitionId[] = [];
  #offline: readonly PartitionId[] = [];

  constructor(store: LoggedStore, node: NodeId) {
    this.#store = store;
    this.#node = node;
  }

  /** What the map gives to others, and is held here still. */
  get partitions(): readonly PartitionId[] {
    return this.#retained.map(({ partition }) => partition);
  }

  /** What is held here while nobody answers for it, whether the map names this node or not. */
  get offline(): readonly PartitionId[] {
    return this.#offline;
  }

  figures(): Pick<PartitionFigures, 'items' | 'payloadBytes'> & { readonly partitions: number } {
    const sum = { partitions: this.#retained.length, items: 0, payloadBytes: 0 };
    for (const { partition } of this.#retained) {
      const { items, payloadBytes } = this.#store.reader.figures(partition);
      sum.items += items;
      sum.payloadBytes += payloadBytes;
    }
    return sum;
  }

  mapAdopted(map: ClusterMap): void {
    // Another generation may have given it back in maps that this node never heard of.
    const isSameGeneration =
      this.#map !== undefined && compareGenerations(this.#map.version, map.version) === 0;
    const earlier = new Map(
      isSameGeneration ? this.#retained.map(({ partition, since }) => [partition, since]) : [],
    );
    this.#map = map;
    const retained: Held[] = [];
    const offline: PartitionId[] = [];
    for (const partition of this.#store.reader.held()) {
      const entry = map.partitions[partition];
      if (entry === undefined || answeringMembers(map, entry).length === 0) offline.push(partition);
      // While the map names the node, be it an earlier life of it, the data may be needed (H37); and while
      // the entry is frozen nobody knows yet whom it names (H32).
      const isNamed = entry?.members.some(({ node }) => node === this.#node) === true;
      if (isNamed || entry?.frozen === true) continue;
      retained.push({ partition, since: earlier.get(partition) ?? map.version });
    }
    this.#retained = retained;
    this.#offline = offline;
    this.#judge(map);
  }

  /** @param under the controller's map when it said so */
  heardAdopted(by: Adopted, under: MapVersion): void {
    this.#adopted = new Map(by.map((life) => [life.node, life]));
    this.#adoptedUnder = under;
    if (this.#map !== undefined) this.#judge(this.#map);
  }

  /** While memory is short one that is answered for goes early; one that is not never does. */
  reclaim(): boolean {
    const partition = this.#reclaimable.pop();
    if (partition === undefined) return false;
    this.#retained = this.#retained.filter((held) => held.partition !== partition);
    this.#store.reset(partition);
    return true;
  }

  /**
   * Gives up what is safe without this node. Only members count that have the map which took it from here, or a later
   * one of its generation: as long as nobody else has it, a recovery finds the one before (H32), where this node is a
   * member, with all that was acknowledged; and it would serve nothing. That recovery's maps are later ones, and its
   * members tell of them before this node has adopted the first.
   *
   * And only by the very map that the controller had when it told of these members. A push that TCP held back during a
   * cut comes late, and those that answer by that old map may hold nothing any more.
   */
  #judge(map: ClusterMap): void {
    this.#reclaimable.length = 0;
    if (compareMapVersions(map.version, this.#adoptedUnder) !== 0) return;
    const wanted = copiesWanted(map, this.#node);
    this.#retained = this.#retained.filter((held) => {
      const entry = map.partitions[held.partition];
      const answering = entry === undefined ? [] : answeringMembers(map, entry);
      const safe = answering.filter((member) => this.#knows(member, held.since)).length;
      if (safe >= wanted) this.#store.reset(held.partition);
      else if (safe > 0) this.#reclaimable.push(held.partition);
      return safe < wanted;
    });
  }

  #knows(member: Life, since: MapVersion): boolean {
    const known = this.#adopted.get(member.node);
    if (known === undefined || !isSameLife(known, member)) return false;
    if (compareGenerations(known.mapVersion, since) !== 0) return false;
    return compareMapVersions(known.mapVersion, since) >= 0;
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
