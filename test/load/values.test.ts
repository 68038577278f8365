// A value says whose it is, and nothing else passes for it.

import { describe, expect, test } from 'vitest';
import { isValueOf, makeValue } from '../../src/load/values.ts';

const KEY = 'load-4711';
const LENGTHS = [
  ...Array.from({ length: 120 }, (_, index) => index + 1),
  1000,
  65_535,
  65_536,
  65_537,
  200_000,
];
/** A first line whole: key, sequence, length. */
const WHOLE = LENGTHS.filter((bytes) => bytes > 30);

test('a value of any length is one of its key', () => {
  for (const bytes of LENGTHS) {
    const value = makeValue(KEY, { sequence: 12_345, bytes });
    expect(value).toHaveLength(bytes);
    expect(isValueOf(KEY, value), `${bytes} bytes`).toBe(true);
  }
});

test('values of one key differ by their sequence, and are the same each time', () => {
  const make = (sequence: number) => makeValue(KEY, { sequence, bytes: 300 }).toString();
  expect(make(1)).toBe(make(1));
  expect(make(1).slice(40)).not.toBe(make(2).slice(40));
  expect(make(7)).toMatch(/^load-4711 7 300\n[a-z2-7]+$/);
});

describe('what is no value of the key', () => {
  test('the value of another key', () => {
    for (const other of ['load-4712', 'load-47110', 'load-471', 'x']) {
      for (const bytes of WHOLE) {
        const value = makeValue(other, { sequence: 1, bytes });
        expect(isValueOf(KEY, value), `${other}, ${bytes}`).toBe(false);
      }
    }
    // Short ones show what they can of the key.
    expect(isValueOf(KEY, makeValue('other', { sequence: 1, bytes: 5 }))).toBe(false);
  });

  test('one in which a bit is wrong, wherever', () => {
    for (const bytes of [60, 1000, 70_000]) {
      for (let at = 0; at < bytes; at += bytes > 1000 ? 997 : 1) {
        const value = makeValue(KEY, { sequence: 99, bytes });
        value[at] = (value[at] ?? 0) ^ 1;
        expect(isValueOf(KEY, value), `${bytes} bytes, at ${at}`).toBe(false);
      }
    }
  });

  test('one that lost its end, has more, or two that were mixed', () => {
    for (const bytes of WHOLE) {
      const value = makeValue(KEY, { sequence: 5, bytes });
      expect(isValueOf(KEY, value.subarray(0, bytes - 1))).toBe(false);
      expect(isValueOf(KEY, Buffer.concat([value, Buffer.from('a')]))).toBe(false);
    }
    const [one, two] = [5, 6].map((sequence) => makeValue(KEY, { sequence, bytes: 200 }));
    const mixed = Buffer.concat([
      one?.subarray(0, 100) ?? Buffer.alloc(0),
      two?.subarray(100) ?? Buffer.alloc(0),
    ]);
    expect(isValueOf(KEY, mixed)).toBe(false);
  });

  test('nothing, zeros, and an error page', () => {
    for (const value of ['', '\0'.repeat(100), 'Ok\n', 'no such key\n', '<html></html>']) {
      expect(isValueOf(KEY, Buffer.from(value)), JSON.stringify(value)).toBe(false);
    }
  });
});
