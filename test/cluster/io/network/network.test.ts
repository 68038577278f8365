// Calls on real sockets: what becomes of an answer, of none, and of one that came while nobody had time.

import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createSilentServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Names } from '../../../../src/cluster/io/network/names.ts';
import { openNetwork } from '../../../../src/cluster/io/network/network.ts';
import type { Address } from '../../../../src/cluster/model/identity.ts';
import type { CallOutcome } from '../../../../src/cluster/ports.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function listening(listener: RequestListener): Promise<Address> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  cleanUps.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  await new Promise((resolve) => server.once('listening', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}` as Address;
}

async function called(listener: RequestListener, timeoutMs: number): Promise<CallOutcome> {
  const address = await listening(listener);
  const call = { address, method: 'POST', path: '/', message: { a: 1 }, timeoutMs } as const;
  return new Promise((resolve) => openNetwork().call(call, resolve));
}

/** The whole process stands still, as one does that the machine gives no time. */
function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

test('an answer comes with its status and message', async () => {
  const outcome = await called((_, response) => response.writeHead(418).end('{"b":2}'), 60_000);
  expect(outcome).toEqual({ kind: 'answered', status: 418, message: { b: 2 } });
});

test('no answer in time is a failure that says the time', async () => {
  const outcome = await called(() => undefined, 50);
  expect(outcome).toEqual({ kind: 'failed', detail: 'no answer within 50 ms' });
});

test('no call is given up before its time: who looks takes that for a refusal (R6)', async () => {
  const address = await listening(() => undefined);
  const network = openNetwork();
  const call = { address, method: 'POST', path: '/', timeoutMs: 5 } as const;
  for (let count = 0; count < 300; count++) {
    const calledMs = performance.now();
    const endedMs = await new Promise<number>((resolve) =>
      network.call(call, () => resolve(performance.now())),
    );
    expect(endedMs - calledMs).toBeGreaterThanOrEqual(5);
  }
});

test('an answer that lies in the socket when the time is over counts', async () => {
  const outcome = await called((_, response) => {
    response.end('{"b":2}');
    standStill(1200);
  }, 1000);
  expect(outcome).toMatchObject({ kind: 'answered', message: { b: 2 } });
});

test('a call keeps its deadline while its name is looked up', async () => {
  const network = openNetwork(new Names(() => undefined));
  const address = 'somewhere.example:80' as Address;
  const call = { address, method: 'GET', path: '/', timeoutMs: 50 } as const;
  const outcomes = await Promise.all(
    [1, 2, 3].map(() => new Promise((resolve) => network.call(call, resolve))),
  );
  expect(outcomes).toEqual(
    outcomes.map(() => ({ kind: 'failed', detail: 'no answer within 50 ms' })),
  );
});

test('a name is reached through its address', async () => {
  const address = await listening((_, response) => response.end('{"b":2}'));
  const names = new Names((name, done) =>
    done(
      name === 'somewhere.example'
        ? { kind: 'addresses', addresses: [{ address: '127.0.0.1', family: 4 }] }
        : { kind: 'failed', code: 'ENOTFOUND' },
    ),
  );
  const network = openNetwork(names);
  const ask = (host: string) =>
    new Promise((resolve) => {
      const to = `${host}:${address.split(':')[1]}` as Address;
      network.call({ address: to, method: 'GET', path: '/', timeoutMs: 60_000 }, resolve);
    });
  expect(await ask('somewhere.example')).toMatchObject({ kind: 'answered', message: { b: 2 } });
  expect(await ask('elsewhere.example')).toMatchObject({
    kind: 'failed',
    detail: expect.stringContaining('host elsewhere.example has no address'),
  });
});

test('a peer that takes connections and says nothing, as one that is stopped, does not collect them', async () => {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createSilentServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  }).listen(0, '127.0.0.1');
  cleanUps.push(() => server.close());
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}` as Address;
  const network = openNetwork();
  for (let count = 1; count <= 20; count++) {
    const link = network.open(address, { purpose: 'control' }, { received() {}, closed() {} });
    await expect.poll(() => connections).toBe(count);
    link.close('silent');
  }
  await expect.poll(() => sockets.size).toBe(0);
});
