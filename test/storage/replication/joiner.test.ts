// Copying a partition (R8): whose answers a joiner takes.

import { expect, test } from 'vitest';
import type { ClusterMap, IncarnationId, Member } from '../../../src/cluster/model/cluster-map.ts';
import type { Epoch } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, recordHead } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { AnswerCallback, MemberAnswer } from '../../../src/cluster/peers/storage-channel.ts';
import type { StorageChannels } from '../../../src/cluster/peers/storage-channels.ts';
import type { Runtime } from '../../../src/cluster/ports.ts';
import type { Operation } from '../../../src/cluster/wire/operations.ts';
import { Lease } from '../../../src/storage/lease.ts';
import { MEMORY_ONLY } from '../../../src/storage/log/durability.ts';
import { LoggedStore } from '../../../src/storage/logged-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { Joiner } from '../../../src/storage/replication/joiner.ts';
import { Replica } from '../../../src/storage/replication/replica.ts';
import { incarnationOf, memberOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

const KEY = Buffer.from('key');
const PARTITION = 0 as PartitionId;
const JOINER = memberOf('j', 'joining');

interface Asked {
  readonly source: IncarnationId;
  readonly operation: Operation;
  readonly answer: AnswerCallback;
}

/** A node that joins partition 0, and whatever it asks of its sources. */
function joining(...sources: readonly Member[]) {
  const store = new SegmentStore({ segmentBytes: 512, memoryBytes: 8000 });
  const logged = new LoggedStore(store, MEMORY_ONLY);
  const clock = { monotonicMs: () => 0, wallMs: () => 1_000_000 };
  const times = protocolTimes(1);
  const incarnationId = { node: nodeId('j'), incarnation: incarnationOf(1) };
  const replica = new Replica(logged, clock, {
    incarnationId,
    valueBytesMax: 100,
    copyChunkBytes: 100,
    lease: new Lease(clock, times),
  });
  const asked: Asked[] = [];
  const timers: (() => void)[] = [];
  const reports: ReturnType<Joiner['withoutMemory']>[] = [];
  const send = (source: IncarnationId, operation: Operation, answer: AnswerCallback) =>
    asked.push({ source, operation, answer });
  const runtime = {
    clock,
    timers: { after: (_: number, run: () => void) => timers.push(run) },
    random: { below: () => 0 },
    logger: { write: () => undefined },
  } as unknown as Runtime;
  const joiner = new Joiner(runtime, replica, logged, { send } as unknown as StorageChannels, {
    times,
    pushTo: () => undefined,
    reportSoon: () => reports.push(joiner.withoutMemory()),
  });
  const adopt = (number: number, epoch: number, members: readonly Member[]) => {
    const base = sampleMap({ number });
    const map: ClusterMap = {
      ...base,
      nodes: { ...base.nodes, c: sampleNode(3), j: sampleNode(4) },
      partitions: base.partitions.map((entry, partition) =>
        partition === PARTITION ? { epoch: epoch as Epoch, members } : entry,
      ),
    };
    replica.adopt(map);
    joiner.mapAdopted();
  };
  adopt(1, 1, [...sources, JOINER]);
  const pass = () => {
    for (const run of timers.splice(0)) run();
  };
  return { store, asked, adopt, joiner, pass, reports };
}

function records(text: string): Extract<MemberAnswer, { kind: 'records' }> {
  const record = encodeRecord({ key: KEY, version: 5n as Version, value: Buffer.from(text) });
  return {
    kind: 'records',
    floor: 0n as Version,
    differing: new Set([0]),
    records: [record],
    next: undefined,
  };
}

test('a joiner takes what its source has', () => {
  const { store, asked } = joining(memberOf('a', 'serving'), memberOf('c', 'serving'));
  expect(asked).toHaveLength(1);
  expect(asked[0]?.source.node).toBe('a');
  asked[0]?.answer(records('copied'));
  expect(store.peek(PARTITION, KEY)).toBeDefined();
});

test('R8: a joiner says how many steps forward its copy has made, until it is complete', () => {
  const { asked, joiner, pass } = joining(memberOf('a', 'serving'));
  const steps = () => joiner.copying().map((copy) => copy.steps);
  const answer = (bucket: number | undefined) => {
    const next = bucket === undefined ? undefined : { bucket, afterKey: KEY };
    asked.at(-1)?.answer({ ...records('copied'), next });
  };
  expect(joiner.copying()).toEqual([{ partition: PARTITION, joinEpoch: 1, steps: 0 }]);
  answer(7);
  answer(7);
  expect(steps()).toEqual([1]);
  // It begins anew.
  asked.at(-1)?.answer({ kind: 'behind' });
  pass();
  answer(3);
  answer(7);
  expect(steps()).toEqual([1]);
  answer(8);
  expect(steps()).toEqual([2]);
  answer(undefined);
  for (let turns = 0; turns < 100 && joiner.joined().length === 0; turns++) pass();
  expect([steps(), joiner.joined().length]).toEqual([[], 1]);
});

test('R8: records that are fetched by their heads are a step forward too', () => {
  const source = memberOf('a', 'serving');
  const { asked, adopt, joiner } = joining(source);
  // It has something of an earlier join, so it asks for the heads of what is there.
  asked.at(-1)?.answer({ ...records('copied'), next: { bucket: 7, afterKey: KEY } });
  adopt(2, 2, [source]);
  adopt(3, 3, [source, { ...JOINER, role: 'joining', joinEpoch: 3 as Epoch }]);
  expect(asked.at(-1)?.operation.kind).toBe('list');
  const { floor, records: newer } = records('newer');
  const next = { bucket: 0, afterKey: KEY };
  asked.at(-1)?.answer({ kind: 'heads', floor, heads: newer.map(recordHead), next });
  expect([asked.at(-1)?.operation.kind, joiner.copying()[0]?.steps]).toEqual(['fetch', 0]);
  asked.at(-1)?.answer(records('newer'));
  expect(joiner.copying()[0]?.steps).toBe(1);
});

test('H39b: a joiner takes nothing from a source that its map no longer names, and asks another', () => {
  const { store, asked, adopt } = joining(memberOf('a', 'serving'), memberOf('c', 'serving'));
  adopt(2, 2, [memberOf('c', 'serving'), JOINER]);
  asked[0]?.answer(records('judged in vain'));
  expect(store.peek(PARTITION, KEY)).toBeUndefined();
  expect(asked).toHaveLength(2);
  expect(asked[1]?.source.node).toBe('c');
  asked[1]?.answer(records('copied'));
  expect(store.peek(PARTITION, KEY)).toBeDefined();
});

test('a source that begins to leave is one until it is removed', () => {
  const { store, asked, adopt } = joining(memberOf('a', 'serving'), memberOf('c', 'serving'));
  adopt(2, 1, [memberOf('a', 'leaving'), memberOf('c', 'serving'), JOINER]);
  asked[0]?.answer(records('copied'));
  expect(store.peek(PARTITION, KEY)).toBeDefined();
});

test('a joiner without memory says so once it has tried again, until there is some', () => {
  const { store, asked, joiner, pass, reports } = joining(memberOf('a', 'serving'));
  const other = 1 as PartitionId;
  const put = (number: number) => {
    const fields = { version: 5n as Version, value: Buffer.alloc(100) };
    return store.put(other, encodeRecord({ key: Buffer.from(`key ${number}`), ...fields })).kind;
  };
  let count = 0;
  while (put(count) === 'applied') count++;
  expect(count).toBeGreaterThan(10);
  const large = records('x'.repeat(100));
  asked[0]?.answer(large);
  expect([store.peek(PARTITION, KEY), joiner.withoutMemory(), reports]).toEqual([
    undefined,
    [],
    [],
  ]);
  pass();
  asked[1]?.answer(large);
  const lacking = [{ partition: PARTITION, joinEpoch: 1 }];
  expect([joiner.withoutMemory(), reports]).toEqual([lacking, [lacking]]);
  store.reset(other);
  while (store.work());
  pass();
  asked[2]?.answer(large);
  expect([store.peek(PARTITION, KEY) === undefined, joiner.withoutMemory()]).toEqual([false, []]);
});

const SILENCE: MemberAnswer = { kind: 'unanswered', detail: '' };
const NEXT = { bucket: 0, afterKey: KEY };

test('a page that is not answered is asked for again of the same source, not the whole copy', () => {
  const { asked, joiner, pass } = joining(memberOf('a', 'serving'), memberOf('c', 'serving'));
  asked[0]?.answer({ ...records('first'), next: NEXT });
  asked[1]?.answer(SILENCE);
  expect(asked).toHaveLength(2);
  pass();
  expect([asked[2]?.source, asked[2]?.operation]).toEqual([asked[1]?.source, asked[1]?.operation]);
  expect(asked[2]?.operation).toMatchObject({ kind: 'copy', from: NEXT });
  asked[2]?.answer(records('last'));
  expect(joiner.joined()).toEqual([{ partition: PARTITION, joinEpoch: 1 }]);
});

test('a source that stays silent is asked a few times in a row, and then the copy begins anew', () => {
  const { asked, pass } = joining(memberOf('a', 'serving'));
  const silences = () => {
    for (let count = 1; count < 100; count++) {
      asked.at(-1)?.answer(SILENCE);
      pass();
      const { operation } = asked.at(-1) ?? {};
      if (operation?.kind === 'copy' && operation.from.afterKey.length === 0) return count;
    }
    return 'for ever';
  };
  // Nothing is lost with a source that never answered.
  expect(silences()).toBe(1);
  asked.at(-1)?.answer({ ...records('first'), next: NEXT });
  asked.at(-1)?.answer(SILENCE);
  pass();
  asked.at(-1)?.answer({ ...records('second'), next: NEXT });
  expect(silences()).toBe(6);
});

test('a source that may answer no more is not asked again', () => {
  const { asked, adopt, pass } = joining(memberOf('a', 'serving'), memberOf('c', 'serving'));
  asked[0]?.answer({ ...records('first'), next: NEXT });
  adopt(2, 1, [memberOf('a', 'leaving'), memberOf('c', 'serving'), JOINER]);
  asked[1]?.answer(SILENCE);
  pass();
  expect(asked[2]?.source.node).toBe('c');
  expect(asked[2]?.operation).toMatchObject({ from: { bucket: 0, afterKey: Buffer.alloc(0) } });
});

test('a copy that is over asks nothing after its pause', () => {
  const { asked, adopt, pass } = joining(memberOf('a', 'serving'), memberOf('c', 'serving'));
  asked[0]?.answer({ ...records('first'), next: NEXT });
  asked[1]?.answer(SILENCE);
  adopt(2, 2, [memberOf('a', 'serving'), memberOf('c', 'serving')]);
  pass();
  expect(asked).toHaveLength(2);
});
