// Ranks are drawn as often as Zipf's law says.

import { describe, expect, test } from 'vitest';
import { ZIPFIAN_CONSTANT, Zipfian, zeta } from '../../src/load/zipfian.ts';
import { SeededRandom } from '../helpers/random.ts';

const DRAWS = 400_000;

function summed(count: number): number {
  let sum = 0;
  for (let term = count; term >= 1; term--) sum += 1 / term ** ZIPFIAN_CONSTANT;
  return sum;
}

function drawn(zipfian: Zipfian, seed: number, count: number): readonly number[] {
  const random = new SeededRandom(seed);
  const counts = new Array<number>(count).fill(0);
  for (let draw = 0; draw < DRAWS; draw++) {
    const rank = zipfian.next(random);
    counts[rank] = (counts[rank] ?? 0) + 1;
  }
  expect(counts).toHaveLength(count);
  return counts;
}

describe('zeta', () => {
  test.each([1, 2, 1000, 10_000, 10_001, 300_000])('of %i is the sum', (count) => {
    expect(zeta(count)).toBeCloseTo(summed(count), 8);
  });

  test('of ten billion is the constant that YCSB has for it', () => {
    expect(zeta(10_000_000_000)).toBeCloseTo(26.46902820178302, 6);
  });
});

describe('frequencies', () => {
  test.each([1, 2, 3, 10, 1000])('of %i ranks follow the formula (seed 7)', (count) => {
    const counts = drawn(new Zipfian(count), 7, count);
    let [observed, expected] = [0, 0];
    for (let rank = 0; rank < count; rank++) {
      observed += (counts[rank] ?? 0) / DRAWS;
      expected += (rank + 1) ** -ZIPFIAN_CONSTANT / summed(count);
      // The two most frequent ranks exactly, but for chance; further on Gray's curve stays near the sum.
      expect(Math.abs(observed - expected), `up to rank ${rank}`).toBeLessThan(
        rank < 2 ? 0.004 : 0.03,
      );
    }
  });
});

test('grown one by one, or at once, it is as made with so many', () => {
  const made = new Zipfian(20_500);
  const grown = new Zipfian(1);
  for (let count = 2; count <= 20_000; count++) grown.grow(count);
  grown.grow(20_500);
  const [a, b] = [new SeededRandom(3), new SeededRandom(3)];
  for (let draw = 0; draw < 1000; draw++) expect(grown.next(a)).toBe(made.next(b));
});
