// The partition store against a model, over random operations.

import { expect, test } from 'vitest';
import type { PartitionId } from '../../src/cluster/partition.ts';
import {
  compareRecords,
  encodeRecord,
  recordKey,
  recordVersion,
  type StoredRecord,
} from '../../src/cluster/record.ts';
import type { Version } from '../../src/cluster/version.ts';
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
