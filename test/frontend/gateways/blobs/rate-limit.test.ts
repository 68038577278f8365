// How many requests of one address are taken.

import { expect, test } from 'vitest';
import { RateLimit } from '../../../../src/frontend/gateways/blobs/rate-limit.ts';

test('each address has a bucket of its own, which fills by the second', () => {
  const limit = new RateLimit(3);
  const taken = (address: string, nowMs: number) =>
    Array.from({ length: 10 }, () => limit.takes(address, nowMs)).filter(Boolean).length;
  expect([taken('a', 0), taken('b', 0), taken('a', 0)]).toEqual([3, 3, 0]);
  expect([taken('a', 333), taken('a', 334), taken('a', 1001)]).toEqual([0, 1, 2]);
  // A pause of any length fills it once.
  expect(taken('a', 1_000_000)).toBe(3);
});

test('no limit takes everything, and remembers nobody', () => {
  const limit = new RateLimit(0);
  expect(Array.from({ length: 1000 }, () => limit.takes('a', 0))).not.toContain(false);
});
