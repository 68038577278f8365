// Many gets together: who is asked for which keys, and what becomes of those that are not answered.

import { expect, test } from 'vitest';
import type { Member } from '../../../../src/cluster/model/cluster-map.ts';
import type { PartitionId } from '../../../../src/cluster/model/partition.ts';
import { encodeRecord } from '../../../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../../src/cluster/model/version.ts';
import type {
  AnswerCallback,
  MemberAnswer,
  StorageChannel,
} from '../../../../src/cluster/peers/storage-channel.ts';
import type { OneOfMany } from '../../../../src/cluster/wire/answer-kinds.ts';
import type { KeyOfMany } from '../../../../src/cluster/wire/many-parts.ts';
import { ManyReader } from '../../../../src/coordinator/operations/get/many.ts';
import type { Reader, ReadOutcome } from '../../../../src/coordinator/operations/get/round.ts';
import type { OperationContext } from '../../../../src/coordinator/operations/operation-context.ts';

interface Asked {
  readonly node: string;
  readonly keys: readonly string[];
  readonly answer: (answer: MemberAnswer) => void;
  readonly slow: () => void;
}

const FOUND: OneOfMany = {
  kind: 'found',
  record: encodeRecord({ key: Buffer.from('k'), version: 9n as Version, value: Buffer.from('v') }),
};

/** @param membersOf the nodes that may answer for a key, the first of which a group begins with */
function readerOf(membersOf: (key: string) => readonly string[]) {
  const asked: Asked[] = [];
  const alone: string[] = [];
  const told = new Map<string, ReadOutcome>();
  const observed: bigint[] = [];
  const fetched: string[] = [];
  const channels = new Map<string, StorageChannel>();
  const channelTo = (node: string): StorageChannel => {
    const known = channels.get(node);
    if (known !== undefined) return known;
    const channel = {
      send(operation: { keys: readonly KeyOfMany[] }, answer: AnswerCallback, slow: () => void) {
        asked.push({ node, keys: operation.keys.map(({ key }) => `${key}`), answer, slow });
      },
    } as unknown as StorageChannel;
    channels.set(node, channel);
    return channel;
  };
  const context = {
    router: {
      locate: (key: Buffer) => ({
        partition: key.length as PartitionId,
        answering: membersOf(`${key}`).map((node) => ({
          member: { node, incarnation: 1, role: 'serving' } as Member,
          channel: channelTo(node),
        })),
      }),
      first: () => 0,
    },
    versions: { observe: (version: bigint) => observed.push(version) },
    refresh: { fetchFrom: (node: string) => fetched.push(node), pushTo: () => undefined },
    reports: { note: () => undefined },
  } as unknown as OperationContext;
  const reader = {
    get: (key: Buffer, callback: (outcome: ReadOutcome) => void) => {
      alone.push(`${key}`);
      callback({ kind: 'absent', version: VERSION_ZERO });
    },
  } as unknown as Reader;
  const many = new ManyReader(context, reader);
  const get = (...keys: readonly string[]) =>
    many.get(
      keys.map((key) => ({
        key: Buffer.from(key),
        callback: (outcome) => {
          expect(told.has(key), `${key} is answered once`).toBe(false);
          told.set(key, outcome);
        },
      })),
    );
  return { asked, alone, told, observed, fetched, get };
}

test('as few members are asked as have all keys, each in one message', () => {
  const { asked, get, alone } = readerOf((key) => (key < 'c' ? ['a', 'b'] : ['b', 'c']));
  get('a1', 'b1', 'c1', 'a2', 'd1');
  expect(asked.map(({ node, keys }) => [node, keys])).toEqual([
    ['a', ['a1', 'b1', 'a2']],
    ['b', ['c1', 'd1']],
  ]);
  expect(alone).toEqual([]);
});

test('each get is told its own outcome, and the clock what was seen', () => {
  const { asked, told, get, observed, alone } = readerOf(() => ['a']);
  get('x', 'y');
  asked[0]?.answer({ kind: 'many', each: [FOUND, { kind: 'absent', version: 11n as Version }] });
  expect(told.get('x')).toMatchObject({ kind: 'value' });
  expect(told.get('y')).toEqual({ kind: 'absent', version: 11n });
  expect(observed).toEqual([9n, 11n]);
  expect(alone).toEqual([]);
});

test('what a member may not answer, or had no room for, is asked alone (R3)', () => {
  const { asked, told, get, alone, fetched } = readerOf(() => ['a']);
  get('x', 'y', 'z');
  const each = [FOUND, { kind: 'not-serving' }, { kind: 'left-out' }] as const;
  asked[0]?.answer({ kind: 'many', each });
  expect(alone).toEqual(['y', 'z']);
  expect(told.size).toBe(3);
  expect(fetched).toEqual(['a']);
});

test.each<MemberAnswer>([
  { kind: 'unreachable', detail: '' },
  { kind: 'unanswered', detail: '' },
  { kind: 'overloaded' },
  { kind: 'not-serving' },
  { kind: 'many', each: [FOUND] },
])('where nobody answers them ($kind) all are asked alone, once', (answer) => {
  const { asked, told, get, alone } = readerOf(() => ['a']);
  get('x', 'y');
  asked[0]?.answer(answer);
  expect(alone).toEqual(['x', 'y']);
  expect(told.size).toBe(2);
});

test('a slow member is not waited for, and what it says later is nothing (R3)', () => {
  const { asked, get, alone } = readerOf(() => ['a']);
  get('x', 'y');
  asked[0]?.slow();
  expect(alone).toEqual(['x', 'y']);
  asked[0]?.answer({ kind: 'many', each: [FOUND, FOUND] });
  expect(alone).toHaveLength(2);
});

test('a node of earlier software is asked for no many gets again', () => {
  const { asked, get, alone } = readerOf(() => ['a']);
  get('x', 'y');
  asked[0]?.answer({ kind: 'refused', reason: 'malformed' });
  get('v', 'w');
  expect(asked).toHaveLength(1);
  expect(alone).toEqual(['x', 'y', 'v', 'w']);
});

test('a node that refused many gets for another reason is asked for many again', () => {
  const { asked, get } = readerOf(() => ['a']);
  get('x', 'y');
  asked[0]?.answer({ kind: 'refused', reason: 'too-large' });
  get('v', 'w');
  expect(asked).toHaveLength(2);
});

test('one key, and one that nobody answers for, are gets of their own', () => {
  const { asked, get, alone } = readerOf((key) => (key === 'offline' ? [] : ['a']));
  get('only');
  get('x', 'offline', 'y');
  expect(alone).toEqual(['only', 'offline']);
  expect(asked.map(({ keys }) => keys)).toEqual([['x', 'y']]);
});
