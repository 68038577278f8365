// What a cache keeps when its memory is full, and what it says of what is gone (H40).

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, type StoredRecord } from '../../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../src/cluster/model/version.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { expectSame } from '../../helpers/expect-same.ts';
import { SeededRandom } from '../../helpers/random.ts';

const PARTITION = 3 as PartitionId;
const MEMORY_BYTES = 4 * 1024 * 1024;
const VALUE_BYTES = 100;

/** As a storage node does it: again and again while room is being made. */
function putAtLast(store: SegmentStore, record: StoredRecord): string {
  for (;;) {
    const outcome = store.put(PARTITION, record);
    if (outcome.kind !== 'no-memory' || outcome.isMakingRoom !== true) return outcome.kind;
  }
}

class Cache {
  readonly evicted: string[] = [];
  readonly store = new SegmentStore({ memoryBytes: MEMORY_BYTES });
  #version = 0n;

  constructor() {
    this.store.whenFull = 'evict';
    this.store.evicted = (_partition, key) => this.evicted.push(key.toString());
  }

  set(key: string, bytes = VALUE_BYTES): string {
    this.#version++;
    return this.setAt(key, this.#version, bytes);
  }

  setAt(key: string, version: bigint, bytes = VALUE_BYTES): string {
    const value = Buffer.alloc(bytes);
    const record = encodeRecord({ key: Buffer.from(key), version: version as Version, value });
    return putAtLast(this.store, record);
  }

  has(key: string): boolean {
    return this.store.get(PARTITION, Buffer.from(key)) !== undefined;
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
/** Together about a quarter of the memory. */
const HOT = numbers(5000).map((number) => `hot ${number}`);

describe('a cache that is full', () => {
  test('refuses nothing, and stays within its memory', () => {
    const cache = new Cache();
    for (const number of numbers(100_000)) {
      expectSame(cache.set(`key ${number}`), 'applied');
      expectSame(Math.max(cache.store.memory().used, MEMORY_BYTES), MEMORY_BYTES);
    }
    expect(cache.store.items() + cache.evicted.length).toBe(100_000);
    expect(cache.store.memory().evicted).toBe(cache.evicted.length);
    // More than the four segments in reserve, and the share that the cleaner lets lie idle, is not given away.
    expect(cache.store.payloadBytes()).toBeGreaterThan(0.6 * MEMORY_BYTES);
  });

  test('evicts nothing while there is room', () => {
    const cache = new Cache();
    for (const number of numbers(15_000)) cache.set(`key ${number % 5000}`);
    expect(cache.evicted).toEqual([]);
  });

  test('evicts nothing while there is something that others have (H29)', () => {
    const cache = new Cache();
    const other = 4 as PartitionId;
    for (const number of numbers(8000)) {
      const fields = { key: Buffer.from(`other ${number}`), value: Buffer.alloc(VALUE_BYTES) };
      cache.store.put(other, encodeRecord({ ...fields, version: 1n as Version }));
    }
    let isReclaimed = false;
    cache.store.reclaim = () => {
      if (isReclaimed) return false;
      cache.store.reset(other);
      isReclaimed = true;
      return true;
    };
    for (const number of numbers(18_000)) cache.set(`key ${number}`);
    expect(isReclaimed).toBe(true);
    expect(cache.evicted).toEqual([]);
    for (const number of numbers(10_000)) cache.set(`more ${number}`);
    expect(cache.evicted.length).toBeGreaterThan(0);
  });

  test('keeps what is asked for, though many times as much comes by once', () => {
    const cache = new Cache();
    for (const key of HOT) cache.set(key);
    for (const key of HOT) expect(cache.has(key)).toBe(true);
    for (const number of numbers(200_000)) cache.set(`scan ${number}`);
    const kept = HOT.filter((key) => cache.has(key)).length;
    // The least recently used would be gone, all of them.
    expect(kept).toBeGreaterThan(0.95 * HOT.length);
  });

  test('lets go of what is asked for no more', () => {
    const cache = new Cache();
    for (const key of HOT) cache.set(key);
    for (const key of HOT) cache.has(key);
    // Others take its place, which are asked for as well.
    for (const number of numbers(100_000)) {
      cache.set(`next ${number}`);
      cache.has(`next ${number}`);
    }
    expect(HOT.filter((key) => cache.has(key)).length).toBeLessThan(0.05 * HOT.length);
  });

  test('takes back what it evicted too early, and keeps it longer then', () => {
    const cache = new Cache();
    for (const number of numbers(50_000)) cache.set(`key ${number}`);
    const back = cache.evicted.slice(-500);
    for (const key of back) cache.set(key);
    const fresh = numbers(500).map((number) => `fresh ${number}`);
    for (const key of fresh) cache.set(key);
    // More than comes by while one that is new waits to be sifted.
    for (const number of numbers(30_000)) cache.set(`more ${number}`);
    expect(fresh.filter((key) => cache.has(key))).toEqual([]);
    expect(back.filter((key) => cache.has(key)).length).toBeGreaterThan(400);
  });

  test.each([
    ['small', 100, 40_000],
    ['above a quarter of a segment', 10_000, 2000],
    ['large', 100_000, 500],
    ['a tenth of the memory', 400_000, 100],
  ])('stays nearly full of values that are %s: no more goes than must', (_name, bytes, sets) => {
    const cache = new Cache();
    let most = 0;
    for (const number of numbers(sets)) {
      expectSame(cache.set(`key ${number}`, bytes), 'applied');
      const payload = cache.store.payloadBytes();
      if (cache.evicted.length > 0) expect(payload).toBeGreaterThan(0.7 * most);
      most = Math.max(most, payload);
      expectSame(Math.max(cache.store.memory().used, MEMORY_BYTES), MEMORY_BYTES);
    }
    expect(cache.evicted.length).toBeGreaterThan(0);
    expect(cache.has(`key ${sets - 1}`)).toBe(true);
  });

  test('keeps large values that are asked for, though many come by once', () => {
    const cache = new Cache();
    const hot = numbers(10).map((number) => `hot ${number}`);
    for (const key of hot) cache.set(key, 100_000);
    for (const number of numbers(1000)) {
      if (number % 10 === 0) for (const key of hot) cache.has(key);
      cache.set(`scan ${number}`, 100_000);
    }
    expect(hot.filter((key) => cache.has(key)).length).toBeGreaterThan(8);
  });

  test('makes room for any value that fits, and evicts nothing for one that cannot', () => {
    const cache = new Cache();
    for (const number of numbers(30_000)) expectSame(cache.set(`small ${number}`), 'applied');
    expect(cache.set('large', 2_000_000)).toBe('applied');
    for (const number of numbers(20)) {
      expect(cache.set(`large ${number}`, 3_000_000)).toBe('applied');
    }
    for (const number of numbers(30_000)) expectSame(cache.set(`small ${number}`), 'applied');
    const items = cache.store.items();
    expect(cache.set('too large', MEMORY_BYTES)).toBe('no-memory');
    expect(cache.store.items()).toBe(items);
  });

  test('evicts in one turn no more than a turn may take, and then goes on', () => {
    const memoryBytes = 32 * 1024 * 1024;
    const store = new SegmentStore({ memoryBytes });
    store.whenFull = 'evict';
    let evicted = 0;
    store.evicted = () => evicted++;
    const recordOf = (key: string, bytes: number) => {
      const value = Buffer.alloc(bytes);
      return encodeRecord({ key: Buffer.from(key), version: 1n as Version, value });
    };
    for (let number = 0; evicted === 0; number++) {
      store.putCopied(PARTITION, recordOf(`key ${number}`, VALUE_BYTES));
    }
    const long = encodeRecord({
      key: Buffer.from('long'),
      version: 2n as Version,
      value: Buffer.alloc(memoryBytes / 4),
    });
    for (let kind = ''; kind !== 'applied'; ) {
      const before = evicted;
      kind = store.put(PARTITION, long).kind;
      expect(evicted - before).toBeLessThan(8000);
    }
    // Nobody tries again what a joiner copies.
    const copied = recordOf('copied', memoryBytes / 4);
    expect(store.putCopied(PARTITION, copied).kind).toBe('applied');
  });

  test('goes on after a large record that the cleaner had moved is gone', () => {
    const limit = 256 * 1024 * 1024;
    const store = new SegmentStore({ memoryBytes: limit });
    store.whenFull = 'evict';
    let version = 0n;
    const put = (key: string, bytes: number) => {
      version++;
      const value = Buffer.alloc(bytes);
      const record = { key: Buffer.from(key), version: version as Version, value };
      return putAtLast(store, encodeRecord(record));
    };
    for (const number of numbers(10)) put(`large ${number}`, 40_960);
    for (const number of numbers(7500)) put(`first ${number}`, VALUE_BYTES);
    for (const number of numbers(100_000)) put(`more ${number}`, VALUE_BYTES);
    for (const number of numbers(6000)) put(`first ${number}`, VALUE_BYTES);
    for (const number of numbers(13)) put(`huge ${number}`, limit / 16);
    // 1. A walk of the cleaner has moved a large record, and is not at the end of its segment.
    const random = new SeededRandom(5);
    while (store.memory().moved === 0) put(`more ${random.below(100_000)}`, VALUE_BYTES);
    // 2. The record is gone; 3. room is made for others, beginning with that segment.
    for (const number of numbers(10)) {
      expect(put(`large ${number}`, 10)).toBe('applied');
      expect(put(`other ${number}`, limit / 16)).toBe('applied');
    }
    expect(store.get(PARTITION, Buffer.from('large 9'))?.length).toBeLessThan(100);
  });

  test('takes no older set of a key that it evicted (H24)', () => {
    const cache = new Cache();
    for (const number of numbers(60_000)) cache.set(`key ${number}`);
    const [gone] = cache.evicted;
    expect(gone).toBe('key 0');
    expect(cache.store.floor(PARTITION)).not.toBe(VERSION_ZERO);
    expect(cache.setAt('key 0', 1n)).toBe('floor');
    expect(cache.set('key 0')).toBe('applied');
  });
});
