// The bounds fit each other, and the protocol times keep their relations at every scale.

import { describe, expect, test } from 'vitest';
import { InvariantBroken } from '../../../src/cluster/assert.ts';
import { EPOCH_MAX } from '../../../src/cluster/model/identity.ts';
import {
  ATTRIBUTES_BYTES_MAX,
  BATCH_BYTES_MAX,
  CHUNK_BYTES,
  DIGITS_MAX,
  KEY_BYTES_MAX,
  protocolTimes,
  REDUNDANCY_MAX,
  REQUEST_HEAD_BYTES_MAX,
  STORAGE_NODES_MAX,
  STORED_KEY_BYTES_MAX,
  TTL_SECONDS_MAX,
  VALUE_BYTES_MAX_CEILING,
  VALUE_BYTES_MAX_DEFAULT,
} from '../../../src/cluster/model/limits.ts';
import { type PartitionId, partitionCount } from '../../../src/cluster/model/partition.ts';
import {
  encodeRecord,
  parseRecord,
  RECORD_OVERHEAD_BYTES_MAX,
} from '../../../src/cluster/model/record.ts';
import { storedKey } from '../../../src/cluster/model/stored-key.ts';
import { versionAt } from '../../../src/cluster/model/version.ts';
import { decodeOperation, encodeOperation } from '../../../src/cluster/wire/operations.ts';

describe('bounds', () => {
  const largest = encodeRecord({
    key: Buffer.alloc(STORED_KEY_BYTES_MAX, 0xff),
    version: versionAt(2 ** 48 - 1),
    expiresAtMs: 2 ** 48 - 1,
    attributes: [{ type: 0xff, bytes: Buffer.alloc(ATTRIBUTES_BYTES_MAX - 3, 0xff) }],
    value: Buffer.alloc(1000, 0xff),
  });

  test('a record with every field at its most is its value and RECORD_OVERHEAD_BYTES_MAX', () => {
    expect(parseRecord(largest).kind).toBe('record');
    expect(largest.length).toBe(1000 + RECORD_OVERHEAD_BYTES_MAX);
  });

  test('the last partition and the last epoch fit their fields of an operation', () => {
    const operation = {
      kind: 'set',
      partition: (partitionCount(DIGITS_MAX) - 1) as PartitionId,
      epoch: EPOCH_MAX as never,
      record: largest,
    } as const;
    const { head, body } = encodeOperation(operation);
    expect(decodeOperation(Buffer.concat([head, body]))).toEqual(operation);
  });

  test('what is documented stays as documented', () => {
    expect(KEY_BYTES_MAX).toBe(1024);
    expect(storedKey(Buffer.alloc(KEY_BYTES_MAX, 0xff))).toHaveLength(STORED_KEY_BYTES_MAX);
    expect(VALUE_BYTES_MAX_DEFAULT).toBe(16 * 2 ** 20);
    expect(REQUEST_HEAD_BYTES_MAX).toBe(16 * 2 ** 10);
    expect(TTL_SECONDS_MAX).toBe(315_360_000);
  });

  test('a longest key, every byte of it percent-encoded, fits the head of a request', () => {
    expect(3 * KEY_BYTES_MAX).toBeLessThan(REQUEST_HEAD_BYTES_MAX / 2);
  });

  test('the longest value fits a batch', () => {
    expect(VALUE_BYTES_MAX_DEFAULT).toBeLessThan(BATCH_BYTES_MAX);
    expect(VALUE_BYTES_MAX_DEFAULT).toBeLessThanOrEqual(VALUE_BYTES_MAX_CEILING);
    expect(STORED_KEY_BYTES_MAX + ATTRIBUTES_BYTES_MAX).toBeLessThan(CHUNK_BYTES);
  });

  test('every node of the largest cluster can have a partition, and as many replicas as there may be', () => {
    expect(partitionCount(DIGITS_MAX)).toBeGreaterThanOrEqual(16 * STORAGE_NODES_MAX);
    expect(REDUNDANCY_MAX).toBeLessThanOrEqual(STORAGE_NODES_MAX);
  });
});

describe('protocol times (D12)', () => {
  test.each([0.01, 0.051, 0.1, 1, 2.5, 10, 100])(
    'at scale %d every time is scaled alike',
    (scale) => {
      const base = Object.entries(protocolTimes(1));
      const scaled = new Map(Object.entries(protocolTimes(scale)));
      for (const [name, milliseconds] of base) {
        expect(scaled.get(name), name).toBeCloseTo(milliseconds * scale, 6);
      }
    },
  );

  test.each([0, -1, Number.NaN])('a scale of %d breaks an invariant', (scale) => {
    expect(() => protocolTimes(scale)).toThrow(InvariantBroken);
  });

  test('leave room: a second try before each deadline, a sweep well within a try', () => {
    const times = protocolTimes(1);
    expect(times.getDeadlineMs).toBeGreaterThanOrEqual(2 * times.tryMs);
    expect(times.setDeadlineMs).toBeGreaterThanOrEqual(2 * times.tryMs);
    expect(times.sweepMs).toBeLessThanOrEqual(times.tryMs / 4);
    expect(times.retryMs).toBeLessThan(times.tryMs);
    expect(times.heartbeatMs).toBe(200);
  });
});
