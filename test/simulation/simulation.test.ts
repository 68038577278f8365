// The product in the simulator: seeds that failed once, fresh ones in every commit, and the same seed
// twice.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { simulate } from '../../src/simulation/simulate.ts';
import { firstFreshSeed } from '../helpers/random.ts';

const FRESH_RUNS = 300;

/**
 * A state that is never reached is not tested: each of these must happen in the fresh runs (PROTOCOL 4.2,
 * "sometimes").
 */
const SOMETIMES = [
  'lease renewed by witnesses',
  'node fenced',
  'node unfenced',
  'member removed',
  'member joins',
  'joiner removed',
  'partition copied',
  'member promoted',
  'member leaves',
  'member left',
  'member stays',
  'member resumed',
  'new life of a node',
  'witnesses change',
  'witnesses changed',
  'a storage node says goodbye',
  'a storage node is dead, says its parent',
  'node draining',
  'node no longer draining',
  'deletes forgotten',
  'recovering the map from the nodes',
  'map recovered',
  'set answered equal',
  'set answered superseded',
  'set answered floor',
  'set answered stale',
  'set answered behind',
  'record evicted',
  'set overtaken',
];

const once = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => /^(\d+)\s+(.*)$/.exec(line))
  .flatMap((match) => (match === null ? [] : [{ seed: Number(match[1]), found: match[2] ?? '' }]));

test.each(once)('seed $seed keeps every promise; it once found: $found', ({ seed }) => {
  expect(simulate(seed).violations).toEqual([]);
});

describe('fresh seeds of this commit', () => {
  const first = firstFreshSeed();
  test(`${FRESH_RUNS} runs from seed ${first} keep every promise`, { timeout: 600_000 }, () => {
    let operations = 0;
    let succeeded = 0;
    const occurred = new Set<string>();
    for (let seed = first; seed < first + FRESH_RUNS; seed++) {
      const result = simulate(seed);
      expect(result.violations, `velour simulate --seed ${seed} --trace`).toEqual([]);
      operations += result.operations;
      succeeded += result.succeeded;
      for (const [what, times] of result.occurred) if (times > 0) occurred.add(what);
    }
    // A cluster that refuses everything breaks no promise either.
    expect(succeeded / operations).toBeGreaterThan(0.9);
    expect(SOMETIMES.filter((what) => !occurred.has(what))).toEqual([]);
  });
});

test('the same seed twice is the same run, another seed is another', () => {
  const [one, again, other] = [simulate(3), simulate(3), simulate(4)];
  expect(one.digest).toBe(again.digest);
  expect(one.events).toBe(again.events);
  expect(one.digest).not.toBe(other.digest);
});
