// Finds the heavy hitters of a stream in fixed memory by Space-Saving (Metwally, Agrawal, El Abbadi 2005). The original
// removes the key with the least count for each newcomer; this removes the half of the keys with the least counts at
// once, as Anderson et al. 2017 do for Misra and Gries's counts. So no heap must be kept in order: a listed key costs
// a hash, a comparison and an addition. Pure; the caller decides when counts fade (`scale`).
//
// Invariant: for each listed key, `count - error` <= amount added <= `count`; of any other key at most `unlisted` was
// added; and `unlisted` <= 2 x total / capacity, so every key with a larger share is listed.

import { hashOf } from '../../coordinator/key-hash.ts';

/** Up to this length a loop compares faster than a native call: 0.02 us for 16 bytes; any call takes 0.08 us. */
const LOOP_BYTES_MAX = 48;
/** The slot number that ends a bucket's chain. */
const NOBODY = -1;

export interface HeavyHitter {
  /** A copy of the key. */
  readonly key: Buffer;
  readonly count: number;
  /** By how much `count` may be too high. */
  readonly error: number;
  /** The bytes added since the key was last listed. */
  readonly bytes: number;
}

/** Each listed key has a slot, an index into the arrays below. After the start only `list` allocates memory. */
export class HeavyHitters {
  readonly #capacity: number;
  readonly #keyBytesMax: number;
  readonly #seed: number;
  readonly #keys: Buffer;
  /** The length of each slot's key; 0 for a free slot. */
  readonly #lengths: Uint16Array;
  readonly #hashes: Uint32Array;
  readonly #counts: Float64Array;
  readonly #errors: Float64Array;
  readonly #bytes: Float64Array;
  /** The first slot of each bucket of hashes. */
  readonly #buckets: Int16Array;
  /** For each slot, the next slot of its bucket. */
  readonly #next: Int16Array;
  /** The first `#freeCount` entries are the free slots. */
  readonly #free: Int16Array;
  readonly #sorted: Float64Array;
  #freeCount = 0;
  #total = 0;
  #totalBytes = 0;
  #unlisted = 0;

  /** @param seed must be unpredictable: a client that knew it could aim many keys at one bucket */
  constructor(capacity: number, keyBytesMax: number, seed: number) {
    this.#capacity = capacity;
    this.#keyBytesMax = keyBytesMax;
    this.#seed = seed;
    // Neither pooled nor zeroed, so that pages never used cost no memory.
    this.#keys = Buffer.allocUnsafeSlow(capacity * keyBytesMax);
    this.#lengths = new Uint16Array(capacity);
    this.#hashes = new Uint32Array(capacity);
    this.#counts = new Float64Array(capacity);
    this.#errors = new Float64Array(capacity);
    this.#bytes = new Float64Array(capacity);
    this.#buckets = new Int16Array(2 ** Math.ceil(Math.log2(capacity * 4)));
    this.#next = new Int16Array(capacity);
    this.#free = new Int16Array(capacity);
    this.#sorted = new Float64Array(capacity);
    this.clear();
  }

  /** The sum of all amounts added. */
  get total(): number {
    return this.#total;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** The most that may have been added of a key that is not listed. */
  get unlisted(): number {
    return this.#unlisted;
  }

  /** @param key has 1 to `keyBytesMax` bytes; copied if it was not listed before */
  add(key: Uint8Array, amount: number, bytes: number): void {
    this.#total += amount;
    this.#totalBytes += bytes;
    const hash = hashOf(key, this.#seed);
    let slot = this.#buckets[hash & (this.#buckets.length - 1)] ?? NOBODY;
    while (slot !== NOBODY && !(this.#hashes[slot] === hash && this.#has(slot, key))) {
      slot = this.#next[slot] ?? NOBODY;
    }
    if (slot === NOBODY) slot = this.#enter(key, hash);
    this.#counts[slot] = (this.#counts[slot] ?? 0) + amount;
    this.#bytes[slot] = (this.#bytes[slot] ?? 0) + bytes;
  }

  /** Multiplies everything by the same factor, so that the invariant holds for the scaled amounts. */
  scale(factor: number): void {
    this.#total *= factor;
    this.#totalBytes *= factor;
    this.#unlisted *= factor;
    for (let slot = 0; slot < this.#capacity; slot++) {
      this.#counts[slot] = (this.#counts[slot] ?? 0) * factor;
      this.#errors[slot] = (this.#errors[slot] ?? 0) * factor;
      this.#bytes[slot] = (this.#bytes[slot] ?? 0) * factor;
    }
  }

  clear(): void {
    this.#total = 0;
    this.#totalBytes = 0;
    this.#unlisted = 0;
    this.#lengths.fill(0);
    this.#buckets.fill(NOBODY);
    for (let slot = 0; slot < this.#capacity; slot++) this.#free[slot] = slot;
    this.#freeCount = this.#capacity;
  }

  /** @returns all listed keys, in no order */
  list(): readonly HeavyHitter[] {
    const list: HeavyHitter[] = [];
    for (let slot = 0; slot < this.#capacity; slot++) {
      const length = this.#lengths[slot] ?? 0;
      if (length === 0) continue;
      const from = slot * this.#keyBytesMax;
      list.push({
        key: Buffer.from(this.#keys.subarray(from, from + length)),
        count: this.#counts[slot] ?? 0,
        error: this.#errors[slot] ?? 0,
        bytes: this.#bytes[slot] ?? 0,
      });
    }
    return list;
  }

  #has(slot: number, key: Uint8Array): boolean {
    const { length } = key;
    if (this.#lengths[slot] !== length) return false;
    const from = slot * this.#keyBytesMax;
    if (length > LOOP_BYTES_MAX) {
      return this.#keys.compare(key, 0, length, from, from + length) === 0;
    }
    for (let at = 0; at < length; at++) if (this.#keys[from + at] !== key[at]) return false;
    return true;
  }

  /** Lists a key, with `unlisted` as its count and its error: up to that much may have been added of it before. */
  #enter(key: Uint8Array, hash: number): number {
    if (this.#freeCount === 0) this.#takeOutLeastHalf();
    const slot = this.#free[--this.#freeCount] ?? 0;
    this.#counts[slot] = this.#unlisted;
    this.#errors[slot] = this.#unlisted;
    this.#bytes[slot] = 0;
    this.#keys.set(key, slot * this.#keyBytesMax);
    this.#lengths[slot] = key.length;
    this.#hashes[slot] = hash;
    this.#link(slot);
    return slot;
  }

  #link(slot: number): void {
    const bucket = (this.#hashes[slot] ?? 0) & (this.#buckets.length - 1);
    this.#next[slot] = this.#buckets[bucket] ?? NOBODY;
    this.#buckets[bucket] = slot;
  }

  /**
   * Raises `unlisted` to the median count, and removes all keys up to it. Why `unlisted` <= 2 x total / capacity: if it
   * rises by d, at least half of the slots had a count of d or more above its last value. So at least capacity / 2 x d
   * was added for this rise, and no part of that is counted for another one.
   */
  #takeOutLeastHalf(): void {
    this.#sorted.set(this.#counts);
    this.#unlisted = this.#sorted.sort()[this.#capacity >> 1] ?? 0;
    this.#buckets.fill(NOBODY);
    for (let slot = 0; slot < this.#capacity; slot++) {
      if ((this.#counts[slot] ?? 0) > this.#unlisted) this.#link(slot);
      else {
        this.#lengths[slot] = 0;
        this.#free[this.#freeCount++] = slot;
      }
    }
  }
}
