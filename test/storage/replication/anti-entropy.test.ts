// One round of anti-entropy, with the other member played by the test: what is merged, and when a delete
// is forgotten.

import { describe, expect, test } from 'vitest';
import type { ClusterMap } from '../../../src/cluster/model/cluster-map.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, type StoredRecord } from '../../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version, versionAt } from '../../../src/cluster/model/version.ts';
import type { StorageChannels } from '../../../src/cluster/peers/storage-channels.ts';
import type { Runtime } from '../../../src/cluster/ports.ts';
import type { Answer } from '../../../src/cluster/wire/operations.ts';
import { Lease } from '../../../src/storage/lease.ts';
import { type AppendLog, MEMORY_ONLY } from '../../../src/storage/log/durability.ts';
import type { LogEntry } from '../../../src/storage/log/log-entry.ts';
import { LoggedStore } from '../../../src/storage/logged-store.ts';
import { bucketOf } from '../../../src/storage/memory/digest.ts';
import { SegmentStore, type StoreOptions } from '../../../src/storage/memory/segment-store.ts';
import { AntiEntropy } from '../../../src/storage/replication/anti-entropy.ts';
import { Replica } from '../../../src/storage/replication/replica.ts';
import { incarnationOf, memberOf, nodeId, sampleMap } from '../../helpers/maps.ts';

const TIMES = protocolTimes(1);
const NOW_MS = 100_000_000;
const PARTITION = 0 as PartitionId;
const KEY = Buffer.from('key');
const OLD = versionAt(NOW_MS - 3 * TIMES.tombstoneGraceMs);
/** Longer ago than the grace. */
const DELETED = versionAt(NOW_MS - 2 * TIMES.tombstoneGraceMs);

function recordOf(version: Version, tombstone = false): StoredRecord {
  const value = Buffer.from(tombstone ? '' : 'value');
  return encodeRecord({ key: KEY, version, tombstone, value });
}

/** Node a in its first round, over the first partition, which has one deleted key behind some others. */
function round(map = sampleMap(), others = 0, deleted = DELETED, memory: StoreOptions = {}) {
  const store = new SegmentStore(memory);
  const events: string[] = [];
  const has = () => store.get(PARTITION, KEY) !== undefined;
  const log: AppendLog = {
    ...MEMORY_ONLY,
    append: ({ kind }: LogEntry) => {
      events.push(`${kind} logged, ${has() ? 'delete there' : 'delete gone'}`);
    },
  };
  const logged = new LoggedStore(store, log);
  const clock = { monotonicMs: () => 0, wallMs: () => NOW_MS };
  const incarnationId = { node: nodeId('a'), incarnation: incarnationOf(1) };
  const lease = new Lease(clock, TIMES);
  const options = { incarnationId, valueBytesMax: 100, copyChunkBytes: 262_144, lease };
  const replica = new Replica(logged, clock, options);
  replica.adopt(map);
  // What the log is told of the map is not part of the round.
  events.length = 0;
  for (let index = 0; index < others; index++) {
    const key = Buffer.from(`session ${index}`);
    const expiresAtMs = NOW_MS + 86_400_000;
    store.put(PARTITION, encodeRecord({ key, version: OLD, expiresAtMs, value: Buffer.alloc(0) }));
  }
  store.put(PARTITION, recordOf(deleted, true));
  const asked: { readonly node: string; readonly answer: (answer: Answer) => void }[] = [];
  const channels = {
    send: ({ node }: { node: string }, _operation: unknown, answer: (answer: Answer) => void) =>
      asked.push({ node, answer }),
  } as unknown as StorageChannels;
  let due: () => void = () => undefined;
  /** How long each wait is that was begun and not ended early. */
  const waits = new Set<{ readonly delayMs: number }>();
  const runtime = {
    clock,
    timers: {
      after: (delayMs: number, callback: () => void) => {
        due = callback;
        const wait = { delayMs };
        waits.add(wait);
        return () => waits.delete(wait);
      },
    },
    logger: { write: () => undefined },
  } as unknown as Runtime;
  const antiEntropy = new AntiEntropy(runtime, replica, logged, channels, TIMES);
  antiEntropy.start();
  due();
  return { store, replica, asked, events, has, due: () => due(), antiEntropy, waits };
}

function answerOf(...records: readonly StoredRecord[]): Answer {
  const differing = new Set(records.length === 0 ? [] : [bucketOf(KEY)]);
  return { kind: 'records', floor: VERSION_ZERO, differing, records, next: undefined };
}

const SAME = answerOf();
const HAS_THE_OLD = answerOf(recordOf(OLD));

describe('a record that expired long ago, and that another member still has (R10)', () => {
  const LONG_AGO_MS = NOW_MS - 86_400_000;
  const other = Buffer.from('session');
  const expired = (version: Version, expiresAtMs: number) =>
    encodeRecord({ key: other, version, expiresAtMs, value: Buffer.from('v') });
  const answered = (record: StoredRecord, floor: Version) => {
    const { store, asked, due } = round();
    store.raiseFloor(PARTITION, floor);
    // The round that was begun had another floor (H28); the partition has its turn again after the others.
    for (let turn = 0; turn <= sampleMap().partitions.length; turn++) {
      for (const { answer } of asked.splice(0)) {
        const differing = new Set([bucketOf(other)]);
        answer({
          kind: 'records',
          floor: VERSION_ZERO,
          differing,
          records: [record],
          next: undefined,
        });
      }
      due();
    }
    return store.get(PARTITION, other) !== undefined;
  };

  test.each([
    ['is not taken back below the floor, where it was forgotten', OLD, LONG_AGO_MS, DELETED, false],
    [
      'is taken above the floor: nothing else would protect from late sets',
      OLD,
      LONG_AGO_MS,
      VERSION_ZERO,
      true,
    ],
    ['is taken while it may not be forgotten yet', OLD, NOW_MS - 1000, DELETED, true],
  ])('%s', (_what, version, expiresAtMs, floor, isTaken) => {
    expect(answered(expired(version, expiresAtMs), floor)).toBe(isTaken);
  });
});

describe('a delete is forgotten (H24, H28)', () => {
  test('when the other member has the same, under a floor that is logged first (D7)', () => {
    const { store, asked, events, has } = round();
    expect(asked.map(({ node }) => node)).toEqual(['b']);
    expect(has()).toBe(true);
    asked[0]?.answer(SAME);
    expect(has()).toBe(false);
    expect(store.floor(PARTITION)).toBe(DELETED);
    // The second is so that a restart does not bring it back.
    expect(events).toEqual(['floor logged, delete there', 'forget logged, delete gone']);
  });

  test('also behind many records that expire much later (R10)', () => {
    const { store, asked, has, due } = round(sampleMap(), 20_000);
    // The node serves all partitions; this one has its turn a few times, in which it looks at some after the other.
    for (let turn = 0; turn < 40 * sampleMap().partitions.length; turn++) {
      for (const { answer } of asked.splice(0)) answer(SAME);
      due();
    }
    expect(has()).toBe(false);
    expect(store.items()).toBe(20_000);
  });

  test('not when the other member has an older record', () => {
    const { asked, has } = round();
    asked[0]?.answer(HAS_THE_OLD);
    expect(has()).toBe(true);
  });

  test('not when the other member has nothing of it, not even a floor', () => {
    const { asked, has } = round();
    asked[0]?.answer({ ...answerOf(recordOf(OLD)), records: [] } as Answer);
    expect(has()).toBe(true);
  });

  test('not when the other member cannot be asked', () => {
    const { asked, has } = round();
    asked[0]?.answer({ kind: 'not-serving' });
    expect(has()).toBe(true);
  });

  test('not while another member joins or leaves, which is not asked either (H26)', () => {
    for (const role of ['joining', 'leaving'] as const) {
      const map = sampleMap();
      const members = [memberOf('a', 'serving'), memberOf('b', role)];
      const partitions = map.partitions.map((entry) => ({ ...entry, members }));
      const { asked, has } = round({ ...map, partitions });
      expect(asked).toEqual([]);
      expect(has()).toBe(true);
    }
  });
});

describe('while memory is short (R10)', () => {
  /** Every partition has its turn a few times, and the other member answers the same each time. */
  const turns = ({ asked, due }: ReturnType<typeof round>, answer: Answer) => {
    for (let turn = 0; turn < 4 * sampleMap().partitions.length; turn++) {
      for (const question of asked.splice(0)) question.answer(answer);
      due();
    }
  };
  const SHORT_MS = TIMES.tombstoneGraceShortMs;

  test.each([
    ['nothing was refused', false, -2 * SHORT_MS, SAME, true],
    ['something was', true, -2 * SHORT_MS, SAME, false],
    ['the other member has an older record', true, -2 * SHORT_MS, HAS_THE_OLD, true],
    ['the other member joins', true, -2 * SHORT_MS, { kind: 'not-serving' }, true],
    ['it is younger than that', true, -SHORT_MS / 2, SAME, true],
    ['it is of this very moment', true, 0, SAME, true],
    ['it is stamped ahead of the time of the cluster', true, SHORT_MS, SAME, true],
  ] as const)('a delete of a moment ago: %s', (_what, isRefused, agoMs, answer, stays) => {
    const parts = round(sampleMap(), 0, versionAt(NOW_MS + agoMs));
    if (isRefused) parts.antiEntropy.memoryRefused();
    turns(parts, answer);
    expect(parts.has()).toBe(stays);
    expect(parts.store.floor(PARTITION)).toBe(stays ? VERSION_ZERO : versionAt(NOW_MS + agoMs));
  });

  const FAR = versionAt(NOW_MS + 86_400_000);
  test.each([
    ['nothing was refused', false, FAR, true],
    ['no floor is as far ahead', true, VERSION_ZERO, true],
    ['the floor of the other member is as far ahead', true, FAR, false],
    ['that is an hour behind it', true, versionAt(NOW_MS + 82_800_000), true],
  ] as const)('a delete that is a day ahead (H31): %s', (_what, isRefused, floor, stays) => {
    const parts = round(sampleMap(), 0, (FAR + 5n) as Version);
    if (isRefused) parts.antiEntropy.memoryRefused();
    turns(parts, { ...SAME, floor } as Answer);
    expect(parts.has()).toBe(stays);
  });

  test('the next round comes sooner, and who is refused again does not put it off', () => {
    const { asked, due, antiEntropy, waits } = round();
    for (const { answer } of asked.splice(0)) answer(SAME);
    // What was forgotten was a slice; behind it is the wait for the next round.
    due();
    const begun = () => [...waits].map(({ delayMs }) => delayMs);
    const usual = begun();
    antiEntropy.memoryRefused();
    const sooner = begun();
    expect(sooner.length).toBe(usual.length);
    expect(sooner.at(-1)).toBeLessThan((usual.at(-1) ?? 0) / 8);
    const [waiting] = [...waits].slice(-1);
    antiEntropy.memoryRefused();
    expect([...waits].at(-1)).toBe(waiting);
  });

  test('people are told of what others have and there is no memory for here', () => {
    const parts = round(sampleMap(), 0, DELETED, { segmentBytes: 4096, memoryBytes: 65_536 });
    const key = Buffer.from('elsewhere');
    const value = Buffer.alloc(100_000);
    turns(parts, answerOf(encodeRecord({ key, version: OLD, value })));
    expect(parts.store.peek(PARTITION, key)).toBeUndefined();
    expect(parts.antiEntropy.unrepaired).toBeGreaterThan(0);
    turns(parts, SAME);
    expect(parts.antiEntropy.unrepaired).toBe(0);
  });

  test('people are told which member keeps deletes from being forgotten', () => {
    const parts = round();
    expect(parts.antiEntropy.obstacles).toEqual([]);
    parts.asked.splice(0)[0]?.answer({ kind: 'not-serving' });
    expect(parts.antiEntropy.obstacles).toEqual(['b not-serving']);
    turns(parts, SAME);
    expect(parts.antiEntropy.obstacles).toEqual([]);
  });
});

describe('an answer is for the state that the question was asked in (H28)', () => {
  /** What came late would bring the old value back where the delete was forgotten. */
  const late = (change: (parts: ReturnType<typeof round>) => void) => {
    const parts = round();
    change(parts);
    parts.store.forget(PARTITION, KEY, DELETED);
    parts.asked[0]?.answer(HAS_THE_OLD);
    return parts.has();
  };

  test('not for another floor', () => {
    expect(late(({ store }) => store.raiseFloor(PARTITION, DELETED))).toBe(false);
  });

  test('not for another epoch', () => {
    expect(late(({ replica }) => replica.adopt(sampleMap({ number: 2, epoch: 2 })))).toBe(false);
  });

  test('not for another role', () => {
    expect(late(({ replica }) => replica.adopt(sampleMap({ number: 2, role: 'leaving' })))).toBe(
      false,
    );
  });

  test('for the very state it is merged', () => {
    expect(late(() => undefined)).toBe(true);
  });

  test('and a delete is not forgotten for what was answered at another epoch', () => {
    const { replica, asked, has } = round();
    replica.adopt(sampleMap({ number: 2, epoch: 2 }));
    asked[0]?.answer(SAME);
    expect(has()).toBe(true);
  });
});

describe('in a cache (H40)', () => {
  const cache: ClusterMap = { ...sampleMap(), whenFull: 'evict' };

  test('nobody is asked, and what is due goes under a floor that is logged first', () => {
    const { store, asked, events, has } = round(cache);
    expect(asked).toEqual([]);
    expect(has()).toBe(false);
    expect(store.floor(PARTITION)).toBe(DELETED);
    expect(events).toEqual(['floor logged, delete there', 'forget logged, delete gone']);
  });

  test('what is not due stays, round after round', () => {
    const { store, asked, has, due } = round(cache, 5000);
    for (let turn = 0; turn < 3 * cache.partitions.length; turn++) due();
    expect(asked).toEqual([]);
    expect(has()).toBe(false);
    expect(store.items()).toBe(5000);
  });
});
