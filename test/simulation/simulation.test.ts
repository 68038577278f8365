// The product in the simulator, as `npm test` plays it: fresh seeds of each commit, and the same seed twice.

import { expect, test } from 'vitest';
import { simulate } from '../../src/simulation/simulate.ts';
import { playFreshRuns } from '../helpers/fresh-runs.ts';
import { firstFreshSeed } from '../helpers/random.ts';

const FRESH_RUNS = 60;

const first = firstFreshSeed();
test(`${FRESH_RUNS} runs from seed ${first} keep every promise`, { timeout: 1_800_000 }, () => {
  playFreshRuns(first, FRESH_RUNS);
});

test('the same seed twice is the same run, another seed is another', () => {
  const [one, again, other] = [simulate(3), simulate(3), simulate(4)];
  expect(one.digest).toBe(again.digest);
  expect(one.events).toBe(again.events);
  expect(one.digest).not.toBe(other.digest);
});
