// When a storage node answers those who follow its changes (H46), with a real store and replica, in virtual time.

import { describe, expect, test } from 'vitest';
import type { Epoch } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { PartitionSet } from '../../../src/cluster/model/partition-set.ts';
import { encodeRecord, recordKey } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { Link, NodeHello, Runtime } from '../../../src/cluster/ports.ts';
import {
  type Changes,
  decodeChanges,
  encodeFollow,
  type Follow,
} from '../../../src/cluster/wire/follow-messages.ts';
import { ChangeLinks } from '../../../src/storage/changes/change-links.ts';
import { ChangeRing } from '../../../src/storage/changes/change-ring.ts';
import { Lease } from '../../../src/storage/lease.ts';
import { MEMORY_ONLY } from '../../../src/storage/log/durability.ts';
import { LoggedStore } from '../../../src/storage/logged-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { Replica } from '../../../src/storage/replication/replica.ts';
import { StreamGate } from '../../../src/storage/stream-gate.ts';
import { CLUSTER, incarnationOf, nodeId, sampleMap } from '../../helpers/maps.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const TIMES = protocolTimes(1);
const P3 = 3 as PartitionId;
const HELLO: NodeHello = {
  purpose: 'changes',
  cluster: CLUSTER,
  node: nodeId('a'),
  incarnation: incarnationOf(1),
  timeScale: 1,
};
const NO_FOLLOW: Follow = {
  from: undefined,
  partitions: PartitionSet.empty(16),
  prefix: Buffer.alloc(0),
  isExact: false,
  values: false,
  isHeld: true,
};

function node() {
  const time = new VirtualTime();
  const logger = { write: () => undefined };
  const runtime = { clock: time, timers: time, logger } as unknown as Runtime;
  const store = new SegmentStore();
  const ring = new ChangeRing();
  const logged = new LoggedStore(store, MEMORY_ONLY, ring);
  const lease = new Lease(time, TIMES);
  const incarnationId = { node: nodeId('a'), incarnation: incarnationOf(1) };
  const replica = new Replica(logged, time, {
    incarnationId,
    valueBytesMax: 1000,
    copyChunkBytes: 262_144,
    lease,
    stored: undefined,
  });
  replica.adopt(sampleMap());
  const grant = () => lease.extend({ monotonicMs: time.monotonicMs(), wallMs: time.wallMs() });
  grant();
  const target = { node: () => nodeId('a'), replica: () => replica };
  const gate = new StreamGate(runtime, TIMES, target);
  const links = new ChangeLinks(runtime, TIMES, gate, { ...target, reader: store, ring });
  let version = 0;
  const put = (key: string, partition = P3) => {
    const fields = { key: Buffer.from(key), version: BigInt(++version) as Version };
    logged.put(partition, encodeRecord({ ...fields, value: Buffer.from('v') }));
  };
  /** @returns what becomes of a stream with this hello */
  const open = (hello: Partial<NodeHello> = {}) => {
    const answers = new Map<number, Changes>();
    const closed: string[] = [];
    const link = {
      send: (id: number, head: Uint8Array, body: Uint8Array) => {
        if (answers.has(id)) throw new Error('a question is answered once');
        const changes = decodeChanges(Buffer.concat([head, body]), false);
        if (typeof changes === 'string') throw new Error(changes);
        answers.set(id, changes);
      },
      close: (reason: string) => closed.push(reason),
    } as unknown as Link;
    const events = links.accept({ ...HELLO, ...hello }, link);
    let asked = 0;
    const ask = (follow: Partial<Follow> & { of?: readonly number[] } = {}) => {
      if ('refused' in events) throw new Error(events.refused);
      const partitions = PartitionSet.empty(16);
      for (const each of follow.of ?? [3, 4]) partitions.add(each as PartitionId);
      const { head, body } = encodeFollow({ ...NO_FOLLOW, partitions, ...follow });
      const id = ++asked;
      events.received(id, Buffer.concat([head, body]));
      return () => {
        const changes = answers.get(id);
        return changes === undefined
          ? undefined
          : {
              keys: changes.heads.map((head_) => `${recordKey(head_)}`),
              lost: [...changes.lost],
              next: changes.next,
            };
      };
    };
    return { events, ask, closed };
  };
  const pass = (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds);
  return { time, ring, logged, replica, lease, links, put, open, pass, grant };
}

describe('H46: a question of a follower', () => {
  test('that is not held is answered at once, with where to go on', () => {
    const { open, ring, put } = node();
    const { ask } = open();
    const first = ask({ isHeld: false })();
    expect(first).toEqual({ keys: [], lost: [], next: ring.next });
    put('a');
    expect(ask({ isHeld: false, from: first?.next ?? 0 })()).toMatchObject({ keys: ['a'] });
  });

  test('that is held is answered once something changes, with all that changed meanwhile', () => {
    const { open, put, pass, links } = node();
    const answer = open().ask();
    expect(answer()).toBeUndefined();
    expect(links.held).toBe(1);
    put('a');
    put('b');
    expect(answer()).toBeUndefined();
    pass(100);
    expect(answer()).toMatchObject({ keys: ['a', 'b'], lost: [] });
    expect(links.held).toBe(0);
  });

  test('that is held is not answered for what it does not ask for', () => {
    const { open, put, pass, ring } = node();
    const answer = open().ask({ of: [4], prefix: Buffer.from('user:') });
    put('user:1', P3);
    put('other', 4 as PartitionId);
    pass(100);
    expect(answer()).toBeUndefined();
    put('user:2', 4 as PartitionId);
    pass(100);
    expect(answer()).toEqual({ keys: ['user:2'], lost: [], next: ring.next });
  });

  test('that is held is answered after a while with nothing, and what it has passed is passed', () => {
    const { open, put, pass, ring, links, grant } = node();
    const answer = open().ask({ of: [4] });
    put('a', P3);
    pass(TIMES.mapPollMs - 1);
    expect(answer()).toBeUndefined();
    grant();
    pass(1);
    expect(answer()).toEqual({ keys: [], lost: [], next: ring.next });
    expect(links.held).toBe(0);
  });

  test('is answered at once where there is something to tell already', () => {
    const { open, put, links } = node();
    const { ask } = open();
    const from = ask({ isHeld: false })()?.next ?? 0;
    put('a');
    expect(ask({ from })()).toMatchObject({ keys: ['a'] });
    expect(links.held).toBe(0);
  });

  test('finds what lies behind many changes that it does not ask for', () => {
    const { open, put, pass } = node();
    const { ask } = open();
    const from = ask({ isHeld: false })()?.next ?? 0;
    for (let index = 0; index < 10_000; index++) put(`k${index}`, P3);
    put('last', 4 as PartitionId);
    const answer = ask({ of: [4], from });
    pass(100);
    expect(answer()).toMatchObject({ keys: ['last'] });
  });

  test('is told of each partition that the node may not answer for (R1)', () => {
    const { open } = node();
    const { ask } = open();
    // There are 16 partitions, of which all are served here; a follower may ask for more.
    const partitions = PartitionSet.empty(24);
    for (const each of [3, 16, 23]) partitions.add(each as PartitionId);
    expect(ask({ partitions })()).toMatchObject({ lost: [16, 23] });
  });

  test('is told that all are lost by a node without a lease, also if it was held since before (R1)', () => {
    const { open, pass, put, grant } = node();
    const { ask } = open();
    const answer = ask();
    pass(TIMES.leaseMs + 1);
    put('a');
    pass(100);
    expect(answer()).toMatchObject({ lost: [3, 4] });
    expect(ask()()).toMatchObject({ lost: [3, 4] });
    grant();
    expect(ask()()).toBeUndefined();
  });

  test('is told so when the time is over where nothing changes any more (R1)', () => {
    const { open, pass } = node();
    const answer = open().ask();
    pass(TIMES.mapPollMs);
    expect(answer()).toMatchObject({ lost: [3, 4] });
  });

  test('is told so of a partition that a map takes away, or freezes (H32)', () => {
    const { open, replica } = node();
    const { ask } = open();
    const map = sampleMap({ number: 2, epoch: 2 });
    const partitions = map.partitions.map((entry, index) => {
      if (index === 3) return { ...entry, members: entry.members.slice(1) };
      return index === 4 ? { ...entry, epoch: 3 as Epoch, frozen: true } : entry;
    });
    const promised = [nodeId('a')];
    expect(replica.adopt({ ...map, partitions, promised })).toBe('adopted');
    expect(ask({ of: [3, 4, 5] })()).toMatchObject({ lost: [3, 4] });
  });

  test('is told of records that are set aside, of that partition alone', () => {
    const { open, logged, pass } = node();
    const answer = open().ask();
    logged.setAside(P3);
    pass(100);
    expect(answer()).toMatchObject({ keys: [], lost: [3] });
  });

  test('of a stream that was closed is forgotten', () => {
    const { open, put, pass, links } = node();
    const { ask, events } = open();
    const answer = ask();
    const other = open().ask();
    if (!('refused' in events)) events.closed('broken', true);
    expect(links.held).toBe(1);
    put('a');
    pass(TIMES.mapPollMs);
    expect(answer()).toBeUndefined();
    expect(other()).toMatchObject({ keys: ['a'] });
  });

  test('that cannot be read closes the stream, and nothing else', () => {
    const { open, put, pass } = node();
    const answer = open().ask();
    const { events, closed } = open();
    if (!('refused' in events)) events.received(1, Buffer.from('?'));
    expect(closed).toHaveLength(1);
    put('a');
    pass(100);
    expect(answer()).toMatchObject({ keys: ['a'] });
  });

  test('is answered with nothing where too many wait, the oldest first', () => {
    const { open, links, put, pass } = node();
    const { ask } = open();
    const answers = Array.from({ length: 16_400 }, () => ask());
    expect(links.held).toBe(16_384);
    expect(answers.slice(0, 16).map((answer) => answer()?.keys)).toEqual(Array(16).fill([]));
    expect(answers[16]?.()).toBeUndefined();
    put('a');
    pass(1000);
    expect(links.held).toBe(0);
    expect(answers.slice(16).every((answer) => answer()?.keys[0] === 'a')).toBe(true);
  });

  test('waits for what changes after it, as another one does', () => {
    const { open, put, pass } = node();
    const { ask } = open();
    const slow = ask({ of: [4] });
    put('a');
    pass(2);
    const late = ask();
    put('b');
    pass(100);
    expect(late()).toMatchObject({ keys: ['b'] });
    expect(slow()).toBeUndefined();
    put('c', 4 as PartitionId);
    pass(100);
    expect(slow()).toMatchObject({ keys: ['c'] });
  });
});

describe('H46: changes are noted', () => {
  test('for two minutes after the last question, and whoever comes back by then has missed nothing', () => {
    const { open, put, pass, grant } = node();
    const { ask } = open();
    const from = ask({ isHeld: false })()?.next ?? 0;
    put('a');
    pass(119_000);
    grant();
    const next = ask({ isHeld: false, from })();
    expect(next).toMatchObject({ keys: ['a'], lost: [] });
    pass(119_000);
    grant();
    expect(ask({ isHeld: false, from })()).toMatchObject({ keys: ['a'], lost: [] });
    pass(121_000);
    grant();
    expect(ask({ isHeld: false, from: next?.next ?? 0 })()).toMatchObject({ lost: [3, 4] });
  });

  test('not at all before somebody asks', () => {
    const { put, ring } = node();
    put('a');
    expect(ring.first).toBe(ring.next);
    expect(ring.has(ring.next)).toBe(false);
  });
});

describe('a stream of changes', () => {
  test.each<[string, Partial<NodeHello>]>([
    ['another node', { node: nodeId('b') }],
    ['another incarnation', { incarnation: incarnationOf(2) }],
    ['another cluster', { cluster: 'other' as never }],
    ['other protocol times', { timeScale: 2 }],
  ])('that means %s is refused (D13)', (_, hello) => {
    expect(node().open(hello).events).toEqual({ refused: expect.any(String) });
  });

  test('is accepted of who means this incarnation', () => {
    expect('refused' in node().open().events).toBe(false);
  });
});
