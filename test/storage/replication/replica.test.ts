// R1 and R2: who may answer, and what a set meets.

import { describe, expect, test } from 'vitest';
import type {
  ClusterMap,
  Generation,
  MapVersion,
  MemberRole,
  PartitionEntry,
} from '../../../src/cluster/model/cluster-map.ts';
import type { Epoch } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, type RecordFields, recordKey } from '../../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version, versionAt } from '../../../src/cluster/model/version.ts';
import type { Operation } from '../../../src/cluster/wire/operations.ts';
import { Lease } from '../../../src/storage/lease.ts';
import { type AppendLog, MEMORY_ONLY } from '../../../src/storage/log/durability.ts';
import type { LogEntry } from '../../../src/storage/log/log-entry.ts';
import { LoggedStore } from '../../../src/storage/logged-store.ts';
import { DIGEST_BYTES } from '../../../src/storage/memory/digest.ts';
import { FIRST } from '../../../src/storage/memory/partition-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { Replica } from '../../../src/storage/replication/replica.ts';
import { incarnationOf, memberOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

const NOW_MS = 1_000_000;
const KEY = Buffer.from('key');
const PARTITION = 3 as PartitionId;

interface Options {
  readonly node?: string;
  readonly incarnation?: number;
  readonly store?: SegmentStore;
  readonly log?: AppendLog;
  readonly leased?: boolean;
  readonly stored?: MapVersion;
  readonly promised?: Generation;
  readonly valueBytesMax?: number;
}

function replicaOf(options: Options = {}) {
  const { node = 'a', incarnation = 1, log = MEMORY_ONLY, leased = true } = options;
  const { store = new SegmentStore(), stored, promised, valueBytesMax = 100 } = options;
  const incarnationId = { node: nodeId(node), incarnation: incarnationOf(incarnation) };
  const clock = { monotonicMs: () => 0, wallMs: () => NOW_MS };
  const lease = new Lease(clock, protocolTimes(1));
  const replica = new Replica(
    new LoggedStore(store, log),
    clock,
    { incarnationId, valueBytesMax, copyChunkBytes: 262_144, lease, stored },
    promised,
  );
  if (leased) replica.lease.extend({ monotonicMs: 0, wallMs: NOW_MS });
  return replica;
}

const get: Operation = { kind: 'get', partition: PARTITION, key: KEY };

const gets: Operation = { kind: 'gets', keys: [{ partition: PARTITION, key: KEY }] };

const scan: Operation = {
  kind: 'scan',
  partition: PARTITION,
  from: FIRST,
  prefix: Buffer.alloc(0),
  values: true,
  deletes: false,
  since: VERSION_ZERO,
  bytes: 1000,
  count: 10,
};

type SetOperation = Extract<Operation, { kind: 'set' }>;

function set(epoch: number, fields: Partial<RecordFields> = {}): SetOperation {
  const record = encodeRecord({
    key: KEY,
    version: 5n as Version,
    value: Buffer.from('v'),
    ...fields,
  });
  return { kind: 'set', partition: PARTITION, epoch: epoch as Epoch, record };
}

describe('membership', () => {
  test('follows each map, also where the epoch is as it was', () => {
    const replica = replicaOf();
    for (const [number, role] of (['leaving', 'serving', 'leaving'] as const).entries()) {
      replica.adopt(sampleMap({ number: number + 1, role }));
      expect(replica.membership(PARTITION)?.role).toBe(role);
      expect(replica.memberships).toHaveLength(16);
    }
  });

  test('without a map nothing is answered', () => {
    const replica = replicaOf();
    for (const operation of [get, set(1)])
      expect(replica.answer(operation).kind).toBe('not-serving');
  });

  test('only the incarnation that the map names answers (H6, I10)', () => {
    for (const stranger of [{ incarnation: 2 }, { incarnation: 0 }, { node: 'c' }]) {
      const replica = replicaOf(stranger);
      replica.adopt(sampleMap());
      for (const operation of [get, set(1)])
        expect(replica.answer(operation).kind).toBe('not-serving');
    }
  });

  test.each<[MemberRole, string, string]>([
    ['serving', 'found', 'applied'],
    ['joining', 'not-serving', 'applied'],
    ['leaving', 'not-serving', 'applied'],
  ])('a %s member answers a get with %s and a set with %s (R1, R2)', (role, toGet, toSet) => {
    const replica = replicaOf();
    replica.adopt(sampleMap({ role }));
    expect(replica.answer(set(1)).kind).toBe(toSet);
    expect(replica.answer(get).kind).toBe(toGet);
    expect(replica.answer(scan).kind).toBe(toGet === 'found' ? 'records' : toGet);
    expect(replica.answer(gets)).toMatchObject({ kind: 'many', each: [{ kind: toGet }] });
  });

  test('without a lease, or fenced in its own map, a serving member takes sets only (R1)', () => {
    const unleased = replicaOf({ leased: false });
    unleased.adopt(sampleMap());
    const fenced = replicaOf();
    const map = sampleMap();
    fenced.adopt({ ...map, nodes: { ...map.nodes, a: { ...sampleNode(1), fenced: true } } });
    for (const replica of [unleased, fenced]) {
      expect(replica.answer(get).kind).toBe('not-serving');
      expect(replica.answer(scan).kind).toBe('not-serving');
      expect(replica.answer(gets)).toEqual({ kind: 'many', each: [{ kind: 'not-serving' }] });
      expect(replica.answer(set(1)).kind).toBe('applied');
    }
  });

  test('of many gets each is answered for itself, and long records are left to gets of their own', () => {
    const replica = replicaOf({ valueBytesMax: 100_000 });
    replica.adopt(sampleMap());
    const other = 4000 as PartitionId;
    for (const key of ['a', 'b']) {
      replica.answer(set(1, { key: Buffer.from(key), value: Buffer.alloc(40_000) }));
    }
    replica.answer(set(1, { value: Buffer.from('short') }));
    const keys = [Buffer.from('a'), Buffer.from('b'), KEY, Buffer.from('absent')];
    const answer = replica.answer({
      kind: 'gets',
      keys: [...keys.map((key) => ({ partition: PARTITION, key })), { partition: other, key: KEY }],
    });
    const kinds = ['found', 'left-out', 'found', 'absent', 'not-serving'];
    expect(answer).toMatchObject({ kind: 'many', each: kinds.map((kind) => ({ kind })) });
  });

  test('a partition that is not in the map is nobody’s', () => {
    const replica = replicaOf();
    replica.adopt(sampleMap());
    expect(replica.answer({ ...get, partition: 16 as PartitionId }).kind).toBe('not-serving');
  });
});

describe('maps', () => {
  test('the version never falls, and another cluster is refused (I1)', () => {
    const replica = replicaOf();
    expect(replica.adopt(sampleMap({ number: 2 }))).toBe('adopted');
    expect(replica.adopt(sampleMap({ number: 1 }))).toBe('already-newer');
    expect(replica.adopt(sampleMap({ number: 2 }))).toBe('already-newer');
    expect(replica.adopt({ ...sampleMap({ number: 3 }), cluster: 'x' as never })).toBe(
      'other-cluster',
    );
    expect(replica.mapVersion.number).toBe(2);
    expect(replica.adopt(sampleMap({ number: 3 }))).toBe('adopted');
  });
});

test('a map of other digits is no map of this cluster: it would move every key (H34)', () => {
  const replica = replicaOf();
  replica.adopt(sampleMap());
  const partitions = Array.from({ length: 256 }, () => sampleMap().partitions.slice(0, 1)).flat();
  const other = { ...sampleMap({ number: 2 }), digits: 2, partitions };
  expect(replica.adopt(other)).toBe('other-cluster');
});

describe('copies', () => {
  const from = { bucket: 0, afterKey: Buffer.alloc(0) };
  const pull = (epoch: number): Operation => ({
    kind: 'pull',
    partition: PARTITION,
    epoch: epoch as Epoch,
    from,
    digest: Buffer.alloc(DIGEST_BYTES),
  });

  test.each<[MemberRole, string]>([
    ['serving', 'records'],
    ['joining', 'not-serving'],
    ['leaving', 'not-serving'],
  ])(
    'a %s member answers a pull with %s: what a joiner has proves nothing (H28)',
    (role, answer) => {
      const replica = replicaOf();
      replica.adopt(sampleMap({ role }));
      expect(replica.answer(pull(1)).kind).toBe(answer);
    },
  );

  test('a pull is answered at its own epoch only (H28)', () => {
    const replica = replicaOf();
    replica.adopt(sampleMap({ epoch: 5 }));
    expect(replica.answer(pull(4)).kind).toBe('stale');
    expect(replica.answer(pull(6)).kind).toBe('behind');
  });

  const heads: Operation = { kind: 'list', partition: PARTITION, epoch: 5 as Epoch, from };
  const ofSource: readonly Operation[] = [
    { ...heads, kind: 'copy' },
    heads,
    { kind: 'fetch', partition: PARTITION, epoch: 5 as Epoch, keys: [KEY] },
  ];

  test.each(ofSource)(
    'a $kind is answered at the epoch or a later one, by who serves (H14)',
    (operation) => {
      for (const [epoch, role, answer] of [
        [4, 'serving', 'behind'],
        [5, 'serving', operation.kind === 'list' ? 'heads' : 'records'],
        [6, 'serving', operation.kind === 'list' ? 'heads' : 'records'],
        [5, 'joining', 'not-serving'],
        [5, 'leaving', 'not-serving'],
      ] as const) {
        const replica = replicaOf();
        replica.adopt(sampleMap({ epoch, role }));
        expect(replica.answer(operation).kind, `${epoch} ${role}`).toBe(answer);
      }
    },
  );

  test('a list is of heads, and a fetch of as many as one answer has room for', () => {
    const store = new SegmentStore();
    const replica = replicaOf({ store });
    replica.adopt(sampleMap());
    const named = (key: string, bytes: number) =>
      encodeRecord({ key: Buffer.from(key), version: 5n as Version, value: Buffer.alloc(bytes) });
    for (let key = 0; key < 9; key++) {
      store.put(PARTITION, named(`key ${key}`, 50_000));
    }
    const listed = replica.answer({ ...heads, epoch: 1 as Epoch });
    expect(listed).toMatchObject({ kind: 'heads', next: undefined });
    expect(listed.kind === 'heads' && listed.heads.map(({ length }) => length)).toEqual(
      Array(9).fill(33),
    );
    const keys = Array.from({ length: 12 }, (_, key) => Buffer.from(`key ${11 - key}`));
    const fetched = replica.answer({
      kind: 'fetch',
      partition: PARTITION,
      epoch: 1 as Epoch,
      keys,
    });
    const got = fetched.kind === 'records' ? fetched.records.map(recordKey).map(String) : [];
    expect(got).toEqual(['key 8', 'key 7', 'key 6', 'key 5', 'key 4', 'key 3']);
  });

  test('what a joiner had goes for want of memory: nobody takes the rest for all (H29)', () => {
    const logged: LogEntry[] = [];
    const log = { ...MEMORY_ONLY, append: (entry: LogEntry) => void logged.push(entry) };
    const replica = replicaOf({ log });
    replica.adopt(sampleMap());
    replica.answer(set(1));
    replica.adopt(sampleMap({ number: 2, role: 'joining' }));
    logged.length = 0;
    expect(replica.dropAside(PARTITION, from, false)).toBeUndefined();
    expect(logged).toMatchObject([
      { kind: 'complete', epoch: 0 },
      { kind: 'forget', key: KEY, version: 5n },
    ]);
  });

  test('a join that is given up leaves what was there, with what came since (H29)', () => {
    const replica = replicaOf();
    const other = Buffer.from('other');
    replica.adopt(sampleMap());
    replica.answer(set(1));
    replica.adopt(sampleMap({ number: 2, role: 'joining' }));
    replica.answer(set(1, { key: other, version: 6n as Version }));
    expect(replica.records.read(PARTITION, KEY).kind).toBe('absent');
    const map = sampleMap({ number: 3 });
    const partitions = map.partitions.map(({ epoch }) => ({
      epoch,
      members: [memberOf('b', 'serving')],
    }));
    replica.adopt({ ...map, partitions });
    for (const key of [KEY, other]) expect(replica.records.read(PARTITION, key).kind).toBe('found');
  });

  test('a joiner begins with nothing, though it had something before (H29, H15)', () => {
    const replica = replicaOf();
    replica.adopt(sampleMap());
    replica.answer(set(1));
    replica.adopt(sampleMap({ number: 2, role: 'joining' }));
    expect(replica.records.read(PARTITION, KEY).kind).toBe('absent');
  });

  test('a joiner keeps what it has while its attempt goes on (H15)', () => {
    const replica = replicaOf();
    replica.adopt(sampleMap({ role: 'joining' }));
    replica.answer(set(1));
    replica.adopt(sampleMap({ number: 2, role: 'joining' }));
    expect(replica.records.read(PARTITION, KEY).kind).toBe('found');
  });
});

describe('epochs', () => {
  test('a set of an older epoch is stale, of a newer one behind, and neither is applied (R2, I3)', () => {
    const replica = replicaOf();
    replica.adopt(sampleMap({ epoch: 5 }));
    expect(replica.answer(set(4)).kind).toBe('stale');
    expect(replica.answer(set(6)).kind).toBe('behind');
    expect(replica.answer(get).kind).toBe('absent');
    expect(replica.answer(set(5)).kind).toBe('applied');
  });
});

describe('records', () => {
  const member = () => {
    const replica = replicaOf();
    replica.adopt(sampleMap());
    return replica;
  };

  test('applied, then equal, then superseded with the version that is there', () => {
    const replica = member();
    expect(replica.answer(set(1)).kind).toBe('applied');
    expect(replica.answer(set(1)).kind).toBe('equal');
    expect(replica.answer(set(1, { version: 4n as Version }))).toEqual({
      kind: 'superseded',
      version: 5n,
    });
  });

  test.each<[string, Partial<RecordFields> | undefined, boolean]>([
    ['nothing was there', undefined, true],
    ['a record', {}, false],
    ['a record that expires later', { expiresAtMs: NOW_MS + 1 }, false],
    ['an expired record', { expiresAtMs: NOW_MS }, true],
    ['a delete', { tombstone: true, value: Buffer.alloc(0) }, true],
  ])('applied says whether something live was replaced: %s', (_what, before, created) => {
    const replica = member();
    if (before !== undefined) replica.answer(set(1, before));
    const answer = replica.answer(set(1, { version: 6n as Version }));
    expect(answer).toEqual(created ? { kind: 'applied', created } : { kind: 'applied' });
  });

  test('a tombstone and an expired record are absent, with their version (H30)', () => {
    const deleted = member();
    deleted.answer(set(1, { tombstone: true, value: Buffer.alloc(0) }));
    expect(deleted.answer(get)).toEqual({ kind: 'absent', version: 5n });
    const expired = member();
    expired.answer(set(1, { expiresAtMs: NOW_MS }));
    expect(expired.answer(get)).toEqual({ kind: 'absent', version: 5n });
    const live = member();
    live.answer(set(1, { expiresAtMs: NOW_MS + 1 }));
    expect(live.answer(get).kind).toBe('found');
  });

  test('a version over a day ahead of the own clock is refused (H31)', () => {
    const dayMs = 24 * 60 * 60 * 1000;
    const at = (aheadMs: number) => set(1, { version: versionAt(NOW_MS + aheadMs) });
    expect(member().answer(at(dayMs)).kind).toBe('applied');
    expect(member().answer(at(dayMs + 1))).toEqual({
      kind: 'refused',
      reason: 'version-too-far-ahead',
    });
  });

  test.each([2, 30, 20_000])(
    'but not above a version that a member answered with, %i days ahead (H31)',
    (days) => {
      const ahead = { version: versionAt(NOW_MS + days * 24 * 60 * 60 * 1000) };
      expect(member().answer(set(1, ahead)).kind).toBe('refused');
      const replica = member();
      // It may not have that version itself.
      expect(replica.answer({ ...set(1, ahead), follows: true }).kind).toBe('applied');
      expect(replica.answer(set(1)).kind).toBe('superseded');
    },
  );

  test('the time is told by any life, in whole milliseconds (H31)', () => {
    expect(replicaOf({}).answer({ kind: 'time' })).toEqual({ kind: 'time', wallMs: NOW_MS });
  });

  test('a value over the limit is refused, one at the limit is taken', () => {
    expect(member().answer(set(1, { value: Buffer.alloc(100) })).kind).toBe('applied');
    expect(member().answer(set(1, { value: Buffer.alloc(101) }))).toEqual({
      kind: 'refused',
      reason: 'too-large',
    });
  });
});

describe('H29: what others are to hold', () => {
  /** All partitions on these, each of which serves; a, b and c are the nodes. */
  function mapOf(number: number, members: readonly string[], fenced: readonly string[] = []) {
    const map = sampleMap({ number });
    const node = (name: string, port: number) =>
      [name, { ...sampleNode(port), fenced: fenced.includes(name) }] as const;
    return {
      ...map,
      nodes: Object.fromEntries([node('a', 1), node('b', 2), node('c', 3)]),
      partitions: map.partitions.map(() => ({
        epoch: number as Epoch,
        members: members.map((name) => memberOf(name, 'serving')),
      })),
    };
  }

  function holding() {
    const logged: LogEntry[] = [];
    const log = { ...MEMORY_ONLY, append: (entry: LogEntry) => void logged.push(entry) };
    const replica = replicaOf({ log });
    replica.adopt(mapOf(1, ['a', 'b']));
    replica.answer(set(1));
    const holds = () => replica.records.read(PARTITION, KEY).kind === 'found';
    const resets = () => logged.filter(({ kind }) => kind === 'reset').length;
    const known = (number: number, ...names: readonly string[]) =>
      replica.retained.heardAdopted(
        names.map((name) => {
          const { node, incarnation } = memberOf(name, 'serving');
          return { node, incarnation, mapVersion: mapOf(number, []).version };
        }),
        replica.mapVersion,
      );
    return { replica, holds, resets, known };
  }

  test('is kept until as many answer as there should be, and answered from never', () => {
    const { replica, holds, resets, known } = holding();
    replica.adopt(mapOf(2, ['b']));
    known(2, 'b', 'c');
    expect([holds(), resets()]).toEqual([true, 0]);
    expect(replica.retained.partitions).toHaveLength(16);
    expect(replica.retained.offline).toEqual([]);
    for (const operation of [get, set(2)]) {
      expect(replica.answer(operation).kind).toBe('not-serving');
    }
    replica.adopt(mapOf(3, ['b', 'c']));
    known(2, 'b', 'c');
    expect([holds(), resets()]).toEqual([false, 16]);
    expect(replica.retained.partitions).toEqual([]);
  });

  test('nor does it go by a map that came late, and that the controller has left behind', () => {
    const { replica, holds } = holding();
    replica.adopt(mapOf(2, ['b', 'c']));
    const incarnationIds = ['b', 'c'].map((name) => ({
      ...memberOf(name, 'serving'),
      mapVersion: mapOf(3, []).version,
    }));
    replica.retained.heardAdopted(incarnationIds, mapOf(3, ['b']).version);
    expect(holds()).toBe(true);
    replica.adopt(mapOf(3, ['b']));
    expect(holds()).toBe(true);
  });

  test('nor does it go before they know the map that took it from here (H32)', () => {
    const { replica, holds, known } = holding();
    replica.adopt(mapOf(2, ['b', 'c']));
    known(1, 'b', 'c');
    replica.adopt(mapOf(3, ['b', 'c']));
    known(2, 'b');
    expect([holds(), replica.retained.partitions.length]).toEqual([true, 16]);
    // Other lives of these nodes had it, which may have had data directories that are gone.
    replica.retained.heardAdopted(
      ['b', 'c'].map((node) => ({
        node: nodeId(node),
        incarnation: incarnationOf(99),
        mapVersion: mapOf(2, []).version,
      })),
      replica.mapVersion,
    );
    expect([holds(), replica.retained.partitions.length]).toEqual([true, 16]);
    known(2, 'b', 'c');
    expect([holds(), replica.retained.partitions.length]).toEqual([false, 0]);
  });

  test('nor does it go while this node is fenced, and the only other one answers', () => {
    const { replica, holds, known } = holding();
    replica.adopt(mapOf(2, ['b'], ['a', 'c']));
    known(2, 'b');
    expect(holds()).toBe(true);
  });

  test('goes from a node that drains when all others that there are answer', () => {
    const { replica, holds, known } = holding();
    const map = mapOf(2, ['b'], ['c']);
    replica.adopt({ ...map, nodes: { ...map.nodes, a: { ...sampleNode(1), draining: true } } });
    known(2, 'b');
    expect(holds()).toBe(false);
  });

  test('never goes while nobody answers, whoever drains, is fenced or short of memory', () => {
    const { replica, holds, known } = holding();
    const map = mapOf(2, ['b', 'c'], ['b', 'c']);
    replica.adopt({ ...map, nodes: { ...map.nodes, a: { ...sampleNode(1), draining: true } } });
    known(2, 'b', 'c');
    expect(replica.retained.reclaim()).toBe(false);
    expect(holds()).toBe(true);
    expect(replica.retained.offline).toHaveLength(16);
  });

  test('goes early while memory is short, one partition after the other, if somebody answers', () => {
    const { replica, holds, resets, known } = holding();
    replica.adopt(mapOf(2, ['b']));
    expect(replica.retained.reclaim()).toBe(false);
    known(2, 'b');
    for (let left = 15; left >= 0; left--) {
      expect(replica.retained.reclaim()).toBe(true);
      expect(replica.retained.partitions).toHaveLength(left);
    }
    expect([replica.retained.reclaim(), holds(), resets()]).toEqual([false, false, 16]);
  });

  test('serves again when the map says so', () => {
    const { replica } = holding();
    replica.adopt(mapOf(2, ['b'], ['b']));
    replica.adopt(mapOf(3, ['a'], ['b']));
    expect(replica.answer(get).kind).toBe('found');
  });
});

describe('the log', () => {
  test('gets what was applied and nothing else', () => {
    const logged: LogEntry[] = [];
    const log = { ...MEMORY_ONLY, append: (entry: LogEntry) => void logged.push(entry) };
    const replica = replicaOf({ log });
    replica.adopt(sampleMap());
    replica.answer(set(1));
    replica.answer(set(1));
    replica.answer(set(1, { version: 4n as Version }));
    replica.answer(set(9));
    replica.answer(get);
    const records = logged.filter(({ kind }) => kind === 'record');
    expect(records).toHaveLength(1);
    // H29: before the record, at which epoch this copy has everything.
    expect(logged.slice(0, 16).map(({ kind }) => kind)).toEqual(Array(16).fill('complete'));
    expect(logged[0]).toMatchObject({ epoch: 1, incarnation: 1 });
  });

  test('is not told of an epoch again, nor that a joiner has everything (H29)', () => {
    const logged: LogEntry[] = [];
    const log = { ...MEMORY_ONLY, append: (entry: LogEntry) => void logged.push(entry) };
    const replica = replicaOf({ log });
    const complete = () => logged.splice(0).filter(({ kind }) => kind === 'complete').length;
    replica.adopt(sampleMap({ role: 'joining' }));
    expect(complete()).toBe(0);
    replica.adopt(sampleMap({ number: 2, epoch: 2 }));
    expect(complete()).toBe(16);
    replica.adopt(sampleMap({ number: 3, epoch: 2, role: 'leaving' }));
    expect(complete()).toBe(0);
    replica.adopt(sampleMap({ number: 4, epoch: 3 }));
    expect(complete()).toBe(16);
  });

  test('that failed, or has too much to write, lets nothing be applied any more (H35)', () => {
    const replica = replicaOf({ log: { ...MEMORY_ONLY, refusal: 'full' } });
    replica.adopt(sampleMap());
    expect(replica.answer(set(1))).toEqual({ kind: 'refused', reason: 'full' });
    expect(replica.answer(get).kind).toBe('absent');
  });
});

describe('a map that was seen and cannot be adopted', () => {
  const entriesOf = (entry: Partial<PartitionEntry>, map: ClusterMap): ClusterMap => ({
    ...map,
    partitions: map.partitions.map((each) => ({ ...each, ...entry })),
  });
  const fencing = (map: ClusterMap, fenced = true): ClusterMap => ({
    ...map,
    nodes: { ...map.nodes, a: { ...sampleNode(1), fenced } },
  });
  const later = (number = 2) => sampleMap({ number, epoch: 5 });
  /** Serves at epoch 5 by its own map, with something. */
  const serving = () => {
    const replica = replicaOf();
    replica.adopt(sampleMap({ epoch: 5 }));
    replica.answer(set(5));
    return replica;
  };

  test.each<[string, ClusterMap, string, string]>([
    ['nothing', later(), 'found', 'applied'],
    ['its lease (R6)', fencing(later()), 'not-serving', 'applied'],
    [
      'its lease, for it names another life (H6)',
      { ...later(), nodes: { a: sampleNode(1, 2) } },
      'not-serving',
      'applied',
    ],
    [
      'its place (H12)',
      sampleMap({ number: 2, epoch: 5, role: 'leaving' }),
      'not-serving',
      'applied',
    ],
    [
      'its membership (I7)',
      entriesOf({ members: [], epoch: 6 as Epoch }, later()),
      'not-serving',
      'stale',
    ],
    [
      'the epoch, of which it is a member (R2)',
      sampleMap({ number: 2, epoch: 6 }),
      'found',
      'stale',
    ],
    [
      'its word, for it is frozen (H32)',
      entriesOf({ frozen: true }, { ...later(), promised: [nodeId('a')] }),
      'not-serving',
      'not-serving',
    ],
  ])('takes %s at once', (_what, map, toGet, toSet) => {
    const replica = serving();
    expect(replica.judge(map)).toBe('adopted');
    replica.obey(map);
    expect(replica.mapVersion.number).toBe(1);
    expect(replica.obeyedVersion.number).toBe(2);
    expect(replica.answer(get).kind).toBe(toGet);
    expect(replica.answer(set(5, { version: 6n as Version })).kind).toBe(toSet);
  });

  test('gives nothing: sets of its epochs are behind, and who begins to serve by it serves not (I2)', () => {
    const replica = replicaOf();
    replica.adopt(sampleMap({ epoch: 5, role: 'joining' }));
    replica.obey(sampleMap({ number: 2, epoch: 6 }));
    expect(replica.answer(get).kind).toBe('not-serving');
    expect(replica.answer(set(6)).kind).toBe('behind');
  });

  test('is no source for whoever copies or pulls, where it does not serve by it (R8, R10)', () => {
    const replica = serving();
    replica.obey(sampleMap({ number: 2, epoch: 5, role: 'leaving' }));
    const from = { bucket: 0, afterKey: Buffer.alloc(0) };
    const operation = { partition: PARTITION, epoch: 5 as Epoch, from };
    const digest = Buffer.alloc(DIGEST_BYTES);
    expect(replica.answer({ kind: 'copy', ...operation }).kind).toBe('not-serving');
    expect(replica.answer({ kind: 'pull', ...operation, digest }).kind).toBe('not-serving');
  });

  test('holds until one that is newer is seen or adopted', () => {
    const replica = serving();
    replica.obey(fencing(later(3)));
    replica.obey(later(2));
    expect(replica.answer(get).kind).toBe('not-serving');
    // Of an earlier write that was under way.
    replica.adopt(later(2));
    expect(replica.answer(get).kind).toBe('not-serving');
    expect(replica.leaseMs).toBe(0);
    replica.obey(later(4));
    expect(replica.answer(get).kind).toBe('found');
    replica.obey(fencing(later(5)));
    replica.adopt(later(6));
    expect(replica.answer(get).kind).toBe('found');
    expect(replica.obeyedVersion.number).toBe(6);
  });

  test('overrules one whose controller did not know of it (H32)', () => {
    const replica = serving();
    replica.obey(fencing(later(4)));
    const version = { generation: 2, number: 1 };
    const yesterday = { ...later(), version, openedFrom: { generation: 1, number: 3 } };
    expect(replica.judge(yesterday)).toBe('stale-lineage');
    expect(replica.judge({ ...yesterday, openedFrom: { generation: 1, number: 4 } })).toBe(
      'adopted',
    );
  });
});

describe('a promise to a recovery (H32)', () => {
  const promised = { generation: 20, nonce: 'p' };
  const stored = { generation: 1, number: 7 };
  /** As a controller opened it from a state, or a recovery found it. */
  const mapIn = (generation: number, recoveredAs: Generation | undefined): ClusterMap => ({
    ...sampleMap(),
    version: { generation, nonce: 'v', number: 1 },
    openedFrom: recoveredAs && { generation: 10, number: 1 },
    recoveredAs,
  });

  test.each([
    ['of this life', (): Options => ({ promised: { generation: 0 } }), true],
    ['of an earlier life of its store', (): Options => ({ promised, stored }), false],
  ])('binds a node that knows a map %s', (_which, options, adopts) => {
    const replica = replicaOf(options());
    if (adopts) {
      replica.adopt({ ...sampleMap(), version: stored });
      replica.promise(promised);
    }
    expect(replica.boundTo).toEqual(promised);
    expect(replica.judge(mapIn(19, undefined))).toBe('overruled');
    expect(replica.judge(mapIn(30, { generation: 10 }))).toBe('overruled');
    expect(replica.judge(mapIn(30, { generation: 20, nonce: 'o' }))).toBe('overruled');
    expect(replica.judge(mapIn(30, { generation: 21 }))).toBe('adopted');
    expect(replica.judge(mapIn(30, undefined))).toBe('adopted');
    replica.adopt(mapIn(30, { generation: 21 }));
    expect(replica.boundTo).toBeUndefined();
  });

  test('binds nobody who has never answered anything, or knows a later map', () => {
    expect(replicaOf({ promised }).boundTo).toBeUndefined();
    expect(replicaOf({ promised, stored: { generation: 21, number: 1 } }).boundTo).toBeUndefined();
  });
});
