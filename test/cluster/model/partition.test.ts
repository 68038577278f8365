// Partitions: the seed's rule, held against an independent computation.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { isPartition, partitionOf, smallestDigits } from '../../../src/cluster/model/partition.ts';
import { SeededRandom } from '../../helpers/random.ts';

test.each([1, 2, 3])(
  'the partition is the first %i hex digits of the SHA-1 of the key',
  (digits) => {
    const random = new SeededRandom(digits);
    for (let round = 0; round < 500; round++) {
      const key = random.bytes(random.whole(1, 50));
      const hex = createHash('sha1').update(key).digest('hex').slice(0, digits);
      expect(partitionOf(key, digits)).toBe(Number.parseInt(hex, 16));
    }
  },
);

test.each([
  [1, 1],
  [2, 2],
  [16, 2],
  [17, 3],
  [256, 3],
  [10_000, 3],
])('%i storage nodes get partitions of %i digits: 16^N >= 16 x nodes, N <= 3', (nodes, digits) => {
  expect(smallestDigits(nodes)).toBe(digits);
});

test('keys spread evenly', () => {
  const counts = new Array<number>(16).fill(0);
  for (let index = 0; index < 16_000; index++) {
    const partition = partitionOf(Buffer.from(`key ${index}`), 1);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(800);
  expect(Math.max(...counts)).toBeLessThan(1200);
});

test('only whole numbers below 16^digits are partitions', () => {
  for (const value of [0, 255]) expect(isPartition(value, 2)).toBe(true);
  for (const value of [-1, 256, 1.5, Number.NaN]) expect(isPartition(value, 2)).toBe(false);
});
