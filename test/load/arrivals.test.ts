// When requests of an open loop are due: by the clock, never by the cluster.

import { describe, expect, test } from 'vitest';
import { type ArrivalKind, Arrivals } from '../../src/load/arrivals.ts';
import { SeededRandom } from '../helpers/random.ts';

function timesOf(kind: ArrivalKind, perSecond: number, endMs = 10_000): readonly number[] {
  const options = { kind, perSecond, startMs: 100, endMs: 100 + endMs };
  const arrivals = new Arrivals(new SeededRandom(4), options);
  const times: number[] = [];
  for (let next = arrivals.next(); next !== undefined; next = arrivals.next()) {
    times.push(next);
    arrivals.take();
  }
  return times;
}

describe('constant', () => {
  test('evenly, the first at once, none at the end or later', () => {
    expect(timesOf('constant', 4, 1000)).toEqual([100, 350, 600, 850]);
  });

  test('a rate that does not divide a second does not drift', () => {
    const times = timesOf('constant', 3000, 60_000);
    expect(times).toHaveLength(180_000);
    expect(times[90_000]).toBe(100 + 30_000);
  });
});

test('poisson: as many on average, with gaps that vary as those of independent clients do', () => {
  const times = timesOf('poisson', 2000);
  expect(Math.abs(times.length - 20_000)).toBeLessThan(600);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  expect(mean).toBeCloseTo(0.5, 1);
  expect(Math.sqrt(variance)).toBeCloseTo(0.5, 1);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
});

test('what was not taken waits', () => {
  const options = { kind: 'constant', perSecond: 1000, startMs: 0, endMs: 5000 } as const;
  const arrivals = new Arrivals(new SeededRandom(1), options);
  expect(arrivals.next()).toBe(0);
  expect(arrivals.waiting(2000)).toBe(2000);
  for (let taken = 0; taken < 1500; taken++) arrivals.take();
  expect(arrivals.next()).toBe(1500);
  expect(arrivals.waiting(2000)).toBe(500);
  expect(arrivals.waiting(1000)).toBe(0);
  expect(arrivals.waiting(60_000), 'none come after the end').toBe(3500);
});
