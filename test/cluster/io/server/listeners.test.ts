// Listening on every address that a host has: real sockets of the loopback, and name servers that are scripted.

import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { connect, createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Names, type Resolved } from '../../../../src/cluster/io/network/names.ts';
import {
  CannotListen,
  type Listeners,
  openListeners,
  placesOf,
} from '../../../../src/cluster/io/server/listeners.ts';
import { until } from '../../../helpers/cluster.ts';

/** RFC 5737: an address of no machine. */
const ELSEWHERE = '192.0.2.99';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Every name has these. */
function namesWith(...addresses: readonly string[]): Names {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const resolved: Resolved =
    found.length === 0
      ? { kind: 'failed', code: 'EAI_AGAIN' }
      : { kind: 'addresses', addresses: found };
  return new Names((_, done) => done(resolved));
}

async function open(
  host: string,
  names = namesWith(),
  options: { readonly port?: number; readonly connectionsMax?: number } = {},
): Promise<Listeners> {
  const server: Server = createHttpServer((_, response) => response.end('here\n'));
  const listeners = await openListeners(server, { host, port: 0, ...options }, names);
  cleanUps.push(() => {
    listeners.refuse();
    server.closeAllConnections();
  });
  return listeners;
}

async function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    socket.on('connect', () =>
      socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'),
    );
    socket.on('data', (bytes) => resolve(bytes.toString().startsWith('HTTP/1.1 200')));
  });
}

test.each([
  ['localhost', [], [true, true]],
  ['LOCALHOST.', [], [true, true]],
  ['::', [], [true, true]],
  ['0:0:0:0:0:0:0:0', [], [true, true]],
  ['[::]', [], [true, true]],
  ['0.0.0.0', [], [true, false]],
  ['127.0.0.1', [], [true, false]],
  ['::1', [], [false, true]],
  ['[::1]', [], [false, true]],
  ['both.example', ['127.0.0.1', '::1', '0:0::1'], [true, true]],
  ['one.example', ['127.0.0.1', ELSEWHERE], [true, false]],
] as const)(
  '%s, which has %j: who comes by IPv4 and by IPv6 is answered: %j',
  async (host, has, expected) => {
    const { port, addresses } = await open(host, namesWith(...has));
    expect([await answers('127.0.0.1', port), await answers('::1', port)]).toEqual(expected);
    // One port, and addresses as URLs have them.
    for (const address of addresses) expect(new URL(`http://${address}`).port).toBe(`${port}`);
    expect(new Set(addresses).size).toBe(addresses.length);
    expect(addresses.length).toBe(expected.filter(Boolean).length);
  },
);

test('an address that the machine has not is named, and the others serve', async () => {
  const { missing, addresses, port } = await open('some.example', namesWith(ELSEWHERE, '::1'));
  expect(missing).toMatchObject([{ address: ELSEWHERE, code: 'EADDRNOTAVAIL' }]);
  expect(addresses).toEqual([`[::1]:${port}`]);
});

test('with none of them it fails, and so does a name that cannot be looked up', async () => {
  await expect(open('some.example', namesWith(ELSEWHERE))).rejects.toMatchObject({
    address: ELSEWHERE,
    code: 'EADDRNOTAVAIL',
  });
  await expect(placesOf('some.example', namesWith())).rejects.toEqual(
    new CannotListen('some.example', 'EAI_AGAIN'),
  );
});

test.each([
  ['localhost', '127.0.0.1'],
  ['localhost', '::1'],
  ['::', '0.0.0.0'],
  ['::', '::'],
])(
  '%s while %s has the port: that address is named, and no other one is kept',
  async (host, taken) => {
    const holder = createServer();
    await new Promise<void>((resolve) =>
      holder.listen({ host: taken, port: 0, ipv6Only: taken === '::' }, resolve),
    );
    cleanUps.push(() => holder.close());
    const bound = holder.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    await expect(open(host, namesWith(), { port })).rejects.toMatchObject({
      address: taken,
      code: 'EADDRINUSE',
    });
    holder.close();
    await until(async () =>
      open(host, namesWith(), { port }).then(
        () => true,
        () => false,
      ),
    );
  },
);

test('connections of all addresses count, and none refuses later than another', async () => {
  const listeners = await open('localhost');
  for (const host of ['127.0.0.1', '::1']) {
    const socket = connect({ host, port: listeners.port });
    cleanUps.push(() => socket.destroy());
  }
  await until(async () => (await listeners.connections()) === 2);
  listeners.refuse();
  expect(await answers('127.0.0.1', listeners.port)).toBe(false);
  expect(await answers('::1', listeners.port)).toBe(false);
  expect(await listeners.connections()).toBe(2);
});

test('who comes when it is full is closed at once, and others are taken when there is room again', async () => {
  const { port } = await open('127.0.0.1', namesWith(), { connectionsMax: 2 });
  const two = [1, 2].map(() => connect({ host: '127.0.0.1', port }));
  for (const socket of two) {
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
  }
  expect(await answers('127.0.0.1', port)).toBe(false);
  two[0]?.destroy();
  await until(() => answers('127.0.0.1', port));
  two[1]?.destroy();
});
