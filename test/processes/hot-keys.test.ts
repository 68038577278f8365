// What a real frontend says of the keys that are asked for most, as an operator asks it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, get, set } from '../helpers/client.ts';
import { type LocalCluster, startCluster } from '../helpers/cluster.ts';

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startCluster({ frontends: 2, storages: 1, redundancy: 1 });
});
afterAll(() => cluster.stop());

interface Shown {
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly keys: readonly {
    readonly key: string;
    readonly perSecond: number;
    readonly errorPerSecond: number;
    readonly share: number;
    readonly bytesPerSecond: number;
  }[];
}

async function hotKeys(address: string, query = ''): Promise<{ gets: Shown; sets: Shown }> {
  const { status, text } = await call(address, `/v1/hotkeys${query}`);
  expect(status, text).toBe(200);
  return JSON.parse(text);
}

test('gets and sets are told apart, hottest first, keys as a query takes them', async () => {
  const [address = '', other = ''] = cluster.frontends;
  const odd = '%00%FF+%26%C3%A4';
  expect((await hotKeys(address)).gets).toEqual({ perSecond: 0, bytesPerSecond: 0, keys: [] });
  for (let index = 0; index < 12; index++) await set(address, 'q z', 'x'.repeat(100));
  for (let index = 0; index < 3; index++) await call(address, `/delete?key=${odd}`);
  for (let index = 0; index < 30; index++) await get(address, 'q z');
  for (let index = 0; index < 10; index++) await call(address, `/get?key=${odd}`);
  for (let index = 0; index < 15; index++) await get(address, `key ${index}`);
  // Misuse is no operation.
  await call(address, '/get?key=');

  const { gets, sets } = await hotKeys(address);
  expect(gets.keys).toHaveLength(10);
  expect(gets.keys.slice(0, 2).map(({ key }) => key)).toEqual(['q%20z', '%00%FF%20%26%C3%A4']);
  expect(sets.keys.map(({ key }) => key)).toEqual(['q%20z', '%00%FF%20%26%C3%A4']);
  // Whatever time passed, the ones before the others fade but little; 30 of 55, 12 of 15.
  expect(gets.keys[0]?.share).toBeGreaterThan(0.3);
  expect(gets.keys[0]?.share).toBeLessThan(0.7);
  expect(sets.keys[0]?.share).toBeGreaterThan(0.6);
  expect(sets.keys[0]?.share).toBeLessThan(1);
  const [hottest] = gets.keys;
  expect(hottest?.errorPerSecond).toBe(0);
  expect(hottest?.bytesPerSecond).toBeCloseTo((hottest?.perSecond ?? 0) * 100, -1);
  expect(gets.bytesPerSecond).toBe(hottest?.bytesPerSecond);
  expect(sets.bytesPerSecond).toBeCloseTo((sets.keys[0]?.perSecond ?? 0) * 100, -1);
  // It can be put behind /get as it is, to look at it.
  expect((await call(address, `/get?key=${hottest?.key}`)).text).toBe('x'.repeat(100));

  expect((await hotKeys(address, '?limit=1')).gets.keys).toHaveLength(1);
  expect((await hotKeys(address, '?limit=100')).gets.keys).toHaveLength(17);
  // Each frontend knows what went through itself.
  expect((await hotKeys(other)).sets.keys).toEqual([]);

  const metrics = (await call(address, '/metrics')).text;
  const shareOf = (op: string) =>
    Number(
      new RegExp(`^velourfog_hottest_key_share\\{op="${op}"\\} (\\S+)$`, 'm').exec(metrics)?.[1],
    );
  expect(shareOf('get')).toBeGreaterThan(0.3);
  expect(shareOf('set')).toBeGreaterThan(0.6);
  expect(shareOf('set')).toBeLessThan(1);
  expect(metrics).not.toContain('q%20z');
  expect(metrics).not.toContain('q z');
});

test.each([
  ['?limit=0', 'limit is not a whole number from 1 to 100'],
  ['?limit=101', 'limit is not a whole number from 1 to 100'],
  ['?limit=1e1', 'limit is not a whole number from 1 to 100'],
  ['?limit=', 'limit is not a whole number from 1 to 100'],
  ['?limits=5', '/v1/hotkeys takes limit, nothing else'],
  ['?limit=5&limit=5', 'limit is given twice'],
  ['?limit=%', 'a % in the query is not followed by two hex digits'],
])('/v1/hotkeys%s is refused with a line that works', async (query, reason) => {
  const { status, headers, text } = await call(cluster.frontends[0] ?? '', `/v1/hotkeys${query}`);
  expect([status, headers['x-fog-error']]).toEqual([501, 'bad-query']);
  expect(text).toContain(reason);
  expect(text).toContain(`curl 'http://${cluster.frontends[0]}/v1/hotkeys?limit=10'`);
});

test('other methods are refused', async () => {
  const { status, headers } = await call(cluster.frontends[0] ?? '', '/v1/hotkeys', {
    method: 'POST',
  });
  expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
});
