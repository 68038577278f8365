// What /s/record takes, and what it says of everything else.

import { expect, test } from 'vitest';
import { recordKeyIn } from '../../src/storage/record-query.ts';

test.each([
  ['key=a', 'a'],
  ['key=a+b%00', 'a b\0'],
  [`key=${'k'.repeat(1024)}`, 'k'.repeat(1024)],
])('%o asks for a key', (query, key) => {
  expect(recordKeyIn(query)).toEqual(Buffer.from(key));
});

test.each([
  '',
  'kye=a',
  'key=',
  'key=a&value=1',
  'key=a&key=b',
  'key=%zz',
  `key=${'k'.repeat(1025)}`,
])('%o is refused, with what the path takes', (query) => {
  expect(recordKeyIn(query)).toMatch(/takes key, of 1 to 1024 bytes, and nothing else$/);
});
