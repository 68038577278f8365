// The checkers of conditional writes see what they are there for, and let pass what is promised.

import { describe, expect, test } from 'vitest';
import {
  type CounterOperation,
  checkCounter,
  checkRegister,
  type RegisterOperation,
} from '../../src/simulation/linearizability.ts';

type Fields = Partial<Omit<RegisterOperation, 'startMs' | 'endMs'>>;

function operation(startMs: number, endMs: number, fields: Fields): RegisterOperation {
  const isOpen = fields.outcome === 'unknown';
  return {
    kind: 'write',
    value: undefined,
    outcome: 'done',
    ...fields,
    startMs,
    endMs: isOpen ? undefined : endMs,
  };
}

const write = (startMs: number, endMs: number, value: string | undefined, rest: Fields = {}) =>
  operation(startMs, endMs, { value, ...rest });
const read = (startMs: number, endMs: number, value: string | undefined) =>
  operation(startMs, endMs, { kind: 'read', value });
const swap = (
  startMs: number,
  endMs: number,
  expected: string | 'absent',
  value: string | undefined,
  outcome: RegisterOperation['outcome'] = 'done',
) =>
  operation(startMs, endMs, {
    kind: 'swap',
    expected: expected === 'absent' ? 'absent' : { value: expected },
    value,
    outcome,
  });
const getset = (startMs: number, endMs: number, value: string, previous: string | undefined) =>
  operation(startMs, endMs, { kind: 'getset', value, previous });

describe('a register', () => {
  test.each<[string, readonly RegisterOperation[]]>([
    ['reads what was written', [write(0, 1, 'a'), read(2, 3, 'a')]],
    [
      'reads either of two that are written at once',
      [write(0, 5, 'a'), write(1, 4, 'b'), read(6, 7, 'a')],
    ],
    [
      'is absent at first, and again',
      [read(0, 1, undefined), write(2, 3, 'a'), write(4, 5, undefined), read(6, 7, undefined)],
    ],
    [
      'swaps',
      [write(0, 1, 'a'), swap(2, 3, 'a', 'b'), swap(4, 5, 'a', 'c', 'unmet'), read(6, 7, 'b')],
    ],
    [
      'of two that swap one value at once lets one',
      [
        swap(0, 1, 'absent', 'a'),
        swap(2, 6, 'a', 'b'),
        swap(3, 5, 'a', 'c', 'unmet'),
        read(7, 8, 'b'),
      ],
    ],
    [
      'may have what is unknown',
      [swap(0, 1, 'absent', 'a'), swap(2, 3, 'a', 'b', 'unknown'), read(4, 5, 'b')],
    ],
    [
      'may not have what is unknown',
      [
        swap(0, 1, 'absent', 'a'),
        swap(2, 3, 'a', 'b', 'unknown'),
        read(4, 5, 'a'),
        read(6, 7, 'b'),
      ],
    ],
    ['gives back what it had', [write(0, 1, 'a'), getset(2, 3, 'b', 'a'), read(4, 5, 'b')]],
    [
      'may be written twice before the answer',
      [swap(0, 1, 'absent', 'a'), write(2, 9, 'w'), swap(3, 4, 'w', 'b'), read(10, 11, 'w')],
    ],
    [
      'calls a write with another version another one',
      [write(0, 1, 'a'), swap(2, 3, 'a', 'b', 'unmet'), read(4, 5, 'a')],
    ],
    [
      'does not ask after what was refused',
      [write(0, 1, 'a', { outcome: 'refused' }), read(2, 3, undefined)],
    ],
  ])('%s', (_, operations) => {
    expect(checkRegister(operations)).toEqual({ kind: 'linearizable' });
  });

  test.each<[string, readonly RegisterOperation[]]>([
    ['a stale read', [write(0, 1, 'a'), write(2, 3, 'b'), read(4, 5, 'a')]],
    ['a lost value', [write(0, 1, 'a'), read(2, 3, undefined)]],
    ['two that created', [swap(0, 5, 'absent', 'a'), swap(1, 4, 'absent', 'b')]],
    [
      'two that swapped one value',
      [swap(0, 1, 'absent', 'a'), swap(2, 6, 'a', 'b'), swap(3, 5, 'a', 'c')],
    ],
    [
      'a write that a swap overwrote unseen',
      [swap(0, 1, 'absent', 'a'), write(2, 3, 'w'), swap(4, 5, 'a', 'b')],
    ],
    [
      'a write that comes back after its answer',
      [write(0, 1, 'w'), swap(2, 3, 'w', 'b'), read(4, 5, 'w')],
    ],
    [
      'a condition that held and was called unmet',
      [swap(0, 1, 'absent', 'a'), swap(2, 3, 'a', 'b', 'unmet')],
    ],
    [
      'a swap that took effect twice',
      [swap(0, 1, 'absent', 'a'), swap(2, 3, 'a', 'b'), write(4, 5, 'c'), read(6, 7, 'b')],
    ],
    ['another value of before', [write(0, 1, 'a'), write(2, 3, 'b'), getset(4, 5, 'c', 'a')]],
    [
      'an unknown swap of what was not there',
      [swap(0, 1, 'absent', 'a'), swap(2, 3, 'x', 'b', 'unknown'), read(4, 5, 'b')],
    ],
    [
      'reads that go back',
      [
        swap(0, 1, 'absent', 'a'),
        swap(2, 20, 'a', 'b', 'unknown'),
        read(4, 5, 'b'),
        read(6, 7, 'a'),
      ],
    ],
  ])('sees %s', (_, operations) => {
    expect(checkRegister(operations).kind).toBe('violated');
  });

  test('gives up where too much is unknown at once, and says so', () => {
    const unknown = Array.from({ length: 60 }, (_, index) =>
      swap(0, 1, `v${index % 9}`, `v${(index * 7) % 11}`, 'unknown'),
    );
    const begun = Array.from({ length: 9 }, (_, index) => write(0, 100, `v${index}`));
    const { kind } = checkRegister([...unknown, ...begun, read(2, 3, 'v1'), read(4, 5, 'v2')]);
    expect(['gave-up', 'linearizable']).toContain(kind);
  });
});

const count = (
  kind: CounterOperation['kind'],
  startMs: number,
  endMs: number,
  result: number,
): CounterOperation => ({ kind, startMs, endMs, result, outcome: 'done' });
const lost = (startMs: number): CounterOperation => ({
  kind: 'incr',
  startMs,
  endMs: undefined,
  result: undefined,
  outcome: 'unknown',
});

describe('a counter', () => {
  test('may have counted what is unknown, or not', () => {
    const begun = [count('incr', 0, 1, 1), lost(2)];
    for (const result of [2, 3]) {
      expect(checkCounter([...begun, count('incr', 5, 6, result)])).toEqual([]);
    }
    expect(checkCounter([...begun, count('read', 5, 6, 1), count('read', 7, 8, 2)])).toEqual([]);
  });

  test.each<[string, readonly CounterOperation[]]>([
    ['one result twice', [count('incr', 0, 5, 1), count('incr', 1, 4, 1)]],
    ['an increment that is lost', [count('incr', 0, 1, 1), count('incr', 2, 3, 1)]],
    ['an increment that is read no more', [count('incr', 0, 1, 1), count('read', 2, 3, 0)]],
    ['more than was ever asked for', [count('incr', 0, 1, 2)]],
    ['reads that go back', [lost(0), count('read', 1, 2, 1), count('read', 3, 4, 0)]],
    ['a read of what comes later', [count('read', 0, 1, 1), count('incr', 2, 3, 1)]],
    [
      'an unknown one that counted twice',
      [count('incr', 0, 1, 1), lost(2), count('incr', 5, 6, 4)],
    ],
  ])('sees %s', (_, operations) => {
    expect(checkCounter(operations)).not.toEqual([]);
  });
});
