// What the generator remembers of its own sets and inserts.

import { describe, expect, test } from 'vitest';
import type { Version } from '../../src/cluster/model/version.ts';
import { LoadRecords, RECORDS_MAX } from '../../src/load/records.ts';

const version = (number: bigint) => number as Version;

test('keys are the prefix and a number', () => {
  expect(new LoadRecords('user:', 3).keyOf(2)).toBe('user:2');
});

describe('acknowledged versions', () => {
  test('the highest counts, in whatever order the answers come', () => {
    const records = new LoadRecords('k', 10);
    expect(records.acknowledged(4)).toBe(0n);
    records.acknowledge(4, version(0xfffffffffffffff0n));
    records.acknowledge(4, version(7n));
    expect(records.acknowledged(4)).toBe(0xfffffffffffffff0n);
    expect(records.acknowledged(5)).toBe(0n);
  });

  test('of records that came later, too', () => {
    const records = new LoadRecords('k', 2);
    records.acknowledge(1, version(5n));
    records.acknowledge(1000, version(6n));
    expect(records.acknowledged(1)).toBe(5n);
    expect(records.acknowledged(1000)).toBe(6n);
    expect(records.acknowledged(999)).toBe(0n);
  });
});

describe('inserts', () => {
  test('what is under way, or behind what is, is not chosen from', () => {
    const records = new LoadRecords('k', 5);
    const [a = 0, b = 0, c = 0] = [records.insert(), records.insert(), records.insert()];
    expect([a, b, c]).toEqual([5, 6, 7]);
    expect(records.count).toBe(5);
    records.settle(b);
    expect(records.count).toBe(5);
    records.settle(a);
    expect(records.count).toBe(7);
    records.settle(c);
    records.settle(c);
    expect(records.count).toBe(8);
  });

  test('end where the memory for versions ends', () => {
    const records = new LoadRecords('k', RECORDS_MAX);
    expect(records.insert()).toBeUndefined();
  });
});
