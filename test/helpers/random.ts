// The simulator's generator with what property tests draw from it; the seed stands in the test's name,
// so a failure replays alone.

import { execFileSync } from 'node:child_process';

import {
  encodeRecord,
  type RecordFields,
  type StoredRecord,
} from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { SeededRandom as Generator } from '../../src/cluster/seeded-random.ts';

export class SeededRandom extends Generator {
  /** A whole number, both ends included. */
  whole(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, rank: this.below(2 ** 32) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }

  recordFields(): RecordFields {
    const tombstone = this.chance(0.2);
    const attributes = [1, 2, 7]
      .filter(() => this.chance(0.3))
      .map((type) => ({ type, bytes: this.bytes(this.below(20)) }));
    return {
      key: this.bytes(this.whole(1, this.chance(0.1) ? 1024 : 12)),
      version: (BigInt(this.below(2 ** 32)) * 2n ** 32n + BigInt(this.below(2 ** 32))) as Version,
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
        version: BigInt(this.whole(1, 3)) as Version,
        tombstone,
        expiresAtMs: this.below(3),
        attributes: this.chance(0.5) ? [] : [{ type: 1, bytes: this.bytes(1) }],
        value: tombstone ? Buffer.alloc(0) : Buffer.of(this.below(3)),
      });
    });
  }
}

/** Each commit runs others, and a commit runs the same again. */
export function firstFreshSeed(): number {
  try {
    const commit = execFileSync('git', ['rev-parse', '--short=7', 'HEAD'], { encoding: 'utf8' });
    return Number.parseInt(commit.trim(), 16);
  } catch {
    return 1; // not in a checkout
  }
}
