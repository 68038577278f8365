// What the bodies of batches ask for, and how answers are written: lines and bytes, cut at every place.

import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../../../src/cluster/model/record.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import { BinaryForm } from '../../../../src/frontend/gateways/v1/batch-binary.ts';
import type { BatchForm, BatchItem } from '../../../../src/frontend/gateways/v1/batch-form.ts';
import { LineForm } from '../../../../src/frontend/gateways/v1/batch-lines.ts';
import type { BatchVerb } from '../../../../src/frontend/gateways/v1/batch-routes.ts';

const VALUE_BYTES_MAX = 1000;
const VERSION = 0x0123456789abcdefn as Version;

/** All items of a body that comes in these pieces. */
function itemsOf(form: BatchForm, pieces: readonly Buffer[]): BatchItem[] {
  const reader = form.reader(VALUE_BYTES_MAX);
  const items: BatchItem[] = [];
  const take = () => {
    for (let item = reader.next(); item !== undefined; item = reader.next()) {
      items.push(item);
      if (item.problem?.isLast) return;
    }
  };
  for (const piece of pieces) {
    reader.push(piece);
    take();
  }
  reader.end();
  if (items.at(-1)?.problem?.isLast !== true) take();
  return items;
}

const lines = (verb: BatchVerb, text: string | Buffer) =>
  itemsOf(new LineForm(verb), [Buffer.from(text)]);

/** An item as a test compares it. */
function shown({ label, key, value, ttlSeconds, condition, problem }: BatchItem) {
  if (problem !== undefined) return `${label} ${problem.code}`;
  const ttl = ttlSeconds === 0 ? '' : ` for ${ttlSeconds}`;
  const only = condition === undefined ? '' : ` if ${JSON.stringify(condition, printable)}`;
  return `${label} ${key.toString('hex')}=${value.toString('hex')}${ttl}${only}`;
}

const printable = (_: string, value: unknown) =>
  typeof value === 'bigint' ? value.toString(16) : value;
const hex = (text: string) => Buffer.from(text).toString('hex');

describe('lines', () => {
  test.each<[BatchVerb, string, string]>([
    ['mget', '{"key":"a"}', `"key":"a" ${hex('a')}=`],
    ['mget', ' { "key" : "a" } \r', `"key":"a" ${hex('a')}=`],
    ['mget', '{"key":"\\u0061\\n"}', `"key":"a\\n" ${hex('a\n')}=`],
    ['mget', '{"key":"ä€😀"}', `"key":"ä€😀" ${hex('ä€😀')}=`],
    ['mget', '{"key":{"base64":"/w=="}}', '"key":{"base64":"/w=="} ff='],
    ['mget', '{"key":{"base64":"YQ=="}}', '"key":"a" 61='],
    ['mdelete', '{"key":"a"}', `"key":"a" ${hex('a')}=`],
    ['mset', '{"key":"a","value":"b"}', `"key":"a" ${hex('a')}=${hex('b')}`],
    ['mset', '{"key":"a","value":""}', `"key":"a" ${hex('a')}=`],
    ['mset', '{"key":"ü","value":"é"}', `"key":"ü" ${hex('ü')}=${hex('é')}`],
    ['mset', '{"value":"\\"}","key":"a"}', `"key":"a" ${hex('a')}=${hex('"}')}`],
    ['mset', '{"key":"a","value":{"base64":"/wA="}}', `"key":"a" ${hex('a')}=ff00`],
    ['mset', '{"key":"a","value":"b","ttl":60}', `"key":"a" ${hex('a')}=${hex('b')} for 60`],
    [
      'mset',
      '{"key":"a","value":"b","ifNoneMatch":"*"}',
      `"key":"a" ${hex('a')}=${hex('b')} if {"ifNoneMatch":"any"}`,
    ],
    [
      'mset',
      '{"key":"a","value":"b","ifMatch":"\\"0123456789abcdef-00000010\\""}',
      `"key":"a" ${hex('a')}=${hex('b')} if {"ifMatch":[{"version":"123456789abcdef","hash":16}]}`,
    ],
  ])('%s %s', (verb, line, item) => {
    expect(lines(verb, line).map(shown)).toEqual([item]);
  });

  test.each<[BatchVerb, string, string]>([
    ['mget', 'nothing', '"line":1 bad-item'],
    ['mget', '{"key":"a"', '"line":1 bad-item'],
    ['mget', '["a"]', '"line":1 bad-item'],
    ['mget', 'null', '"line":1 bad-item'],
    ['mget', '"a"', '"line":1 bad-item'],
    ['mget', '{}', '"line":1 bad-item'],
    ['mget', '{"key":1}', '"line":1 bad-item'],
    ['mget', '{"key":null}', '"line":1 bad-item'],
    ['mget', '{"key":{"base64":"?"}}', '"line":1 bad-item'],
    ['mget', '{"key":"\\ud800"}', '"line":1 bad-item'],
    ['mget', '{"key":"a","value":"b"}', '"line":1 bad-item'],
    ['mget', '{"key":"a","minVersion":7}', '"line":1 bad-item'],
    ['mget', '{"key":"a","minVersion":"7"}', '"line":1 bad-item'],
    ['mget', '{"key":"a","minVersion":null}', '"line":1 bad-item'],
    ['mset', '{"key":"a","value":"b","minVersion":"0196c6f1f2c40000"}', '"line":1 bad-item'],
    ['mdelete', '{"key":"a","minVersion":"0196c6f1f2c40000"}', '"line":1 bad-item'],
    ['mget', '{"key":"a"}{"key":"b"}', '"line":1 bad-item'],
    ['mget', '{"key":"a\tb"}', '"line":1 bad-item'],
    ['mget', '{"key":""}', '"key":"" empty-key'],
    ['mget', `{"key":"${'k'.repeat(1025)}"}`, `"key":"${'k'.repeat(1025)}" key-too-long`],
    ['mget', `{"key":"${'ä'.repeat(513)}"}`, `"key":"${'ä'.repeat(513)}" key-too-long`],
    ['mget', `{"key":"${'k'.repeat(5000)}"}`, '"line":1 key-too-long'],
    ['mset', '{"key":"a"}', '"line":1 bad-item'],
    ['mset', '{"key":"a","vlaue":"b"}', '"line":1 bad-item'],
    ['mset', '{"key":"a","value":1}', '"line":1 bad-item'],
    ['mset', '{"key":"a","value":"b","ttl":0}', '"key":"a" bad-ttl'],
    ['mset', '{"key":"a","value":"b","ttl":1.5}', '"key":"a" bad-ttl'],
    ['mset', '{"key":"a","value":"b","ttl":"60"}', '"key":"a" bad-ttl'],
    ['mset', '{"key":"a","value":"b","ttl":315360001}', '"key":"a" bad-ttl'],
    ['mset', '{"key":"a","value":"b","ifMatch":"x"}', '"line":1 bad-item'],
    ['mset', '{"key":"a","value":"b","ifMatch":7}', '"line":1 bad-item'],
    ['mset', '{"key":"a","value":"b","ifNoneMatch":[]}', '"line":1 bad-item'],
  ])('%s refuses %s', (verb, line, item) => {
    expect(lines(verb, line).map(shown)).toEqual([item]);
  });

  test('a line of mget may demand a version', () => {
    const body = '{"key":"a","minVersion":"0196c6f1f2c4000a"}\n{"key":"b"}\n';
    expect(lines('mget', body).map(({ minVersion }) => minVersion)).toEqual([
      0x0196c6f1f2c4000an,
      0n,
    ]);
  });

  test('a wrong line is named by its number, and those around it are read; empty ones are only counted', () => {
    const body = '{"key":"a"}\n\nno\n  \n{"key":"b"}\n{"key":"c';
    expect(lines('mget', body).map(shown)).toEqual([
      `"key":"a" ${hex('a')}=`,
      '"line":3 bad-item',
      `"key":"b" ${hex('b')}=`,
      '"line":6 bad-item',
    ]);
  });

  test('a string does not go on in the next line', () => {
    expect(lines('mget', '{"key":"a\nb"}\n').map(shown)).toEqual([
      '"line":1 bad-item',
      '"line":2 bad-item',
    ]);
    expect(lines('mset', '{"key":"a","value":"\n"}\n').map(shown)).toEqual([
      '"line":1 bad-item',
      '"line":2 bad-item',
    ]);
  });

  test('a line that is no UTF-8 is wrong alone', () => {
    const body = Buffer.from('{"key":"a"}\n{"key":"\xff"}\n{"key":"\xc3\xa4"}\n', 'latin1');
    expect(lines('mget', body).map(shown)).toEqual([
      `"key":"a" ${hex('a')}=`,
      '"line":2 bad-item',
      `"key":"ä" ${hex('ä')}=`,
    ]);
  });

  test('a line that is too long is wrong alone, however it comes', () => {
    const long = `{"key":"a","value":"${'x'.repeat(40_000)}"}\n`;
    const body = Buffer.from(`{"key":"b","value":"1"}\n${long}{"key":"c","value":"2"}\n`);
    const items = [
      `"key":"b" ${hex('b')}=${hex('1')}`,
      '"line":2 value-too-large',
      `"key":"c" ${hex('c')}=${hex('2')}`,
    ];
    for (const size of [body.length, 10_000, 1000]) {
      expect(itemsOf(new LineForm('mset'), cut(body, size)).map(shown)).toEqual(items);
    }
  });

  test('the answers are lines', () => {
    const form = new LineForm('mget');
    const item = lines('mget', '{"key":"a"}')[0] as BatchItem;
    const found = (value: Buffer) =>
      form.found(item, encodeRecord({ key: Buffer.from('a'), version: VERSION, value }));
    const etag = /"etag":"(\\"0123456789abcdef-[0-9a-f]{8}\\")"\}\n$/;
    for (const value of ['', 'plain', 'with "quotes" \\ and\n\u0000', 'ü', '\u007f']) {
      const line = found(Buffer.from(value));
      expect(line).toMatch(etag);
      expect(JSON.parse(line)).toMatchObject({ key: 'a', status: 200, value });
    }
    expect(JSON.parse(found(Buffer.of(0xff)))).toMatchObject({ value: { base64: '/w==' } });
    expect(form.stored(item, 204, VERSION, 16)).toBe(
      '{"key":"a","status":204,"etag":"\\"0123456789abcdef-00000010\\""}\n',
    );
    expect(form.absent(item)).toBe('{"key":"a","status":404}\n');
    expect(form.unmet(item, undefined)).toBe('{"key":"a","status":412}\n');
    expect(form.failed(item, 503, 'not-stored', 'a "reason"')).toBe(
      '{"key":"a","status":503,"error":"not-stored","detail":"a \\"reason\\""}\n',
    );
  });
});

function cut(body: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
    body.subarray(index * size, (index + 1) * size),
  );
}

test('lines are the same wherever their bytes are cut', () => {
  const body = Buffer.from(
    '{"key":"a","value":"1"}\n{"key":"ü","value":"\\n"}\r\nno\n{"key":"c","value":"x","ttl":9}\n{"key":"d","value":"end"}',
  );
  const whole = itemsOf(new LineForm('mset'), [body]).map(shown);
  expect(whole).toHaveLength(5);
  for (let at = 1; at < body.length; at++) {
    const pieces = [body.subarray(0, at), body.subarray(at)];
    expect(itemsOf(new LineForm('mset'), pieces).map(shown)).toEqual(whole);
  }
  expect(itemsOf(new LineForm('mset'), cut(body, 1)).map(shown)).toEqual(whole);
});

describe('bytes', () => {
  const u16 = (value: number) => Buffer.of(value >>> 8, value & 0xff);
  const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
  const get = (key: Buffer) => Buffer.concat([u16(key.length), key]);
  const set = (key: Buffer, value: Buffer, ttl = 0) =>
    Buffer.concat([get(key), u32(value.length), u32(ttl), value]);
  const a = Buffer.from('a');

  test('an item of each length, wherever it is cut', () => {
    const body = Buffer.concat([
      set(a, Buffer.from('1')),
      set(Buffer.alloc(1024, 0xff), Buffer.alloc(VALUE_BYTES_MAX), 60),
      set(Buffer.alloc(0), a),
      set(Buffer.alloc(1025), a),
      set(a, a, 315_360_001),
      set(a, Buffer.alloc(0)),
    ]);
    const whole = itemsOf(new BinaryForm('mset'), [body]).map(shown);
    expect(whole).toEqual([
      ` 61=${hex('1')}`,
      ` ${'ff'.repeat(1024)}=${'00'.repeat(VALUE_BYTES_MAX)} for 60`,
      ' empty-key',
      ' key-too-long',
      ' bad-ttl',
      ' 61=',
    ]);
    for (const size of [1, 2, 3, 7, 100, 1031, 1033]) {
      expect(itemsOf(new BinaryForm('mset'), cut(body, size)).map(shown)).toEqual(whole);
    }
  });

  test.each([1, 2])('a body that ends %s bytes into an item ends with its error', (bytes) => {
    const body = Buffer.concat([get(a), get(a).subarray(0, bytes)]);
    const items = itemsOf(new BinaryForm('mget'), [body]);
    expect(items.map(shown)).toEqual([' 61=', ' bad-item']);
    expect(items.at(-1)?.problem?.isLast).toBe(true);
  });

  test('a value longer than any ends the batch before it has come', () => {
    const body = Buffer.concat([set(a, a), get(a), u32(VALUE_BYTES_MAX + 1), u32(0)]);
    const items = itemsOf(new BinaryForm('mset'), [body]);
    expect(items.map(shown)).toEqual([' 61=61', ' value-too-large']);
    expect(items.at(-1)?.problem?.isLast).toBe(true);
  });

  test('the answers have status, version, hash and value', () => {
    const form = new BinaryForm('mget');
    const [item] = itemsOf(form, [get(a)]) as [BatchItem];
    const record = encodeRecord({ key: a, version: VERSION, value: Buffer.from('value') });
    expect(form.found(item, record).toString('hex')).toBe(
      `00c80123456789abcdef${record.toString('hex', 4, 8)}00000005${hex('value')}`,
    );
    expect(form.absent(item, VERSION).toString('hex')).toBe(
      `01940123456789abcdef${'00'.repeat(8)}`,
    );
    expect(form.stored(item, 204, VERSION, 16).toString('hex')).toBe(
      '00cc0123456789abcdef0000001000000000',
    );
    expect(form.failed(item, 503, 'not-stored').toString('hex')).toBe(
      `01f7${'00'.repeat(12)}0000000a${hex('not-stored')}`,
    );
  });
});
