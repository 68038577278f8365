// The exported client against a real cluster: what it returns, what it throws, when it goes on to
// another frontend.

import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VelourClient, VelourError } from '../../src/client/index.ts';
import { pidOf } from '../helpers/backups.ts';
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
  const { version } = await client.set('a key / with ? & all', bytes);
  expect(version).toMatch(/^[0-9a-f]{16}$/);
  expect(await client.get('a key / with ? & all')).toEqual(bytes);
  await client.delete('a key / with ? & all');
  expect(await client.get('a key / with ? & all')).toBeUndefined();
});

test('versions rise from set to set, through whichever frontend', async () => {
  const versions: string[] = [];
  for (let index = 0; index < 10; index++) {
    versions.push((await client.set('rising', `${index}`)).version);
  }
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
  for (const frontends of [[], ['ftp://127.0.0.1:1'], ['http://'], ['a b:80']]) {
    expect(() => new VelourClient({ frontends }), String(frontends)).toThrow(TypeError);
  }
  const byAddress = new VelourClient({ frontends: [cluster.frontends[0] ?? ''] });
  await byAddress.set('by address', 'x');
  expect(await byAddress.get('by address')).toBeDefined();
});

test('a frontend that hangs fails no call: gets go elsewhere, sets are not sent to it', async () => {
  const pid = pidOf(cluster, cluster.frontends[0] ?? '');
  // Longer than the platform's own time for a connection, so only tries of their own can end in time.
  const patient = new VelourClient({
    frontends: cluster.frontends.map((address) => `http://${address}`),
    timeoutMs: 100_000,
  });
  process.kill(pid, 'SIGSTOP');
  try {
    for (let index = 0; index < 20; index++) {
      await patient.set('hanging', `${index}`);
      expect(Buffer.from((await patient.get('hanging')) ?? []).toString()).toBe(`${index}`);
    }
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

describe('a server that is no frontend', () => {
  const ANSWERS: readonly (readonly [what: string, answer: RequestListener])[] = [
    ['404', (_request, response) => response.writeHead(404).end('not found')],
    ['a page, for every path', (_request, response) => response.end('<html>')],
    ['a redirect', (_request, response) => response.writeHead(302, { location: '/' }).end()],
    ['503', (_request, response) => response.writeHead(503).end()],
  ];

  test.each(ANSWERS)('that answers %s: its word counts for nothing', async (_what, answer) => {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const alone = new VelourClient({ frontends: [url] });
    await expect(alone.get('a')).rejects.toMatchObject({ code: 'not-a-frontend' });
    await expect(alone.set('a', 'b')).rejects.toMatchObject({ code: 'not-a-frontend' });
    await expect(alone.delete('a')).rejects.toMatchObject({ code: 'not-a-frontend' });
    const both = new VelourClient({ frontends: [url, `http://${cluster.frontends[1]}`] });
    for (let index = 0; index < 3; index++) {
      await both.set('elsewhere', `${index}`);
      expect(Buffer.from((await both.get('elsewhere')) ?? []).toString()).toBe(`${index}`);
    }
    expect(await both.get('never set')).toBeUndefined();
    server.closeAllConnections();
    server.close();
  });
});
