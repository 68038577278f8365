// What the checks of conditional writes see and what they let pass, on histories made by hand.

import { describe, expect, test } from 'vitest';
import {
  type CounterOperation,
  checkCounter,
  checkRegister,
  type RegisterOperation,
} from '../../src/simulation/linearizability.ts';

/** @param endMs undefined of what is never answered */
function operation(
  kind: RegisterOperation['kind'],
  [startMs, endMs]: readonly [number, number | undefined],
  rest: Partial<RegisterOperation>,
): RegisterOperation {
  return { kind, startMs, endMs, value: undefined, outcome: 'done', ...rest };
}

const write = (at: readonly [number, number | undefined], value: string | undefined) =>
  operation('write', at, { value });
const read = (at: readonly [number, number], value: string | undefined) =>
  operation('read', at, { value });
const swap = (at: readonly [number, number], from: string, value: string | undefined) =>
  operation('swap', at, { value, expected: { value: from } });
const create = (at: readonly [number, number], value: string) =>
  operation('swap', at, { value, expected: 'absent' });
const getset = (at: readonly [number, number], previous: string | undefined, value: string) =>
  operation('getset', at, { value, previous });
const unknown = (of: RegisterOperation): RegisterOperation => ({ ...of, outcome: 'unknown' });
const unmet = (of: RegisterOperation): RegisterOperation => ({ ...of, outcome: 'unmet' });

const verdict = (...operations: readonly RegisterOperation[]) => checkRegister(operations).kind;

describe('a register', () => {
  test.each<[string, readonly RegisterOperation[]]>([
    ['a read of what was written', [write([0, 1], 'a'), read([2, 3], 'a')]],
    ['a read of a write that is open', [write([0, 9], 'a'), read([2, 3], 'a'), read([4, 5], 'a')]],
    [
      'one of two swaps',
      [write([0, 1], 'a'), swap([2, 5], 'a', 'b'), unmet(swap([2, 5], 'a', 'c'))],
    ],
    [
      'an unknown swap that took effect',
      [create([0, 1], 'a'), unknown(swap([2, 3], 'a', 'b')), read([4, 5], 'b')],
    ],
    [
      'an unknown swap that did not',
      [create([0, 1], 'a'), unknown(swap([2, 3], 'a', 'b')), read([4, 5], 'a')],
    ],
    [
      'an unknown swap that does late',
      [create([0, 1], 'a'), unknown(swap([2, 3], 'a', 'b')), read([4, 5], 'a'), read([6, 7], 'b')],
    ],
    [
      'a write that takes effect twice before its answer',
      [
        create([0, 1], 'x'),
        write([2, 9], 'a'),
        swap([3, 4], 'a', 'b'),
        read([5, 6], 'b'),
        read([7, 8], 'a'),
      ],
    ],
    [
      'an unknown write that takes effect after its answer',
      [unknown(write([0, 1], 'a')), read([2, 3], undefined), read([4, 5], 'a')],
    ],
    [
      'an unknown write that took effect, and once more after its answer',
      [unknown(write([0, 5], 'a')), swap([1, 2], 'a', 'b'), read([6, 7], 'b'), read([8, 9], 'a')],
    ],
    [
      'what is gone when it is to be deleted',
      [write([0, 1], 'a'), swap([2, 3], 'a', undefined), unmet(swap([4, 5], 'a', undefined))],
    ],
    [
      'a getset of what was there',
      [create([0, 1], 'a'), getset([2, 3], 'a', 'b'), read([4, 5], 'b')],
    ],
  ])('takes %s', (_, operations) => {
    expect(verdict(...operations)).toBe('linearizable');
  });

  test.each<[string, readonly RegisterOperation[]]>([
    ['a read of what is over', [write([0, 1], 'a'), write([2, 3], 'b'), read([4, 5], 'a')]],
    [
      'reads that go back',
      [
        write([0, 1], 'a'),
        write([2, 9], 'b'),
        read([3, 4], 'b'),
        swap([4.1, 4.2], 'b', 'c'),
        read([5, 6], 'a'),
      ],
    ],
    [
      'two swaps of one value',
      [create([0, 1], 'a'), swap([2, 5], 'a', 'b'), swap([2, 5], 'a', 'c')],
    ],
    ['a swap that is lost', [write([0, 1], 'a'), swap([2, 3], 'a', 'b'), read([4, 5], 'a')]],
    [
      'a delete that is lost',
      [create([0, 1], 'a'), swap([2, 3], 'a', undefined), read([4, 5], 'a')],
    ],
    ['two creations', [create([0, 5], 'a'), create([0, 5], 'b')]],
    ['a creation that was refused for nothing', [unmet(create([0, 1], 'a'))]],
    [
      'a swap of what a swap left, refused for nothing',
      [create([0, 1], 'a'), unmet(swap([2, 3], 'a', 'b'))],
    ],
    ['a value that nobody wrote', [read([0, 1], 'a')]],
    [
      'a value of a write that stored nothing',
      [{ ...write([0, 1], 'a'), outcome: 'refused' }, read([2, 3], 'a')],
    ],
    [
      'an unknown swap that comes back',
      [
        create([0, 1], 'a'),
        unknown(swap([2, 3], 'a', 'b')),
        read([4, 5], 'b'),
        swap([6, 7], 'b', 'c'),
        read([8, 9], 'b'),
      ],
    ],
    [
      'an unknown write that takes effect twice after its answer',
      [
        unknown(write([0, 1], 'a')),
        read([2, 3], 'a'),
        swap([4, 5], 'a', 'b'),
        read([6, 7], 'a'),
        swap([8, 9], 'a', 'c'),
        read([10, 11], 'a'),
      ],
    ],
    [
      'a getset of what is over',
      [create([0, 1], 'a'), swap([2, 3], 'a', 'b'), getset([4, 5], 'a', 'c')],
    ],
    [
      'a getset of nothing where something is',
      [create([0, 1], 'a'), getset([2, 3], undefined, 'b')],
    ],
  ])('does not take %s', (_, operations) => {
    expect(verdict(...operations)).toBe('violated');
  });
});

describe('a counter', () => {
  const count = (
    kind: CounterOperation['kind'],
    startMs: number,
    endMs: number,
    result: number,
  ): CounterOperation => ({ kind, startMs, endMs, result, outcome: 'done' });
  const lost: CounterOperation = {
    kind: 'incr',
    startMs: 0,
    endMs: 1,
    result: undefined,
    outcome: 'unknown',
  };

  test.each<[string, readonly CounterOperation[]]>([
    [
      'increments at once',
      [count('incr', 0, 5, 2), count('incr', 0, 5, 1), count('read', 6, 7, 2)],
    ],
    ['an unknown one that counts', [lost, count('incr', 2, 3, 2)]],
    ['an unknown one that does not', [lost, count('incr', 2, 3, 1)]],
  ])('takes %s', (_, operations) => {
    expect(checkCounter(operations)).toEqual([]);
  });

  test.each<[string, readonly CounterOperation[]]>([
    ['one that counts twice', [count('incr', 0, 1, 2)]],
    ['two with one result', [count('incr', 0, 5, 1), count('incr', 0, 5, 1)]],
    ['one that is lost', [count('incr', 0, 1, 1), count('incr', 2, 3, 2), count('read', 4, 5, 1)]],
    ['a refused one that counts', [{ ...lost, outcome: 'refused' }, count('incr', 2, 3, 2)]],
    ['reads that go back', [lost, count('read', 2, 3, 1), count('read', 4, 5, 0)]],
  ])('does not take %s', (_, operations) => {
    expect(checkCounter(operations)).not.toEqual([]);
  });
});
