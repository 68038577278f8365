// The checksum of a file of records that grows piece by piece.

import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { checksumOf } from '../../src/backup/checksum.ts';

test('that of the pieces is that of the whole', () => {
  const bytes = Buffer.from('some records, back to back');
  for (let at = 0; at <= bytes.length; at++) {
    const first = checksumOf(bytes.subarray(0, at), 0);
    expect(checksumOf(bytes.subarray(at), first)).toBe(crc32(bytes));
  }
});

test.each([
  ['a buffer', Buffer.alloc(0)],
  ['nothing put together', Buffer.concat([])],
  ['an array without memory', new Uint8Array(new ArrayBuffer(0))],
])('no bytes change nothing: %s', (_what, none) => {
  expect(checksumOf(none, 648_118_414)).toBe(648_118_414);
});
