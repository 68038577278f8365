// A set of partitions is what was added and not taken out, also as bytes, and of any length that comes from outside.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { PartitionSet } from '../../../src/cluster/model/partition-set.ts';
import { SeededRandom } from '../../../src/cluster/seeded-random.ts';

const partition = (index: number) => index as PartitionId;

describe('a set of partitions', () => {
  test('has what was added and not deleted, in order', () => {
    const random = new SeededRandom(7);
    const set = PartitionSet.empty(4096);
    const expected = new Set<number>();
    for (let round = 0; round < 5000; round++) {
      const index = random.below(4096);
      if (random.chance(0.6)) {
        set.add(partition(index));
        expected.add(index);
      } else {
        set.delete(partition(index));
        expected.delete(index);
      }
      if (round % 500 !== 0) continue;
      expect([...set]).toEqual([...expected].toSorted((a, b) => a - b));
      expect(set.size).toBe(expected.size);
      expect(set.isEmpty).toBe(expected.size === 0);
      expect([...PartitionSet.of(set.bytes)]).toEqual([...set]);
      expect(PartitionSet.of(set.bytes).size).toBe(expected.size);
    }
    for (let index = 0; index < 4096; index++) {
      expect(set.has(partition(index))).toBe(expected.has(index));
    }
  });

  test('has a bit for each partition, and whole bytes', () => {
    const set = PartitionSet.empty(16);
    set.add(partition(0));
    set.add(partition(9));
    expect([...set.bytes]).toEqual([1, 2]);
    expect(PartitionSet.empty(1).bytes).toHaveLength(1);
    expect(PartitionSet.empty(65_536).bytes).toHaveLength(8192);
  });

  test('is a copy: neither its source nor its bytes change it', () => {
    const bytes = Uint8Array.of(1);
    const set = PartitionSet.of(bytes);
    bytes[0] = 0;
    set.bytes[0] = 0;
    expect([...set]).toEqual([0]);
  });

  test('equals another with the same partitions, and of the same length', () => {
    expect(PartitionSet.of(Uint8Array.of(1, 2)).equals(PartitionSet.of(Uint8Array.of(1, 2)))).toBe(
      true,
    );
    expect(PartitionSet.of(Uint8Array.of(1, 2)).equals(PartitionSet.of(Uint8Array.of(1, 3)))).toBe(
      false,
    );
    expect(PartitionSet.of(Uint8Array.of(1)).equals(PartitionSet.of(Uint8Array.of(1, 0)))).toBe(
      false,
    );
  });

  test('has nothing beyond its length, whatever is added there', () => {
    const set = PartitionSet.empty(8);
    expect(set.has(partition(8))).toBe(false);
    set.add(partition(8));
    set.delete(partition(9));
    expect(set.has(partition(8))).toBe(false);
    expect(set.isEmpty).toBe(true);
    expect([...PartitionSet.of(new Uint8Array(0))]).toEqual([]);
  });
});
