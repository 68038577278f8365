// Who is who: what an id, an incarnation, an epoch and an address may be.

import { describe, expect, test } from 'vitest';
import {
  type Address,
  address,
  EPOCH_MAX,
  epoch,
  hostOf,
  INTEGER_MAX,
  incarnation,
  nodeId,
  parseAddress,
} from '../../../src/cluster/model/identity.ts';
import { Malformed } from '../../../src/cluster/wire/shapes.ts';

describe('an address', () => {
  test.each([
    ['127.0.0.1:12000', { host: '127.0.0.1', port: 12000 }],
    ['a.example:1', { host: 'a.example', port: 1 }],
    ['a-b_c:65535', { host: 'a-b_c', port: 65535 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['[2001:db8::7334]:443', { host: '2001:db8::7334', port: 443 }],
    ['[::ffff:10.0.0.1]:443', { host: '::ffff:10.0.0.1', port: 443 }],
    [`${'h'.repeat(253)}:80`, { host: 'h'.repeat(253), port: 80 }],
  ])('%s is host and port', (text, parsed) => {
    expect(parseAddress(text)).toEqual(parsed);
    expect(address(text)).toBe(text);
    expect(hostOf(text as Address)).toBe(parsed.host);
  });

  test.each([
    '',
    'a',
    'a:',
    ':80',
    'a:0',
    'a:65536',
    'a:100000',
    'a:-1',
    'a:1.5',
    'a:80x',
    'a:80:80',
    'a: 80',
    'a b:80',
    'a:80\n',
    'a/b:80',
    'http://a:80',
    '::1:80',
    '[]:80',
    '[::1]',
    '[::1:80',
    '::1]:80',
    '[::1]80',
    '[a.example]:80',
    `${'h'.repeat(254)}:80`,
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
    expect(() => address(text)).toThrow('the message is not host:port');
  });

  test.each([undefined, null, 80, {}, ['a:80']])('%j is none either', (value) => {
    expect(() => address(value)).toThrow(Malformed);
  });
});

test.each([
  ['an incarnation', incarnation, [1, 1_700_000_000_000, INTEGER_MAX], [0, -1, 1.5, '1', 2 ** 53]],
  ['an epoch', epoch, [1, EPOCH_MAX], [0, EPOCH_MAX + 1, 0.5]],
  ['a node id', nodeId, ['a', '127.0.0.1:12500', 'n'.repeat(256)], ['', 'n'.repeat(257), 1]],
] as const)('%s has its bounds', (_what, shape, good, bad) => {
  for (const value of good) expect(shape(value)).toBe(value);
  for (const value of bad) expect(() => shape(value)).toThrow(Malformed);
});

test('an epoch fits the six bytes that it has in an operation', () => {
  expect(EPOCH_MAX).toBe(2 ** 48 - 1);
});
