// Restrictions: the rights that a map takes from this incarnation as soon as the map was seen, adopted or not. A map
// gives rights only once it is durable here; but a node whose disk is full cannot store one, and must not go on by an
// older map that the cluster has left behind (R6, H12, H35). Memory is enough for restrictions: a restarted process
// is another incarnation, which has no rights before it adopts a map that names it. Which maps may be adopted is
// decided in replica.ts.

import {
  type ClusterMap,
  compareMapVersions,
  type IncarnationId,
  isSameIncarnation,
} from '../../cluster/model/cluster-map.ts';
import type { Epoch } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';

export class Restrictions {
  readonly #incarnationId: IncarnationId;
  #map: ClusterMap | undefined;

  constructor(incarnationId: IncarnationId) {
    this.#incarnationId = incarnationId;
  }

  /** The newest map that was seen, as long as it is newer than the adopted one. */
  get map(): ClusterMap | undefined {
    return this.#map;
  }

  /** @param map one that may be adopted, and is newer than the adopted one */
  see(map: ClusterMap): void {
    if (this.#map === undefined || isNewer(map, this.#map)) this.#map = map;
  }

  adopted(map: ClusterMap): void {
    if (this.#map !== undefined && !isNewer(this.#map, map)) this.#map = undefined;
  }

  /** H32: nobody may answer for a frozen partition until its recovery is over. */
  isFrozen(partition: PartitionId): boolean {
    return this.#map?.partitions[partition]?.frozen === true;
  }

  /**
   * Whether this incarnation may serve the partition, if its adopted map says that it serves. The epoch may differ:
   * no set of the newer epoch is acknowledged without this node, which answers `behind` (R2), so its copy is
   * complete.
   */
  allowsServing(partition: PartitionId): boolean {
    if (this.#map === undefined) return true;
    const members = this.#map.partitions[partition]?.members ?? [];
    return members.some(
      (member) => member.role === 'serving' && isSameIncarnation(member, this.#incarnationId),
    );
  }

  /** R2: whether sets of this epoch are past by the newest map seen, though it may be the adopted map's epoch. */
  isPast(partition: PartitionId, epoch: Epoch): boolean {
    const entry = this.#map?.partitions[partition];
    return entry !== undefined && epoch < entry.epoch;
  }
}

function isNewer(map: ClusterMap, other: ClusterMap): boolean {
  return compareMapVersions(map.version, other.version) > 0;
}
