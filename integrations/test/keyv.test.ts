// Keyv's own suite on both clients, and what its users trip over with other stores.

import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import Keyv from 'keyv';
import * as vitest from 'vitest';
import { VelourKeyv } from '../keyv.js';
import { clients, KINDS, noting } from './clients.ts';

const { describe, expect, test } = vitest;
const has = clients();

describe.each(KINDS)('the suite of Keyv, over the client %s', (kind) => {
  keyvTestSuite(vitest, Keyv, () => new VelourKeyv(has[kind]));
  keyvIteratorTests(vitest, Keyv, () => new VelourKeyv(has[kind]));
});

/** @returns the codes of the errors that it emits */
function errorsOf(keyv: Keyv): string[] {
  const codes: string[] = [];
  keyv.on('error', ({ code }: { code: string }) => codes.push(code));
  return codes;
}

describe('a namespace', () => {
  test('is all that clear deletes', async () => {
    const others = ['app:1', 'app:cache', 'app:cache2:1'];
    for (const key of others) await has.http.set(key, 'of somebody else');
    const keyv = new Keyv({ store: new VelourKeyv(has.http), namespace: 'app:cache' });
    await keyv.setMany(
      Array.from({ length: 1200 }, (_, index) => ({ key: `${index}`, value: index })),
    );
    await keyv.clear();
    expect(await keyv.get('7')).toBeUndefined();
    for (const key of others) expect(await has.http.getText(key)).toBe('of somebody else');
  });

  test('that is missing does not make clear delete the whole cluster', async () => {
    await has.http.set('precious', 'x');
    const keyv = new Keyv({ store: new VelourKeyv(has.http), namespace: '' });
    const errors = errorsOf(keyv);
    await keyv.set('plain', 1);
    await keyv.clear();
    expect(errors).toEqual(['bad-parameter']);
    expect(await has.http.getText('precious')).toBe('x');
    expect(await keyv.get('plain')).toBe(1);
  });

  test('is not needed where the store has a prefix', async () => {
    const store = new VelourKeyv(has.direct, { prefix: 'shop/' });
    const keyv = new Keyv({ store, namespace: '', useKeyPrefix: false });
    await keyv.set('a:b', 1);
    expect(await has.http.getText('shop/a:b')).toBe('{"value":1}');
    const entries: unknown[] = [];
    for await (const entry of keyv.iterator?.(undefined) ?? []) entries.push(entry);
    expect(entries).toEqual([['a:b', 1]]);
    await keyv.clear();
    expect(await keyv.get('a:b')).toBeUndefined();
    expect(await has.http.getText('precious')).toBe('x');
  });
});

test('the iterator lists more than a page, and keys with colons', async () => {
  const keyv = new Keyv({ store: new VelourKeyv(has.http), namespace: 'many' });
  const entries = Array.from({ length: 2100 }, (_, index) => ({ key: `k:${index}`, value: index }));
  expect(await keyv.setMany(entries)).toEqual(entries.map(() => true));
  const seen = new Map<string, number>();
  for await (const [key, value] of keyv.iterator?.(undefined) ?? []) seen.set(key, value);
  expect(seen).toEqual(new Map(entries.map(({ key, value }) => [key, value])));
});

describe('a ttl', () => {
  test.each([
    [1, 1],
    [999.5, 1],
    [1000, 1],
    [1001, 2],
    [60_000, 60],
    [1e15, 315_360_000],
    [-5, 1],
    [Number.POSITIVE_INFINITY, undefined],
    [undefined, undefined],
  ])('of %s ms is %s s in the cluster', async (ttlMs, ttl) => {
    const { client, calls } = noting(has.http);
    const store = new VelourKeyv(client);
    await store.set('ttl', 'x', ttlMs);
    await store.setMany([{ key: 'ttl', value: 'x', ...(ttlMs && { ttl: ttlMs }) }]);
    expect(calls).toEqual([
      ['set', ['ttl', 'x', { ttl }]],
      ['setMany', [[{ key: 'ttl', value: 'x', ttl }]]],
    ]);
  });

  test('ends to the millisecond for Keyv, also for has', async () => {
    const keyv = new Keyv({ store: new VelourKeyv(has.http), namespace: 'short' });
    await keyv.set('a', 1, 3_600_000);
    expect(await keyv.has('a')).toBe(true);
    // The cluster keeps it for an hour; what Keyv has written into the value says that it has ended.
    await has.http.set('short:a', JSON.stringify({ value: 1, expires: Date.now() - 1 }));
    expect(await keyv.has('a')).toBe(false);
    expect(await keyv.get('a')).toBeUndefined();
    expect(await has.http.get('short:a')).toBeUndefined();
  });

  test('ends in the cluster', async () => {
    const keyv = new Keyv({ store: new VelourKeyv(has.http), namespace: 'ending' });
    await keyv.set('a', 1, 10);
    await expect.poll(() => has.http.get('ending:a')).toBeUndefined();
  });
});

test('many keys are few batches', async () => {
  const { client, calls } = noting(has.http);
  const keyv = new Keyv({ store: new VelourKeyv(client), namespace: 'batch' });
  await keyv.setMany([
    { key: 'a', value: 1 },
    { key: 'b', value: '' },
  ]);
  expect(await keyv.getMany(['a', 'nobody', 'b'])).toEqual([1, undefined, '']);
  expect(await keyv.deleteMany(['a', 'nobody'])).toBe(false);
  expect(await keyv.deleteMany(['b'])).toBe(true);
  expect(await keyv.getMany(['a', 'b'])).toEqual([undefined, undefined]);
  expect(new Set(calls.map(([name]) => name))).toEqual(
    new Set(['setMany', 'getMany', 'deleteMany']),
  );
});

test('a cluster that is away is a miss and an error event, and no crash', async () => {
  const client = await has.open('http');
  const keyv = new Keyv({ store: new VelourKeyv(client), namespace: 'away' });
  const errors = errorsOf(keyv);
  await client.close();
  expect(await keyv.get('a')).toBeUndefined();
  expect(await keyv.getMany(['a', 'b'])).toEqual([undefined, undefined]);
  expect(await keyv.set('a', 1)).toBe(false);
  expect(await keyv.setMany([{ key: 'a', value: 1 }])).toEqual([false]);
  expect(await keyv.delete('a')).toBe(false);
  expect(await keyv.deleteMany(['a'])).toBe(false);
  await keyv.clear();
  expect(errors).toEqual(Array(7).fill('closed'));
});

test('a key that is too long fails alone', async () => {
  const keyv = new Keyv({ store: new VelourKeyv(has.http), namespace: 'long' });
  const errors = errorsOf(keyv);
  const long = 'x'.repeat(1024);
  const entries = [
    { key: long, value: 1 },
    { key: 'short', value: 2 },
  ];
  expect(await keyv.setMany(entries)).toEqual([false, true]);
  expect(await keyv.getMany([long, 'short'])).toEqual([undefined, 2]);
  expect(errors).toEqual(['key-too-long', 'key-too-long']);
});
