// Deletes, and values that are no longer than those before, in a store whose memory is full: each takes the place of
// what is there, and no memory.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, isTombstone, recordVersion } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { FIRST } from '../../../src/storage/memory/partition-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { expectSame } from '../../helpers/expect-same.ts';

const PARTITION = 3 as PartitionId;
const MEMORY_BYTES = 2 * 1024 * 1024;

class FullStore {
  readonly store = new SegmentStore({ memoryBytes: MEMORY_BYTES });
  readonly keys: string[] = [];
  refused = 0;
  #version = 0n;

  constructor(valueBytes: number) {
    this.store.refused = () => this.refused++;
    for (let number = 0; this.#put(`key ${number}`, valueBytes) === 'applied'; number++) {
      this.keys.push(`key ${number}`);
    }
  }

  delete(key: string): string {
    return this.#put(key, undefined);
  }

  set(key: string, bytes: number): string {
    return this.#put(key, bytes);
  }

  forget(key: string): void {
    const version = this.store.peek(PARTITION, Buffer.from(key))?.readBigUInt64BE(8);
    this.store.forget(PARTITION, Buffer.from(key), version as Version);
  }

  #put(key: string, valueBytes: number | undefined): string {
    const record = encodeRecord({
      key: Buffer.from(key),
      version: ++this.#version as Version,
      tombstone: valueBytes === undefined,
      value: Buffer.alloc(valueBytes ?? 0),
    });
    return this.store.put(PARTITION, record).kind;
  }
}

/** The longest are on their own, beside the segments. */
describe.each([0, 3, 12, 100, 1500, 40_000])('a store full of values of %i bytes', (bytes) => {
  test('takes every delete of what it has, again and again, and has room when they are forgotten', () => {
    const full = new FullStore(bytes);
    const { store, keys } = full;
    expect(full.refused).toBe(1);
    // Not in the order in which they came: what each one frees lies alone.
    const order = keys.map((_, index) => keys[(index * 7919) % keys.length] ?? '');
    for (let round = 0; round < 4; round++) {
      for (const key of order) expectSame(full.delete(key), 'applied');
      expect(store.memory().used).toBeLessThanOrEqual(MEMORY_BYTES);
    }
    const { records } = store.list(PARTITION, FIRST, { bytes: Number.POSITIVE_INFINITY });
    const lengths = records.reduce((sum, { length }) => sum + length, 0);
    expect(records.length).toBe(new Set(order).size);
    expect(records.every(isTombstone)).toBe(true);
    const { payload, tombstones, tombstoneBytes } = store.memory();
    expect({ payload, tombstones, tombstoneBytes }).toEqual({
      payload: lengths,
      tombstones: records.length,
      tombstoneBytes: lengths,
    });
    for (const key of new Set(order)) full.forget(key);
    for (let steps = 0; store.work(); steps++) expect(steps).toBeLessThan(10_000);
    expect(store.memory()).toMatchObject({ payload: 0, tombstones: 0, tombstoneBytes: 0 });
    for (const key of keys.slice(0, keys.length / 2)) expectSame(full.set(key, bytes), 'applied');
  });

  test('takes every value that is no longer, again and again, and refuses a longer one', () => {
    const full = new FullStore(bytes);
    const { store, keys } = full;
    const order = keys.map((_, index) => keys[(index * 7919) % keys.length] ?? '');
    for (let round = 0; round < 4; round++) {
      for (const key of order) expectSame(full.set(key, bytes), 'applied');
      expect(store.memory().used).toBeLessThanOrEqual(MEMORY_BYTES);
    }
    const { records } = store.list(PARTITION, FIRST, { bytes: Number.POSITIVE_INFINITY });
    expect(records.length).toBe(keys.length);
    // Filling it was a round of its own.
    for (const record of records) expectSame(recordVersion(record) > 4 * keys.length, true);
    const lengthOf = (key: string) => store.peek(PARTITION, Buffer.from(key))?.length ?? 0;
    const refused = keys.find((key) => full.set(key, bytes + 1000) !== 'applied') ?? '';
    expect(keys.slice(0, keys.length / 2)).toContain(refused);
    expect(lengthOf(refused)).toBeLessThan(bytes + 1000);
  });
});
