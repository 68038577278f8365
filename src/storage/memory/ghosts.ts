// S3-FIFO's ghost queue: hashes of the keys that a cache evicted lately, which tell whether a key that comes in is
// back. It may forget a key early and mistake one for another: that costs a little hit rate, nothing else. What
// returning keys gain is decided in segment-store.ts.

import type { KeyHash } from './digest.ts';

const SLOT_BYTES = 4;
/** There is one slot for this much memory, which is a small record or two. */
const MEMORY_BYTES_PER_SLOT = 256;
const SLOTS_MAX = 2 ** 24;

export class Ghosts {
  /** Each hash has one place, which the next hash with the same place takes over. */
  readonly #slots: Uint32Array;

  constructor(memoryBytes: number) {
    const slots = Math.min(SLOTS_MAX, Math.max(1, memoryBytes / MEMORY_BYTES_PER_SLOT));
    this.#slots = new Uint32Array(2 ** Math.floor(Math.log2(slots)));
  }

  get bytes(): number {
    return SLOT_BYTES * this.#slots.length;
  }

  add(hash: KeyHash): void {
    this.#slots[this.#placeOf(hash)] = hash;
  }

  /** Removes the hash. @returns whether it was there */
  take(hash: KeyHash): boolean {
    const place = this.#placeOf(hash);
    if (this.#slots[place] !== hash) return false;
    this.#slots[place] = 0;
    return true;
  }

  #placeOf(hash: KeyHash): number {
    return hash & (this.#slots.length - 1);
  }
}
