// Each change of a logged store is in its log, in the order that the rules demand, and nothing else is.

import { describe, expect, test } from 'vitest';
import type { Epoch, Incarnation } from '../../src/cluster/model/identity.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import { encodeRecord, type StoredRecord } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { MEMORY_ONLY } from '../../src/storage/log/durability.ts';
import { LoggedStore } from '../../src/storage/logged-store.ts';
import { FIRST } from '../../src/storage/memory/partition-store.ts';
import { SegmentStore, type StoreOptions } from '../../src/storage/memory/segment-store.ts';

const PARTITION = 3 as PartitionId;
const KEY = Buffer.from('key');
const COMPLETE = { epoch: 4 as Epoch, incarnation: 7 as Incarnation };
const at = (version: number) => BigInt(version) as Version;

function recordOf(version: number, key = KEY, value = Buffer.from('value')): StoredRecord {
  return encodeRecord({ key, version: at(version), value });
}

/** A store whose log is a list of lines, each with what the store had of the key and as its floor when it was appended. */
function logging(memory: StoreOptions = {}) {
  const store = new SegmentStore(memory);
  const lines: string[] = [];
  const has = () => (store.peek(PARTITION, KEY) === undefined ? 'without' : 'with');
  const logged = new LoggedStore(store, {
    ...MEMORY_ONLY,
    append: ({ kind }) => lines.push(`${kind}, ${has()} it, floor ${store.floor(PARTITION)}`),
  });
  return { store, logged, lines };
}

describe('a change and its entry are one call', () => {
  test('a record is in the log when it was applied, and only then (R2)', () => {
    const { logged, lines } = logging();
    expect(logged.put(PARTITION, recordOf(5))).toEqual({ kind: 'applied', replacedUntilMs: 0 });
    expect(lines.splice(0)).toEqual(['record, with it, floor 0']);
    expect(logged.put(PARTITION, recordOf(5))).toEqual({ kind: 'equal' });
    expect(logged.put(PARTITION, recordOf(4)).kind).toBe('superseded');
    expect(lines).toEqual([]);
  });

  test('a copied record passes the floor, and is in the log (H27)', () => {
    const { logged, lines } = logging();
    logged.raiseFloor(PARTITION, at(9));
    expect(logged.put(PARTITION, recordOf(5)).kind).toBe('floor');
    expect(logged.putCopied(PARTITION, recordOf(5))).toEqual({
      kind: 'applied',
      replacedUntilMs: 0,
    });
    expect(lines).toEqual(['floor, without it, floor 9', 'record, with it, floor 9']);
  });

  test('a floor is in the log once, and not when it is as high already', () => {
    const { store, logged, lines } = logging();
    for (const version of [9, 9, 8]) logged.raiseFloor(PARTITION, at(version));
    expect(store.floor(PARTITION)).toBe(at(9));
    expect(lines).toHaveLength(1);
  });

  test('nothing is forgotten before a floor that covers it is in the log (D7)', () => {
    const { logged, lines } = logging();
    logged.put(PARTITION, recordOf(5));
    logged.forget(PARTITION, KEY, at(5));
    expect(lines.slice(1)).toEqual(['floor, with it, floor 5', 'forget, without it, floor 5']);
  });

  test('what was not forgotten, for it is another version, is not in the log', () => {
    const { logged, lines } = logging();
    logged.raiseFloor(PARTITION, at(9));
    logged.putCopied(PARTITION, recordOf(6));
    lines.length = 0;
    logged.forget(PARTITION, KEY, at(5));
    expect(lines).toEqual([]);
  });

  test('a partition that is dropped whole is dropped in the log (D7, H15)', () => {
    const { store, logged, lines } = logging();
    logged.put(PARTITION, recordOf(5));
    logged.reset(PARTITION);
    expect(lines.slice(1)).toEqual(['reset, without it, floor 0']);
    expect(store.held()).toEqual([]);
  });

  test('until when a copy is complete is in the log once (H29)', () => {
    const { store, logged, lines } = logging();
    logged.setComplete(PARTITION, COMPLETE);
    logged.setComplete(PARTITION, COMPLETE);
    expect(store.completeness(PARTITION)).toEqual(COMPLETE);
    expect(lines).toEqual(['complete, without it, floor 0']);
  });

  test('what is set aside stays in the log until it is dropped (H15)', () => {
    const { logged, lines } = logging();
    logged.put(PARTITION, recordOf(5));
    logged.setAside(PARTITION);
    logged.put(PARTITION, recordOf(4));
    lines.length = 0;
    expect(logged.dropAside(PARTITION, FIRST, 1000)).toBeUndefined();
    // The replay keeps the greater of two, so the lesser one, which is what is here, comes after the mark.
    expect(lines).toEqual(['forget, with it, floor 0', 'record, with it, floor 0']);
  });
});

describe('a cache', () => {
  test('marks what it evicts before the record that needed the room, and tells its owner then (D7, H40)', () => {
    const { store, logged, lines } = logging({ memoryBytes: 1024 * 1024 });
    logged.setWhenFull('evict');
    const told: number[] = [];
    const owner = { reclaim: () => false, refused: () => undefined };
    logged.attach({ ...owner, evicted: () => told.push(lines.length) });
    const value = Buffer.alloc(1000);
    for (let number = 1; told.length === 0 && number < 5000; number++) {
      logged.put(PARTITION, recordOf(number, Buffer.from(`${number}`), value));
    }
    const first = lines.findIndex((line) => line.startsWith('evicted'));
    // The mark says as well that the floor rose.
    expect(lines[first]).not.toMatch(/floor 0$/);
    expect(told[0]).toBe(first + 1);
    expect(lines.at(-1)).toMatch(/^record/);
    expect(store.memory().evicted).toBe(told.length);
  });
});
