// H4: how long a lease lasts, on a machine whose clocks are set, drift, or stand still.

import { describe, expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import { momentOf } from '../../src/cluster/moment.ts';
import { Lease } from '../../src/storage/lease.ts';

const times = protocolTimes(1);
const { leaseMs, suspendMs, fenceWaitMs } = times;

function leased() {
  let monotonicMs = 5000;
  let wallMs = 1_700_000_000_000;
  const clock = { monotonicMs: () => monotonicMs, wallMs: () => wallMs };
  const lease = new Lease(clock, times);
  const grant = () => lease.extend(momentOf(clock));
  const pass = (monotonic: number, wall = monotonic) => {
    monotonicMs += monotonic;
    wallMs += wall;
  };
  grant();
  return { clock, lease, grant, pass };
}

describe('H4: a lease', () => {
  test('lasts from the sending of the question, and no longer', () => {
    const { lease, pass } = leased();
    pass(leaseMs - 1);
    expect(lease.remainingMs()).toBe(1);
    pass(1);
    expect(lease.isLive()).toBe(false);
  });

  test('is void once the machine was suspended for longer than the bound, not just as long', () => {
    const { lease, pass } = leased();
    pass(0, suspendMs);
    expect(lease.isLive()).toBe(true);
    pass(0, 1);
    expect(lease.isLive()).toBe(false);
  });

  test.each([0.9, 1, 1.1])(
    'has lapsed when the fence wait is over, whatever was suspended; rates %f',
    (rate) => {
      // By the wall clock, which the controller's clock is within 10 % of.
      const waitedMs = fenceWaitMs / 1.1;
      for (let suspendedMs = 0; suspendedMs <= waitedMs; suspendedMs++) {
        const { lease, pass } = leased();
        pass((waitedMs - suspendedMs) * rate, waitedMs);
        expect(lease.isLive(), `suspended for ${suspendedMs} ms`).toBe(false);
      }
    },
  );

  test.each([0.91, 1.09])('is not void for clocks that merely run apart; rate %f', (rate) => {
    const { lease, pass } = leased();
    pass(leaseMs - 1, (leaseMs - 1) * rate);
    expect(lease.isLive()).toBe(true);
  });

  test.each([suspendMs + 1, -suspendMs - 1, 86_400_000, -86_400_000])(
    'is void when the wall clock is set by %i ms, until the next grant',
    (stepMs) => {
      const { clock, lease, grant, pass } = leased();
      const before = momentOf(clock);
      pass(10);
      pass(0, stepMs);
      expect(lease.isLive()).toBe(false);
      // One that was asked for before the step is as void.
      lease.extend({ ...before, monotonicMs: before.monotonicMs + 5, wallMs: before.wallMs + 5 });
      expect(lease.isLive()).toBe(false);
      grant();
      expect(lease.remainingMs()).toBe(leaseMs);
    },
  );

  test('bears a step of some milliseconds, as a daemon that keeps time makes it', () => {
    const { lease, pass } = leased();
    pass(500);
    pass(0, -20);
    expect(lease.remainingMs()).toBe(leaseMs - 500);
  });
});
