// Simulated runs from seeds that follow from the commit, so each commit plays others.

import { expect } from 'vitest';
import { simulate } from '../../src/simulation/simulate.ts';

/**
 * Plays short runs, each of which must keep every promise.
 * @returns how often what happened in all of them
 */
export function playFreshRuns(first: number, count: number): ReadonlyMap<string, number> {
  let operations = 0;
  let succeeded = 0;
  const occurred = new Map<string, number>();
  for (let seed = first; seed < first + count; seed++) {
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
  return occurred;
}
