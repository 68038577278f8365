// The product in the simulator: seeds that failed once, fresh ones in every commit, and the same seed
// twice.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { simulate } from '../../src/simulation/simulate.ts';

const FRESH_RUNS = 100;

const once = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => /^(\d+)\s+(.*)$/.exec(line))
  .flatMap((match) => (match === null ? [] : [{ seed: Number(match[1]), found: match[2] ?? '' }]));

/** Each commit runs others, and a commit runs the same again. */
function firstFreshSeed(): number {
  try {
    const commit = execFileSync('git', ['rev-parse', '--short=7', 'HEAD'], { encoding: 'utf8' });
    return Number.parseInt(commit.trim(), 16);
  } catch {
    return 1; // not in a checkout
  }
}

test.each(once)('seed $seed keeps every promise; it once found: $found', ({ seed }) => {
  expect(simulate(seed).violations).toEqual([]);
});

describe('fresh seeds of this commit', () => {
  const first = firstFreshSeed();
  test(`${FRESH_RUNS} runs from seed ${first} keep every promise`, { timeout: 600_000 }, () => {
    let operations = 0;
    let succeeded = 0;
    for (let seed = first; seed < first + FRESH_RUNS; seed++) {
      const result = simulate(seed);
      expect(result.violations, `velour simulate --seed ${seed} --trace`).toEqual([]);
      operations += result.operations;
      succeeded += result.succeeded;
    }
    // A cluster that refuses everything breaks no promise either.
    expect(succeeded / operations).toBeGreaterThan(0.9);
  });
});

test('the same seed twice is the same run, another seed is another', () => {
  const [one, again, other] = [simulate(3), simulate(3), simulate(4)];
  expect(one.digest).toBe(again.digest);
  expect(one.events).toBe(again.events);
  expect(one.digest).not.toBe(other.digest);
});
