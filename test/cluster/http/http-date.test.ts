// Dates of HTTP, compared with those of the platform, which sources may not ask.

import { expect, test } from 'vitest';
import { parseHttpDate, printHttpDate } from '../../../src/cluster/http/http-date.ts';
import { SeededRandom } from '../../helpers/random.ts';

const YEAR_9999_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

test('is written as the platform writes it, and read back to the second', () => {
  const random = new SeededRandom(9);
  const days = Array.from({ length: 2000 }, () => random.below(2 ** 32) * 59_000 + 7);
  // Around leap days and the turn of years and centuries.
  const edges = [
    '2000-02-28',
    '2000-12-31',
    '2024-02-28',
    '2099-12-31',
    '2100-02-28',
    '2400-02-28',
  ];
  const near = edges.flatMap((day) => [0, 1, 2].map((more) => Date.parse(day) + more * 86_399_999));
  for (const ms of [0, 999, 1000, YEAR_9999_MS, ...near, ...days]) {
    if (ms > YEAR_9999_MS) continue;
    const text = printHttpDate(ms);
    expect(text).toBe(new Date(ms).toUTCString());
    expect(parseHttpDate(text)).toBe(ms - (ms % 1000));
  }
});

test('is read in the two old forms too', () => {
  const ms = Date.UTC(1994, 10, 6, 8, 49, 37);
  expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(ms);
  expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT')).toBe(ms);
  expect(parseHttpDate('Sun Nov  6 08:49:37 1994')).toBe(ms);
  expect(parseHttpDate('Wednesday, 06-Nov-30 08:49:37 GMT')).toBe(Date.UTC(2030, 10, 6, 8, 49, 37));
});

test.each([
  '',
  'yesterday',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 06 Nov 1994 08:49:37 UTC',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 06 Now 1994 08:49:37 GMT',
  'Fri, 31 Feb 2025 08:49:37 GMT',
  'Sun, 00 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 24:00:00 GMT',
  'Sun, 06 Nov 1994 08:60:37 GMT',
  'Sun, 06 Nov 1994 08:49:60 GMT',
  'Sun Nov  6 08:49:37 94',
  '0',
])('%j is no date', (text) => {
  expect(parseHttpDate(text)).toBeUndefined();
});
