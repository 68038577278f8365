// Questions and answers of followers come back as they were, and what is none of them is refused and never throws.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { PartitionSet } from '../../../src/cluster/model/partition-set.ts';
import { encodeRecord, recordHead } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { SeededRandom } from '../../../src/cluster/seeded-random.ts';
import {
  type Changes,
  decodeChanges,
  decodeFollow,
  encodeChanges,
  encodeFollow,
  type Follow,
} from '../../../src/cluster/wire/follow-messages.ts';
import type { EncodedMessage } from '../../../src/cluster/wire/operations.ts';

const whole = ({ head, body }: EncodedMessage) => Buffer.concat([head, body]);

function setOf(count: number, ...partitions: readonly number[]): PartitionSet {
  const set = PartitionSet.empty(count);
  for (const partition of partitions) set.add(partition as PartitionId);
  return set;
}

const FOLLOW: Follow = {
  from: undefined,
  partitions: setOf(16, 0, 15),
  prefix: Buffer.from('user:'),
  isExact: false,
  values: false,
  isHeld: false,
};
const RECORD = encodeRecord({
  key: Buffer.from('a'),
  version: 5n as Version,
  value: Buffer.from('value'),
});

describe('a question', () => {
  test.each<[string, Partial<Follow>]>([
    ['for what is to come', {}],
    ['from a change on', { from: 7 }],
    ['from the first change on', { from: 0 }],
    ['from the last change that there can be', { from: 2 ** 48 - 1 }],
    ['of one key', { isExact: true }],
    ['for values', { values: true }],
    ['that may be held', { isHeld: true }],
    ['of all keys', { prefix: Buffer.alloc(0) }],
    ['of the longest key', { prefix: Buffer.alloc(1025, 'k'), isExact: true }],
    ['of no partition', { partitions: setOf(0) }],
    ['of 65,536 partitions', { partitions: setOf(65_536, 65_535) }],
  ])('%s comes back', (_, more) => {
    const follow = { ...FOLLOW, ...more };
    const decoded = decodeFollow(whole(encodeFollow(follow)));
    if (typeof decoded === 'string') throw new Error(decoded);
    expect([...decoded.partitions]).toEqual([...follow.partitions]);
    expect({ ...decoded, partitions: 0 }).toEqual({ ...follow, partitions: 0 });
  });

  test('outlives its message', () => {
    const message = whole(encodeFollow(FOLLOW));
    const decoded = decodeFollow(message);
    message.fill(0);
    if (typeof decoded === 'string') throw new Error(decoded);
    expect(`${decoded.prefix}`).toBe('user:');
    expect([...decoded.partitions]).toEqual([0, 15]);
  });

  test('cut, with unknown flags or a longer prefix than any key is none', () => {
    const message = whole(encodeFollow({ ...FOLLOW, prefix: Buffer.alloc(0) }));
    for (let length = 0; length < message.length; length++) {
      expect(typeof decodeFollow(message.subarray(0, length))).toBe('string');
    }
    for (let bit = 4; bit < 8; bit++) {
      const odd = Buffer.from(message);
      odd[0] = 1 << bit;
      expect(typeof decodeFollow(odd)).toBe('string');
    }
    expect(typeof decodeFollow(Buffer.concat([message, Buffer.alloc(1026)]))).toBe('string');
  });
});

describe('an answer', () => {
  const nothing: Changes = { next: 3, lost: setOf(16), gone: [], heads: [] };

  test.each<[string, Partial<Changes>, boolean]>([
    ['of nothing', {}, false],
    ['with the last change that there can be', { next: 2 ** 48 - 1 }, false],
    ['with lost partitions', { lost: setOf(4096, 0, 7, 4095) }, false],
    [
      'with gone keys',
      {
        gone: [
          { key: Buffer.from('a'), version: 0n as Version },
          { key: Buffer.alloc(1025, 'k'), version: (2n ** 64n - 1n) as Version },
        ],
      },
      false,
    ],
    ['with heads', { heads: [recordHead(RECORD), recordHead(RECORD)] }, false],
    ['with records', { heads: [RECORD, RECORD] }, true],
    [
      'with everything',
      {
        lost: setOf(16, 1),
        gone: [{ key: Buffer.from('b'), version: 1n as Version }],
        heads: [RECORD],
      },
      true,
    ],
  ])('%s comes back', (_, more, values) => {
    const changes = { ...nothing, ...more };
    const decoded = decodeChanges(whole(encodeChanges(changes)), values);
    if (typeof decoded === 'string') throw new Error(decoded);
    expect(decoded.next).toBe(changes.next);
    expect([...decoded.lost]).toEqual([...changes.lost]);
    expect(decoded.gone.map(({ key, version }) => [`${key}`, version])).toEqual(
      changes.gone.map(({ key, version }) => [`${key}`, version]),
    );
    expect(decoded.heads.map((head) => Buffer.from(head))).toEqual(
      changes.heads.map((head) => Buffer.from(head)),
    );
  });

  test('with records larger than any message usually is comes back', () => {
    const records = [1, 2, 3].map((version) =>
      encodeRecord({
        key: Buffer.from(`k${version}`),
        version: BigInt(version) as Version,
        value: Buffer.alloc(300_000, version),
      }),
    );
    const decoded = decodeChanges(whole(encodeChanges({ ...nothing, heads: records })), true);
    if (typeof decoded === 'string') throw new Error(decoded);
    expect(decoded.heads).toHaveLength(3);
    expect(decoded.heads.every((head, index) => records[index]?.equals(head))).toBe(true);
  });

  test('cut anywhere is none, or has whole parts of it', () => {
    const message = whole(
      encodeChanges({
        ...nothing,
        gone: [{ key: Buffer.from('b'), version: 1n as Version }],
        heads: [RECORD],
      }),
    );
    const withoutHeads = message.length - RECORD.length;
    for (let length = 0; length < message.length; length++) {
      const decoded = decodeChanges(message.subarray(0, length), true);
      if (length !== withoutHeads) expect(typeof decoded, `${length}`).toBe('string');
    }
  });

  test('with an empty gone key, or one longer than any, is none', () => {
    for (const key of [Buffer.alloc(0), Buffer.alloc(1026)]) {
      const message = whole(encodeChanges({ ...nothing, gone: [{ key, version: 1n as Version }] }));
      expect(typeof decodeChanges(message, false)).toBe('string');
    }
  });
});

test('bytes of any kind are read or refused, and never throw', () => {
  const random = new SeededRandom(46);
  const samples = [
    whole(encodeFollow({ ...FOLLOW, from: 7 })),
    whole(
      encodeChanges({
        next: 3,
        lost: setOf(16, 1),
        gone: [{ key: Buffer.from('b'), version: 1n as Version }],
        heads: [RECORD],
      }),
    ),
  ];
  for (let round = 0; round < 20_000; round++) {
    const sample = random.pick(samples);
    const bytes = random.chance(0.5)
      ? Buffer.from(sample)
      : Buffer.from(Array.from({ length: random.below(64) }, () => random.below(256)));
    const times = random.below(4);
    for (let time = 0; time < times && bytes.length > 0; time++) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    decodeFollow(bytes);
    decodeChanges(bytes, true);
    decodeChanges(bytes, false);
  }
});
