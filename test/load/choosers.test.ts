// Which records are popular: as YCSB's choosers have it.

import { describe, expect, test } from 'vitest';
import { type ChooserName, chooserOf, scattered } from '../../src/load/choosers.ts';
import { SeededRandom } from '../helpers/random.ts';

const RECORDS = 1000;
const DRAWS = 200_000;

function countsOf(name: ChooserName, records = RECORDS): readonly number[] {
  const choose = chooserOf(name, new SeededRandom(11));
  const counts = new Array<number>(records).fill(0);
  for (let draw = 0; draw < DRAWS; draw++) {
    const record = choose(records);
    counts[record] = (counts[record] ?? 0) + 1;
  }
  expect(counts, 'every choice is one of the records').toHaveLength(records);
  return counts;
}

/** YCSB's Utils.hash, with numbers that hold 64 bits. */
function reference(rank: number, count: number): number {
  let hash = 0xcbf29ce484222325n;
  let rest = BigInt(rank);
  for (let byte = 0; byte < 8; byte++) {
    hash = BigInt.asUintN(64, (hash ^ (rest & 0xffn)) * 1099511628211n);
    rest >>= 8n;
  }
  const signed = BigInt.asIntN(64, hash);
  return Number((signed < 0n ? -signed : signed) % BigInt(count));
}

test('the hash that scatters is FNV of 64 bits', () => {
  const random = new SeededRandom(1);
  const ranks = Array.from({ length: 500 }, () => Math.floor(random.fraction() * 10 ** 10));
  for (const rank of [0, 1, 255, 256, 2 ** 32, 10 ** 10 - 1, ...ranks]) {
    for (const count of [1, 7, 10_000, 50_000_000]) {
      expect(scattered(rank, count), `${rank} of ${count}`).toBe(reference(rank, count));
    }
  }
});

describe('zipfian', () => {
  test('the most popular record has 3.8 % of the draws, and stands anywhere', () => {
    const counts = countsOf('zipfian');
    const popular = counts.indexOf(Math.max(...counts));
    expect(popular).toBe(reference(0, RECORDS));
    // Its own share of ten billion ranks, and what the hash folds onto it.
    expect((counts[popular] ?? 0) / DRAWS).toBeGreaterThan(1 / 26.47);
    expect((counts[popular] ?? 0) / DRAWS).toBeLessThan(1 / 26.47 + 0.01);
    expect(Math.min(...counts), 'all are drawn').toBeGreaterThan(0);
  });

  test('the share of the most popular one is the same among many more', () => {
    const counts = countsOf('zipfian', 50_000);
    expect(Math.max(...counts) / DRAWS).toBeCloseTo(1 / 26.47, 2);
  });
});

test('uniform: all alike', () => {
  const counts = countsOf('uniform');
  expect(Math.min(...counts)).toBeGreaterThan(100);
  expect(Math.max(...counts)).toBeLessThan(320);
});

describe('latest', () => {
  test('the newest is the most popular, the older the less', () => {
    const counts = countsOf('latest');
    expect(counts.indexOf(Math.max(...counts))).toBe(RECORDS - 1);
    const sum = (from: number, to: number) => counts.slice(from, to).reduce((a, b) => a + b, 0);
    expect(sum(900, 1000)).toBeGreaterThan(3 * sum(0, 500));
    // Zipf's law over a thousand ages.
    expect((counts[RECORDS - 1] ?? 0) / DRAWS).toBeCloseTo(1 / 7.73, 2);
    expect(Math.min(...counts), 'all are drawn').toBeGreaterThan(0);
  });

  test('it follows what is inserted', () => {
    const choose = chooserOf('latest', new SeededRandom(2));
    choose(10);
    const later = Array.from({ length: 1000 }, () => choose(20));
    expect(later.filter((record) => record === 19).length).toBeGreaterThan(200);
    expect(Math.max(...later)).toBe(19);
    // A count that falls back chooses nothing that is not there.
    for (let draw = 0; draw < 1000; draw++) expect(choose(15)).toBeLessThan(15);
  });
});
