// Many gets in one message, and what they are answered: whole messages come back as they were, and nothing cut or changed
// is taken for one.

import { expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { OneOfMany } from '../../../src/cluster/wire/answer-kinds.ts';
import { decodeAnswer, encodeAnswer } from '../../../src/cluster/wire/answers.ts';
import {
  decodeOperation,
  encodeOperation,
  isTransfer,
  operationBytes,
} from '../../../src/cluster/wire/operations.ts';

const KEYS = [
  { partition: 0 as PartitionId, key: Buffer.from('a') },
  { partition: 4095 as PartitionId, key: Buffer.alloc(1025, 0xff) },
  { partition: 255 as PartitionId, key: Buffer.from('schlüssel') },
];
const EACH: readonly OneOfMany[] = [
  { kind: 'absent', version: 0x0123_4567_89ab_cdefn as Version },
  {
    kind: 'found',
    record: encodeRecord({
      key: Buffer.from('a'),
      version: 7n as Version,
      value: Buffer.alloc(300, 1),
    }),
  },
  { kind: 'not-serving' },
  { kind: 'left-out' },
  {
    kind: 'found',
    record: encodeRecord({ key: Buffer.from('b'), version: 8n as Version, value: Buffer.alloc(0) }),
  },
];

function whole({ head, body }: { readonly head: Buffer; readonly body: Buffer }): Buffer {
  return Buffer.concat([head, body]);
}

test('many gets come back as they were, and count as what they are', () => {
  const gets = { kind: 'gets', keys: KEYS } as const;
  expect(decodeOperation(whole(encodeOperation(gets)))).toEqual(gets);
  expect(operationBytes(gets)).toBe(1 + 1025 + 10);
  expect(isTransfer(gets)).toBe(false);
});

test('answers to many gets come back as they were, also where they are long', () => {
  const many = { kind: 'many', each: EACH } as const;
  expect(decodeAnswer(whole(encodeAnswer(many)))).toEqual(many);
  const long = { kind: 'many', each: Array.from({ length: 400 }, () => EACH).flat() } as const;
  expect(decodeAnswer(whole(encodeAnswer(long)))).toEqual(long);
  expect(decodeAnswer(whole(encodeAnswer({ kind: 'many', each: [] })))).toEqual({
    kind: 'many',
    each: [],
  });
});

test('a message that was cut is taken for fewer keys or for none, never for others', () => {
  const gets = whole(encodeOperation({ kind: 'gets', keys: KEYS }));
  for (let length = 1; length < gets.length; length++) {
    const decoded = decodeOperation(gets.subarray(0, length));
    if (typeof decoded === 'string') continue;
    if (decoded.kind !== 'gets') throw new Error('of another kind');
    const { keys } = decoded;
    expect(keys).toEqual(KEYS.slice(0, keys.length));
  }
  const many = whole(encodeAnswer({ kind: 'many', each: EACH }));
  for (let length = 1; length < many.length; length++) {
    const decoded = decodeAnswer(many.subarray(0, length));
    if (typeof decoded === 'string') continue;
    if (decoded.kind !== 'many') throw new Error('of another kind');
    const { each } = decoded;
    expect(each).toEqual(EACH.slice(0, each.length));
  }
});

test('a record whose bytes changed, and an unknown kind, spoil the answer', () => {
  const many = whole(encodeAnswer({ kind: 'many', each: EACH }));
  const changed = Buffer.from(many);
  changed[100] = (changed[100] ?? 0) ^ 1;
  expect(decodeAnswer(changed)).toContain('malformed record');
  expect(decodeAnswer(Buffer.concat([many, Buffer.of(9)]))).toContain('unknown kind');
});
