// What requests to /v1/scan ask for, and what is wrong with them; without a cluster.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../../src/cluster/model/partition.ts';
import { printCursor } from '../../../../src/coordinator/operations/scan/position.ts';
import { readDelete, readScan } from '../../../../src/frontend/gateways/v1/scan-usage.ts';
import { requestOf } from '../../../../src/simulation/requests.ts';

const scan = (query: string) => readScan(requestOf('GET', `/v1/scan?${query}`), 1);
const remove = (query: string) => readDelete(requestOf('DELETE', `/v1/scan?${query}`));

describe('a scan', () => {
  test('lists a thousand keys from the beginning unless it is told otherwise', () => {
    expect(scan('')).toEqual({
      kind: 'scan',
      prefix: Buffer.alloc(0),
      from: undefined,
      limit: 1000,
      bytes: Number.POSITIVE_INFINITY,
      values: false,
    });
  });

  test('takes a prefix of any bytes, a limit, a cursor and values', () => {
    const position = {
      partition: 7 as PartitionId,
      from: { bucket: 3, afterKey: Buffer.from('k') },
    };
    const cursor = printCursor(position, 1);
    expect(scan(`prefix=%ff+a&limit=1000000&bytes=1000000000&values=1&cursor=${cursor}`)).toEqual({
      kind: 'scan',
      prefix: Buffer.from('\xff a', 'latin1'),
      from: position,
      limit: 1_000_000,
      bytes: 1_000_000_000,
      values: true,
    });
    expect(scan('values=0')).toMatchObject({ values: false });
  });

  test.each([
    ['limit=0', 'bad-parameter'],
    ['limit=', 'bad-parameter'],
    ['limit=1000001', 'bad-parameter'],
    ['limit=ten', 'bad-parameter'],
    ['limit=1.5', 'bad-parameter'],
    ['bytes=0', 'bad-parameter'],
    ['bytes=1000000001', 'bad-parameter'],
    ['bytes=1e3', 'bad-parameter'],
    ['values=yes', 'bad-parameter'],
    ['prefx=a', 'bad-parameter'],
    ['prefix=%zz', 'bad-parameter'],
    ['prefix=a&prefix=b', 'bad-parameter'],
    [`prefix=${'k'.repeat(1025)}`, 'bad-parameter'],
    ['cursor=', 'bad-cursor'],
    ['cursor=AQEAAAAA', 'bad-cursor'],
    ['cursor=%FF', 'bad-cursor'],
  ])('with %s is refused as %s', (query, code) => {
    expect(scan(query)).toMatchObject({ kind: 'misuse', code });
  });
});

describe('a delete', () => {
  test('takes a prefix, and all=1 where that is empty', () => {
    expect(remove('prefix=a%20')).toEqual({ kind: 'delete', prefix: Buffer.from('a ') });
    expect(remove('prefix=&all=1')).toEqual({ kind: 'delete', prefix: Buffer.alloc(0) });
  });

  test.each([
    '',
    'prefix=',
    'all=1',
    'prefix=&all=0',
    'prefix=a&all=1',
    'prefix=&all=yes',
    'prefix=a&limit=1',
  ])('with %j is refused', (query) => {
    expect(remove(query)).toMatchObject({ kind: 'misuse', code: 'bad-parameter' });
  });
});
