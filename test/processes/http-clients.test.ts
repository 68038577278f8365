// Clients that people have, at the listeners of all roles: what they offer, how they end, and what pages in a browser
// of the same network may make it send.

import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, get, set } from '../helpers/client.ts';
import { type LocalCluster, startCluster } from '../helpers/cluster.ts';

let cluster: LocalCluster;
let frontend: string;
let listeners: readonly (readonly [role: string, address: string])[];

beforeAll(async () => {
  cluster = await startCluster({ frontends: 1 });
  [frontend = ''] = cluster.frontends;
  listeners = [
    ['controller', cluster.controller],
    ['storage', cluster.storages[0] ?? ''],
    ['frontend', frontend],
  ];
});
afterAll(() => cluster.stop());

async function curl(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-i', '--noproxy', '', ...words]);
  return stdout;
}

const statusOf = (answer: string) => Number(answer.slice(9, 12));

describe('curl', () => {
  test('--http2, which offers h2c: answered in HTTP/1.1 by every role, with a body and without', async () => {
    for (const [, address] of listeners) {
      expect(statusOf(await curl('--http2', `http://${address}/livez`))).toBe(200);
    }
    const value = 'v'.repeat(100_000);
    const stored = await curl('--http2', '--data-binary', value, `http://${frontend}/set?key=h2c`);
    // The first may be 100 Continue.
    expect(stored).toMatch(/^HTTP\/1\.1 200 OK/m);
    expect((await get(frontend, 'h2c')).text).toBe(value);
  });

  test('-x, which asks a proxy: the target is a whole URL', async () => {
    await set(frontend, 'proxied', 'value');
    const answer = await curl('-x', `http://${frontend}`, 'http://cluster/get?key=proxied');
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\nvalue$/);
  });

  test('-p -x, which wants a tunnel: 405 and a line that says why', async () => {
    await expect(curl('-p', '-x', `http://${frontend}`, 'http://cluster/')).rejects.toThrow('405');
  });
});

/** Says it, closes the sending side, and returns all that comes back, as `nc -N` does. */
function netcat(address: string, bytes: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host, allowHalfOpen: true });
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', reject).on('end', () => socket.destroy());
    socket.on('close', () => resolve(received));
    socket.end(bytes);
  });
}

test('who closes the sending side gets the answer, from every role', async () => {
  for (const [, address] of listeners) {
    const answer = await netcat(address, 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(statusOf(answer)).toBe(200);
  }
  await set(frontend, 'a', 'value of a');
  const answer = await netcat(frontend, 'GET /get?key=a HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(answer).toMatch(/value of a$/);
});

test('sets, gets and deletes of one key, pipelined, have the effect of one after the other', async () => {
  const rounds = 300;
  const head = 'HTTP/1.1\r\nHost: x\r\n';
  const bytes = Array.from({ length: rounds }, (_, round) => {
    const value = `value ${round}.`;
    return `POST /set?key=p ${head}Content-Length: ${value.length}\r\n\r\n${value}GET /get?key=p ${head}\r\n`;
  });
  const told = await netcat(frontend, bytes.join(''));
  const read = [...told.matchAll(/value (\d+)\./g)].map(([, round]) => Number(round));
  expect(read).toEqual(Array.from({ length: rounds }, (_, round) => round));
  await netcat(frontend, `GET /set?key=p&value=1 ${head}\r\nDELETE /delete?key=p ${head}\r\n`);
  expect((await get(frontend, 'p')).status).toBe(404);
});

test('a page of another origin changes nothing, at any path of any role', async () => {
  const origin = { origin: 'http://evil.example', 'content-type': 'text/plain' };
  const posts: readonly (readonly [address: string, path: string])[] = [
    ...['drain', 'undrain', 'forget', 'accept-loss', 'remove'].map(
      (what) => [cluster.controller, `/c/admin/${what}`] as const,
    ),
    [cluster.controller, '/c/death'],
    [cluster.controller, '/c/register'],
    [cluster.controller, '/c/join-file-server'],
    [cluster.storages[0] ?? '', '/s/map'],
    [frontend, '/set?key=foreign'],
    [frontend, '/delete?key=a'],
  ];
  await set(frontend, 'a', 'value of a');
  for (const [address, path] of posts) {
    const options = {
      method: 'POST' as const,
      body: '{"node":"x","incarnation":1}',
      headers: origin,
    };
    const { status, headers } = await call(address, path, options);
    expect([path, status, headers['x-fog-error']]).toEqual([path, 403, 'foreign-origin']);
  }
  for (const path of ['/set?key=foreign&value=1', '/delete?key=a']) {
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await call(frontend, path, { headers })).status).toBe(403);
  }
  expect((await get(frontend, 'foreign')).status).toBe(404);
  expect((await get(frontend, 'a')).text).toBe('value of a');
});
