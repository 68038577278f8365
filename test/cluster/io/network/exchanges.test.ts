// Connections to frontends, against real servers: whole answers, every way of getting none, and a new start after it.

import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type {
  ExchangeOutcome,
  ExchangeRequest,
  Exchanges,
} from '../../../../src/cluster/http/exchange.ts';
import { breakKind, openExchanges } from '../../../../src/cluster/io/network/exchanges.ts';
import type { Address } from '../../../../src/cluster/model/identity.ts';

const GET: ExchangeRequest = { method: 'GET', path: '/get?key=a' };

function open(address: Address): Exchanges {
  const exchanges = openExchanges(address);
  onTestFinished(() => exchanges.giveUp());
  return exchanges;
}

function sent(exchanges: Exchanges, request: ExchangeRequest = GET): Promise<ExchangeOutcome> {
  return new Promise((resolve) => exchanges.send(request, resolve));
}

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<Address> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}` as Address;
}

async function http(listener: RequestListener): Promise<{ address: Address; server: Server }> {
  const server = createServer(listener);
  const address = await listening(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address, server };
}

/** A server that knows no HTTP. */
async function tcp(talk: (socket: Socket) => void): Promise<Address> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    talk(socket);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return listening(server);
}

test.each(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'EADDRINUSE', 'EAGAIN', 'ENOBUFS', 'ENOMEM'])(
  '%s is what this side lacks, and no fault of the peer',
  (code) => {
    const error = Object.assign(new Error(code), { code });
    expect(breakKind(error)).toBe('exhausted');
    expect(breakKind(new AggregateError([error, error]))).toBe('exhausted');
  },
);

describe('an answer', () => {
  test('has status, version, error and the whole body, in whatever pieces it comes', async () => {
    const body = Buffer.alloc(3_000_000, 'value');
    const { address } = await http((request, response) => {
      if (request.url === '/error') {
        response.writeHead(503, { 'X-Fog-Error': 'not-ready', 'x-other-thing': '1' }).end('no\n');
      } else response.writeHead(200, { 'X-Fog-Version': '00000000000000ff' }).end(body);
    });
    const exchanges = open(address);
    const large = await sent(exchanges);
    if (large.kind !== 'answered') throw new Error(large.kind);
    expect(large).toMatchObject({ status: 200, version: '00000000000000ff', error: undefined });
    expect(large.body.equals(body)).toBe(true);
    expect(await sent(exchanges, { method: 'GET', path: '/error' })).toMatchObject({
      status: 503,
      version: undefined,
      error: 'not-ready',
      body: Buffer.from('no\n'),
    });
  });

  test('a body goes along, and one connection serves many requests', async () => {
    const sockets = new Set<unknown>();
    const bodies: string[] = [];
    const { address } = await http((request, response) => {
      sockets.add(request.socket);
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(`${request.method} ${request.url} ${body}`);
        response.end();
      });
    });
    const exchanges = open(address);
    for (const text of ['one', 'two', 'three']) {
      await sent(exchanges, { method: 'POST', path: '/set?key=a', body: Buffer.from(text) });
    }
    expect(bodies).toEqual(['one', 'two', 'three'].map((text) => `POST /set?key=a ${text}`));
    expect(sockets.size).toBe(1);
  });
});

describe('no answer', () => {
  test('refused: nobody listens; it connects again when somebody does', async () => {
    const { address, server } = await http((_request, response) => response.end('there'));
    const port = Number(address.split(':')[1]);
    await new Promise((resolve) => server.close(resolve));
    const exchanges = open(address);
    expect(await sent(exchanges)).toEqual({ kind: 'broken', why: 'refused' });
    expect(await sent(exchanges)).toEqual({ kind: 'broken', why: 'refused' });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    expect(await sent(exchanges)).toMatchObject({ kind: 'answered', status: 200 });
  });

  test('reset: it is broken off before or within the answer, orderly or not', async () => {
    for (const talk of [
      (socket: Socket) => socket.once('data', () => socket.end()),
      (socket: Socket) => socket.once('data', () => socket.resetAndDestroy()),
      (socket: Socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')),
    ]) {
      const exchanges = open(await tcp(talk));
      expect(await sent(exchanges)).toEqual({ kind: 'broken', why: 'reset' });
      expect(await sent(exchanges), 'again').toEqual({ kind: 'broken', why: 'reset' });
    }
  });

  test('malformed: what comes is no HTTP', async () => {
    const exchanges = open(
      await tcp((socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n\r\n'))),
    );
    expect(await sent(exchanges)).toEqual({ kind: 'broken', why: 'malformed' });
  });

  test('unreachable: the host is not known', async () => {
    const exchanges = open('nowhere.invalid:80' as Address);
    expect(await sent(exchanges)).toEqual({ kind: 'broken', why: 'unreachable' });
  });
});

test('what is given up is not called back, its connection is closed, and the next one is new', async () => {
  let arrived: (socket: Socket) => void = () => undefined;
  const first = new Promise<Socket>((resolve) => {
    arrived = resolve;
  });
  let requests = 0;
  const { address } = await http((request, response) => {
    if (requests++ > 0) response.end('second');
    else arrived(request.socket);
  });
  const exchanges = open(address);
  let calls = 0;
  exchanges.send(GET, () => calls++);
  const socket = await first;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  exchanges.giveUp();
  await closed;
  const answer = await sent(exchanges);
  expect(answer).toMatchObject({ kind: 'answered', body: Buffer.from('second') });
  expect(calls).toBe(0);
});
