// A record that gives its place to a shorter one (R10): what of it is in use, and who still reads the one before.

import { expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { Segments } from '../../../src/storage/memory/segments.ts';

const PARTITION = 3 as PartitionId;
const SEGMENT_BYTES = 64 * 1024;

function recordOf(version: bigint, valueBytes: number) {
  return encodeRecord({
    key: Buffer.from('key'),
    version: version as Version,
    tombstone: valueBytes === 0,
    value: Buffer.alloc(valueBytes, 'v'),
  });
}

test.each([100, 50_000])('of a value of %i bytes only the delete stays in use', (bytes) => {
  const segments = new Segments(SEGMENT_BYTES);
  const tombstone = recordOf(2n, 0);
  const location = segments.append('incoming', PARTITION, recordOf(1n, bytes));
  const before = segments.inUseBytes;
  segments.overwrite(location, tombstone);
  expect(segments.at(location).equals(tombstone)).toBe(true);
  // Entries are aligned.
  expect(before - segments.inUseBytes).toBeGreaterThan(bytes - 16);
  expect(segments.largeBytes).toBe(bytes > SEGMENT_BYTES / 4 ? tombstone.length : 0);
});

test('who still sends a large value, while it is deleted in its place, sends what it was', () => {
  const segments = new Segments(SEGMENT_BYTES);
  const record = recordOf(1n, 50_000);
  const location = segments.append('incoming', PARTITION, record);
  const sent = segments.at(location);
  segments.overwrite(location, recordOf(2n, 0));
  expect(sent.equals(record)).toBe(true);
});
