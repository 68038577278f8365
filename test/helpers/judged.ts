// A fault under load, and what is expected of any of them.

import { expect } from 'vitest';
import { type Fleet, type Node, pause } from './fleet.ts';
import { describeVerdict, Load, type LoadSettings, type Verdict } from './recorder.ts';

/** Of load after a fault; the times of the faults themselves come on top. */
const LOAD_MS = Number(process.env.FAULT_SECONDS ?? 0.5) * 1000;

/** Load, a fault amid it, and load until everything can be set again. */
export async function underLoad(
  { frontends }: Fleet,
  fault: (load: Load) => Promise<void>,
  survivors: readonly Node[] = frontends,
  settings: Partial<LoadSettings> = {},
): Promise<Verdict> {
  const load = Load.start(
    frontends.map(({ door }) => door),
    settings,
  );
  await load.untilEveryKeyIsSetAgain();
  await fault(load);
  await pause(LOAD_MS);
  await load.untilEveryKeyIsSetAgain();
  const verdict = await load.stop(survivors.map(({ door }) => door));
  console.log(`${expect.getState().currentTestName}: ${describeVerdict(verdict)}`);
  return verdict;
}

/** G1, G2 and G4; sets may have failed. */
export function expectPromisesKept(verdict: Verdict): void {
  expect(verdict.violations).toEqual([]);
  expect(verdict.lost).toEqual([]);
  expect(verdict.failedGets, describeVerdict(verdict)).toBe(0);
}

export function expectNothingFailed(verdict: Verdict): void {
  expectPromisesKept(verdict);
  expect(verdict.failedSets, describeVerdict(verdict)).toBe(0);
}
