// A set of partitions as one bit for each, lowest first: what a follower asks a storage node for has up to 65,536 of
// them. Pure.

import type { PartitionId } from './partition.ts';

export class PartitionSet {
  readonly #bits: Uint8Array;

  /** @param bits kept, and changed by `add` and `delete` */
  private constructor(bits: Uint8Array) {
    this.#bits = bits;
  }

  /** @param count how many partitions there are */
  static empty(count: number): PartitionSet {
    return new PartitionSet(new Uint8Array((count + 7) >> 3));
  }

  /** @param bytes as `bytes` gives them; copied */
  static of(bytes: Uint8Array): PartitionSet {
    return new PartitionSet(Uint8Array.from(bytes));
  }

  /** A copy. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bits);
  }

  get isEmpty(): boolean {
    return this.#bits.every((byte) => byte === 0);
  }

  equals(other: PartitionSet): boolean {
    return Buffer.compare(this.#bits, other.#bits) === 0;
  }

  /** A partition beyond the set's length is not in it. */
  has(partition: PartitionId): boolean {
    return ((this.#bits[partition >> 3] ?? 0) & (1 << (partition & 7))) !== 0;
  }

  add(partition: PartitionId): void {
    const at = partition >> 3;
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (partition & 7));
  }

  delete(partition: PartitionId): void {
    const at = partition >> 3;
    this.#bits[at] = (this.#bits[at] ?? 0) & ~(1 << (partition & 7));
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
