// The header Range of a request for a blob (RFC 9110, 14.1 and 14.2).

import { expect, test } from 'vitest';
import { rangeIn } from '../../../src/fileserver/downloads/one-range.ts';

const whole = undefined;

test.each([
  [undefined, 10, whole],
  ['', 10, whole],
  ['bytes=0-0', 10, { first: 0, last: 0 }],
  ['bytes=2-5', 10, { first: 2, last: 5 }],
  ['BYTES=2-5', 10, { first: 2, last: 5 }],
  ['bytes=2-', 10, { first: 2, last: 9 }],
  ['bytes=2-99999', 10, { first: 2, last: 9 }],
  ['bytes=-3', 10, { first: 7, last: 9 }],
  ['bytes=-99', 10, { first: 0, last: 9 }],
  ['bytes=10-', 10, 'beyond'],
  ['bytes=10-20', 10, 'beyond'],
  ['bytes=-0', 10, 'beyond'],
  ['bytes=0-', 0, 'beyond'],
  ['bytes=-1', 0, 'beyond'],
  ['bytes=5-2', 10, whole],
  ['bytes=0-1,3-4', 10, whole],
  ['bytes=a-b', 10, whole],
  ['bytes=-', 10, whole],
  ['lines=0-1', 10, whole],
  ['bytes=99999999999999999-', 10, whole],
  ['bytes=0-1x', 10, whole],
])('%s of %i bytes', (header, size, expected) => {
  expect(rangeIn(header, size)).toEqual(expected);
});
