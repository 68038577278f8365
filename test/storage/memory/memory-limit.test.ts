// What a replay raises the limit for, and for what it then stays raised.

import { expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import {
  bytesAtLeast,
  MemoryLimit,
  SEGMENTS_RESERVED,
} from '../../../src/storage/memory/memory-limit.ts';
import { Segments } from '../../../src/storage/memory/segments.ts';

const SEGMENT_BYTES = 512;
const record = encodeRecord({
  key: Buffer.from('key'),
  version: 1n as Version,
  value: Buffer.alloc(60),
});
const { length } = record;

/** Records without a limit, four to a segment, of which the last one has room left. */
function filled(count: number): Segments {
  const segments = new Segments(SEGMENT_BYTES);
  for (let each = 0; each < count; each++) segments.append('incoming', 0 as PartitionId, record);
  return segments;
}

test('a record is refused for the segments, and fits when the limit is raised', () => {
  const segments = filled(6);
  const limit = new MemoryLimit(1000, segments, () => 0);
  expect(limit.hasRoomFor(length, 0, SEGMENT_BYTES, SEGMENTS_RESERVED)).toBe(false);
  expect(limit.raise(length, 0, SEGMENT_BYTES)).toBe(true);
});

test('a record that would not fit however the others lie raises nothing', () => {
  const segments = filled(6);
  const limit = new MemoryLimit(6 * bytesAtLeast(length), segments, () => 0);
  expect(limit.raise(length, 0, SEGMENT_BYTES)).toBe(false);
  expect(limit.raise(length, length - 1, SEGMENT_BYTES)).toBe(false);
  expect(limit.raise(length, length, SEGMENT_BYTES)).toBe(true);
});

test('while it is raised nothing grows above what the next start has room for, also in a segment with room', () => {
  const segments = filled(5);
  const limit = new MemoryLimit(6 * bytesAtLeast(length), segments, () => 0);
  expect(limit.raise(length, 0, SEGMENT_BYTES)).toBe(true);
  segments.append('incoming', 0 as PartitionId, record);
  expect(segments.bytesToAdd('incoming', length)).toBe(0);
  expect(limit.hasRoomFor(length, 0, 0, SEGMENTS_RESERVED)).toBe(false);
  expect(limit.hasRoomFor(length, length, 0, SEGMENTS_RESERVED)).toBe(true);
});
