// More of the product in the simulator: seeds that failed once, and more fresh ones of each commit, short and long.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { simulate } from '../../src/simulation/simulate.ts';
import { neverOccurred } from '../../src/simulation/sometimes.ts';
import { playFreshRuns } from '../helpers/fresh-runs.ts';
import { firstFreshSeed } from '../helpers/random.ts';

/** Enough that what happens often (`src/simulation/sometimes.ts`) does in them. */
const FRESH_RUNS = 120;
/** The first seeds of a commit are those of `simulation.test.ts`. */
const SEEDS_BEFORE = 1000;
const LONG_RUNS = 6;

const once = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => /^(\d+)\s+(.*)$/.exec(line))
  .flatMap((match) => (match === null ? [] : [{ seed: Number(match[1]), found: match[2] ?? '' }]));

test.each(once)('seed $seed keeps every promise; it once found: $found', ({ seed }) => {
  expect(simulate(seed).violations).toEqual([]);
});

const first = firstFreshSeed() + SEEDS_BEFORE;
test(`${FRESH_RUNS} runs from seed ${first} keep every promise`, { timeout: 1_800_000 }, () => {
  expect(neverOccurred(playFreshRuns(first, FRESH_RUNS), 'commit')).toEqual([]);
});

test(`${LONG_RUNS} long runs of this commit keep every promise`, { timeout: 1_800_000 }, () => {
  for (let seed = first; seed < first + LONG_RUNS; seed++) {
    const { violations } = simulate(seed, { long: true });
    expect(violations, `velour simulate --seed ${seed} --long --trace`).toEqual([]);
  }
});
