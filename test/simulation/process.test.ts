// Clocks of simulated processes: paused, suspended with their machine, seen and unseen.

import { expect, test } from 'vitest';
import { SimulatedProcess } from '../../src/simulation/process.ts';
import { World } from '../../src/simulation/world.ts';

function started() {
  const process = new SimulatedProcess(new World(1), 'process');
  process.start();
  const pass = (milliseconds: number) => process.world.runUntil(process.world.nowMs + milliseconds);
  const clocks = () => ({ monotonic: process.monotonicMs(), wall: process.wallMs() });
  /** How far each clock went, as shares of true time. */
  const during = (run: () => void) => {
    const [startMs, before] = [process.world.nowMs, clocks()];
    run();
    const [tookMs, after] = [process.world.nowMs - startMs, clocks()];
    return {
      monotonic: (after.monotonic - before.monotonic) / tookMs,
      wall: (after.wall - before.wall) / tookMs,
    };
  };
  return { process, pass, during };
}

test('both clocks go on while it is paused, and its timers come when it wakes', () => {
  const { process, pass, during } = started();
  let came = false;
  process.after(100, () => {
    came = true;
  });
  process.pause();
  const { monotonic, wall } = during(() => pass(1000));
  expect(monotonic).toBeCloseTo(1, 0);
  expect(wall).toBe(1);
  expect(came).toBe(false);
  process.resume();
  expect(came).toBe(true);
});

test('the monotonic clock stands still with its machine, and so do timers; the wall clock is right afterwards', () => {
  const { process, pass, during } = started();
  let came = false;
  process.after(500, () => {
    came = true;
  });
  pass(100);
  const { monotonic, wall } = during(() => {
    process.suspend();
    pass(1000);
    process.endSuspension(true);
  });
  expect(monotonic).toBe(0);
  expect(wall).toBe(1);
  expect(came).toBe(false);
  pass(300);
  expect(came).toBe(false);
  pass(200);
  expect(came).toBe(true);
});

test('of a suspension that the hypervisor hides neither clock shows anything', () => {
  const { process, pass, during } = started();
  const { monotonic, wall } = during(() => {
    process.suspend();
    pass(1000);
    process.endSuspension(false);
  });
  expect([monotonic, wall]).toEqual([0, 0]);
});

test('a process that died while its machine was suspended has a clock that goes on', () => {
  const { process, pass, during } = started();
  process.suspend();
  pass(1000);
  process.crash();
  process.start();
  expect(during(() => pass(100)).monotonic).toBeCloseTo(1, 0);
});
