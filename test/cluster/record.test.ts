// The one binary form: what goes in comes out, what is damaged is seen, and the order is total.

import { describe, expect, test } from 'vitest';
import {
  compareRecords,
  encodeRecord,
  isExpired,
  isTombstone,
  parseRecord,
  recordAttributes,
  recordExpiresAtMs,
  recordKey,
  recordValue,
  recordVersion,
} from '../../src/cluster/record.ts';
import type { Version } from '../../src/cluster/version.ts';
import { SeededRandom } from '../helpers/random.ts';

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

describe('encode and parse', () => {
  test.each(SEEDS)('random records come back as they were, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 100; round++) {
      const fields = random.recordFields();
      const before = random.bytes(random.below(10));
      const after = random.bytes(random.below(10));
      const stream = Buffer.concat([before, encodeRecord(fields), after]);
      const parsed = parseRecord(stream, before.length);
      if (parsed.kind !== 'record') throw new Error(JSON.stringify(parsed));
      const { record } = parsed;
      expect(record.length).toBe(stream.length - before.length - after.length);
      expect(recordKey(record)).toEqual(fields.key);
      expect(recordVersion(record)).toBe(fields.version);
      expect(isTombstone(record)).toBe(fields.tombstone);
      expect(recordExpiresAtMs(record)).toBe(fields.expiresAtMs);
      expect(recordValue(record)).toEqual(fields.value);
      expect(recordAttributes(record)).toEqual(fields.attributes);
    }
  });

  test.each(SEEDS)('no truncation and no flipped bit passes for a record, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const whole = encodeRecord(random.recordFields());
    for (let length = 0; length < whole.length; length++) {
      expect(parseRecord(whole.subarray(0, length)).kind).toBe('short');
    }
    for (let place = 0; place < Math.min(whole.length, 200); place++) {
      const damaged = Buffer.from(whole);
      damaged[place] = (damaged[place] ?? 0) ^ (1 << random.below(8));
      expect(parseRecord(damaged).kind, `byte ${place}`).not.toBe('record');
    }
  });

  test.each(SEEDS)('random bytes are never a record and never throw, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 300; round++) {
      expect(parseRecord(random.bytes(random.below(200))).kind).not.toBe('record');
    }
  });

  test('attributes are stored in the order of their types, whatever order they come in', () => {
    const fields = { key: Buffer.from('k'), version: 1n as Version, value: Buffer.alloc(0) };
    const one = { type: 1, bytes: Buffer.from('x') };
    const two = { type: 2, bytes: Buffer.from('y') };
    expect(encodeRecord({ ...fields, attributes: [two, one] })).toEqual(
      encodeRecord({ ...fields, attributes: [one, two] }),
    );
  });

  test('expires at its millisecond, and 0 means never', () => {
    const at = (expiresAtMs: number) =>
      encodeRecord({
        key: Buffer.from('k'),
        version: 1n as Version,
        value: Buffer.alloc(0),
        expiresAtMs,
      });
    expect(isExpired(at(1000), 999)).toBe(false);
    expect(isExpired(at(1000), 1000)).toBe(true);
    expect(isExpired(at(0), Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});

describe('the order of records (H20, D10, I12)', () => {
  test.each(SEEDS)(
    'is total: antisymmetric, transitive, zero only for identical, seed %i',
    (seed) => {
      const random = new SeededRandom(seed);
      for (let round = 0; round < 500; round++) {
        const [a, b, c] = random.rivals(3);
        if (a === undefined || b === undefined || c === undefined) throw new Error('three records');
        expect(Math.sign(compareRecords(a, b))).toBe(-Math.sign(compareRecords(b, a)) || 0);
        expect(compareRecords(a, b) === 0).toBe(a.equals(b));
        if (compareRecords(a, b) <= 0 && compareRecords(b, c) <= 0) {
          expect(compareRecords(a, c)).toBeLessThanOrEqual(0);
        }
      }
    },
  );

  test.each(SEEDS)('any order of arrival ends with the same bytes, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const records = random.rivals(12);
    const merge = (sequence: typeof records) =>
      sequence.reduce((kept, next) => (compareRecords(next, kept) > 0 ? next : kept));
    const expected = merge(records);
    for (let round = 0; round < 50; round++) {
      expect(merge(random.shuffled(records)).equals(expected)).toBe(true);
    }
  });

  test('is version, then tombstone, then expiry, then attributes, then value bytes', () => {
    const base = { key: Buffer.from('k'), version: 5n as Version, value: Buffer.of(1) };
    const rising = [
      encodeRecord({ ...base, version: 4n as Version, value: Buffer.of(255) }),
      encodeRecord(base),
      encodeRecord({ ...base, value: Buffer.of(1, 0) }),
      encodeRecord({ ...base, value: Buffer.of(2) }),
      encodeRecord({
        ...base,
        attributes: [{ type: 1, bytes: Buffer.of(0) }],
        value: Buffer.of(0),
      }),
      encodeRecord({ ...base, expiresAtMs: 1, value: Buffer.of(0) }),
      encodeRecord({ ...base, tombstone: true, value: Buffer.alloc(0) }),
      encodeRecord({ ...base, version: 6n as Version, value: Buffer.alloc(0) }),
    ];
    for (const [index, record] of rising.entries()) {
      for (const higher of rising.slice(index + 1)) {
        expect(compareRecords(record, higher)).toBeLessThan(0);
      }
    }
  });
});
