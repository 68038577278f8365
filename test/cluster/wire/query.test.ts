// Keys across a query string: every byte there and back.

import { describe, expect, test } from 'vitest';
import { decodeBytes, encodeBytes, parseQuery } from '../../../src/cluster/wire/query.ts';
import { SeededRandom } from '../../helpers/random.ts';

test('every byte goes there and back', () => {
  for (let byte = 0; byte < 256; byte++) {
    const key = Buffer.of(byte, 0x61, byte);
    expect(decodeBytes(encodeBytes(key))).toEqual(key);
    expect(parseQuery(`x=1&key=${encodeBytes(key)}&y=`)).toMatchObject({
      parameters: new Map([
        ['x', Buffer.from('1')],
        ['key', key],
        ['y', Buffer.alloc(0)],
      ]),
    });
  }
});

test.each([1, 2, 3])('random keys go there and back, seed %i', (seed) => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 300; round++) {
    const key = random.bytes(random.whole(1, 100));
    expect(decodeBytes(encodeBytes(key))).toEqual(key);
  }
});

test.each([
  ['a+b', 'a b'],
  ['a%20b', 'a b'],
  ['a%2Bb', 'a+b'],
  ['%e2%82%ac', '€'],
  ['a=b', 'a=b'],
  ['%00%26%3D%3F', '\0&=?'],
])('%s means %o', (text, bytes) => {
  expect(decodeBytes(text)).toEqual(Buffer.from(bytes));
});

test('bytes above 127 that a client did not encode are taken as they are', () => {
  expect(decodeBytes('\u00ff')).toEqual(Buffer.of(0xff));
});

describe('malformed queries', () => {
  test.each(['key=%', 'key=%4', 'key=%4x', 'key=%zz', '%4=a', 'key=a&key=b', 'k%65y=a&key=b'])(
    '%s',
    (query) => {
      expect(parseQuery(query).kind).toBe('malformed');
    },
  );
});

test.each<[string, readonly (readonly [string, string])[]]>([
  ['', []],
  ['&', []],
  [
    'a=1&&b=2&',
    [
      ['a', '1'],
      ['b', '2'],
    ],
  ],
  ['a', [['a', '']]],
  ['a=b=c', [['a', 'b=c']]],
  ['=x', [['', 'x']]],
  ['a%3D=%26', [['a=', '&']]],
])('%j has the parameters %j', (query, expected) => {
  const parameters = new Map(expected.map(([name, value]) => [name, Buffer.from(value)]));
  expect(parseQuery(query)).toEqual({ kind: 'query', parameters });
});

test('the reason names a parameter only if its name is harmless in a terminal', () => {
  expect(parseQuery('key=1&key=2')).toMatchObject({ reason: 'key is given twice' });
  const odd = '%1b[31m=1';
  expect(parseQuery(`${odd}&${odd}`)).toMatchObject({ reason: 'a parameter is given twice' });
});
