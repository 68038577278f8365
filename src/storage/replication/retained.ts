// Partitions that the map has given to other nodes and whose data this node still holds: retained without change and
// never served, until the partition is safe without this node (H29). The map may show a serving member that is
// already dead: a switch is down for some seconds, and the machine with the only other copy burns. Then this is the
// last copy. What is set aside during a join is not here (joiner.ts).

import {
  answeringMembers,
  type ClusterMap,
  compareGenerations,
  compareMapVersions,
  type IncarnationId,
  isSameIncarnation,
  type MapVersion,
  NO_MAP,
} from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { HeartbeatReply } from '../../cluster/wire/control-messages.ts';
import type { LoggedStore } from '../logged-store.ts';
import type { PartitionFigures } from '../memory/partition-store.ts';

/** The newest map that each incarnation has adopted, as far as the controller knows. */
type Adopted = NonNullable<HeartbeatReply['adopted']>;

interface RetainedPartition {
  readonly partition: PartitionId;
  /** The version of the map that took the partition from this node. */
  readonly since: MapVersion;
}

export class Retained {
  readonly #store: LoggedStore;
  readonly #node: NodeId;
  #map: ClusterMap | undefined;
  #adopted: ReadonlyMap<NodeId, Adopted[number]> = new Map();
  #adoptedUnder: MapVersion = NO_MAP;
  #retained: readonly RetainedPartition[] = [];
  /** Retained partitions that are served by a member which knows that they were taken from this node. */
  readonly #reclaimable: PartitionId[] = [];
  #offline: readonly PartitionId[] = [];

  constructor(store: LoggedStore, node: NodeId) {
    this.#store = store;
    this.#node = node;
  }

  /** The partitions that the map gives to other nodes, and that are still held here. */
  get partitions(): readonly PartitionId[] {
    return this.#retained.map(({ partition }) => partition);
  }

  /** The partitions held here that no member may serve, whether the map names this node or not. */
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
    // In another generation, maps that this node never received may have given the partition back to it.
    const isSameGeneration =
      this.#map !== undefined && compareGenerations(this.#map.version, map.version) === 0;
    const earlier = new Map(
      isSameGeneration ? this.#retained.map(({ partition, since }) => [partition, since]) : [],
    );
    this.#map = map;
    const retained: RetainedPartition[] = [];
    const offline: PartitionId[] = [];
    for (const partition of this.#store.reader.held()) {
      const entry = map.partitions[partition];
      if (entry === undefined || answeringMembers(map, entry).length === 0) offline.push(partition);
      // While the map names the node, even an earlier incarnation of it, the data may be needed (H37); and while the
      // entry is frozen nobody knows yet whom it names (H32).
      const isNamed = entry?.members.some(({ node }) => node === this.#node) === true;
      if (isNamed || entry?.frozen === true) continue;
      retained.push({ partition, since: earlier.get(partition) ?? map.version });
    }
    this.#retained = retained;
    this.#offline = offline;
    this.#judge(map);
  }

  /**
   * @param by the newest map that each incarnation has adopted
   * @param under the version of the controller's own map when it reported this
   */
  heardAdopted(by: Adopted, under: MapVersion): void {
    this.#adopted = new Map(by.map((incarnationId) => [incarnationId.node, incarnationId]));
    this.#adoptedUnder = under;
    if (this.#map !== undefined) this.#judge(this.#map);
  }

  /** While memory is short, drops a partition early that is served elsewhere, never one that is not. */
  reclaim(): boolean {
    const partition = this.#reclaimable.pop();
    if (partition === undefined) return false;
    this.#retained = this.#retained.filter((held) => held.partition !== partition);
    this.#store.reset(partition);
    return true;
  }

  /**
   * Drops the partitions that are safe without this node. A member counts only if it has adopted the map that took
   * the partition from here, or a later one of the same generation. Otherwise:
   * 1. Nobody else has adopted that map, and this node drops the partition.
   * 2. A recovery finds the map before it (H32), by which this node is a member with everything that was
   *    acknowledged.
   * 3. By the recovery's map the node serves a partition that is empty.
   * It must be the same generation, because the recovery's maps are of a later one, and its members may report them
   * before this node has adopted the first.
   *
   * The adopted map must also be the very one that the controller had when it reported these members. TCP may hold a
   * push back during a cut and deliver it late, and the members that serve by that old map may hold nothing any more.
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

  #knows(member: IncarnationId, since: MapVersion): boolean {
    const known = this.#adopted.get(member.node);
    if (known === undefined || !isSameIncarnation(known, member)) return false;
    if (compareGenerations(known.mapVersion, since) !== 0) return false;
    return compareMapVersions(known.mapVersion, since) >= 0;
  }
}

/**
 * How many members must serve a partition before it is safe without this node: as many as there should be, or as
 * there can be. This node counts as placeable even if the map has it fenced: it adopts the map, so it is alive.
 */
function copiesWanted({ nodes, redundancy }: ClusterMap, own: NodeId): number {
  const placeable = Object.entries(nodes).filter(
    ([node, { fenced, draining }]) => !draining && (!fenced || node === own),
  );
  return Math.max(1, Math.min(redundancy, placeable.length));
}
