// What unstorage asks of every driver, told anew after its test/drivers/utils.ts, on both clients; and what users of
// drivers trip over.

import {
  createStorage,
  type Driver,
  prefixStorage,
  restoreSnapshot,
  type Storage,
} from 'unstorage';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import velourDriver from '../unstorage.js';
import { clients, KINDS, noting } from './clients.ts';

const has = clients();

describe.each(KINDS)('the driver suite, over the client %s', (kind) => {
  let driver: Driver;
  let storage: Storage;
  beforeAll(() => {
    driver = velourDriver({ velour: has[kind], base: `suite-${kind}` });
    storage = createStorage({ driver });
    return async () => {
      await driver.dispose?.();
      await storage.dispose();
    };
  });
  afterEach(() => storage.clear());
  const sortedKeys = async (...args: Parameters<Storage['getKeys']>) =>
    (await storage.getKeys(...args)).sort();

  test('takes a snapshot', async () => {
    await restoreSnapshot(storage, { initial: 'works' });
    expect(await storage.getItem('initial')).toBe('works');
    await storage.clear();
  });

  test('is empty at first', async () => {
    expect(await storage.hasItem('s1:a')).toBe(false);
    expect(await storage.getItem('s2:a')).toBe(null);
    expect(await storage.getKeys()).toEqual([]);
  });

  test('keeps items, by keys without their query', async () => {
    for (const key of ['s1:a', 's2:a', 's3:a?q=1']) await storage.setItem(key, 'test_data');
    expect(await storage.hasItem('s1:a')).toBe(true);
    expect(await storage.getItem('s1:a')).toBe('test_data');
    expect(await storage.getItem('s3:a?q=2')).toBe('test_data');
  });

  test('lists keys, all and below a base', async () => {
    for (const key of ['s1:a', 's2:a', 's3:a?q=1']) await storage.setItem(key, 'test_data');
    expect(await sortedKeys()).toEqual(['s1:a', 's2:a', 's3:a']);
    expect(await sortedKeys('s1')).toEqual(['s1:a']);
  });

  test('lists keys down to a depth', async () => {
    const levels = [
      ['depth0_0'],
      ['depth0:depth1_0', 'depth0:depth1_1'],
      ['depth0:depth1:depth2_0', 'depth0:depth1:depth2_1'],
    ];
    for (const key of levels.flat()) await storage.setItem(key, 'test_data');
    for (const maxDepth of [0, 1, 2]) {
      const wanted = levels.slice(0, maxDepth + 1).flat();
      expect(await sortedKeys(undefined, { maxDepth })).toEqual(wanted.sort());
    }
  });

  test('keeps objects and primitives', async () => {
    await storage.setItem('/data/test.json', { json: 'works' });
    expect(await storage.getItem('/data/test.json')).toEqual({ json: 'works' });
    await storage.setItem('/data/true.json', true);
    expect(await storage.getItem('/data/true.json')).toBe(true);
  });

  test('keeps what toJSON makes of an object', async () => {
    await storage.setItem('/data/serialized1.json', { toJSON: () => 'SERIALIZED' });
    expect(await storage.getItem('/data/serialized1.json')).toBe('SERIALIZED');
    class WithObject {
      toJSON() {
        return { serializedObj: 'works' };
      }
    }
    await storage.setItem('/data/serialized2.json', new WithObject());
    expect(await storage.getItem('/data/serialized2.json')).toEqual({ serializedObj: 'works' });
  });

  test('refuses what is neither', async () => {
    class Test {}
    const set = storage.setItem('/data/badvalue.json', new Test());
    await expect(set).rejects.toThrow('[unstorage] Cannot stringify value!');
  });

  test('keeps raw bytes', async () => {
    const value = new Uint8Array([1, 2, 3]);
    await storage.setItemRaw('/data/raw.bin', value);
    expect(Buffer.from((await storage.getItemRaw('/data/raw.bin')) ?? [])).toEqual(
      Buffer.from(value),
    );
  });

  test('sets many items', async () => {
    const items = [1, 2, 3].map((index) => ({ key: `t:${index}`, value: `test_data_t${index}` }));
    await storage.setItems(items);
    for (const { key, value } of items) expect(await storage.getItem(key)).toBe(value);
  });

  test('gets many items, named by keys or with options', async () => {
    for (const key of ['v1:a', 'v2:a', 'v3:a?q=1']) await storage.setItem(key, `test_data_${key}`);
    const named = [{ key: 'v1:a' }, 'v2:a', { key: 'v3:a?q=1' }, 'v4:undefined'];
    expect(await storage.getItems(named)).toEqual([
      { key: 'v1:a', value: 'test_data_v1:a' },
      { key: 'v2:a', value: 'test_data_v2:a' },
      { key: 'v3:a', value: 'test_data_v3:a?q=1' },
      { key: 'v4:undefined', value: null },
    ]);
  });

  test('keeps values that are falsy', async () => {
    await storage.setItem('zero', 0);
    expect(await storage.getItem('zero')).toBe(0);
    await storage.setItem('my-false-flag', false);
    expect(await storage.getItem('my-false-flag')).toBe(false);
  });

  test('removes items', async () => {
    await storage.setItem('s1:a', 'test_data');
    await storage.removeItem('s1:a', false);
    expect(await storage.hasItem('s1:a')).toBe(false);
    expect(await storage.getItem('s1:a')).toBe(null);
  });

  test('is cleared, also when it is empty', async () => {
    for (let time = 0; time < 2; time++) {
      await storage.clear();
      expect(await storage.getKeys()).toEqual([]);
    }
  });
});

const open = (base: string) => createStorage({ driver: velourDriver({ velour: has.http, base }) });

describe('a base', () => {
  test('keeps apart what only begins alike, for getKeys and clear', async () => {
    const [app, application] = [open('app'), open('application')];
    await has.http.set('app', 'of somebody else');
    for (const key of ['s1:a', 's1:b:c', 's10:a', 's1']) await app.setItem(key, key);
    await application.setItem('s1:a', 'other');
    expect((await app.getKeys('s1')).sort()).toEqual(['s1:a', 's1:b:c']);
    // The driver itself, because a storage that is cleared below a base asks only drivers mounted below it.
    await velourDriver({ velour: has.http, base: 'app' }).clear?.('s1:', {});
    expect((await app.getKeys()).sort()).toEqual(['s1', 's10:a']);
    await app.clear();
    expect(await app.getKeys()).toEqual([]);
    expect(await application.getItem('s1:a')).toBe('other');
    expect(await has.http.getText('app')).toBe('of somebody else');
  });

  test('is needed: without one clear would delete the whole cluster', () => {
    for (const base of ['', ':']) expect(() => open(base)).toThrow(TypeError);
  });

  test('works below a mount point and a prefix', async () => {
    const storage = createStorage();
    storage.mount('cluster', velourDriver({ velour: has.direct, base: 'mounted:' }));
    const below = prefixStorage(storage, 'cluster:x');
    await below.setItem('y/z', 1);
    expect(await has.http.getText('mounted:x:y:z')).toBe('1');
    expect(await storage.getKeys()).toEqual(['cluster:x:y:z']);
    expect(await below.getKeys()).toEqual(['y:z']);
    await storage.clear('cluster');
    expect(await has.http.get('mounted:x:y:z')).toBeUndefined();
  });

  test('lists more than a page, and no key that is no text', async () => {
    const storage = open('pages');
    const keys = Array.from({ length: 2100 }, (_, index) => `k:${index}`);
    await storage.setItems(keys.map((key) => ({ key, value: key })));
    await has.http.set(Buffer.from('pages:\xff', 'latin1'), 'x');
    expect((await storage.getKeys()).sort()).toEqual(keys.sort());
    await storage.clear();
    expect(await storage.getKeys()).toEqual([]);
  });
});

test('many items are one batch', async () => {
  const { client, calls } = noting(has.http);
  const storage = createStorage({ driver: velourDriver({ velour: client, base: 'batch' }) });
  await storage.setItems([
    { key: 'a', value: 1 },
    { key: 'b', value: 2, options: { ttl: 0.5 } },
  ]);
  await storage.getItems(['a', 'b']);
  expect(calls).toEqual([
    [
      'setMany',
      [
        [
          { key: 'batch:a', value: '1', ttl: undefined },
          { key: 'batch:b', value: '2', ttl: 1 },
        ],
      ],
    ],
    ['getMany', [['batch:a', 'batch:b']]],
  ]);
});

test('a ttl in seconds is of the item, or of the driver', async () => {
  const { client, calls } = noting(has.http);
  const driver = velourDriver({ velour: client, base: 'ttl', ttl: 100 });
  const storage = createStorage({ driver });
  await storage.setItem('a', 1);
  await storage.setItem('a', 1, { ttl: 7.2 });
  await storage.setItemRaw('a', 'x', { ttl: 9 });
  const ttls = calls.map(([, [, , options]]) => options);
  expect(ttls).toEqual([{ ttl: 100 }, { ttl: 8 }, { ttl: 9 }]);
  const { ttl } = await storage.getMeta('a');
  expect(ttl).toBeGreaterThan(0);
  expect(ttl).toBeLessThanOrEqual(9);
});

test('meta says etag, size and when it was set, beside what the user says', async () => {
  const storage = open('meta');
  const before = Date.now();
  await storage.setItem('a', 'grün');
  const { etag } = (await has.http.entry('meta:a')) ?? {};
  const meta = await storage.getMeta('a');
  expect(meta).toEqual({ etag, size: 5, mtime: expect.any(Date) });
  // The clock of the cluster: the same day, and no time of 1970 or of seconds taken for milliseconds.
  expect(Math.abs((meta.mtime?.getTime() ?? 0) - before)).toBeLessThan(86_400_000);
  await storage.setMeta('a', { owner: 'Ada' });
  expect(await storage.getMeta('a')).toMatchObject({ etag, owner: 'Ada' });
  expect(await storage.getKeys()).toEqual(['a']);
  expect(await storage.getMeta('nobody')).toEqual({});
});

test('raw values are bytes in any form, and the text of other items', async () => {
  const storage = open('raw');
  const bytes = Uint8Array.of(0, 255, 128);
  for (const form of [bytes, Buffer.from(bytes), bytes.buffer, new DataView(bytes.buffer)]) {
    await storage.setItemRaw('a', form);
    expect(await storage.getItemRaw('a')).toEqual(bytes);
  }
  await storage.setItemRaw('a', 'text');
  expect(await storage.getItem('a')).toBe('text');
  await storage.setItem('a', { b: 1 });
  expect(Buffer.from((await storage.getItemRaw('a')) ?? []).toString()).toBe('{"b":1}');
  expect(await storage.getItemRaw('nobody')).toBe(null);
  await expect(storage.setItemRaw('a', { b: 1 })).rejects.toThrow(TypeError);
});

test('what fails is an error, and never an item that is not there', async () => {
  const client = await has.open('http');
  const storage = createStorage({ driver: velourDriver({ velour: client, base: 'away' }) });
  await client.close();
  for (const call of [
    () => storage.hasItem('a'),
    () => storage.getItem('a'),
    () => storage.getItems(['a']),
    () => storage.getItemRaw('a'),
    () => storage.setItem('a', 1),
    () => storage.setItems([{ key: 'a', value: 1 }]),
    () => storage.setItemRaw('a', 'x'),
    () => storage.removeItem('a'),
    () => storage.getMeta('a'),
    () => storage.getKeys(),
    () => storage.clear(),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'closed' });
  }
});

test('who watches hears of the changes of his own process', async () => {
  const storage = open('watched');
  const heard: string[] = [];
  await storage.watch((event, key) => heard.push(`${event} ${key}`));
  await storage.setItem('a', 1);
  await storage.removeItem('a');
  expect(heard).toEqual(['update a', 'remove a']);
  await storage.unwatch();
});
