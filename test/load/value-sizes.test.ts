// What `--value-size` takes, what it refuses, and what is drawn by it.

import { describe, expect, test } from 'vitest';
import { parseValueSizes } from '../../src/load/value-sizes.ts';
import { SeededRandom } from '../helpers/random.ts';

const DRAWS = 50_000;

function drawn(spec: string): readonly number[] {
  const sizes = parseValueSizes(spec);
  if (typeof sizes !== 'function') throw new Error(sizes.wrong);
  const random = new SeededRandom(9);
  return Array.from({ length: DRAWS }, () => sizes(random));
}

describe('sizes', () => {
  test('one size', () => {
    expect(new Set(drawn('100'))).toEqual(new Set([100]));
    expect(new Set(drawn('1:100%'))).toEqual(new Set([1]));
  });

  test('uniform: both ends, and all between alike', () => {
    const sizes = drawn('uniform:10-19');
    for (let size = 10; size <= 19; size++) {
      expect(sizes.filter((one) => one === size).length / DRAWS).toBeCloseTo(0.1, 1);
    }
    expect(Math.min(...sizes)).toBe(10);
    expect(Math.max(...sizes)).toBe(19);
    expect(new Set(drawn('uniform:7-7'))).toEqual(new Set([7]));
  });

  test('zipfian: the shortest the most frequent, none beyond the ends', () => {
    const sizes = drawn('zipfian:5-4096');
    const share = (size: number) => sizes.filter((one) => one === size).length / DRAWS;
    expect(share(5)).toBeGreaterThan(0.09);
    expect(share(5)).toBeGreaterThan(1.5 * share(6));
    expect(Math.min(...sizes)).toBe(5);
    expect(Math.max(...sizes)).toBeGreaterThan(3500);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4096);
  });

  test('a mix, of distributions as well', () => {
    const sizes = drawn('100:95%,uniform:5000-6000:4.5%,9000:0.5%');
    const share = (from: number, to: number) =>
      sizes.filter((size) => size >= from && size <= to).length / DRAWS;
    expect(share(100, 100)).toBeCloseTo(0.95, 2);
    expect(share(5000, 6000)).toBeCloseTo(0.045, 2);
    expect(share(9000, 9000)).toBeCloseTo(0.005, 2);
    expect(share(1, 10_000)).toBe(1);
  });
});

test.each([
  ['', /has ""/],
  ['0', /sizes go from 1/],
  ['-5', /has "-5"/],
  ['1e3', /has "1e3"/],
  ['uniform:10', /has "uniform:10"/],
  ['uniform:10-5', /sizes go from 1/],
  ['normal:1-5', /has "normal:1-5"/],
  ['999999999', /sizes go from 1 to 536870912/],
  ['100,200', /gives some sizes no share/],
  ['100:50%,200', /gives some sizes no share/],
  ['100:50%,200:40%', /shares of 90 %/],
  ['100:50%', /shares of 50 %/],
  ['100:95%,10000:5', /has "10000:5"/],
  ['100:95%,', /has ""/],
])('%s is refused', (spec, wrong) => {
  const sizes = parseValueSizes(spec);
  expect(typeof sizes === 'function' ? 'taken' : sizes.wrong).toMatch(wrong);
});
