// What a conditional write makes of the record that is there.

import { describe, expect, test } from 'vitest';
import { type Change, type Condition, etagOf } from '../../../src/cluster/model/condition.ts';
import { ATTRIBUTE_CONDITIONAL, encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { holds, successorOf } from '../../../src/storage/replication/judgement.ts';

const key = Buffer.from('k');
const type = { type: 1, bytes: Buffer.from('text/plain') };

function live(text: string) {
  return encodeRecord({
    key,
    version: 5n as Version,
    expiresAtMs: 77,
    attributes: [type, { type: ATTRIBUTE_CONDITIONAL, bytes: Buffer.alloc(14) }],
    value: Buffer.from(text),
  });
}

const own = etagOf(live('v'));
const other = { version: own.version, hash: own.hash ^ 1 };
const older = { version: 4n as Version, hash: own.hash };

describe('a condition (RFC 9110)', () => {
  test.each<[Condition, present: boolean, absent: boolean]>([
    [{}, true, true],
    [{ ifMatch: 'any' }, true, false],
    [{ ifMatch: [other, own] }, true, false],
    [{ ifMatch: [other, older] }, false, false],
    [{ ifMatch: [] }, false, false],
    [{ ifNoneMatch: 'any' }, false, true],
    [{ ifNoneMatch: [own] }, false, true],
    [{ ifNoneMatch: [other, older] }, true, true],
    [{ ifNoneMatch: [] }, true, true],
    [{ ifMatch: [own], ifNoneMatch: [other] }, true, false],
    [{ ifMatch: [own], ifNoneMatch: [own] }, false, false],
  ])('%o', (condition, present, absent) => {
    expect(holds(condition, live('v'))).toBe(present);
    expect(holds(condition, undefined)).toBe(absent);
  });
});

function valueAfter(text: string | undefined, change: Change): string {
  const successor = successorOf(text === undefined ? undefined : live(text), {}, change);
  return typeof successor === 'string' ? successor : successor.value.toString('latin1');
}

describe('incr', () => {
  test.each<[string | undefined, number, string]>([
    [undefined, 1, '1'],
    ['0', -5, '-5'],
    ['-3', 3, '0'],
    ['41', 1, '42'],
    ['007', 1, '8'],
    ['9007199254740990', 1, '9007199254740991'],
    ['9007199254740991', 1, 'overflow'],
    ['-9007199254740991', -1, 'overflow'],
    ['9007199254740992', -1, 'not-a-number'],
    ['99999999999999999999', 0, 'not-a-number'],
    ['', 1, 'not-a-number'],
    ['1.5', 1, 'not-a-number'],
    ['1e3', 1, 'not-a-number'],
    [' 1', 1, 'not-a-number'],
    ['0x10', 1, 'not-a-number'],
    ['1\n', 1, 'not-a-number'],
  ])('%o by %i is %s', (text, by, expected) => {
    expect(valueAfter(text, { kind: 'incr', by })).toBe(expected);
  });
});

test('append keeps what is there in front, and counts an absent record as empty', () => {
  const change = { kind: 'append', bytes: Buffer.from('b') } as const;
  expect(valueAfter('a', change)).toBe('ab');
  expect(valueAfter(undefined, change)).toBe('b');
});

test.each<Change>([
  { kind: 'incr', by: 1 },
  { kind: 'append', bytes: Buffer.of(49) },
])('$kind keeps expiry and attributes, but no mark', (change) => {
  expect(successorOf(live('1'), {}, change)).toMatchObject({
    expiresAtMs: 77,
    attributes: [type],
    tombstone: false,
  });
  expect(successorOf(undefined, {}, change)).toMatchObject({ expiresAtMs: 0, attributes: [] });
});

test('put and getset bring their own expiry and attributes, delete leaves a tombstone', () => {
  for (const kind of ['put', 'getset'] as const) {
    const change = { kind, value: key, attributes: [], expiresAtMs: 9 };
    expect(successorOf(live('v'), {}, change)).toEqual({
      tombstone: false,
      value: key,
      attributes: [],
      expiresAtMs: 9,
    });
  }
  expect(successorOf(live('v'), {}, { kind: 'delete' })).toMatchObject({ tombstone: true });
});

test('nothing takes the place of a record that the condition does not name', () => {
  expect(successorOf(live('v'), { ifMatch: [other] }, { kind: 'delete' })).toBe('condition');
});
