// H39: who judges a conditional write, when a key must be settled first, and what a late set meets afterwards.

import { describe, expect, test } from 'vitest';
import type { ClusterMap, Member } from '../../../src/cluster/model/cluster-map.ts';
import { type Condition, etagOf } from '../../../src/cluster/model/condition.ts';
import { markOf } from '../../../src/cluster/model/conditional-mark.ts';
import type { Epoch } from '../../../src/cluster/model/identity.ts';
import {
  ATTRIBUTES_BYTES_MAX,
  MARK_BYTES_MAX,
  protocolTimes,
} from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import {
  attributesBytes,
  encodeRecord,
  type RecordFields,
  recordAttributes,
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../../../src/cluster/model/record.ts';
import { type Version, versionAt } from '../../../src/cluster/model/version.ts';
import type { Answer, Operation } from '../../../src/cluster/wire/operations.ts';
import { Lease } from '../../../src/storage/lease.ts';
import { MEMORY_ONLY } from '../../../src/storage/log/durability.ts';
import { LoggedStore } from '../../../src/storage/logged-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { Replica } from '../../../src/storage/replication/replica.ts';
import { incarnationOf, memberOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

const NOW_MS = 1_000_000;
const KEY = Buffer.from('key');
const PARTITION = 3 as PartitionId;
const SETTLED = true;

/** A node `a` that adopted a map in which these are the members, at epoch 1. */
function nodeAmong(
  members: readonly Member[] = [memberOf('a', 'serving')],
  log = MEMORY_ONLY,
  isLeased = true,
) {
  const store = new SegmentStore();
  const incarnationId = { node: nodeId('a'), incarnation: incarnationOf(1) };
  const clock = { monotonicMs: () => 0, wallMs: () => NOW_MS };
  const lease = new Lease(clock, protocolTimes(1));
  const logged = new LoggedStore(store, log);
  const replica = new Replica(logged, clock, {
    incarnationId,
    valueBytesMax: 100,
    copyChunkBytes: 262_144,
    lease,
  });
  if (isLeased) lease.extend({ monotonicMs: 0, wallMs: NOW_MS });
  const adopt = (number: number, epoch: number, changes: Partial<ClusterMap> = {}) => {
    const map = sampleMap({ number });
    const entry = { epoch: epoch as Epoch, members };
    replica.adopt({ ...map, partitions: map.partitions.map(() => entry), ...changes });
  };
  adopt(1, 1);
  return { replica, store, adopt };
}

function set(fields: Partial<RecordFields> = {}, epoch = 1): Extract<Operation, { kind: 'set' }> {
  const version = versionAt(NOW_MS);
  const record = encodeRecord({ key: KEY, version, value: Buffer.from('1'), ...fields });
  return { kind: 'set', partition: PARTITION, epoch: epoch as Epoch, record };
}

function judge(
  condition: Condition = {},
  rest: Partial<Extract<Operation, { kind: 'judge' }>> = {},
): Operation {
  return {
    kind: 'judge',
    partition: PARTITION,
    epoch: 1 as Epoch,
    key: KEY,
    condition,
    change: { kind: 'incr', by: 1 },
    above: 0n as Version,
    settled: false,
    ...rest,
  };
}

function judged(answer: Answer): StoredRecord {
  if (answer.kind !== 'judged') throw new TypeError(`${answer.kind}, not judged`);
  return answer.record;
}

describe('H39a: the serialiser', () => {
  test('refuses to add its mark to attributes that leave no room for it', () => {
    const { replica } = nodeAmong();
    const attributes = (bytes: number) => [{ type: 7, bytes: Buffer.alloc(bytes - 3) }];
    const most = ATTRIBUTES_BYTES_MAX - MARK_BYTES_MAX;
    replica.answer(set({ attributes: attributes(most) }));
    // A mark with a base is the longest one.
    const record = judged(replica.answer(judge({}, { settled: SETTLED })));
    expect(attributesBytes(recordAttributes(record))).toBe(ATTRIBUTES_BYTES_MAX);
    replica.answer(set({ attributes: attributes(most + 1), version: versionAt(NOW_MS + 1) }));
    expect(replica.answer(judge({}, { settled: SETTLED }))).toEqual({
      kind: 'refused',
      reason: 'too-large',
    });
  });

  test.each<[string, readonly Member[], string]>([
    ['serves first', [memberOf('a', 'serving'), memberOf('b', 'serving')], 'judged'],
    ['leaves first', [memberOf('a', 'leaving'), memberOf('b', 'serving')], 'judged'],
    ['comes second', [memberOf('b', 'serving'), memberOf('a', 'serving')], 'not-serving'],
    [
      'comes second behind one that leaves',
      [memberOf('b', 'leaving'), memberOf('a', 'serving')],
      'not-serving',
    ],
    ['joins first', [memberOf('a', 'joining'), memberOf('b', 'serving')], 'not-serving'],
    ['serves behind a joiner', [memberOf('b', 'joining'), memberOf('a', 'serving')], 'judged'],
  ])('a member that %s answers %s', (_, members, expected) => {
    const { replica } = nodeAmong(members);
    expect(replica.answer(judge({}, { settled: true })).kind).toBe(expected);
  });

  test('judges and says what it holds under a live lease only, as others take over when it has lapsed (I7)', () => {
    const peek: Operation = { kind: 'peek', partition: PARTITION, epoch: 1 as Epoch, key: KEY };
    const fenced = nodeAmong();
    const { nodes } = sampleMap();
    fenced.adopt(2, 1, { nodes: { ...nodes, a: { ...sampleNode(1), fenced: true } } });
    const lapsed = nodeAmong(undefined, MEMORY_ONLY, false);
    for (const { replica } of [fenced, lapsed]) {
      expect(replica.answer(judge({}, { settled: true })).kind).toBe('not-serving');
      expect(replica.answer(peek).kind).toBe('not-serving');
    }
    const other = nodeAmong(
      [memberOf('b', 'serving'), memberOf('a', 'serving')],
      MEMORY_ONLY,
      false,
    );
    expect(other.replica.answer(peek).kind).toBe('absent');
  });

  test.each(['judge', 'peek'] as const)('%s is answered at this very epoch only', (kind) => {
    const { replica, adopt } = nodeAmong();
    adopt(2, 5);
    const at = (epoch: number) =>
      replica.answer(
        kind === 'judge'
          ? judge({}, { epoch: epoch as Epoch, settled: true })
          : { kind, partition: PARTITION, epoch: epoch as Epoch, key: KEY },
      ).kind;
    expect([at(4), at(6)]).toEqual(['stale', 'behind']);
    expect(at(5)).toBe(kind === 'judge' ? 'judged' : 'absent');
  });

  test('the version is above what is there, the floor, what the coordinator saw and the clock', () => {
    const ahead = versionAt(NOW_MS + 5000);
    for (const prepare of ['record', 'floor', 'above'] as const) {
      const { replica, store } = nodeAmong();
      if (prepare === 'record') replica.answer(set({ version: ahead }));
      if (prepare === 'floor') store.raiseFloor(PARTITION, ahead);
      const above = prepare === 'above' ? ahead : (0n as Version);
      const record = judged(replica.answer(judge({}, { settled: SETTLED, above })));
      expect(recordVersion(record)).toBeGreaterThan(ahead);
    }
    const { replica } = nodeAmong();
    const record = judged(replica.answer(judge({}, { settled: SETTLED })));
    expect(recordVersion(record)).toBeGreaterThanOrEqual(versionAt(NOW_MS));
  });

  test('two judgements never give one version', () => {
    const { replica } = nodeAmong();
    const first = judged(replica.answer(judge({}, { settled: SETTLED })));
    const second = judged(replica.answer(judge()));
    expect(recordVersion(second)).toBeGreaterThan(recordVersion(first));
    expect(recordValue(second).toString()).toBe('2');
  });
});

describe('H39b: a key is settled first', () => {
  test('where nothing is there, and where an unconditional record is', () => {
    const { replica } = nodeAmong();
    expect(replica.answer(judge()).kind).toBe('unsettled');
    replica.answer(set());
    expect(replica.answer(judge()).kind).toBe('unsettled');
    expect(replica.answer(judge({}, { settled: true })).kind).toBe('judged');
  });

  test('not again at the same epoch, but at the next one', () => {
    const { replica, adopt } = nodeAmong();
    replica.answer(judge({}, { settled: true }));
    expect(replica.answer(judge()).kind).toBe('judged');
    adopt(2, 2);
    expect(replica.answer(judge({}, { epoch: 2 as Epoch })).kind).toBe('unsettled');
  });

  test('when a condition names a version above what is there', () => {
    const { replica } = nodeAmong();
    const own = judged(replica.answer(judge({}, { settled: true })));
    const newer = { version: (recordVersion(own) + 1n) as Version, hash: 1 };
    expect(replica.answer(judge({ ifMatch: [newer] })).kind).toBe('unsettled');
    expect(replica.answer(judge({ ifNoneMatch: [newer] })).kind).toBe('unsettled');
    expect(replica.answer(judge({ ifMatch: [newer] }, { settled: true })).kind).toBe('unmet');
    expect(replica.answer(judge({ ifMatch: [etagOf(own)] })).kind).toBe('judged');
  });

  test('never in a cache (H40)', () => {
    const { replica, adopt } = nodeAmong();
    adopt(2, 1, { whenFull: 'evict' });
    expect(replica.answer(judge()).kind).toBe('judged');
  });

  test('a joiner says what it holds, and an expired record and a delete are told as they are', () => {
    for (const role of ['serving', 'leaving', 'joining'] as const) {
      const { replica } = nodeAmong([memberOf('a', role)]);
      const peek: Operation = { kind: 'peek', partition: PARTITION, epoch: 1 as Epoch, key: KEY };
      expect(replica.answer(peek).kind).toBe('absent');
      for (const fields of [
        { version: 1n as Version, expiresAtMs: NOW_MS - 1 },
        { version: 2n as Version, tombstone: true, value: Buffer.alloc(0) },
      ]) {
        const operation = set(fields);
        replica.answer(operation);
        expect(replica.answer(peek)).toEqual({ kind: 'held', record: operation.record });
      }
    }
  });
});

describe('what decides', () => {
  test('an expired record and a delete count as absent, and are told all the same (H39e)', () => {
    for (const fields of [{ expiresAtMs: NOW_MS }, { tombstone: true, value: Buffer.alloc(0) }]) {
      const { replica } = nodeAmong();
      const operation = set(fields);
      replica.answer(operation);
      const answer = replica.answer(judge({ ifMatch: 'any' }, { settled: true }));
      expect(answer).toEqual({
        kind: 'unmet',
        why: 'condition',
        isLive: false,
        record: operation.record,
      });
      const created = replica.answer(judge({ ifNoneMatch: 'any' }, { settled: true }));
      expect(created).toMatchObject({ kind: 'judged', created: true });
    }
  });

  test('getset gives the record that it replaced, others do not', () => {
    const { replica } = nodeAmong();
    const first = set();
    replica.answer(first);
    const change = { kind: 'getset', value: KEY, attributes: [], expiresAtMs: 0 } as const;
    const answer = replica.answer(judge({}, { settled: true, change }));
    expect(answer).toMatchObject({ kind: 'judged', previous: first.record, created: false });
    const put = { ...change, kind: 'put' } as const;
    expect(replica.answer(judge({}, { change: put }))).toMatchObject({ previous: undefined });
  });

  test('what decides against a write is not copied, and what getset replaces is kept from what takes its place', () => {
    const { replica, store } = nodeAmong();
    const first = set({ value: Buffer.alloc(100) });
    replica.answer(first);
    const own = store.peek(PARTITION, KEY);
    const unmet = replica.answer(judge({ ifNoneMatch: 'any' }, { settled: true }));
    if (unmet.kind !== 'unmet') throw new TypeError(unmet.kind);
    expect(unmet.record?.buffer).toBe(own?.buffer);
    const change = { kind: 'getset', value: KEY, attributes: [], expiresAtMs: 0 } as const;
    const answer = replica.answer(judge({}, { settled: true, change }));
    own?.fill(0);
    expect(answer).toMatchObject({ kind: 'judged', previous: first.record });
  });

  test('a value that is too large is refused, one that becomes so is unmet', () => {
    const { replica } = nodeAmong();
    const value = Buffer.alloc(101);
    const put = { kind: 'put', value, attributes: [], expiresAtMs: 0 } as const;
    const refused = replica.answer(judge({}, { settled: true, change: put }));
    expect(refused).toEqual({ kind: 'refused', reason: 'too-large' });
    const append = { kind: 'append', bytes: Buffer.alloc(60) } as const;
    expect(replica.answer(judge({}, { settled: true, change: append })).kind).toBe('judged');
    expect(replica.answer(judge({}, { change: append }))).toMatchObject({
      kind: 'unmet',
      why: 'too-large',
      isLive: true,
    });
  });
});

describe('H39d: a set that comes behind a judged record', () => {
  test('is equal where that was judged on it, also through others', () => {
    const { replica } = nodeAmong();
    const base = set();
    replica.answer(base);
    replica.answer(judge({}, { settled: true }));
    expect(replica.answer(base)).toEqual({ kind: 'equal' });
    const last = judged(replica.answer(judge()));
    expect(replica.answer(base)).toEqual({ kind: 'equal' });
    expect(markOf(last)?.base).toEqual(etagOf(base.record));
  });

  test('is outside the base where that was judged without it, and superseded where it is older', () => {
    const { replica } = nodeAmong();
    replica.answer(set());
    const above = versionAt(NOW_MS + 1000);
    const last = judged(replica.answer(judge({}, { settled: true, above })));
    const missed = set({ version: versionAt(NOW_MS + 500), value: Buffer.from('missed') });
    const version = recordVersion(last);
    expect(replica.answer(missed)).toEqual({ kind: 'superseded', version, isOutsideBase: true });
    const older = set({ version: versionAt(NOW_MS - 500) });
    expect(replica.answer(older)).toEqual({ kind: 'superseded', version });
  });
});

test.each(['full', 'disk-failed'] as const)(
  'nothing is judged by whom no log takes it: %s',
  (reason) => {
    const { replica, store } = nodeAmong(undefined, { ...MEMORY_ONLY, refusal: reason });
    expect(replica.answer(judge({}, { settled: SETTLED }))).toEqual({ kind: 'refused', reason });
    expect(store.peek(PARTITION, KEY)).toBeUndefined();
  },
);
