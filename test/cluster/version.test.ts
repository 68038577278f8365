// Versions rise whatever the clock does, and their text sorts as they do.

import { expect, test } from 'vitest';
import {
  HybridClock,
  parseVersion,
  printVersion,
  type Version,
  versionAt,
  versionMilliseconds,
} from '../../src/cluster/version.ts';
import { SeededRandom } from '../helpers/random.ts';

test.each([1, 2, 3, 4, 5])('rise though the wall clock jumps both ways (H31), seed %i', (seed) => {
  const random = new SeededRandom(seed);
  const clock = new HybridClock();
  let wallMs = 1_700_000_000_000;
  let last = 0n;
  for (let round = 0; round < 2000; round++) {
    wallMs += random.whole(-5000, 5000);
    if (random.chance(0.1)) {
      const seen = versionAt(wallMs + random.below(20_000));
      clock.observe(seen);
      if (seen > last) last = seen;
    }
    const version = clock.next(wallMs);
    expect(version).toBeGreaterThan(last);
    last = version;
  }
});

test('are the wall clock when nothing else is above it', () => {
  expect(versionMilliseconds(new HybridClock().next(1_700_000_000_123.9))).toBe(1_700_000_000_123);
});

test('65,536 in one millisecond go on into the next one', () => {
  const clock = new HybridClock();
  for (let count = 0; count < 65_536; count++) clock.next(1000);
  expect(versionMilliseconds(clock.next(1000))).toBe(1001);
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
    const clock = new HybridClock();
    clock.observe((2n ** 64n - 1n) as Version);
    clock.next(0);
  }).toThrow('overflow');
});
