// The exported client against a real cluster: what it returns, what it throws, when it goes on to
// another frontend.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { VelourClient, VelourError } from '../../src/client/index.ts';
import { freePorts, type LocalCluster, startCluster } from '../helpers/cluster.ts';

let cluster: LocalCluster;
let client: VelourClient;

beforeAll(async () => {
  cluster = await startCluster();
  client = new VelourClient({
    frontends: cluster.frontends.map((address) => `http://${address}/`),
  });
});
afterAll(() => cluster.stop());

test('sets, gets and deletes, bytes as they are', async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  expect(await client.set('a key / with ? & all', bytes)).toMatch(/^[0-9a-f]{16}$/);
  expect(await client.get('a key / with ? & all')).toEqual(bytes);
  await client.delete('a key / with ? & all');
  expect(await client.get('a key / with ? & all')).toBeUndefined();
});

test('versions rise from set to set, through whichever frontend', async () => {
  const versions: string[] = [];
  for (let index = 0; index < 10; index++) versions.push(await client.set('rising', `${index}`));
  expect(versions).toEqual([...versions].sort());
});

test('throws what the frontend refused, with its code', async () => {
  const refused = await client.set('a', 'x', { ttl: 0 }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(VelourError);
  expect(refused).toMatchObject({ status: 501, code: 'bad-ttl' });
});

test('goes on to the next frontend when one cannot be reached', async () => {
  const [nobody] = await freePorts(1);
  const some = new VelourClient({
    frontends: [`http://127.0.0.1:${nobody}`, `http://${cluster.frontends[0]}`],
  });
  for (let index = 0; index < 4; index++) {
    await some.set('reached', `${index}`);
    expect(Buffer.from((await some.get('reached')) ?? []).toString()).toBe(`${index}`);
  }
});

test('throws when no frontend can be reached', async () => {
  const [nobody] = await freePorts(1);
  const none = new VelourClient({ frontends: [`http://127.0.0.1:${nobody}`] });
  await expect(none.get('a')).rejects.toThrow();
  expect(() => new VelourClient({ frontends: [] })).toThrow(TypeError);
});
