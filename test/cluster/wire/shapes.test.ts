// Shapes: a value from outside is taken only when it is what it must be, and the error says where it
// is not.

import { describe, expect, test } from 'vitest';
import {
  dictionary,
  flag,
  integer,
  list,
  Malformed,
  object,
  oneOf,
  optional,
  type Shape,
  text,
} from '../../../src/cluster/wire/shapes.ts';
import { SeededRandom } from '../../helpers/random.ts';

/** One value of every kind that JSON has, and some numbers that only look whole. */
const ANYTHING: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  '',
  '1',
  'a word',
  [],
  [1],
  {},
  { a: 1 },
];

function accepted(shape: Shape<unknown>): unknown[] {
  return ANYTHING.filter((value) => {
    try {
      shape(value);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(Malformed);
      return false;
    }
  });
}

describe('each shape takes its own kind and nothing else', () => {
  test.each<[string, Shape<unknown>, readonly unknown[]]>([
    ['a text', text({ max: 6 }), ['1', 'a word']],
    ['a text that may be empty', text({ min: 0, max: 0 }), ['']],
    ['a whole number', integer({ min: -1, max: 0 }), [0, -1]],
    ['a safe whole number', integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), []],
    ['a flag', flag, [true, false]],
    ['one of two words', oneOf('1', 'a word'), ['1', 'a word']],
    ['a list', list(integer({ min: 0, max: 9 }), { max: 1 }), [[], [1]]],
    ['a list of nothing', list(flag, { max: 0 }), [[]]],
    ['a dictionary', dictionary(integer({ min: 0, max: 9 }), { max: 1 }), [{}, { a: 1 }]],
    ['a dictionary of nothing', dictionary(flag, { max: 0 }), [{}]],
    ['an object', object({ a: integer({ min: 1, max: 1 }) }), [{ a: 1 }]],
    ['an object without fields', object({}), [{}, { a: 1 }]],
    ['a flag or nothing', optional(flag), [undefined, null, true, false]],
  ])('%s', (_what, shape, expected) => {
    expect(accepted(shape)).toEqual(expected);
  });

  test('a list or dictionary at its limit is taken, one entry more is not', () => {
    const numbers = list(integer({ min: 0, max: 9 }), { max: 2 });
    expect(numbers([1, 2])).toEqual([1, 2]);
    expect(() => numbers([1, 2, 3])).toThrow('the message has over 2 entries');
    const named = dictionary(flag, { max: 2 });
    expect(named({ a: true, b: false })).toEqual({ a: true, b: false });
    expect(() => named({ a: true, b: true, c: true })).toThrow('the message has over 2 entries');
  });
});

describe('an object', () => {
  const shape = object({ name: text({ max: 9 }), alive: optional(flag) });

  test('keeps the fields it knows and drops the others, so that a newer node is understood', () => {
    expect(shape({ name: 'a', alive: true, since: 'tomorrow' })).toEqual({
      name: 'a',
      alive: true,
    });
  });

  test('without an optional field has undefined there', () => {
    expect(shape({ name: 'a' })).toEqual({ name: 'a', alive: undefined });
  });

  test('is a copy: the value that came is neither kept nor changed', () => {
    const value = { name: 'a', alive: true };
    expect(shape(value)).not.toBe(value);
    expect(value).toEqual({ name: 'a', alive: true });
  });
});

test('a dictionary takes the names that objects have a meaning for as plain names', () => {
  const value = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}');
  const result = dictionary(integer({ min: 1, max: 3 }), { max: 3 })(value);
  expect(Object.entries(result)).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
    ['toString', 3],
  ]);
  expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
});

describe('the error names the place', () => {
  const shape = object({
    nodes: dictionary(object({ ports: list(integer({ min: 1, max: 9 }), { max: 9 }) }), { max: 9 }),
  });

  test.each<[unknown, string]>([
    [[], 'the message is not an object'],
    [{}, 'nodes is not an object'],
    [{ nodes: { a: 1 } }, 'nodes.a is not an object'],
    [{ nodes: { a: {} } }, 'nodes.a.ports is not a list'],
    [{ nodes: { a: { ports: [1, 0] } } }, 'nodes.a.ports[1] is not a whole number from 1 to 9'],
  ])('%j: %s', (value, message) => {
    expect(() => shape(value)).toThrow(message);
  });

  test('also of lists in lists, and of what stands at the top', () => {
    const numbers = list(list(object({ a: flag }), { max: 9 }), { max: 9 });
    expect(() => numbers([[], [{ a: true }, { a: 1 }]])).toThrow(/^\[1\]\[1\]\.a is not true/);
    expect(() => flag(1)).toThrow('the message is not true or false');
  });

  test('and an error of another kind passes as it is', () => {
    const bug = new TypeError('a bug');
    const broken = object({
      a: () => {
        throw bug;
      },
    });
    expect(() => broken({ a: 1 })).toThrow(bug);
  });
});

test.each([1, 2, 3, 4, 5])('nothing but Malformed is ever thrown, seed %i', (seed) => {
  const random = new SeededRandom(seed);
  const anything = (depth: number): unknown => {
    if (depth === 0 || random.chance(0.4)) return random.pick(ANYTHING.slice(1));
    const parts = Array.from({ length: random.below(4) }, () => anything(depth - 1));
    if (random.chance(0.5)) return parts;
    return Object.fromEntries(parts.map((part) => [random.pick(['a', 'b', 'c']), part]));
  };
  const shape = object({
    a: list(object({ b: optional(integer({ min: 0, max: 1 })) }), { max: 3 }),
    b: dictionary(oneOf('1'), { max: 3 }),
    c: optional(text({ max: 3 })),
  });
  for (let round = 0; round < 1000; round++) {
    try {
      shape(anything(4));
    } catch (error) {
      expect(error).toBeInstanceOf(Malformed);
    }
  }
});
