// Partitions that were dropped whole. A large one has millions of records, so they are released in slices; when a
// partition is dropped is decided elsewhere.

import type { PartitionId } from '../../cluster/model/partition.ts';
import type { KeyHash } from './digest.ts';
import type { HashIndex } from './hash-index.ts';
import type { Location, Segments } from './segments.ts';

/** Slots of an index that are released in one slice, when the node is idle or needs room now. */
export const DROPPED_SLOTS_IDLE = 4096;

interface DroppedPartition {
  readonly partition: PartitionId;
  readonly index: HashIndex;
}

export class Dropped {
  readonly #segments: Segments;
  readonly #partitions: DroppedPartition[] = [];

  constructor(segments: Segments) {
    this.#segments = segments;
  }

  get isEmpty(): boolean {
    return this.#partitions.length === 0;
  }

  add(partition: PartitionId, index: HashIndex): void {
    if (index.count === 0) index.discard();
    else this.#partitions.push({ partition, index });
  }

  /** @param slots how many slots of the oldest dropped index to release */
  release(slots: number): void {
    const index = this.#partitions[0]?.index;
    if (index === undefined) return;
    for (const location of index.drain(slots)) this.#segments.release(location);
    if (index.count === 0) this.#partitions.shift();
  }

  releaseAt(partition: PartitionId, hash: KeyHash, location: Location): void {
    for (const dropped of this.#partitions) {
      if (dropped.partition !== partition || !dropped.index.forget(hash, location)) continue;
      this.#segments.release(location);
      return;
    }
  }
}
