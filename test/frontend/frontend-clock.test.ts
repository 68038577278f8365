// H31: when the clock of a frontend counts, and when the median of the storage nodes' does.

import { beforeEach, describe, expect, test } from 'vitest';
import { FRONTEND_CLOCK_OFF_MS_MAX } from '../../src/cluster/limits.ts';
import { FrontendClock } from '../../src/frontend/frontend-clock.ts';
import { nodeId } from '../helpers/maps.ts';

const NOON_MS = 1_700_000_000_000;

let wallMs: number;
let monotonicMs: number;
let logged: string[];

beforeEach(() => {
  wallMs = NOON_MS;
  monotonicMs = 5000;
  logged = [];
});

/** A frontend at noon, and storage nodes so far ahead of that. */
function clockAmong(...aheadMs: readonly number[]): FrontendClock {
  const clock = new FrontendClock(
    { wallMs: () => wallMs, monotonicMs: () => monotonicMs },
    { write: (level) => logged.push(level) },
  );
  for (const [index, ahead] of aheadMs.entries()) clock.heard(nodeId(`${index}`), NOON_MS + ahead);
  return clock;
}

const pass = (milliseconds: number) => {
  wallMs += milliseconds;
  monotonicMs += milliseconds;
};

describe('H31: the time of a frontend', () => {
  test('is its own until a storage node has told another', () => {
    const clock = clockAmong();
    expect(clock.isChecked).toBe(false);
    expect(clock.wallMs()).toBe(NOON_MS);
    clock.heard(nodeId('a'), NOON_MS - 3_600_000);
    expect(clock.isChecked).toBe(true);
    expect(clock.wallMs()).toBe(NOON_MS - 3_600_000);
  });

  test.each([FRONTEND_CLOCK_OFF_MS_MAX, -FRONTEND_CLOCK_OFF_MS_MAX])(
    'is its own when the median is %i ms away, and the median one millisecond further',
    (awayMs) => {
      expect(clockAmong(awayMs).wallMs()).toBe(NOON_MS);
      const further = awayMs + Math.sign(awayMs);
      expect(clockAmong(further).wallMs()).toBe(NOON_MS + further);
    },
  );

  test.each([
    { nodes: [0, 86_400_000, 1], counts: 0 },
    { nodes: [60_000, -86_400_000, 70_000], counts: 60_000 },
    // Of two or four, whichever of the middle ones is nearer: one wrong clock of two convinces nobody.
    { nodes: [0, 86_400_000], counts: 0 },
    { nodes: [-86_400_000, 0], counts: 0 },
    { nodes: [60_000, 70_000], counts: 60_000 },
    { nodes: [-70_000, -60_000], counts: -60_000 },
    { nodes: [-86_400_000, 70_000, 86_400_000, 60_000], counts: 60_000 },
  ])('among nodes at $nodes is at $counts', ({ nodes, counts }) => {
    expect(clockAmong(...nodes).wallMs()).toBe(NOON_MS + counts);
  });

  test('goes on steadily between two answers, also when the own clock jumps', () => {
    const clock = clockAmong(0, 0, 0);
    pass(700);
    wallMs += 3 * 86_400_000;
    expect(clock.wallMs()).toBe(NOON_MS + 700);
    pass(300);
    expect(clock.wallMs()).toBe(NOON_MS + 1000);
  });

  test('is by the latest word of each node, and not by one that has long said nothing', () => {
    const clock = clockAmong(60_000, 0);
    clock.heard(nodeId('0'), NOON_MS);
    clock.heard(nodeId('1'), NOON_MS + 50_000);
    clock.heard(nodeId('2'), NOON_MS + 50_000);
    expect(clock.wallMs()).toBe(NOON_MS + 50_000);
    pass(60_001);
    clock.heard(nodeId('0'), wallMs);
    expect(clock.wallMs()).toBe(wallMs);
  });

  test('is said to be off once, and right again once', () => {
    const clock = clockAmong(60_000, 60_000);
    clock.heard(nodeId('0'), NOON_MS + 60_000);
    wallMs += 60_000;
    for (const node of ['0', '1']) clock.heard(nodeId(node), wallMs);
    expect(logged).toEqual(['warn', 'info']);
  });
});
