// What a follower is told of the ring: what the changed keys have now, each once, and what may be missing.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { PartitionSet } from '../../../src/cluster/model/partition-set.ts';
import {
  encodeRecord,
  recordHead,
  recordKey,
  recordVersion,
} from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { Follow } from '../../../src/cluster/wire/follow-messages.ts';
import { ChangeRing } from '../../../src/storage/changes/change-ring.ts';
import { gather } from '../../../src/storage/changes/gather.ts';
import { MEMORY_ONLY } from '../../../src/storage/log/durability.ts';
import { LoggedStore } from '../../../src/storage/logged-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';

const P1 = 1 as PartitionId;
const P2 = 2 as PartitionId;
const at = (version: number) => BigInt(version) as Version;

function stored(limits?: { entries: number; keyBytes: number }) {
  const store = new SegmentStore({});
  const ring = new ChangeRing(limits);
  const logged = new LoggedStore(store, MEMORY_ONLY, ring);
  ring.begin();
  let version = 0;
  const put = (key: string, partition = P1, value = 'value', tombstone = false) => {
    version++;
    const fields = { key: Buffer.from(key, 'latin1'), version: at(version), tombstone };
    logged.put(partition, encodeRecord({ ...fields, value: Buffer.from(tombstone ? '' : value) }));
    return at(version);
  };
  const start = ring.next;
  const ask = (more: Partial<Follow> & { of?: readonly number[] } = {}, from = start) => {
    const partitions = PartitionSet.empty(16);
    for (const each of more.of ?? [P1, P2]) partitions.add(each as PartitionId);
    const follow = { from, prefix: Buffer.alloc(0), isExact: false, values: false, isHeld: false };
    const { changes, isNews } = gather(ring, store, { ...follow, partitions, ...more }, from);
    const { next, lost, gone, heads } = changes;
    return {
      keys: heads.map((head) => `${recordKey(head).toString('latin1')} ${recordVersion(head)}`),
      gone: gone.map(({ key, version: floor }) => `${key} ${floor}`),
      lost: [...lost],
      next,
      heads,
      isNews,
    };
  };
  return { store, ring, logged, put, ask, start };
}

describe('what is gathered', () => {
  test('is what each changed key has now, once, in the order of the first changes', () => {
    const { put, ask, ring } = stored();
    put('a');
    put('b');
    put('a');
    expect(ask()).toMatchObject({ keys: ['a 3', 'b 2'], gone: [], lost: [], isNews: true });
    expect(ask().next).toBe(ring.next);
    expect(ask({}, ring.next)).toMatchObject({ keys: [], isNews: false, next: ring.next });
  });

  test('is of keys with the same bytes in one partition one change, and of others several', () => {
    const { put, ask } = stored();
    for (const key of ['\xff', '\xfe', '\xc3\xbf', '\xff\xff']) put(key);
    expect(ask().keys).toEqual(['\xff 1', '\xfe 2', '\xc3\xbf 3', '\xff\xff 4']);
  });

  test('is a deleted key with its tombstone', () => {
    const { put, ask } = stored();
    put('a');
    put('a', P1, '', true);
    expect(ask().keys).toEqual(['a 2']);
  });

  test('is a key whose delete was forgotten, with the floor of its partition', () => {
    const { put, ask, logged } = stored();
    const deleted = put('a', P1, '', true);
    logged.forget(P1, Buffer.from('a'), deleted);
    logged.raiseFloor(P1, at(9));
    expect(ask()).toMatchObject({ keys: [], gone: ['a 9'], isNews: true });
  });

  test('is of the partitions that are asked for, and passes the others', () => {
    const { put, ask, ring } = stored();
    put('a', P1);
    put('b', P2);
    expect(ask({ of: [2] })).toMatchObject({ keys: ['b 2'], next: ring.next });
    expect(ask({ of: [7] })).toMatchObject({ keys: [], isNews: false, next: ring.next });
  });

  test('begins with the prefix, whatever the length of the key', () => {
    const { put, ask } = stored();
    for (const key of ['user', 'user:', 'user:1', 'user;', 'use', 'other user:']) put(key);
    const prefix = Buffer.from('user:');
    expect(ask({ prefix }).keys).toEqual(['user: 2', 'user:1 3']);
    expect(ask({ prefix, isExact: true }).keys).toEqual(['user: 2']);
    expect(ask({ prefix: Buffer.from('nobody') })).toMatchObject({ isNews: false });
  });

  test('has heads, or whole records where values are wanted', () => {
    const { put, ask } = stored();
    put('a', P1, 'the value');
    const [head] = ask().heads;
    const [record] = ask({ values: true }).heads;
    expect(record?.length).toBeGreaterThan(head?.length ?? 0);
    expect(record === undefined ? undefined : Buffer.from(recordHead(record as never))).toEqual(
      Buffer.from(head ?? []),
    );
  });

  test('H46: an interrupted partition is lost, and the changes of the others are told', () => {
    const { put, ask, logged, ring } = stored();
    put('a', P1);
    logged.reset(P1);
    put('b', P2);
    expect(ask()).toMatchObject({ keys: ['b 2'], gone: ['a 0'], lost: [1], isNews: true });
    expect(ask({ of: [2] })).toMatchObject({ lost: [] });
    expect(ask({}, ring.next)).toMatchObject({ lost: [], isNews: false });
  });

  test('H46: what is set aside and comes back is lost each time', () => {
    const { put, ask, logged, ring } = stored();
    put('a', P1);
    let from = ring.next;
    logged.setAside(P1);
    expect(ask({}, from).lost).toEqual([1]);
    from = ring.next;
    logged.restoreAside(P1);
    expect(ask({}, from).lost).toEqual([1]);
  });

  test('H46: what was copied is told as what was set', () => {
    const { ask, logged } = stored();
    const key = Buffer.from('copied');
    logged.putCopied(P1, encodeRecord({ key, version: at(5), value: Buffer.from('v') }));
    expect(ask().keys).toEqual(['copied 5']);
  });

  test('what was not applied is no change', () => {
    const { ask, logged } = stored();
    const record = (version: number) =>
      encodeRecord({ key: Buffer.from('a'), version: at(version), value: Buffer.from('v') });
    logged.put(P1, record(5));
    logged.put(P1, record(5));
    logged.put(P1, record(4));
    logged.raiseFloor(P2, at(9));
    logged.put(P2, record(3));
    expect(ask()).toMatchObject({ keys: ['a 5'], gone: [] });
  });

  test('H46: where changes were forgotten all partitions are lost, and it goes on with those to come', () => {
    const { put, ask, ring, start } = stored({ entries: 3, keyBytes: 100 });
    for (const key of ['a', 'b', 'c']) put(key);
    expect(ask()).toMatchObject({ keys: ['a 1', 'b 2', 'c 3'], lost: [] });
    put('d');
    expect(ask()).toMatchObject({ keys: [], lost: [1, 2], isNews: true, next: ring.next });
    expect(ask({}, start + 1)).toMatchObject({ keys: ['b 2', 'c 3', 'd 4'], lost: [] });
    // One that nobody has given yet is as wrong as one that was forgotten.
    expect(ask({}, ring.next + 1)).toMatchObject({ lost: [1, 2], next: ring.next });
  });

  test('looks at so many changes at a time, and says how far it has come', () => {
    const { put, ask, ring } = stored();
    for (let index = 0; index < 5000; index++) put(`k${index}`, P2);
    put('last', P1);
    const looks: number[] = [];
    let from = ring.first;
    let keys: readonly string[] = [];
    while (from < ring.next) {
      const gathered = ask({ of: [1] }, from);
      expect(gathered.isNews).toBe(gathered.keys.length > 0);
      looks.push(gathered.next - from);
      from = gathered.next;
      keys = gathered.keys;
    }
    expect(keys).toEqual(['last 5001']);
    expect(looks.length).toBeGreaterThan(1);
    expect(Math.max(...looks)).toBeLessThanOrEqual(2048);
  });

  test('has so many bytes at a time, but one record at least', () => {
    const { put, ask, ring } = stored();
    for (const key of ['a', 'b', 'c']) put(key, P1, 'x'.repeat(100_000));
    const told: string[] = [];
    for (let from = ring.first; from < ring.next; ) {
      const gathered = ask({ values: true }, from);
      expect(gathered.keys).toHaveLength(1);
      told.push(...gathered.keys);
      from = gathered.next;
    }
    expect(told).toEqual(['a 1', 'b 2', 'c 3']);
    expect(ask().keys).toHaveLength(3);
  });
});
