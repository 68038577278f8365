// A record as a line: all of it comes back, and what is no record is named.

import { describe, expect, test } from 'vitest';
import {
  compareRecords,
  encodeRecord,
  type StoredRecord,
} from '../../../../../src/cluster/model/record.ts';
import type { Version } from '../../../../../src/cluster/model/version.ts';
import {
  printRecordLine,
  readRecordLine,
} from '../../../../../src/frontend/gateways/v1/transfer/record-line.ts';
import { SeededRandom } from '../../../../helpers/random.ts';

const KEY = Buffer.from('key');
const VERSION = 0x0123456789abcdefn as Version;

function back(key: Buffer, record: StoredRecord): StoredRecord {
  const line = printRecordLine(key, record);
  expect(line.indexOf('\n')).toBe(line.length - 1);
  const read = readRecordLine(line);
  if (read.kind !== 'record' || read.record.version === undefined) throw new Error(line);
  return encodeRecord({ ...read.record, version: read.record.version });
}

describe('a record', () => {
  test('is a line that people can read', () => {
    const record = encodeRecord({
      key: KEY,
      version: VERSION,
      value: Buffer.from('text'),
      expiresAtMs: 1_700_000_000_000,
      attributes: [{ type: 1, bytes: Buffer.from('text/plain') }],
    });
    expect(JSON.parse(printRecordLine(KEY, record))).toEqual({
      key: 'key',
      value: 'text',
      version: '0123456789abcdef',
      expiresAt: 1_700_000_000_000,
      contentType: 'text/plain',
    });
    const plain = encodeRecord({ key: KEY, version: VERSION, value: Buffer.from([0xff]) });
    expect(printRecordLine(KEY, plain)).toBe(
      '{"key":"key","value":{"base64":"/w=="},"version":"0123456789abcdef"}\n',
    );
    const deleted = encodeRecord({
      key: KEY,
      version: VERSION,
      value: Buffer.alloc(0),
      tombstone: true,
    });
    expect(printRecordLine(KEY, deleted)).toBe(
      '{"key":"key","deleted":true,"version":"0123456789abcdef"}\n',
    );
  });

  test('keeps attributes that nobody knows, and a content type that is no text', () => {
    const attributes = [
      { type: 0, bytes: Buffer.alloc(0) },
      { type: 1, bytes: Buffer.from([0xff, 0xfe]) },
      { type: 255, bytes: Buffer.from('x') },
    ];
    const record = encodeRecord({ key: KEY, version: VERSION, value: KEY, attributes });
    expect(back(KEY, record).equals(record)).toBe(true);
    expect(printRecordLine(KEY, record)).toContain('"attributes":{"0":"","1":"//4=","255":"eA=="}');
  });

  test('takes no more than twice its bytes, and something', () => {
    for (const value of [
      Buffer.alloc(10_000),
      Buffer.alloc(10_000, '"'),
      Buffer.alloc(10_000, 'ä'),
    ]) {
      const record = encodeRecord({ key: KEY, version: VERSION, value });
      expect(Buffer.byteLength(printRecordLine(KEY, record))).toBeLessThan(20_100);
      expect(back(KEY, record).equals(record)).toBe(true);
    }
  });

  test('comes back, whatever is in it', () => {
    const random = new SeededRandom(1);
    for (let round = 0; round < 2000; round++) {
      const tombstone = random.chance(0.2);
      const types = [0, 1, 2, 200].filter(() => random.chance(0.3));
      const key = random.bytes(random.whole(1, 8));
      const record = encodeRecord({
        key,
        version: BigInt(random.below(2 ** 40)) as Version,
        tombstone,
        expiresAtMs: random.chance(0.5) ? 0 : random.whole(1, 2 ** 48 - 1),
        attributes: types.map((type) => ({ type, bytes: random.bytes(random.below(6)) })),
        value: tombstone ? Buffer.alloc(0) : random.bytes(random.below(20)),
      });
      const again = back(key, record);
      expect(compareRecords(again, record)).toBe(0);
      expect(again.equals(record)).toBe(true);
    }
  });
});

describe('a line', () => {
  test('with a cursor is no record, and not wrong', () => {
    expect(readRecordLine('{"cursor":"abc"}')).toEqual({ kind: 'cursor', isLast: false });
    expect(readRecordLine('{"cursor":null}')).toEqual({ kind: 'cursor', isLast: true });
  });

  test('may come from a scan, whose ETag says nothing new', () => {
    expect(readRecordLine('{"key":"a","etag":"\\"x\\"","value":"1"}')).toMatchObject({
      kind: 'record',
      record: { version: undefined, expiresAtMs: 0 },
    });
  });

  test.each([
    ['', /JSON/],
    ['{"key":"a","value":"1","version":"0123456789abcd', /cut off/],
    ['[]', /object/],
    ['null', /object/],
    ['{"error":"unanswered","detail":"x","cursor":"y"}', /unanswered/],
    ['{"value":"1"}', /key/],
    ['{"key":"","value":"1"}', /0 bytes/],
    [`{"key":"${'k'.repeat(1025)}","value":"1"}`, /1025 bytes/],
    ['{"key":"a"}', /value/],
    ['{"key":"a","value":1}', /value/],
    ['{"key":"a","value":{"base64":"YQ"}}', /value/],
    ['{"key":"a","value":"\\ud800"}', /value/],
    ['{"key":"a","deleted":true,"value":"1"}', /delete/],
    ['{"key":"a","deleted":false,"value":"1"}', /deleted/],
    ['{"key":"a","value":"1","version":"123"}', /version/],
    ['{"key":"a","value":"1","version":1}', /version/],
    ['{"key":"a","value":"1","expiresAt":0}', /expiresAt/],
    ['{"key":"a","value":"1","expiresAt":1.5}', /expiresAt/],
    ['{"key":"a","value":"1","expiresAt":281474976710656}', /expiresAt/],
    ['{"key":"a","value":"1","contentType":{"base64":"YQ=="}}', /contentType/],
    ['{"key":"a","value":"1","contentType":"t","attributes":{"1":"YQ=="}}', /twice/],
    ['{"key":"a","value":"1","attributes":{"256":"YQ=="}}', /attributes/],
    ['{"key":"a","value":"1","attributes":{"01":"YQ=="}}', /attributes/],
    ['{"key":"a","value":"1","attributes":{"2":"Y"}}', /attributes/],
    ['{"key":"a","value":"1","attributes":7}', /attributes/],
    // No room for the mark that a conditional write adds to them.
    [`{"key":"a","value":"1","attributes":{"7":"${'YWFh'.repeat(1355)}"}}`, /4068 bytes/],
    [`{"key":"a","value":"1","contentType":"${'t'.repeat(4094)}"}`, /4097 bytes/],
    ['{"key":"a","value":"1","ttl":5}', /"ttl"/],
  ])('%s is wrong', (line, detail) => {
    const read = readRecordLine(line);
    expect(read.kind).toBe('wrong');
    if (read.kind === 'wrong') expect(read.detail).toMatch(detail);
  });
});
