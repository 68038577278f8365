// Operations and answers in binary: what goes in comes out, and garbage is named, not believed.

import { describe, expect, test } from 'vitest';
import type { Condition } from '../../../src/cluster/model/condition.ts';
import { EPOCH_MAX, type Epoch } from '../../../src/cluster/model/identity.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, recordHead } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { decodeAnswer, encodeAnswer } from '../../../src/cluster/wire/answers.ts';
import { FrameReader, FrameWriter } from '../../../src/cluster/wire/frames.ts';
import {
  type Answer,
  decodeOperation,
  encodeOperation,
  type Operation,
} from '../../../src/cluster/wire/operations.ts';
import type { ScanOperation } from '../../../src/cluster/wire/scan-operation.ts';
import { SeededRandom } from '../../helpers/random.ts';

const joined = ({ head, body }: { head: Buffer; body: Buffer }) => Buffer.concat([head, body]);
const record = encodeRecord({
  key: Buffer.from('k'),
  version: 7n as Version,
  value: Buffer.from('v'),
});
const partition = 4095 as PartitionId;
const from = { bucket: 63, afterKey: Buffer.from([0, 255]) };

const tag = { version: 7n as Version, hash: 0xffff_ffff };
const judgement = {
  kind: 'judge',
  partition,
  epoch: EPOCH_MAX as Epoch,
  key: Buffer.from('k'),
  above: 9n as Version,
  settled: false,
  condition: { ifMatch: undefined, ifNoneMatch: undefined },
} as const;
const stored = {
  value: Buffer.from([0, 255]),
  attributes: [{ type: 1, bytes: Buffer.from('text/plain') }],
  expiresAtMs: 5,
};
const JUDGEMENTS: readonly Operation[] = [
  { ...judgement, change: { kind: 'put', ...stored }, settled: true },
  { ...judgement, change: { kind: 'getset', ...stored, attributes: [] } },
  { ...judgement, change: { kind: 'delete' }, condition: { ifMatch: 'any', ifNoneMatch: [] } },
  { ...judgement, change: { kind: 'incr', by: -(2 ** 53 - 1) } },
  {
    ...judgement,
    change: { kind: 'append', bytes: Buffer.of(1) },
    condition: { ifMatch: Array.from({ length: 16 }, () => tag), ifNoneMatch: 'any' },
  },
];

const scan: ScanOperation = {
  kind: 'scan',
  partition,
  from: { bucket: 63, afterKey: Buffer.of(0, 255) },
  prefix: Buffer.alloc(0),
  values: false,
  deletes: false,
  since: 0xfedcba9876543210n as Version,
  bytes: 0,
  count: 1_000_000,
};

test('a scan that is cut or has what nobody knows is refused', () => {
  const whole = joined(encodeOperation(scan));
  for (let length = 3; length < whole.length; length++) {
    expect(typeof decodeOperation(whole.subarray(0, length))).toBe('string');
  }
  const unknown = Buffer.from(whole);
  unknown[3] = 4;
  expect(decodeOperation(unknown)).toMatch(/flags 4/);
  expect(decodeOperation(Buffer.concat([whole, Buffer.alloc(1026)]))).toMatch(/prefix of 1026/);
});

test('a scan does not change with the memory that it was read from, as it may wait for its turn', () => {
  const message = joined(encodeOperation({ ...scan, prefix: Buffer.from('p') }));
  const decoded = decodeOperation(message);
  message.fill(0);
  expect(decoded).toEqual({ ...scan, prefix: Buffer.from('p') });
});

describe('operations', () => {
  test.each<Operation>([
    { kind: 'get', partition, key: Buffer.from([0, 255]) },
    { kind: 'get', partition: 0 as PartitionId, key: Buffer.alloc(1025, 1) },
    { kind: 'set', partition, epoch: EPOCH_MAX as Epoch, record },
    { kind: 'set', partition, epoch: 1 as Epoch, record, follows: true },
    { kind: 'copy', partition, epoch: EPOCH_MAX as Epoch, from },
    { kind: 'pull', partition, epoch: 0x1_0000_0001 as Epoch, from, digest: Buffer.alloc(512, 3) },
    { kind: 'time' },
    { kind: 'list', partition, epoch: 7 as Epoch, from: { bucket: 63, afterKey: Buffer.of(0) } },
    { kind: 'fetch', partition, epoch: 7 as Epoch, keys: [Buffer.of(255), Buffer.alloc(1024, 1)] },
    { kind: 'peek', partition, epoch: EPOCH_MAX as Epoch, key: Buffer.alloc(1024, 1) },
    ...JUDGEMENTS,
    scan,
    { ...scan, values: true, deletes: true, since: 0n as Version, prefix: Buffer.alloc(1025, 2) },
    { ...scan, deletes: true, from: { bucket: 3, afterKey: Buffer.alloc(0) }, bytes: 2 ** 32 - 1 },
  ])('$kind comes back as it was', (operation) => {
    expect(decodeOperation(joined(encodeOperation(operation)))).toEqual(operation);
  });

  test('a set with a record that is damaged, cut or followed by more is refused', () => {
    const whole = joined(encodeOperation({ kind: 'set', partition, epoch: 1 as Epoch, record }));
    for (let length = 0; length < whole.length; length++) {
      expect(typeof decodeOperation(whole.subarray(0, length))).toBe('string');
    }
    expect(decodeOperation(Buffer.concat([whole, Buffer.of(0)]))).toMatch(/length/);
    for (let place = 9; place < whole.length; place++) {
      const damaged = Buffer.from(whole);
      damaged[place] = (damaged[place] ?? 0) ^ 1;
      expect(typeof decodeOperation(damaged)).toBe('string');
    }
  });

  test('a get without a key or with one too long is refused', () => {
    expect(decodeOperation(Buffer.from([1, 0, 0]))).toMatch(/key of 0 bytes/);
    expect(decodeOperation(Buffer.concat([Buffer.from([1, 0, 0]), Buffer.alloc(1026)]))).toMatch(
      /1026/,
    );
  });
});

test.each(JUDGEMENTS)('a judgement that is cut or followed by more is refused', (operation) => {
  const whole = joined(encodeOperation(operation));
  for (let length = 0; length < whole.length; length++) {
    expect(typeof decodeOperation(whole.subarray(0, length))).toBe('string');
  }
  expect(typeof decodeOperation(Buffer.concat([whole, Buffer.of(0)]))).toBe('string');
});

test('a judgement with more tags than a condition may have is refused', () => {
  const whole = joined(encodeOperation(judgementOf({ ifMatch: [tag] })));
  whole[19] = 17;
  expect(decodeOperation(whole)).toBe('ETags that cannot be read');
});

function judgementOf(condition: Condition): Operation {
  return { ...judgement, change: { kind: 'delete' }, condition };
}

test.each([[[]], [[0]], [[0, 0]], [[0, 2, 1]], [[4, 2, ...Buffer.alloc(1026)]]])(
  'a fetch of %o is refused',
  (keys) => {
    const bytes = Buffer.from([7, 0, 0, 0, 0, 0, 0, 0, 1, ...keys]);
    expect(decodeOperation(bytes)).toMatch(/keys/);
  },
);

describe('answers', () => {
  const version = 0xfedcba9876543210n as Version;
  test.each<Answer>([
    { kind: 'found', record },
    { kind: 'absent', version },
    { kind: 'applied' },
    { kind: 'applied', created: true },
    { kind: 'equal' },
    { kind: 'superseded', version },
    { kind: 'superseded', version, isOutsideBase: true },
    { kind: 'judged', record, previous: undefined, created: true, predecessor: undefined },
    { kind: 'judged', record, previous: record, created: false, predecessor: tag },
    { kind: 'unmet', why: 'condition', isLive: false, record: undefined },
    { kind: 'unmet', why: 'too-large', isLive: true, record },
    { kind: 'unsettled' },
    { kind: 'held', record },
    { kind: 'floor', version },
    { kind: 'stale' },
    { kind: 'behind' },
    { kind: 'not-serving' },
    { kind: 'refused', reason: 'malformed' },
    { kind: 'refused', reason: 'version-too-far-ahead' },
    { kind: 'refused', reason: 'too-large' },
    { kind: 'refused', reason: 'full' },
    { kind: 'refused', reason: 'disk-failed' },
    { kind: 'time', wallMs: 2 ** 48 - 1 },
    { kind: 'time', wallMs: 0 },
    { kind: 'heads', floor: version, heads: [], next: undefined },
    {
      kind: 'heads',
      floor: version,
      heads: [recordHead(record), recordHead(record)],
      next: { bucket: 1, afterKey: Buffer.from('k') },
    },
  ])('%o comes back as it was', (answer) => {
    expect(decodeAnswer(joined(encodeAnswer(answer)))).toEqual(answer);
  });

  test.each([
    [[]],
    [[10]],
    [[0]],
    [[1, 0]],
    [[2, 0]],
    [[2, 1, 1]],
    [[3, 1]],
    [[4, 0, 0]],
    [[1, ...Buffer.alloc(9)]],
    [[9]],
    [[9, 6]],
    [[13, 0]],
    [[13, 2, ...Buffer.alloc(11)]],
    [[13, 0, ...record.subarray(1)]],
    [[13, 0, ...record, 0]],
    [[14, 0]],
    [[14, 4, 0]],
    [[14, 0, 1, ...record.subarray(1)]],
    [[15, 0]],
    [[16, ...record.subarray(1)]],
    [[11, 0, 0, 0, 0, 0]],
    [[11, 0, 0, 0, 0, 0, 0, 0]],
    [[12, ...Buffer.alloc(8)]],
    [[12, ...Buffer.alloc(8), 1, 0]],
    [[12, ...Buffer.alloc(9), ...record.subarray(0, 28)]],
    [[12, ...Buffer.alloc(9), ...record.subarray(0, 20)]],
  ])('%o is no answer', (bytes) => {
    expect(typeof decodeAnswer(Buffer.from(bytes))).toBe('string');
  });
});

test.each([1, 2, 3, 4])('random bytes never throw and never set anything, seed %i', (seed) => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 500; round++) {
    const bytes = random.bytes(random.below(80));
    const operation = decodeOperation(bytes);
    if (typeof operation !== 'string') expect(['get', 'time', 'peek']).toContain(operation.kind);
    decodeAnswer(bytes);
  }
});

test.each([10_000, 65_500, 65_530, 65_600])(
  'listed records of %i bytes hold until they were sent',
  (bytes) => {
    const listed = (fill: number): Extract<Answer, { kind: 'records' }> => {
      const key = Buffer.from('key');
      const records = [
        encodeRecord({ key, version: 7n as Version, value: Buffer.alloc(bytes - 31, fill) }),
      ];
      const floor = 0n as Version;
      return { kind: 'records', floor, differing: new Set([1]), records, next: undefined };
    };
    // A stream copies what is one frame, and sends what is longer from where it is.
    const received: Buffer[] = [];
    const writer = new FrameWriter();
    const reader = new FrameReader(100_000, (_id, message) => received.push(Buffer.from(message)));
    for (const fill of [1, 2, 3]) {
      const { head, body } = encodeAnswer(listed(fill));
      writer.add(fill, head, body);
    }
    for (let taken = writer.take(); taken.length > 0; taken = writer.take()) {
      for (const piece of taken) reader.push(piece);
    }
    for (const [index, message] of received.entries()) {
      const [first] = listed(index + 1).records;
      const answer = decodeAnswer(message);
      const [got] = typeof answer !== 'string' && answer.kind === 'records' ? answer.records : [];
      // Not by toEqual: the difference of so many bytes takes minutes to tell.
      expect(first !== undefined && got?.equals(first)).toBe(true);
    }
    expect(received).toHaveLength(3);
  },
);

test('an answer that waits for the log is not changed by those that are encoded meanwhile', () => {
  const answers: readonly Answer[] = [
    { kind: 'superseded', version: 11n as Version },
    { kind: 'floor', version: 12n as Version },
    { kind: 'absent', version: 13n as Version },
    {
      kind: 'records',
      floor: 14n as Version,
      differing: new Set([1]),
      records: [record],
      next: undefined,
    },
  ];
  const encoded = answers.map(encodeAnswer);
  expect(encoded.map((each) => decodeAnswer(joined(each)))).toEqual(answers);
});
