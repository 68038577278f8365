// Checks I17: a partition and epoch have one serialiser, in all published maps. Two of them could judge one key at once,
// each without the other's record (H39a). Maps of two recoveries may give one epoch to different members; but no
// incarnation that is a member in both knows only one of them, as it tells its map when it promises (H32).

import { type ClusterMap, serialiserOf } from '../cluster/model/cluster-map.ts';

export class Serialisers {
  readonly #violation: (text: string) => void;
  /** The serialiser by partition, epoch, cluster, and the recovery that the map comes from. */
  readonly #known = new Map<string, string>();

  constructor(violation: (text: string) => void) {
    this.#violation = violation;
  }

  published({ cluster, partitions, recoveredAs }: ClusterMap): void {
    // Where the only nodes with a map are lost, and the controller's as well, the others found another cluster.
    const lineage = `${cluster} ${recoveredAs?.generation} ${recoveredAs?.nonce}`;
    for (const [partition, entry] of partitions.entries()) {
      const serialiser = serialiserOf(entry);
      if (serialiser === undefined) continue;
      const place = `partition ${partition} at epoch ${entry.epoch}, of ${lineage},`;
      const named = `${serialiser.node} as ${serialiser.incarnation}`;
      const before = this.#known.get(place) ?? named;
      if (before !== named) {
        this.#violation(`I17: ${place} has the serialisers ${before} and ${named}`);
      }
      this.#known.set(place, named);
    }
  }
}
