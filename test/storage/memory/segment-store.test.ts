// The partition store against a plain map, over random operations: in segments so small that records are
// moved all the time, with partitions dropped, deletes forgotten and memory that ends.

import { describe, expect, test } from 'vitest';
import type { WhenFull } from '../../../src/cluster/model/cluster-map.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import {
  encodeRecord,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { Cursor } from '../../../src/cluster/wire/operations.ts';
import { type Due, FIRST, type Listing } from '../../../src/storage/memory/partition-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { expectSame } from '../../helpers/expect-same.ts';
import { SeededRandom } from '../../helpers/random.ts';
import { Play } from '../../helpers/store-play.ts';

describe('against a plain map (I11)', () => {
  test.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'with all the memory, seed %i',
    (seed) => {
      const play = new Play(seed);
      for (let round = 1; round <= 5000; round++) {
        play.step(round);
        if (round % 2500 === 0) play.compare();
      }
      expect(play.happened.has('no-memory')).toBe(false);
    },
  );

  test.each(Array.from({ length: 20 }, (_, index) => 100 * index))(
    'in a hundred short runs with much memory, with little, as a cache, from seed %i',
    (first) => {
      for (let seed = first; seed < first + 100; seed++) {
        const [memory, whenFull] = [[], [60_000], [60_000, 'evict']][seed % 3] as [
          number?,
          WhenFull?,
        ];
        const play = new Play(seed, memory, whenFull);
        for (let round = 1; round <= 300; round++) play.step(round);
        play.compare(10);
      }
    },
  );

  test.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'with little memory, seed %i',
    (seed) => {
      // What each partition has from the beginning is not asked for.
      const limit = 200_000;
      const play = new Play(seed + 1000, limit - 5000);
      let most = 0;
      for (let round = 1; round <= 5000; round++) {
        play.step(round);
        most = Math.max(most, play.store.memory().used);
      }
      expect(most).toBeLessThanOrEqual(limit);
      play.compare();
    },
  );

  test.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'with little memory, as a cache, seed %i (H40)',
    (seed) => {
      const limit = 200_000;
      const play = new Play(seed + 2000, limit - 5000, 'evict');
      let most = 0;
      for (let round = 1; round <= 5000; round++) {
        play.step(round);
        most = Math.max(most, play.store.memory().used);
      }
      expect(most).toBeLessThanOrEqual(limit);
      play.compare();
      expect(play.happened.has('no-memory')).toBe(false);
    },
  );
});

test('H26: a record below the floor is refused, also where an older record of its key is there', () => {
  const store = new SegmentStore({ memoryBytes: 4_000_000 });
  const partition = 3 as PartitionId;
  const put = (key: string, version: bigint) =>
    store.put(
      partition,
      encodeRecord({ key: Buffer.from(key), version: version as Version, value: Buffer.from('v') }),
    ).kind;
  expect(put('present', 5n)).toBe('applied');
  store.raiseFloor(partition, 10n as Version);
  expect([put('present', 7n), put('absent', 7n)]).toEqual(['floor', 'floor']);
  expect([put('present', 11n), put('absent', 11n)]).toEqual(['applied', 'applied']);
});

test('I11: what was overwritten gives its place back, without a cleaner that has to move anything', () => {
  const store = new SegmentStore({ memoryBytes: 64 * 1024 * 1024 });
  const key = Buffer.from('key');
  const value = (version: number) => Buffer.alloc(20_000 + (version % 7) * 100, 'v');
  let most = 0;
  for (let version = 1; version <= 10_000; version++) {
    const record = encodeRecord({
      key,
      version: BigInt(version) as Version,
      value: value(version),
    });
    expectSame(store.put(3 as PartitionId, record).kind, 'applied');
    most = Math.max(most, store.memory().used);
  }
  expect(most).toBeLessThan(16 * 1024 * 1024);
  expect(store.memory().moved).toBeLessThan(1024 * 1024);
});

test('nine tenths of the memory can be overwritten for ever: nothing is refused, nothing grows', () => {
  const limit = 4_000_000;
  const store = new SegmentStore({ memoryBytes: limit });
  const random = new SeededRandom(1);
  const put = (number: number, version: number) => {
    const key = Buffer.from(`key ${number}`);
    const value = Buffer.alloc(100, version);
    const record = encodeRecord({ key, version: BigInt(version) as Version, value });
    return store.put((number % 16) as PartitionId, record).kind;
  };
  let count = 0;
  while (store.memory().used < 0.9 * limit) expectSame(put(count++, 1), 'applied');
  const kinds = new Set<string>();
  const rounds = 10 * count;
  for (let version = 2; version < rounds; version++) kinds.add(put(random.below(count), version));
  expect([...kinds]).toEqual(['applied']);
  expect(store.items()).toBe(count);
  expect(store.memory().used).toBeLessThanOrEqual(limit);
  // Each record that came in made the cleaner move a few others; more would be a waste.
  expect(store.memory().moved / (rounds * 140)).toBeLessThan(12);
});

test.each([
  ['of a few kilobytes', 5000],
  ['of which nine fill a segment but for its end', 26 * 1024],
  ['on their own', 40_000],
])('so can records %s, which leave the ends of segments empty', (_name, bytes) => {
  const store = new SegmentStore({ memoryBytes: 64 * 1024 * 1024 });
  const random = new SeededRandom(2);
  const put = (number: number, version: number) => {
    const record = { key: Buffer.from(`key ${number}`), version: BigInt(version) as Version };
    return store.put(
      (number % 16) as PartitionId,
      encodeRecord({ ...record, value: Buffer.alloc(bytes) }),
    ).kind;
  };
  let count = 0;
  while (store.memory().used < 0.85 * 64 * 1024 * 1024) expectSame(put(count++, 1), 'applied');
  const kinds = new Set<string>();
  for (let version = 2; version < 3 * count; version++)
    kinds.add(put(random.below(count), version));
  expect([...kinds]).toEqual(['applied']);
  // And the cleaner comes to an end, also when there is nothing to gain any more.
  while (put(count, 1) === 'applied') count++;
  let steps = 0;
  while (store.work()) expect(++steps).toBeLessThan(5000);
});

describe('what is due is found', () => {
  const PARTITION = 0 as PartitionId;

  function deletes(count: number): SegmentStore {
    const store = new SegmentStore();
    for (let index = 0; index < count; index++) {
      const key = Buffer.from(`key ${index}`);
      const record = { key, version: 1n as Version, value: Buffer.alloc(0) };
      store.put(PARTITION, encodeRecord({ ...record, tombstone: index % 10 === 0 }));
    }
    return store;
  }

  const names = (due: readonly Due[]) => due.map(({ key }) => key.toString());

  test('a few at a time, each in its turn, and in the end from the beginning', () => {
    const store = deletes(20_000);
    const rounds: string[][] = [];
    for (let found = 0; found < 2000; found += rounds.at(-1)?.length ?? 0) {
      rounds.push(names(store.nextDue(PARTITION, () => true, { lookedAt: 300, found: 100 })));
    }
    expect(new Set(rounds.flat()).size).toBe(2000);
    expect(Math.max(...rounds.map(({ length }) => length))).toBeLessThan(150);
    const again = names(store.nextDue(PARTITION, () => true, { lookedAt: 300, found: 100 }));
    expect(rounds[0]).toEqual(expect.arrayContaining(again.slice(0, 50)));
  });

  test('behind more than are looked at in one round that are not', () => {
    const store = deletes(20_000);
    const late = new Set(
      names(store.nextDue(PARTITION, () => true, { lookedAt: 1500, found: 1500 })),
    );
    let rounds = 0;
    for (let found = 0; found === 0; rounds++) {
      const isLate = (record: StoredRecord) => !late.has(recordKey(record).toString());
      found = store.nextDue(PARTITION, isLate, { lookedAt: 100, found: 1 }).length;
      expect(rounds).toBeLessThan(100);
    }
    expect(rounds).toBeGreaterThan(0);
  });

  test('nothing is looked at where nothing is perishable', () => {
    const store = new SegmentStore();
    const key = Buffer.from('k');
    store.put(PARTITION, encodeRecord({ key, version: 1n as Version, value: Buffer.alloc(5) }));
    const isDue = () => {
      throw new Error('looked at');
    };
    expect(store.nextDue(PARTITION, isDue, { lookedAt: 10, found: 10 })).toEqual([]);
  });
});

test('what comes in the order of a listing, as a copy does, is taken as fast as anything', () => {
  const source = new SegmentStore();
  const copy = new SegmentStore();
  const partition = 0 as PartitionId;
  // With slots in that order each would search through all before it, and this would take hours.
  const count = 200_000;
  for (let number = 0; number < count; number++) {
    const key = Buffer.from(`key ${number}`);
    source.put(partition, encodeRecord({ key, version: 1n as Version, value: Buffer.alloc(0) }));
  }
  let from: Cursor | undefined = FIRST;
  while (from !== undefined) {
    const { records, next }: Listing = source.list(partition, from, { bytes: 100_000 });
    for (const record of records) copy.putCopied(partition, record);
    from = next;
  }
  expect(copy.items()).toBe(count);
  expect(copy.digest(partition)).toEqual(source.digest(partition));
});

describe('memory comes back', () => {
  const limit = 4_000_000;

  function filled(share: number) {
    const store = new SegmentStore({ memoryBytes: limit });
    let version = 0n;
    const put = (partition: number, key: string, bytes: number) => {
      version++;
      const value = Buffer.alloc(bytes);
      const record = { key: Buffer.from(key), version: version as Version, value };
      return store.put(partition as PartitionId, encodeRecord(record)).kind;
    };
    let count = 0;
    while (store.memory().used < share * limit) put(count % 4, `key ${count++}`, 100);
    return { store, put, count };
  }

  test('of a dropped partition, though nothing comes in that would pay for it', () => {
    const { store } = filled(0.9);
    for (const partition of [0, 1, 2]) store.reset(partition as PartitionId);
    const before = store.memory().used;
    let steps = 0;
    while (store.work()) expect(++steps).toBeLessThan(1000);
    expect(store.memory().used).toBeLessThan(before / 2);
    expect(store.list(3 as PartitionId, FIRST, { bytes: 1e9 }).records.length).toBe(store.items());
  });

  test('for what needs much at once: it is refused, and not for ever', () => {
    const { store, put, count } = filled(0.92);
    // A sixth of it becomes idle, all over the segments: less than the cleaner leaves when nobody wants it.
    for (let key = 0; key < count; key += 6) {
      const partition = (key % 4) as PartitionId;
      const name = Buffer.from(`key ${key}`);
      const record = store.get(partition, name);
      if (record !== undefined) store.forget(partition, name, recordVersion(record));
    }
    const kinds = [put(0, 'large', limit / 10)];
    expect(kinds).toEqual(['no-memory']);
    for (let tries = 0; tries < 200 && kinds.at(-1) !== 'applied'; tries++) {
      store.work();
      kinds.push(put(0, 'large', limit / 10));
    }
    expect(kinds.at(-1)).toBe('applied');
    expect(store.memory().used).toBeLessThanOrEqual(limit);
  });

  test('of what others have, before a set is refused (H29)', () => {
    const { store, put } = filled(0.5);
    let reclaimed = 0;
    store.reclaim = () => {
      if (reclaimed === 3) return false;
      store.reset(++reclaimed as PartitionId);
      return true;
    };
    // Small ones, and some that need much at once: a third of the memory is what is given up.
    for (let round = 0, added = 0; added < 0.5 * limit; round++) {
      const bytes = round % 50 === 0 ? limit / 200 : 100;
      expect(put(0, `more ${round}`, bytes), `round ${round}`).toBe('applied');
      added += bytes;
    }
    // No more than what is needed.
    expect(reclaimed).toBe(2);
    expect(store.memory().used).toBeLessThanOrEqual(limit);
  });
});
