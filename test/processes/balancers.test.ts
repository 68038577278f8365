// What a load balancer in front of frontends goes by: readiness while a frontend stops, and how long a connection may
// be kept.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, knock } from '../helpers/client.ts';
import {
  freePorts,
  type LocalCluster,
  type Started,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startCluster({ frontends: 1, storages: 2, redundancy: 2 });
});
afterAll(() => cluster.stop());

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Each call on a new connection. */
const ask = (address: string, path: string): Promise<Answer> => knock({ address }, path);

async function start(
  ...words: readonly string[]
): Promise<{ readonly frontend: Started; readonly address: string }> {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const frontend = velour(['frontend', cluster.controller, address, ...words]);
  cleanUps.push(() => frontend.stop('SIGKILL'));
  await until(async () => (await ask(address, '/readyz').catch(() => undefined))?.status === 200);
  return { frontend, address };
}

describe.each([
  ['of one process', []],
  ['of workers', ['--workers', '2']],
] as const)('a frontend %s with --shutdown-delay', (_what, words) => {
  test('is not ready, and serves on new connections, until the delay is over or a second signal comes', async () => {
    const { frontend, address } = await start('--shutdown-delay', '600', ...words);
    await ask(address, '/set?key=a&value=1');
    process.kill(frontend.pid, 'SIGTERM');
    await until(async () => (await ask(address, '/readyz')).status === 503);
    for (let index = 0; index < 10; index++) {
      expect((await ask(address, `/set?key=a&value=${index}`)).text).toBe('Ok\n');
      expect((await ask(address, '/get?key=a')).text).toBe(`${index}`);
    }
    expect((await ask(address, '/livez')).status).toBe(200);
    expect(await frontend.stop('SIGTERM')).toBe(143);
  });

  test('then ends, with 0', async () => {
    const { frontend } = await start('--shutdown-delay', '0.5', ...words);
    expect(await frontend.stop('SIGTERM')).toBe(0);
  });
});

test('an answer says how long its connection is kept: --idle-timeout', async () => {
  const { address } = await start('--idle-timeout', '1');
  const [host = '', port = ''] = address.split(':');
  const socket = connect(Number(port), host);
  cleanUps.push(() => socket.destroy());
  let told = '';
  socket.on('data', (chunk: Buffer) => {
    told += chunk.toString('latin1');
  });
  socket.write('GET /get?key=nothing HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'close');
  expect(told).toMatch(/^HTTP\/1\.1 404 /);
  expect(told.toLowerCase()).toContain('\r\nkeep-alive: timeout=1\r\n');
  const other = cluster.frontends[0] ?? '';
  for (const path of ['/get?key=nothing', '/livez', '/metrics']) {
    expect((await ask(other, path)).headers['keep-alive']).toBe('timeout=65');
  }
});
