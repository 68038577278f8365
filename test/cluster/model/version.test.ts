// Versions rise whatever the clock does, and their text sorts as they do.

import { describe, expect, test } from 'vitest';
import { VERSION_OBSERVED_AHEAD_MS_MAX } from '../../../src/cluster/model/limits.ts';
import {
  HybridClock,
  parseVersion,
  printVersion,
  type Version,
  versionAt,
  versionMilliseconds,
} from '../../../src/cluster/model/version.ts';
import { SeededRandom } from '../../helpers/random.ts';

const START_MS = 1_700_000_000_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const FAR = VERSION_OBSERVED_AHEAD_MS_MAX;

/** A clock of versions, whose wall clock the test sets. */
function clockAt(wallMs: number) {
  const wall = { ms: wallMs, wallMs: () => wall.ms };
  return { wall, clock: new HybridClock(wall) };
}

test.each([1, 2, 3, 4, 5])('rise though the wall clock jumps both ways (H31), seed %i', (seed) => {
  const random = new SeededRandom(seed);
  const { wall, clock } = clockAt(START_MS);
  let last = 0n;
  for (let round = 0; round < 2000; round++) {
    wall.ms = Math.max(wall.ms - 5000, Math.min(wall.ms + 5000, START_MS + random.below(FAR / 2)));
    if (random.chance(0.1)) {
      const seen = versionAt(wall.ms + random.below(20_000));
      clock.observe(seen);
      if (seen > last) last = seen;
    }
    const version = clock.next();
    expect(version).toBeGreaterThan(last);
    last = version;
  }
});

test('are the wall clock when nothing else is above it', () => {
  const { clock } = clockAt(1_700_000_000_123.9);
  expect(versionMilliseconds(clock.next())).toBe(1_700_000_000_123);
});

test('65,536 in one millisecond go on into the next one', () => {
  const { clock } = clockAt(1000);
  for (let count = 0; count < 65_536; count++) clock.next();
  expect(versionMilliseconds(clock.next())).toBe(1001);
});

describe('H31: one wrong timestamp takes no other key along', () => {
  const aheadMs = (version: Version) => versionMilliseconds(version) - START_MS;

  test.each([FAR + 1, DAY_MS, 2 * DAY_MS, 60 * 365 * DAY_MS])(
    'that was seen, %i ms ahead',
    (ms) => {
      const { clock } = clockAt(START_MS);
      const stored = versionAt(START_MS + ms);
      clock.observe(stored);
      expect(aheadMs(clock.next())).toBe(0);
      // The one of its key is above it, by less than a storage node takes.
      const above = clock.next(stored);
      expect(above).toBeGreaterThan(stored);
      expect(aheadMs(above) - ms).toBeLessThanOrEqual(1);
      expect(aheadMs(clock.next())).toBe(0);
    },
  );

  test('one that is as far ahead as clocks in order are moves the clock', () => {
    const { clock } = clockAt(START_MS);
    const stored = versionAt(START_MS + FAR);
    clock.observe(stored);
    expect(clock.next()).toBe(stored + 1n);
    expect(clock.next()).toBe(stored + 2n);
  });

  test('nor does it hide what clocks in order have stamped', () => {
    const { clock } = clockAt(START_MS);
    const near = versionAt(START_MS + 20_000);
    clock.observe(near);
    clock.observe(versionAt(START_MS + DAY_MS));
    expect(clock.next()).toBe(near + 1n);
  });

  test('nor one of the own clock, when that is set right', () => {
    const { wall, clock } = clockAt(START_MS + 2 * DAY_MS);
    clock.next();
    wall.ms = START_MS;
    expect(aheadMs(clock.next())).toBe(0);
  });

  test('several above one differ, also with those that they coalesce (H41)', () => {
    const { clock } = clockAt(START_MS);
    const random = new SeededRandom(7);
    const stored = [versionAt(START_MS + DAY_MS), versionAt(START_MS + 2 * DAY_MS)];
    const seen = new Set<bigint>();
    let minted = 0;
    for (let round = 0; round < 500; round++) {
      const count = random.chance(0.5) ? 1 : 1 + random.below(100);
      const index = random.below(2);
      const above = stored[index] as Version;
      const highest = clock.nextOf(count, above);
      // Of what was minted others may have any, or none.
      if (random.chance(0.3)) stored[index] = (highest - BigInt(random.below(count))) as Version;
      for (let below = 0; below < count; below++) seen.add(highest - BigInt(below));
      minted += count;
      expect(highest - BigInt(count)).toBeGreaterThanOrEqual(above);
      expect(versionMilliseconds(highest) - versionMilliseconds(above)).toBeLessThanOrEqual(1);
    }
    expect(seen.size).toBe(minted);
  });
});

test('the text has 16 hex digits, comes back, and sorts as the versions do', () => {
  const random = new SeededRandom(9);
  const versions = Array.from({ length: 500 }, () => random.recordFields().version);
  for (const version of versions) {
    expect(printVersion(version)).toMatch(/^[0-9a-f]{16}$/);
    expect(parseVersion(printVersion(version))).toBe(version);
  }
  const byValue = [...versions].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)).map(printVersion);
  expect(versions.map(printVersion).sort()).toEqual(byValue);
});

test('57 bits survive: what a number would round stays apart (H20)', () => {
  const one = parseVersion('018bcfe568000001');
  const two = parseVersion('018bcfe568000002');
  expect(one).not.toBe(two);
  expect(Number(one)).toBe(Number(two));
});

test.each(['', '1', 'g'.repeat(16), '0'.repeat(17), '018BCFE568000001'])(
  '%o is no version',
  (text) => {
    expect(parseVersion(text)).toBeUndefined();
  },
);

test('a version outside 48 bits of milliseconds breaks an invariant', () => {
  expect(() => versionAt(2 ** 48)).toThrow('48 bits');
  expect(() => versionAt(-1)).toThrow('1970');
  expect(() => {
    clockAt(0).clock.next((2n ** 64n - 1n) as Version);
  }).toThrow('48 bits');
});
