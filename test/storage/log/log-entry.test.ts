// What goes into a log comes out of it.

import { expect, test } from 'vitest';
import type { Epoch, Incarnation } from '../../../src/cluster/model/identity.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, type StoredRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import {
  entryBytes,
  type LogEntry,
  readEntries,
  writeEntry,
} from '../../../src/storage/log/log-entry.ts';
import { SeededRandom } from '../../helpers/random.ts';

function copyOf(entry: LogEntry): LogEntry {
  if (entry.kind === 'record') {
    return { ...entry, record: Buffer.from(entry.record) as StoredRecord };
  }
  return 'key' in entry ? { ...entry, key: Buffer.from(entry.key) } : entry;
}

test.each([1, 2, 3])('every kind of entry comes back as it was, seed %i', (seed) => {
  const random = new SeededRandom(seed);
  const entries = Array.from({ length: 100 }, (): LogEntry => {
    const partition = random.below(65536) as PartitionId;
    const version = BigInt(random.below(2 ** 32)) as Version;
    const key = random.bytes(random.pick([1, 12, 1024]));
    return random.pick<LogEntry>([
      { kind: 'record', partition, record: encodeRecord(random.recordFields()) },
      { kind: 'floor', partition, version },
      { kind: 'reset', partition },
      { kind: 'forget', partition, key, version },
      { kind: 'evicted', partition, key, version },
      {
        kind: 'complete',
        partition,
        epoch: random.below(2 ** 32) as Epoch,
        incarnation: (random.below(2 ** 32) * 2 ** 15) as Incarnation,
      },
    ]);
  });
  const bytes = Buffer.alloc(entries.reduce((sum, entry) => sum + entryBytes(entry), 0));
  let end = 0;
  for (const entry of entries) {
    writeEntry(entry, bytes, end);
    end += entryBytes(entry);
  }
  const read: LogEntry[] = [];
  expect(readEntries(bytes, 0, end, (entry) => read.push(copyOf(entry)))).toBe(undefined);
  expect(read).toEqual(entries.map(copyOf));
});

const WHOLE: readonly LogEntry[] = [
  {
    kind: 'record',
    partition: 1 as PartitionId,
    record: encodeRecord({
      key: Buffer.from('key'),
      version: 1n as Version,
      value: Buffer.from('value'),
    }),
  },
  { kind: 'floor', partition: 1 as PartitionId, version: 1n as Version },
  { kind: 'reset', partition: 1 as PartitionId },
  { kind: 'forget', partition: 1 as PartitionId, key: Buffer.from('key'), version: 1n as Version },
  {
    kind: 'complete',
    partition: 1 as PartitionId,
    epoch: 1 as Epoch,
    incarnation: 2 as Incarnation,
  },
];

test.each(WHOLE)('bytes that end inside of a $kind are no entry', (entry) => {
  const bytes = Buffer.alloc(entryBytes(entry));
  writeEntry(entry, bytes, 0);
  for (let end = 1; end < bytes.length; end++) {
    const given = Buffer.concat([bytes, bytes]);
    const read = [given, bytes.subarray(0, end)].map((each) =>
      readEntries(each, 0, end, () => {
        throw new Error('nothing is applied');
      }),
    );
    expect(read.join(), `${end}`).toMatch(/an entry of kind \d.*an entry of kind \d/);
  }
});

test.each([0, 7, 255])('an entry of kind %i is none of this version, and said to be so', (kind) => {
  const bytes = Buffer.alloc(20, kind);
  expect(readEntries(bytes, 0, 20, () => undefined)).toBe(
    `an entry of kind ${kind}, which this version cannot read`,
  );
});
