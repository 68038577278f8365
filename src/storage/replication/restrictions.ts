// What a map takes from this life as soon as it was seen, adopted or not. A map gives rights once it is durable
// here; but a node whose disk is full can store none, and must not go on by one that the cluster has left
// behind (R6, H12, H35). Memory is enough for that: a process that starts again is another incarnation, which
// has no right before it adopts a map that names it.

import {
  type ClusterMap,
  compareMapVersions,
  isSameLife,
  type Life,
} from '../../cluster/model/cluster-map.ts';
import type { Epoch } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';

export class Restrictions {
  readonly #life: Life;
  #map: ClusterMap | undefined;

  constructor(life: Life) {
    this.#life = life;
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

  /** H32: nobody answers for it until its recovery is over. */
  isFrozen(partition: PartitionId): boolean {
    return this.#map?.partitions[partition]?.frozen === true;
  }

  /**
   * Whether this life serves there, if it does by its own map. The epoch may be another one: no set of it is
   * acknowledged without this life, which is behind (R2), so what it has is complete.
   */
  allowsServing(partition: PartitionId): boolean {
    if (this.#map === undefined) return true;
    const members = this.#map.partitions[partition]?.members ?? [];
    return members.some((member) => member.role === 'serving' && isSameLife(member, this.#life));
  }

  /** R2: a set of this epoch is over, though it may be the one of the adopted map. */
  isPast(partition: PartitionId, epoch: Epoch): boolean {
    const entry = this.#map?.partitions[partition];
    return entry !== undefined && epoch < entry.epoch;
  }
}

function isNewer(map: ClusterMap, other: ClusterMap): boolean {
  return compareMapVersions(map.version, other.version) > 0;
}
