// H31: the time of the cluster, as a process knows it, and by which clock it stamps versions.

import { beforeEach, describe, expect, test } from 'vitest';
import { ClusterClock, medianOf, OWN_JUMP_MS } from '../../../src/cluster/model/cluster-clock.ts';
import { OWN_CLOCK_OFF_MS_MAX } from '../../../src/cluster/model/limits.ts';

const NOON_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

let wallMs: number;
let monotonicMs: number;
let logged: string[];

beforeEach(() => {
  wallMs = NOON_MS;
  monotonicMs = 5000;
  logged = [];
});

/** At noon, told at once that it is so much later. */
function clockAmong(...aheadMs: readonly number[]): ClusterClock {
  const clock = new ClusterClock(
    { wallMs: () => wallMs, monotonicMs: () => monotonicMs },
    { write: (level) => logged.push(level) },
  );
  for (const [index, ahead] of aheadMs.entries()) tell(clock, `${index}`, NOON_MS + ahead);
  return clock;
}

const tell = (clock: ClusterClock, voice: string, toldMs: number, tookMs = 0) =>
  clock.heard(voice, toldMs, { wallMs: wallMs - tookMs, monotonicMs: monotonicMs - tookMs });

const pass = (milliseconds: number) => {
  wallMs += milliseconds;
  monotonicMs += milliseconds;
};

describe('H31: the time of the cluster', () => {
  test('is by the own clock until somebody has told it', () => {
    const clock = clockAmong();
    expect(clock.isKnown).toBe(false);
    expect(clock.wallMs()).toBe(NOON_MS);
    expect(clock.aheadMs()).toBe(0);
    tell(clock, 'a', NOON_MS - 5);
    expect(clock.isKnown).toBe(true);
    expect(clock.wallMs()).toBe(NOON_MS - 5);
    expect(clock.aheadMs()).toBe(5);
  });

  test.each([
    { nodes: [0, DAY_MS, 1], counts: 1 },
    { nodes: [60_000, -DAY_MS, 70_000], counts: 60_000 },
    // Of two or four, whichever of the middle ones is nearer to the own clock: one of two convinces nobody.
    { nodes: [0, DAY_MS], counts: 0 },
    { nodes: [-DAY_MS, 0], counts: 0 },
    { nodes: [60_000, 70_000], counts: 60_000 },
    { nodes: [-70_000, -60_000], counts: -60_000 },
    { nodes: [-DAY_MS, 70_000, DAY_MS, 60_000], counts: 60_000 },
  ])('among voices at $nodes is at $counts', ({ nodes, counts }) => {
    expect(clockAmong(...nodes).wallMs()).toBe(NOON_MS + counts);
  });

  test.each([DAY_MS, -DAY_MS, -NOON_MS - DAY_MS])(
    'goes on steadily when the own clock jumps by %i ms',
    (jumpMs) => {
      const clock = clockAmong(0, 0, 0);
      pass(700);
      wallMs += jumpMs;
      expect(clock.wallMs()).toBe(NOON_MS + 700);
      expect(clock.forVersions.wallMs()).toBe(NOON_MS + 700);
      pass(300);
      expect(clock.wallMs()).toBe(NOON_MS + 1000);
      expect(clock.aheadMs()).toBe(jumpMs);
    },
  );

  test('goes on for hours without a word', () => {
    const clock = clockAmong(-60_000);
    pass(3 * 3_600_000);
    wallMs += DAY_MS;
    expect(clock.wallMs()).toBe(NOON_MS - 60_000 + 3 * 3_600_000);
  });

  test('is by the latest word of each, and not by one that has long said nothing', () => {
    const clock = clockAmong(60_000, 0);
    tell(clock, '0', NOON_MS);
    tell(clock, '1', NOON_MS + 50_000);
    tell(clock, '2', NOON_MS + 50_000);
    expect(clock.wallMs()).toBe(NOON_MS + 50_000);
    pass(60_001);
    tell(clock, '0', wallMs);
    expect(clock.wallMs()).toBe(wallMs);
  });

  test('is of half-way between question and answer; one that took over a second says too little', () => {
    const clock = clockAmong();
    pass(1000);
    tell(clock, 'a', NOON_MS + 300, 400);
    expect(clock.wallMs()).toBe(NOON_MS + 500);
    pass(3000);
    tell(clock, 'a', NOON_MS + 500, 3000);
    expect(clock.wallMs()).toBe(NOON_MS + 3500);
  });

  test('is whole, and never before 1970', () => {
    const clock = clockAmong();
    wallMs = -DAY_MS;
    expect(clock.wallMs()).toBe(0);
    expect(clock.forVersions.wallMs()).toBe(0);
    tell(clock, 'a', NOON_MS, 1);
    expect(clock.wallMs()).toBe(NOON_MS);
    tell(clock, 'a', -DAY_MS);
    expect(clock.wallMs()).toBe(0);
  });

  test('that the own clock is off is said once, and that it is right again once', () => {
    const clock = clockAmong(60_000, 60_000);
    tell(clock, '0', NOON_MS + 60_000);
    wallMs += 60_000;
    for (const voice of ['0', '1']) tell(clock, voice, wallMs);
    expect(logged).toEqual(['warn', 'info']);
  });
});

describe('H31: the own clocks went apart, so the time', () => {
  test('is in doubt until somebody tells it who was asked since', () => {
    const clock = clockAmong(0, 0, 0);
    expect(clock.isInDoubt()).toBe(false);
    const asked = { wallMs, monotonicMs };
    wallMs += 30_000;
    expect(clock.isInDoubt()).toBe(true);
    const told: string[] = [];
    clock.onceTold(() => told.push('first'));
    clock.onceTold(() => told.push('cancelled'))();
    pass(10);
    // Asked before the machine slept, answered while it did.
    clock.heard('0', NOON_MS + 29_000, asked);
    expect(clock.isInDoubt()).toBe(true);
    tell(clock, '0', NOON_MS + 30_010);
    expect(clock.isInDoubt()).toBe(false);
    expect(told).toEqual(['first']);
    // What the other voices said before would outvote it, and does not count.
    expect(clock.wallMs()).toBe(NOON_MS + 30_010);
    tell(clock, '0', NOON_MS + 30_010);
    expect(told).toEqual(['first']);
  });

  test('is not in doubt for what a daemon does that keeps time, nor before anybody told it', () => {
    const clock = clockAmong(0);
    for (let step = 0; step < 5; step++) {
      wallMs += OWN_JUMP_MS;
      expect(clock.isInDoubt()).toBe(false);
    }
    const alone = clockAmong();
    wallMs += 30_000;
    expect(alone.isInDoubt()).toBe(false);
  });
});

test.each([OWN_CLOCK_OFF_MS_MAX, -OWN_CLOCK_OFF_MS_MAX])(
  'H31: versions are by the own clock when it is %i ms off, and by the cluster one millisecond further',
  (awayMs) => {
    expect(clockAmong(awayMs).forVersions.wallMs()).toBe(NOON_MS);
    const further = awayMs + Math.sign(awayMs);
    expect(clockAmong(further).forVersions.wallMs()).toBe(NOON_MS + further);
  },
);

test.each([
  { values: [3, 1, 2], near: 9, median: 2 },
  { values: [1, 5], near: 3, median: 3 },
  { values: [1, 5], near: 9, median: 5 },
  { values: [5, 1], near: -9, median: 1 },
  { values: [], near: 7, median: 7 },
])('the median of $values near $near is $median', ({ values, near, median }) => {
  expect(medianOf(values, near)).toBe(median);
});
