// A seeded generator for property tests: the seed stands in the test's name, so a failure replays alone.

import { encodeRecord, type RecordFields, type StoredRecord } from '../../src/cluster/record.ts';
import type { Version } from '../../src/cluster/version.ts';

export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** mulberry32: small, and even enough for tests. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  below(bound: number): number {
    return Math.floor((this.#next() / 2 ** 32) * bound);
  }

  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(probability: number): boolean {
    return this.#next() / 2 ** 32 < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, rank: this.#next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }

  recordFields(): RecordFields {
    const tombstone = this.chance(0.2);
    const attributes = [1, 2, 7]
      .filter(() => this.chance(0.3))
      .map((type) => ({ type, bytes: this.bytes(this.below(20)) }));
    return {
      key: this.bytes(this.between(1, this.chance(0.1) ? 1024 : 12)),
      version: (BigInt(this.#next()) * 2n ** 32n + BigInt(this.#next())) as Version,
      tombstone,
      expiresAtMs: this.chance(0.3) ? this.below(2 ** 32) * 65_536 : 0,
      attributes,
      value: tombstone ? Buffer.alloc(0) : this.bytes(this.below(this.chance(0.1) ? 5000 : 40)),
    };
  }

  /** Records of one key that often agree in part, so that every rung of the order is reached. */
  rivals(count: number): StoredRecord[] {
    return Array.from({ length: count }, () => {
      const tombstone = this.chance(0.3);
      return encodeRecord({
        key: Buffer.from('rival'),
        version: BigInt(this.between(1, 3)) as Version,
        tombstone,
        expiresAtMs: this.below(3),
        attributes: this.chance(0.5) ? [] : [{ type: 1, bytes: this.bytes(1) }],
        value: tombstone ? Buffer.alloc(0) : Buffer.of(this.below(3)),
      });
    });
  }
}
