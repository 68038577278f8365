// A set of partitions as one bit for each, lowest first: what a follower asks a storage node for has up to 65,536 of
// them. Pure.

import type { PartitionId } from './partition.ts';

export class PartitionSet {
  readonly #bits: Uint8Array;
  /** Counted along, because it is asked for with each partition that is added. */
  #size: number;

  /** @param bits kept, and changed by `add` and `delete` */
  private constructor(bits: Uint8Array, size: number) {
    this.#bits = bits;
    this.#size = size;
  }

  /** @param count how many partitions there are */
  static empty(count: number): PartitionSet {
    return new PartitionSet(new Uint8Array((count + 7) >> 3), 0);
  }

  /** @param bytes as `bytes` gives them; copied */
  static of(bytes: Uint8Array): PartitionSet {
    let size = 0;
    for (const byte of bytes) {
      for (let bits = byte; bits !== 0; bits &= bits - 1) size++;
    }
    return new PartitionSet(Uint8Array.from(bytes), size);
  }

  /** A copy. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bits);
  }

  /** How many partitions are in it. */
  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  equals(other: PartitionSet): boolean {
    return Buffer.compare(this.#bits, other.#bits) === 0;
  }

  /** A partition beyond the set's length is not in it. */
  has(partition: PartitionId): boolean {
    return ((this.#bits[partition >> 3] ?? 0) & (1 << (partition & 7))) !== 0;
  }

  /** Does nothing where the partition is beyond the set's length. */
  add(partition: PartitionId): void {
    const at = partition >> 3;
    const byte = this.#bits[at];
    if (byte === undefined || this.has(partition)) return;
    this.#bits[at] = byte | (1 << (partition & 7));
    this.#size++;
  }

  delete(partition: PartitionId): void {
    if (!this.has(partition)) return;
    const at = partition >> 3;
    this.#bits[at] = (this.#bits[at] ?? 0) & ~(1 << (partition & 7));
    this.#size--;
  }

  *[Symbol.iterator](): Iterator<PartitionId> {
    for (const [at, byte] of this.#bits.entries()) {
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit++) {
        if ((byte & (1 << bit)) !== 0) yield (at * 8 + bit) as PartitionId;
      }
    }
  }
}
