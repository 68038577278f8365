// What requests to /v1/watch ask for, and what is wrong with them; without a cluster.

import { describe, expect, test } from 'vitest';
import { printPlace } from '../../../../../src/coordinator/operations/watch/place.ts';
import { readWatch } from '../../../../../src/frontend/gateways/v1/watch/watch-usage.ts';
import { requestOf } from '../../../../../src/simulation/requests.ts';
import { incarnationId } from '../../../../helpers/maps.ts';

const watch = (query: string, headers: Readonly<Record<string, string>> = {}) =>
  readWatch(requestOf('GET', `/v1/watch${query}`, undefined, headers));
const placeOf = (next: number) => [{ incarnationId: incarnationId('a'), next, partitions: 5 }];
const idOf = (next: number) => printPlace(placeOf(next));

describe('a watch', () => {
  test('follows all keys from now on for as long as its client stays, unless it is told otherwise', () => {
    expect(watch('')).toEqual({
      kind: 'watch',
      prefix: Buffer.alloc(0),
      values: false,
      since: undefined,
      forSeconds: undefined,
    });
  });

  test('takes a prefix of any bytes, values, a time and the id of an event', () => {
    expect(watch(`?prefix=%ff+a&values=1&for=86400&since=${idOf(7)}`)).toEqual({
      kind: 'watch',
      prefix: Buffer.from('\xff a', 'latin1'),
      values: true,
      since: placeOf(7),
      forSeconds: 86_400,
    });
    expect(watch('?for=1&values=0')).toMatchObject({ forSeconds: 1, values: false });
  });

  test('goes on at the id that a browser sends, which is newer than the one in its URL', () => {
    const headers = { 'last-event-id': idOf(9) };
    expect(watch('', headers)).toMatchObject({ since: placeOf(9) });
    expect(watch(`?since=${idOf(7)}`, headers)).toMatchObject({ since: placeOf(9) });
  });

  test('takes an empty id for none', () => {
    const headers = { 'last-event-id': '' };
    expect(watch('', headers)).toMatchObject({ since: undefined });
    expect(watch('?since=')).toMatchObject({ since: undefined });
    expect(watch(`?since=${idOf(7)}`, headers)).toMatchObject({ since: placeOf(7) });
  });

  test.each([
    ['?for=0', 'bad-parameter'],
    ['?for=', 'bad-parameter'],
    ['?for=86401', 'bad-parameter'],
    ['?for=1.5', 'bad-parameter'],
    ['?for=1e3', 'bad-parameter'],
    ['?for=-1', 'bad-parameter'],
    ['?values=yes', 'bad-parameter'],
    ['?prefx=a', 'bad-parameter'],
    ['?prefix=%zz', 'bad-parameter'],
    ['?prefix=a&prefix=b', 'bad-parameter'],
    [`?prefix=${'k'.repeat(1025)}`, 'bad-parameter'],
    ['?since=0', 'bad-cursor'],
    ['?since=%FF', 'bad-cursor'],
    [`?since=${idOf(7)}A`, 'bad-cursor'],
  ])('with %s is refused as %s', (query, code) => {
    expect(watch(query)).toMatchObject({ kind: 'misuse', code });
  });

  test('with the id of another server is refused', () => {
    expect(watch('', { 'last-event-id': '1234' })).toMatchObject({ code: 'bad-cursor' });
  });
});
