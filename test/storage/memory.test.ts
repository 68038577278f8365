// The partition store against a model, over random operations.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../src/cluster/partition.ts';
import {
  compareRecords,
  encodeRecord,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../src/cluster/record.ts';
import type { Version } from '../../src/cluster/version.ts';
import { bucketOf } from '../../src/storage/digest.ts';
import { MapStore } from '../../src/storage/memory.ts';
import { SeededRandom } from '../helpers/random.ts';

test.each(Array.from({ length: 30 }, (_, seed) => seed))(
  'keeps the greatest record of every key and says what it did (I11), seed %i',
  (seed) => {
    const random = new SeededRandom(seed);
    const store = new MapStore();
    const model = new Map<string, StoredRecord>();
    // The bytes come in a buffer that is used again at once, as a socket's is.
    const socket = Buffer.alloc(4096);
    for (let round = 0; round < 1000; round++) {
      const partition = random.below(3) as PartitionId;
      const key = Buffer.of(random.below(4), 255, random.below(2));
      const tombstone = random.chance(0.2);
      const record = encodeRecord({
        key,
        version: BigInt(random.below(20)) as Version,
        tombstone,
        value: tombstone ? Buffer.alloc(0) : random.bytes(random.below(3)),
      });
      const name = `${partition} ${key.toString('hex')}`;
      const present = model.get(name);
      record.copy(socket);
      const outcome = store.put(partition, socket.subarray(0, record.length) as StoredRecord);
      socket.fill(0);
      const order = present === undefined ? 1 : compareRecords(record, present);
      if (order > 0) model.set(name, record);
      expect(outcome).toEqual(
        order > 0
          ? { kind: 'applied', record }
          : order === 0
            ? { kind: 'equal' }
            : { kind: 'superseded', version: recordVersion(present ?? record) },
      );
    }
    for (const [name, record] of model) {
      const partition = Number(name.split(' ')[0]) as PartitionId;
      expect(store.get(partition, recordKey(record))?.equals(record)).toBe(true);
    }
    expect(store.items()).toBe(model.size);
    const payload = [...model.values()].reduce((sum, record) => sum + record.length, 0);
    expect(store.payloadBytes()).toBe(payload);
    expect(store.get(0 as PartitionId, Buffer.from('never set'))).toBeUndefined();
  },
);

describe('what is due is found', () => {
  const PARTITION = 0 as PartitionId;
  /** Of one bucket, in the order in which they came. */
  const NAMES = Array.from({ length: 1000 }, (_, index) => `key ${index}`)
    .filter((name) => bucketOf(Buffer.from(name)) === 5)
    .slice(0, 10);

  function ten(): MapStore {
    const store = new MapStore();
    for (const name of NAMES) {
      const record = { key: Buffer.from(name), version: 1n as Version, value: Buffer.alloc(0) };
      store.put(PARTITION, encodeRecord({ ...record, tombstone: true }));
    }
    return store;
  }

  const names = (records: readonly StoredRecord[]) =>
    records.map((record) => recordKey(record).toString());

  test('a few at a time, each in its turn, and in the end from the beginning', () => {
    const store = ten();
    const limits = { lookedAt: 4, found: 3 };
    const round = () => names(store.nextDue(PARTITION, () => true, limits));
    expect([...round(), ...round(), ...round(), ...round()].slice(0, 11)).toEqual([
      ...NAMES,
      NAMES[0],
    ]);
  });

  test('behind more than are looked at in one round that are not', () => {
    const store = ten();
    const looked: string[] = [];
    const round = () =>
      store.nextDue(
        PARTITION,
        (record) => {
          looked.push(...names([record]));
          return looked.at(-1) === NAMES[9];
        },
        { lookedAt: 4, found: 3 },
      );
    expect([round(), round()]).toEqual([[], []]);
    expect(names(round())).toEqual([NAMES[9]]);
    expect(looked).toEqual([...NAMES, ...NAMES.slice(0, 2)]);
  });

  test('once, where there are fewer than may be looked at', () => {
    const limits = { lookedAt: 100, found: 100 };
    expect(names(ten().nextDue(PARTITION, () => true, limits))).toEqual(NAMES);
  });
});
