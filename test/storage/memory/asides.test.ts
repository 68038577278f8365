// What a joiner had before: set aside, taken back, dropped and restored at random, while its log must tell the same
// at every moment: of each key the greatest record that is here, wherever it is (H15).

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import {
  compareRecords,
  encodeRecord,
  recordHead,
  recordKey,
  recordValue,
  type StoredRecord,
} from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { Cursor } from '../../../src/cluster/wire/operations.ts';
import { holdingOf } from '../../../src/storage/inspection.ts';
import { MEMORY_ONLY } from '../../../src/storage/log/durability.ts';
import type { LogEntry } from '../../../src/storage/log/log-entry.ts';
import { LoggedStore } from '../../../src/storage/logged-store.ts';
import { FIRST } from '../../../src/storage/memory/partition-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { SeededRandom } from '../../helpers/random.ts';

const PARTITION = 3 as PartitionId;
const EVERYTHING = { bytes: Number.POSITIVE_INFINITY };

class Joiner {
  readonly random: SeededRandom;
  /** So short that the cleaner moves what is set aside. */
  readonly store = new SegmentStore({ segmentBytes: 1024 });
  readonly logged = new LoggedStore(this.store, {
    ...MEMORY_ONLY,
    append: (entry) => this.#append(entry),
  });
  readonly #log: LogEntry[] = [];
  #version = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  record(key = this.random.below(30)): StoredRecord {
    const value = Buffer.alloc(this.random.below(60), this.random.below(256));
    const version = BigInt(this.random.chance(0.5) ? ++this.#version : this.random.below(99));
    return encodeRecord({ key: Buffer.from(`${key}`), version: version as Version, value });
  }

  put(record = this.record()): void {
    this.logged.putCopied(PARTITION, record);
  }

  /** @returns where to go on */
  drop(from: Cursor): Cursor | undefined {
    return this.logged.dropAside(PARTITION, from, 100);
  }

  #append(entry: LogEntry): void {
    const record =
      entry.kind === 'record' ? (Buffer.from(entry.record) as StoredRecord) : undefined;
    this.#log.push(record === undefined || entry.kind !== 'record' ? entry : { ...entry, record });
  }

  replayed(): SegmentStore {
    const store = new SegmentStore();
    for (const entry of this.#log) {
      if (entry.kind === 'record') store.putCopied(PARTITION, entry.record);
      else if (entry.kind === 'forget') store.forget(PARTITION, entry.key, entry.version);
    }
    return store;
  }

  /** In pages, as the compaction of the log walks. */
  listedAll(): readonly StoredRecord[] {
    const listed: StoredRecord[] = [];
    let from: Cursor | undefined = FIRST;
    while (from !== undefined) {
      const { records, next }: { records: readonly StoredRecord[]; next: Cursor | undefined } =
        this.store.asides.listAll(PARTITION, from, { bytes: 1 + this.random.below(200) });
      listed.push(...records.map((record) => Buffer.from(record) as StoredRecord));
      from = next;
    }
    return listed;
  }
}

function contentOf(records: readonly StoredRecord[]): readonly string[] {
  const greatest = new Map<string, StoredRecord>();
  for (const record of records) {
    const key = recordKey(record).toString();
    const other = greatest.get(key);
    if (other === undefined || compareRecords(record, other) > 0) greatest.set(key, record);
  }
  return [...greatest.values()].map((record) => record.toString('hex')).sort();
}

const contentOfStore = (store: SegmentStore) =>
  contentOf(store.list(PARTITION, FIRST, EVERYTHING).records);

describe('what a joiner had', () => {
  test.each(Array.from({ length: 8 }, (_, seed) => seed))(
    'is in the log as it is here, whatever is set, taken back and dropped, seed %i',
    (first) => {
      for (let seed = 10 * first; seed < 10 * first + 10; seed++) {
        const joiner = new Joiner(seed);
        const { random, store } = joiner;
        for (let count = random.below(40); count > 0; count--) joiner.put();
        store.asides.add(PARTITION);
        expect(store.list(PARTITION, FIRST, EVERYTHING).records).toEqual([]);
        const before = joiner.listedAll();
        let from: Cursor | undefined = FIRST;
        for (let steps = random.below(80); steps > 0; steps--) {
          const some = random.pick([...before, joiner.record()]);
          const what = random.below(10);
          if (what < 3) joiner.put();
          else if (what < 5) joiner.put(some);
          else if (what < 8) store.asides.takeBack(PARTITION, recordHead(some));
          else if (what < 9) from = joiner.drop(from ?? FIRST);
          else store.work();
          const logged = contentOfStore(joiner.replayed());
          expect(contentOf(joiner.listedAll()), `seed ${seed}`).toEqual(logged);
        }
        if (random.chance(0.5)) store.asides.restore(PARTITION);
        else while (joiner.drop(FIRST) !== undefined);
        expect(store.asides.partitions()).toEqual([]);
        expect(contentOfStore(store), `seed ${seed}`).toEqual(contentOfStore(joiner.replayed()));
        expect(store.items()).toBe(store.list(PARTITION, FIRST, EVERYTHING).records.length);
      }
    },
  );

  const record = (key: string, value: string) =>
    encodeRecord({ key: Buffer.from(key), version: 7n as Version, value: Buffer.from(value) });

  function setAside(...records: readonly StoredRecord[]) {
    const store = new SegmentStore();
    for (const each of records) store.put(PARTITION, each);
    store.asides.add(PARTITION);
    return store;
  }

  test('comes back only as the very record, and not over a greater one', () => {
    const store = setAside(record('a', 'one'), record('b', 'one'), record('c', 'a'));
    const { asides } = store;
    expect(store.peek(PARTITION, Buffer.from('a'))).toBeUndefined();
    expect(asides.takeBack(PARTITION, recordHead(record('a', 'two')))).toBe(false);
    expect(asides.takeBack(PARTITION, recordHead(record('d', 'one')))).toBe(false);
    expect(asides.takeBack(PARTITION, recordHead(record('a', 'one')))).toBe(true);
    expect(asides.takeBack(PARTITION, recordHead(record('a', 'one')))).toBe(false);
    expect(store.peek(PARTITION, Buffer.from('a'))).toEqual(record('a', 'one'));
    store.put(PARTITION, record('c', 'b'));
    expect(asides.takeBack(PARTITION, recordHead(record('c', 'a')))).toBe(true);
    expect(store.peek(PARTITION, Buffer.from('c'))).toEqual(record('c', 'b'));
    const only = new SegmentStore();
    only.put(PARTITION, record('a', 'one'));
    only.put(PARTITION, record('c', 'b'));
    expect(store.digest(PARTITION)).toEqual(only.digest(PARTITION));
  });

  test('is shown with what the node holds, the greater of two records', () => {
    const store = setAside(record('a', 'one'), record('b', 'b'), record('c', 'a'));
    store.put(PARTITION, record('b', 'a'));
    store.put(PARTITION, record('c', 'b'));
    const replica = { incarnation: 1 } as never;
    const shown = ['a', 'b', 'c', 'd'].map((key) => {
      const held = holdingOf({ store, replica }, PARTITION, Buffer.from(key)).record;
      return held === undefined ? undefined : recordValue(held).toString();
    });
    expect(shown).toEqual(['one', 'b', 'b', undefined]);
  });

  test('takes no memory twice when it comes back', () => {
    const many = Array.from({ length: 2000 }, (_, index) => record(`key ${index}`, 'value'));
    const store = setAside(...many);
    const before = store.memory().used - store.memory().index;
    for (const each of many) expect(store.asides.takeBack(PARTITION, recordHead(each))).toBe(true);
    expect(store.memory().used - store.memory().index).toBe(before);
    expect([store.items(), store.asides.partitions()]).toEqual([2000, []]);
  });

  test('goes with its partition', () => {
    const store = setAside(record('a', 'one'));
    store.reset(PARTITION);
    expect([store.asides.partitions(), store.held(), store.items()]).toEqual([[], [], 0]);
  });

  test('keeps the floor and how complete it is, which are of what is set as well', () => {
    const store = new SegmentStore();
    store.put(PARTITION, record('a', 'one'));
    store.raiseFloor(PARTITION, 5n as Version);
    store.setComplete(PARTITION, { epoch: 4 as never, incarnation: 1 as never });
    for (const change of ['add', 'restore'] as const) {
      store.asides[change](PARTITION);
      expect(store.floor(PARTITION)).toBe(5n);
      expect(store.completeness(PARTITION)).toEqual({ epoch: 4, incarnation: 1 });
    }
  });
});
