// The product in the simulator: seeds that failed once, fresh ones in every commit, and the same seed
// twice.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { simulate } from '../../src/simulation/simulate.ts';
import { neverOccurred } from '../../src/simulation/sometimes.ts';
import { firstFreshSeed } from '../helpers/random.ts';

const FRESH_RUNS = 120;
const LONG_RUNS = 6;

const once = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => /^(\d+)\s+(.*)$/.exec(line))
  .flatMap((match) => (match === null ? [] : [{ seed: Number(match[1]), found: match[2] ?? '' }]));

test.each(once)('seed $seed keeps every promise; it once found: $found', ({ seed }) => {
  expect(simulate(seed).violations).toEqual([]);
});

describe('fresh seeds of this commit', () => {
  const first = firstFreshSeed();
  test(`${FRESH_RUNS} runs from seed ${first} keep every promise`, { timeout: 1_800_000 }, () => {
    let operations = 0;
    let succeeded = 0;
    const occurred = new Map<string, number>();
    for (let seed = first; seed < first + FRESH_RUNS; seed++) {
      const result = simulate(seed);
      expect(result.violations, `velour simulate --seed ${seed} --trace`).toEqual([]);
      operations += result.operations;
      succeeded += result.succeeded;
      for (const [what, times] of result.occurred) {
        occurred.set(what, (occurred.get(what) ?? 0) + times);
      }
    }
    // A cluster that refuses everything breaks no promise either.
    expect(succeeded / operations).toBeGreaterThan(0.9);
    expect(neverOccurred(occurred, 'commit')).toEqual([]);
  });
});

test(`${LONG_RUNS} long runs of this commit keep every promise`, { timeout: 1_800_000 }, () => {
  const first = firstFreshSeed();
  for (let seed = first; seed < first + LONG_RUNS; seed++) {
    const { violations } = simulate(seed, { long: true });
    expect(violations, `velour simulate --seed ${seed} --long --trace`).toEqual([]);
  }
});

test('the same seed twice is the same run, another seed is another', () => {
  const [one, again, other] = [simulate(3), simulate(3), simulate(4)];
  expect(one.digest).toBe(again.digest);
  expect(one.events).toBe(again.events);
  expect(one.digest).not.toBe(other.digest);
});
