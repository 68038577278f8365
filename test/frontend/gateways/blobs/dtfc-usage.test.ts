// What paths of the blob service name, and that what names nothing is known as such.

import { expect, test } from 'vitest';
import { namedBlobIn, storedNameIn } from '../../../../src/frontend/gateways/blobs/dtfc-usage.ts';

const HASH = '0123456789abcdef'.repeat(8);

test('a hash is taken in any case, with an option or without', () => {
  expect(namedBlobIn(Buffer.from(HASH.toUpperCase()))).toEqual({ hash: HASH, option: undefined });
  expect(namedBlobIn(Buffer.from(`${HASH}/nopeerload`))).toEqual({
    hash: HASH,
    option: 'nopeerload',
  });
});

test.each([
  '',
  'x',
  HASH.slice(1),
  `${HASH}0`,
  `${HASH.slice(1)}g`,
  `${HASH}/`,
  `${HASH}/a/b`,
  `/${HASH}`,
  ` ${HASH}`,
  `${HASH}\n`,
])('%j names no blob', (path) => {
  expect(namedBlobIn(Buffer.from(path))).toBeUndefined();
});

test('a name is one segment of so many bytes: several segments are nowhere', () => {
  expect(storedNameIn(Buffer.from('A b'))).toEqual({ kind: 'name', filename: 'a-b' });
  expect(storedNameIn(Buffer.alloc(1024, 'a'))).toMatchObject({ kind: 'name' });
  expect(storedNameIn(Buffer.alloc(1025, 'a'))).toEqual({ kind: 'too-long' });
  for (const path of ['a/b', 'a/', '/']) {
    expect(storedNameIn(Buffer.from(path))).toEqual({ kind: 'nowhere' });
  }
});
