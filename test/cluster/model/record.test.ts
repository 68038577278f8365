// The one binary form: what goes in comes out, what is damaged is seen, and the order is total.

import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { InvariantBroken } from '../../../src/cluster/assert.ts';
import { VALUE_BYTES_MAX_CEILING } from '../../../src/cluster/model/limits.ts';
import {
  compareRecords,
  encodeRecord,
  isExpired,
  isTombstone,
  parseRecord,
  type RecordFields,
  recordAttributes,
  recordExpiresAtMs,
  recordKey,
  recordValue,
  recordVersion,
} from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { SeededRandom } from '../../helpers/random.ts';

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

  test.each(SEEDS)('records back to back are read one after the other, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const records = Array.from({ length: 50 }, () => encodeRecord(random.recordFields()));
    const stream = Buffer.concat(records);
    let offset = 0;
    for (const record of records) {
      const parsed = parseRecord(stream, offset);
      if (parsed.kind !== 'record') throw new Error(JSON.stringify(parsed));
      expect(parsed.record.equals(record)).toBe(true);
      offset += parsed.record.length;
    }
    expect(parseRecord(stream, offset)).toEqual({ kind: 'short' });
  });

  test('a value of a mebibyte and one of no bytes come back as they were', () => {
    for (const value of [Buffer.alloc(2 ** 20, 0xa5), Buffer.alloc(0)]) {
      const record = encodeRecord({ key: Buffer.of(0), version: 0n as Version, value });
      const parsed = parseRecord(record);
      if (parsed.kind !== 'record') throw new Error(JSON.stringify(parsed));
      expect(recordValue(parsed.record).equals(value)).toBe(true);
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

describe('a record that contradicts itself is malformed, though its checksum is right', () => {
  const BLOCK = 28 + 3;
  const whole = encodeRecord({
    key: Buffer.from('key'),
    version: 5n as Version,
    attributes: [
      { type: 1, bytes: Buffer.from('x') },
      { type: 2, bytes: Buffer.from('y') },
    ],
    value: Buffer.from('value'),
  });
  const forged = (change: (bytes: Buffer) => void, padding = 0) => {
    const bytes = Buffer.concat([whole, Buffer.alloc(padding)]);
    bytes.writeUInt32BE(bytes.length, 0);
    change(bytes);
    bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4);
    return bytes;
  };

  test.each<[string, Buffer]>([
    ['a form of the future', forged((bytes) => bytes.writeUInt8(2, 23))],
    ['a flag of the future', forged((bytes) => bytes.writeUInt8(2, 22))],
    ['a tombstone with a value', forged((bytes) => bytes.writeUInt8(1, 22))],
    ['no key', forged((bytes) => bytes.writeUInt32BE(0, 24))],
    ['a key too long', forged((bytes) => bytes.writeUInt16BE(1026, 24), 2000)],
    ['a key longer than the record', forged((bytes) => bytes.writeUInt16BE(1000, 24))],
    ['attributes longer than the record', forged((bytes) => bytes.writeUInt16BE(1000, 26))],
    ['an attribute cut short', forged((bytes) => bytes.writeUInt16BE(7, 26))],
    ['an attribute head cut short', forged((bytes) => bytes.writeUInt16BE(6, 26))],
    ['an attribute longer than the block', forged((bytes) => bytes.writeUInt16BE(9, BLOCK + 1))],
    ['attributes out of order', forged((bytes) => bytes.writeUInt8(3, BLOCK))],
    ['an attribute twice', forged((bytes) => bytes.writeUInt8(2, BLOCK))],
    [
      'too many bytes of attributes',
      forged((bytes) => {
        bytes.writeUInt16BE(4097, 26);
        bytes.writeUInt8(1, BLOCK);
        bytes.writeUInt16BE(4094, BLOCK + 1);
      }, 5000),
    ],
  ])('%s', (_what, bytes) => {
    expect(parseRecord(forged(() => undefined)).kind).toBe('record');
    expect(parseRecord(bytes)).toMatchObject({ kind: 'malformed', reason: expect.any(String) });
  });

  test.each([27, 0, 2 * VALUE_BYTES_MAX_CEILING])(
    'a length of %i is refused at once, not waited for',
    (length) => {
      const head = Buffer.from(whole.subarray(0, 28));
      head.writeUInt32BE(length, 0);
      expect(parseRecord(head).kind).toBe('malformed');
    },
  );
});

describe('what no record can hold breaks an invariant', () => {
  const fields = { key: Buffer.from('k'), version: 1n as Version, value: Buffer.alloc(0) };
  const attribute = (type: number, length = 1) => ({ type, bytes: Buffer.alloc(length) });

  test.each<[string, Partial<RecordFields>]>([
    ['no key', { key: Buffer.alloc(0) }],
    ['a key of 1,026 bytes', { key: Buffer.alloc(1026) }],
    ['a tombstone with a value', { tombstone: true, value: Buffer.of(1) }],
    ['an expiry before 1970', { expiresAtMs: -1 }],
    ['an expiry beyond 48 bits', { expiresAtMs: 2 ** 48 }],
    ['an attribute twice', { attributes: [attribute(1), attribute(1)] }],
    ['an attribute type above a byte', { attributes: [attribute(256)] }],
    ['attributes of 4,097 bytes', { attributes: [attribute(1, 4094)] }],
  ])('%s', (_what, change) => {
    expect(() => encodeRecord({ ...fields, ...change })).toThrow(InvariantBroken);
  });

  test('a fraction of a millisecond is cut off', () => {
    expect(recordExpiresAtMs(encodeRecord({ ...fields, expiresAtMs: 1000.9 }))).toBe(1000);
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
