// The header Range: what it asks for of a file of a given size.

import { describe, expect, test } from 'vitest';
import { parseRanges, RANGES_MAX } from '../../src/files/ranges.ts';
import { SeededRandom } from '../helpers/random.ts';

const SIZE = 100;
const whole = { kind: 'whole' };
const unsatisfiable = { kind: 'unsatisfiable' };
const ranges = (...list: readonly (readonly [first: number, last: number])[]) => ({
  kind: 'ranges',
  ranges: list.map(([first, last]) => ({ first, last })),
});

describe('one range', () => {
  test.each<readonly [string, unknown]>([
    ['bytes=0-0', ranges([0, 0])],
    ['bytes=10-19', ranges([10, 19])],
    ['bytes=10-', ranges([10, 99])],
    ['bytes=-1', ranges([99, 99])],
    ['bytes=-100', ranges([0, 99])],
    ['bytes=-101', ranges([0, 99])],
    ['bytes=99-99', ranges([99, 99])],
    ['bytes=99-1000', ranges([99, 99])],
    ['bytes=0-9223372036854775807', ranges([0, 99])],
    ['bytes=0-99999999999999999999', unsatisfiable],
    ['bytes=0-99999999999999', ranges([0, 99])],
    ['bytes=000000000000000000000-05', ranges([0, 5])],
    ['Bytes= 1 - 2 ', ranges([1, 2])],
    ['bytes=100-', unsatisfiable],
    ['bytes=100-200', unsatisfiable],
    ['bytes=-0', unsatisfiable],
    ['bytes=5-2', unsatisfiable],
  ])('%s', (header, expected) => {
    expect(parseRanges(header, SIZE)).toEqual(expected);
  });
});

describe('several ranges', () => {
  test.each<readonly [string, unknown]>([
    ['bytes=0-0,-1', ranges([0, 0], [99, 99])],
    ['bytes=50-59, 0-9', ranges([50, 59], [0, 9])],
    ['bytes=0-9,5-14', ranges([0, 9], [5, 14])],
    ['bytes=200-300,0-9', ranges([0, 9])],
    ['bytes=5-2,0-9', ranges([0, 9])],
    // Together more than the file: whoever asks that wants to cost us something.
    ['bytes=0-,0-0', whole],
    ['bytes=0-49,50-99', ranges([0, 49], [50, 99])],
    ['bytes=0-49,49-99', whole],
  ])('%s', (header, expected) => {
    expect(parseRanges(header, SIZE)).toEqual(expected);
  });

  test(`${RANGES_MAX} are taken, of more the whole is sent; those beyond the file do not count`, () => {
    const list = (count: number) => Array.from({ length: count }, (_, at) => `${at}-${at}`);
    const taken = parseRanges(`bytes=${list(16).join(',')}`, SIZE);
    expect(taken.kind === 'ranges' && taken.ranges.length).toBe(16);
    expect(parseRanges(`bytes=${list(17).join(',')}`, SIZE)).toEqual(whole);
    const beyond = Array.from({ length: 100 }, () => '100-');
    expect(parseRanges(`bytes=${[...beyond, ...list(16)].join(',')}`, SIZE).kind).toBe('ranges');
  });
});

describe('what is none', () => {
  test.each([undefined, '', 'bytes', 'bytes=', 'lines=0-1', 'byte=0-1', ' bytes=0-1'])(
    '%j asks for the whole',
    (header) => {
      expect(parseRanges(header, SIZE)).toEqual(whole);
    },
  );

  test.each(['bytes=a-b', 'bytes=-', 'bytes=1', 'bytes=1-2x', 'bytes=0-1,', 'bytes=,0-1'])(
    '%j asks for nothing that is there',
    (header) => {
      expect(parseRanges(header, SIZE)).toEqual(unsatisfiable);
    },
  );

  test.each([
    'bytes=- 1',
    'bytes=--1',
    'bytes=0-1 2',
    'bytes=\t0-1',
    'bytes=0-1;2-3',
    'bytes=0x1-',
  ])('%j as well', (header) => {
    expect(parseRanges(header, SIZE)).toEqual(unsatisfiable);
  });
});

test('of an empty file what begins at its end is the whole, anything else is beyond it', () => {
  for (const header of ['bytes=0-', 'bytes=0-5', 'bytes=-5', 'bytes=-0']) {
    expect(parseRanges(header, 0)).toEqual(whole);
  }
  expect(parseRanges('bytes=1-', 0)).toEqual(unsatisfiable);
});

test('each range that is given is within the file, and all together are no longer than it', () => {
  const random = new SeededRandom(7);
  const number = () => `${random.below(random.chance(0.5) ? 30 : 12)}`;
  for (let round = 0; round < 5000; round++) {
    const size = random.below(20);
    const count = random.whole(1, 4);
    const header = Array.from({ length: count }, () =>
      random.chance(0.3) ? `-${number()}` : `${number()}-${random.chance(0.3) ? '' : number()}`,
    );
    const asked = parseRanges(`bytes=${header.join(',')}`, size);
    if (asked.kind !== 'ranges') continue;
    let bytes = 0;
    for (const { first, last } of asked.ranges) {
      expect(first).toBeGreaterThanOrEqual(0);
      expect(last).toBeGreaterThanOrEqual(first);
      expect(last).toBeLessThan(size);
      bytes += last - first + 1;
    }
    expect(bytes).toBeLessThanOrEqual(size);
  }
});

test('a header of nothing but spaces costs next to nothing', () => {
  const spaces = ' '.repeat(16_000);
  expect(parseRanges(`bytes=1-${spaces}x`, SIZE)).toEqual(unsatisfiable);
  expect(parseRanges(`bytes=${spaces}1${spaces}-${spaces}2${spaces}`, SIZE)).toEqual(
    ranges([1, 2]),
  );
});
