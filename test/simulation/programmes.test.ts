// Aimed faults, programme by programme, with seeds of this commit.

import { expect, test } from 'vitest';
import { PROGRAMME_NAMES } from '../../src/simulation/programmes.ts';
import { simulate } from '../../src/simulation/simulate.ts';
import { firstFreshSeed } from '../helpers/random.ts';

const RUNS = 8;

test.each(PROGRAMME_NAMES)(
  `${RUNS} runs of %s keep every promise, and strike`,
  { timeout: 1_800_000 },
  (programme) => {
    const first = firstFreshSeed();
    let strikes = 0;
    for (let seed = first; seed < first + RUNS; seed++) {
      const result = simulate(seed, { programme });
      const replay = `velour simulate --seed ${seed} --programme ${programme} --trace`;
      expect(result.violations, replay).toEqual([]);
      strikes += result.occurred.get(`aimed: ${programme}`) ?? 0;
    }
    expect(strikes).toBeGreaterThan(RUNS / 2);
  },
);
