// Streamed bodies on real sockets: the suite that the simulator plays as well, and what only sockets can do wrong.

import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { openNetwork } from '../../../../src/cluster/io/network/network.ts';
import type { PaceLimits } from '../../../../src/cluster/io/server/body-pace.ts';
import { startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import type { Address } from '../../../../src/cluster/model/identity.ts';
import { type StreamAnswer, streamContract } from '../../../contracts/streams.ts';
import { requestedFixture } from '../../../helpers/requested-streams.ts';
import { PIECE_BYTES, StreamingService, sha1 } from '../../../helpers/streaming-service.ts';

const MEBIBYTE = 1024 * 1024;
const HOST = '127.0.0.1';
/** Longer than any test waits. */
const LONG_MS = 600_000;
const NEVER: PaceLimits = { idleMs: LONG_MS, graceMs: LONG_MS, bytesPerMs: 1 };

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function serve({
  bodyBytesMax = 16 * MEBIBYTE,
  idleMs = LONG_MS,
  paceLimits = NEVER,
  bufferedBytesMax = 64 * MEBIBYTE,
}: {
  readonly bodyBytesMax?: number;
  readonly idleMs?: number;
  readonly paceLimits?: PaceLimits;
  readonly bufferedBytesMax?: number;
} = {}) {
  const service = new StreamingService(bodyBytesMax);
  const server = await startHttpServer(service, {
    host: HOST,
    port: 0,
    bodyBytesMax,
    valueBytesMax: MEBIBYTE,
    bufferedBytesMax,
    idleMs,
    paceLimits,
  });
  cleanUps.push(() => server.drain(0, 0));
  const open = async () => {
    const socket = connect({ port: server.port, host: HOST, allowHalfOpen: true });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    cleanUps.push(() => socket.destroy());
    return socket;
  };
  return { service, server, open };
}

/** Everything that comes until the connection is closed, one character a byte. */
async function rest(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('end', () => socket.end());
  // Not `once`, which fails with the error of a reset.
  if (!socket.closed) await new Promise((resolve) => socket.on('close', resolve));
  return text;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

const put = (target: string, headers: string) =>
  `PUT ${target} HTTP/1.1\r\nhost: x\r\n${headers}\r\n\r\n`;
const GET = 'GET /plain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';

streamContract('io/server', async () => {
  const { service, server } = await serve();
  const answerTo = (
    method: string,
    target: string,
    headers: Record<string, string | number>,
    send: (to: ReturnType<typeof httpRequest>) => void,
    readsMax = Number.POSITIVE_INFINITY,
  ) =>
    new Promise<StreamAnswer | undefined>((resolve) => {
      const asked = httpRequest({ host: HOST, port: server.port, method, path: target, headers });
      asked.on('error', () => resolve(undefined));
      asked.on('response', (response) => {
        const pieces: Buffer[] = [];
        let bytes = 0;
        const end = () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(pieces),
            isWhole: response.complete,
          });
        response.on('error', () => undefined);
        response.on('data', (piece: Buffer) => {
          pieces.push(piece);
          bytes += piece.length;
          if (bytes >= readsMax) response.destroy();
        });
        response.on('close', end);
      });
      send(asked);
    });
  return {
    service,
    passUntil: until,
    get: async (target, readsMax) => {
      const answer = await answerTo('GET', target, {}, (asked) => asked.end(), readsMax);
      if (answer === undefined) throw new Error('no answer');
      return answer;
    },
    put: async (target, pieces, { breaksOff, announced = false } = {}) => {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const headers: Record<string, string | number> = announced
        ? { 'content-length': length }
        : {};
      const answer = await answerTo('PUT', target, headers, async (asked) => {
        for (const piece of pieces) await new Promise((resolve) => asked.write(piece, resolve));
        if (breaksOff) asked.destroy();
        else asked.end();
      });
      return breaksOff ? undefined : answer;
    },
  };
});

streamContract('io/network', async () => {
  const { service, server } = await serve();
  return requestedFixture(openNetwork(), `${HOST}:${server.port}` as Address, service, until);
});

describe('a streamed body', () => {
  test('in chunks with extensions and trailers is its data alone', async () => {
    const { open, service } = await serve();
    const socket = await open();
    socket.write(put('/in', 'transfer-encoding: chunked'));
    socket.write('3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n');
    socket.write(GET);
    const text = await rest(socket);
    expect(text).toContain(`5 ${sha1(Buffer.from('abcde'))}\n`);
    expect(text).toMatch(/\/plain\n$/);
    expect(service.ended).toEqual(['5 bytes']);
  });

  test('that ends before its announced length is broken, and answered 400', async () => {
    const { open, service } = await serve();
    const socket = await open();
    socket.end(`${put('/in', 'content-length: 10')}abc`);
    expect(await rest(socket)).toMatch(/^HTTP\/1.1 400 .*x-fog-error: truncated-request/s);
    expect(service.ended).toEqual(['gone']);
  });

  test('with a broken chunk is answered 400 once, and the service’s own answer is dropped', async () => {
    const { open, service, server } = await serve();
    const socket = await open();
    socket.write(`${put('/in', 'transfer-encoding: chunked')}3\r\nabc\r\nzz\r\n`);
    const text = await rest(socket);
    expect(text.match(/HTTP\/1.1 /g)).toEqual(['HTTP/1.1 ']);
    expect(text).toMatch(/^HTTP\/1.1 400 .*x-fog-error: bad-request/s);
    expect(service.ended).toEqual(['gone']);
    // Nothing counts as in progress any more.
    await server.drain(LONG_MS, 0);
  });

  test('that is longer than announced is done, and its rest is no request', async () => {
    const { open, service } = await serve();
    const socket = await open();
    socket.write(`${put('/in', 'content-length: 3')}abcde\r\n\r\n`);
    const text = await rest(socket);
    expect(text).toContain(`3 ${sha1(Buffer.from('abc'))}\n`);
    expect(text).toContain('HTTP/1.1 400 ');
    expect(service.ended).toEqual(['3 bytes']);
  });

  test.each([
    ['announced', 'content-length: 1001', '', []],
    ['in chunks', 'transfer-encoding: chunked', `3e9\r\n${'a'.repeat(1001)}\r\n`, ['too-large']],
  ])('over the limit of its route, %s, is 413', async (_what, header, body, ended) => {
    const { open, service } = await serve({ bodyBytesMax: 1000 });
    const socket = await open();
    socket.write(put('/in', header) + body);
    const [head] = (await once(socket, 'data')) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1.1 413 .*x-fog-error: value-too-large/s);
    expect(service.ended).toEqual(ended);
  });

  test.each([
    ['a byte at a time', { idleMs: LONG_MS, graceMs: 100, bytesPerMs: 1 }, 'slow'],
    ['not at all any more', { idleMs: 100, graceMs: LONG_MS, bytesPerMs: 1 }, 'slow'],
  ])('that comes %s is 408, and its connection ends', async (what, paceLimits, why) => {
    // The looks are at a sixteenth of the shorter of the two.
    const { open, service } = await serve({ paceLimits, idleMs: 200 });
    const socket = await open();
    socket.write(`${put('/in', 'content-length: 1000000')}a`);
    const drip = what.startsWith('a byte') ? setInterval(() => socket.write('a'), 5) : undefined;
    const [head] = (await once(socket, 'data')) as [Buffer];
    clearInterval(drip);
    expect(head.toString()).toMatch(/^HTTP\/1.1 408 .*x-fog-error: slow-request/s);
    expect(head.toString()).toMatch(/connection: close/);
    expect(service.ended).toEqual([why]);
  });

  test.each(['PUT /in', 'POST /plain'])('of %s is taken up to the very limit', async (asked) => {
    const { open } = await serve({ bodyBytesMax: 1000 });
    const socket = await open();
    socket.write(`${asked} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n`);
    socket.write(`transfer-encoding: chunked\r\n\r\n3e8\r\n${'a'.repeat(1000)}\r\n0\r\n\r\n`);
    expect(await rest(socket)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('is released piece by piece, each once the client cannot miss a byte of it any more', async () => {
    const { open, service } = await serve();
    const socket = await open();
    socket.pause();
    socket.write(
      'GET /out?bytes=33554432&piece=8388608 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    );
    await until(() => service.asked > 0);
    // More than the kernel takes for a client that reads nothing: the first piece is on its way for as long as that.
    await sleep(100);
    expect(service.released).toBe(0);
    const whole = rest(socket);
    socket.resume();
    const text = await whole;
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe('x'.repeat(32 * MEBIBYTE));
    expect(service.released).toBe(4);
  });

  test('that its service stops reading in the midst makes the client wait', async () => {
    const { open, service } = await serve({ bodyBytesMax: 64 * MEBIBYTE });
    const isHere = service.goOn;
    const socket = await open();
    const body = Buffer.alloc(32 * MEBIBYTE, 'z');
    socket.write(put('/hold-midst', `content-length: ${body.length}\r\nconnection: close`));
    socket.write(body);
    await until(() => service.goOn !== isHere);
    await sleep(300);
    expect(socket.writableLength).toBeGreaterThan(16 * MEBIBYTE);
    service.goOn();
    expect(await rest(socket)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('is slow however much its connection brought before', async () => {
    const paceLimits = { idleMs: LONG_MS, graceMs: 100, bytesPerMs: 1 };
    const { open, service } = await serve({ paceLimits, idleMs: 200 });
    const socket = await open();
    socket.write(put('/in', `content-length: ${MEBIBYTE}`));
    socket.write(Buffer.alloc(MEBIBYTE));
    await until(() => service.ended.length > 0);
    socket.write(`${put('/in', 'content-length: 10')}a`);
    await until(() => service.ended.length > 1);
    expect(service.ended).toEqual([`${MEBIBYTE} bytes`, 'slow']);
  });

  test('that breaks off is answered also when its service takes longer than its rest', async () => {
    const { open, service } = await serve({ bodyBytesMax: 1000 });
    const socket = await open();
    socket.write(put('/undo', 'transfer-encoding: chunked'));
    socket.write(`3e9\r\n${'a'.repeat(1001)}\r\n0\r\n\r\n`);
    await until(() => service.ended.length > 0);
    // The rest has come, and node:http is done with the request.
    await sleep(50);
    socket.write(GET);
    service.goOn();
    const text = await rest(socket);
    expect(text).toMatch(/^HTTP\/1.1 413 .*x-fog-error: value-too-large/s);
    expect(text).toMatch(/\/plain\n$/);
    expect(service.ended).toEqual(['too-large']);
  });

  test('that its service does not read makes the client wait, which is not slow then', async () => {
    const paceLimits = { idleMs: 100, graceMs: 100, bytesPerMs: 1 };
    const { open, service } = await serve({ paceLimits, bodyBytesMax: 64 * MEBIBYTE });
    const socket = await open();
    const body = Buffer.alloc(32 * MEBIBYTE, 'z');
    socket.write(put('/hold', `content-length: ${body.length}\r\nconnection: close`));
    socket.write(body);
    // Far longer than a client has.
    await sleep(500);
    const waiting = socket.writableLength;
    expect(waiting).toBeGreaterThan(16 * MEBIBYTE);
    service.goOn();
    expect(await rest(socket)).toContain(`${body.length} ${sha1(body)}\n`);
  });

  test('that asks first is told to go on when its service reads, and not before', async () => {
    const { open, service } = await serve();
    const socket = await open();
    socket.write(put('/hold', 'content-length: 3\r\nexpect: 100-continue'));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    await sleep(50);
    expect(text).toBe('');
    service.goOn();
    await until(() => text.includes('HTTP/1.1 100 Continue'));
    for (const piece of 'abc') {
      socket.write(piece);
      await sleep(10);
    }
    await until(() => text.includes(sha1(Buffer.from('abc'))));
    expect(text.match(/HTTP\/1.1 100 /g)).toHaveLength(1);
  });

  test('that its service refuses unread is dropped: a short one leaves the connection, a long one ends it', async () => {
    const { open, service } = await serve();
    const short = await open();
    const isHere = service.goOn;
    // More than node:http takes of a socket before somebody reads it.
    short.write(put('/refuse-later', 'content-length: 40000') + 'a'.repeat(40_000));
    await until(() => service.goOn !== isHere);
    short.write(GET);
    service.goOn();
    const text = await rest(short);
    expect(text).toMatch(/^HTTP\/1.1 403 /);
    expect(text).toMatch(/\/plain\n$/);
    const long = await open();
    long.write(put('/refuse', `content-length: ${MEBIBYTE}`));
    const [head] = (await once(long, 'data')) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1.1 403 .*connection: close/s);
  });
});

test('a whole body that comes too slowly is 408 as well', async () => {
  const { open } = await serve({ paceLimits: { idleMs: 100, graceMs: LONG_MS, bytesPerMs: 1 } });
  const socket = await open();
  socket.write('POST /plain HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\na');
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1.1 408 .*x-fog-error: slow-request/s);
  // What comes after that is no request any more.
  socket.write('bcdefghij');
  expect(await rest(socket)).toBe('');
});

test('a whole body that is too long is not slow while its service takes long to say so', async () => {
  const paceLimits = { idleMs: 50, graceMs: LONG_MS, bytesPerMs: 1 };
  const { open, service } = await serve({ bodyBytesMax: 1000, paceLimits });
  const isHere = service.goOn;
  const socket = await open();
  socket.write('POST /undo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
  socket.write(`3e9\r\n${'a'.repeat(1001)}\r\n`);
  await until(() => service.goOn !== isHere);
  await sleep(200);
  // Throws where the request was answered already.
  service.goOn();
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1.1 413 .*x-fog-error: value-too-large/s);
});

test.each(['PUT /in', 'POST /plain'])(
  'the body of %s is not slow while its client reads an earlier reply',
  async (asked) => {
    const paceLimits = { idleMs: 50, graceMs: LONG_MS, bytesPerMs: 1 };
    const { open } = await serve({ paceLimits });
    const socket = await open();
    socket.pause();
    const bytes = 32 * MEBIBYTE;
    socket.write(`GET /out?bytes=${bytes} HTTP/1.1\r\nhost: x\r\n\r\n`);
    socket.write(`${asked} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n`);
    socket.write('connection: close\r\ncontent-length: 3\r\n\r\n');
    await sleep(500);
    let tail = '';
    socket.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-1000);
    });
    socket.resume();
    await until(() => tail.includes('HTTP/1.1 100 Continue'));
    socket.write('abc');
    await once(socket, 'end');
    expect(tail).toMatch(/100 Continue.*HTTP\/1.1 200 OK/s);
  },
);

describe('a streamed reply', () => {
  test('keeps its place among pipelined ones, and its header lists', async () => {
    const { open } = await serve();
    const socket = await open();
    const out = (query: string) => `GET /out?bytes=${query} HTTP/1.1\r\nhost: x\r\n\r\n`;
    socket.write(out('200000') + out('3&chunked') + GET);
    const text = await rest(socket);
    expect(text.match(/HTTP.*|^content-length.*|^transfer-encoding.*|^set-cookie.*/gim)).toEqual(
      [
        'HTTP/1.1 200 OK',
        'set-cookie: a=1',
        'set-cookie: b=2',
        'content-length: 200000',
        'HTTP/1.1 200 OK',
        'set-cookie: a=1',
        'set-cookie: b=2',
        'transfer-encoding: chunked',
        'HTTP/1.1 200 OK',
        'content-length: 7',
      ].map((line) => expect.stringMatching(new RegExp(`^${line}`, 'i'))),
    );
    expect(text).toMatch(/\/plain\n$/);
  });

  test('to HEAD is its headers, and its producer is asked for nothing', async () => {
    const { open, service } = await serve();
    const socket = await open();
    socket.write('HEAD /out?bytes=5 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    const text = await rest(socket);
    expect(text).toMatch(/content-length: 5/i);
    expect(text).toMatch(/\r\n\r\n$/);
    expect([service.asked, service.discarded]).toEqual([0, true]);
  });

  test.each([
    ['more', '&length=10'],
    ['less', '&length=1000000'],
  ])('of %s bytes than announced tears the connection', async (_what, length) => {
    const { open } = await serve();
    const socket = await open();
    socket.write(`GET /out?bytes=200000${length} HTTP/1.1\r\nhost: x\r\n\r\n${GET}`);
    const text = await rest(socket);
    expect(text).not.toContain('/plain');
  });

  test('that breaks resets a client of HTTP/1.0, which could not tell it from the end', async () => {
    const { open } = await serve();
    const socket = await open();
    const errors: string[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    socket.write('GET /out?bytes=100&chunked&breaks HTTP/1.0\r\n\r\n');
    await rest(socket);
    expect(errors).toEqual(['ECONNRESET']);
  });

  test('that breaks while it waits for its turn ends a connection of HTTP/1.0 as well', async () => {
    const { open, service, server } = await serve();
    const isHere = service.goOn;
    const socket = await open();
    const get = (target: string) => `GET ${target} HTTP/1.0\r\nconnection: keep-alive\r\n\r\n`;
    socket.write(get('/wait') + get('/out?bytes=100&length=200&breaks'));
    await until(() => service.goOn !== isHere && service.asked > 0);
    service.goOn();
    await rest(socket);
    await server.drain(LONG_MS, 0);
  });

  test('of unknown length is the last one of HTTP/1.0: what is pipelined behind it is not done', async () => {
    const { open, service } = await serve();
    const socket = await open();
    socket.write('GET /out?bytes=5&chunked HTTP/1.0\r\nconnection: keep-alive\r\n\r\n');
    socket.write('PUT /in HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\na');
    const text = await rest(socket);
    expect(text).toMatch(/connection: close\r\n.*\r\n\r\nxxxxx$/s);
    expect(service.ended).toEqual([]);
  });

  test('whose producer throws tears the connection, and is in progress no more', async () => {
    const { open, service, server } = await serve();
    const socket = await open();
    socket.write(`GET /out?bytes=100&chunked&fails HTTP/1.1\r\nhost: x\r\n\r\n`);
    const text = await rest(socket);
    expect(text).not.toMatch(/\r\n0\r\n\r\n$|500/);
    expect(service.discarded).toBe(true);
    await server.drain(LONG_MS, 0);
  });

  test.each([204, 304])('of status %s has no body', async (status) => {
    const { open, service } = await serve();
    const socket = await open();
    socket.write(`GET /out?bytes=5&status=${status} HTTP/1.1\r\nhost: x\r\n\r\n${GET}`);
    const text = await rest(socket);
    expect(text).toMatch(/keep-alive: timeout=\d+\r\n(date: .*\r\n)?\r\nHTTP\/1.1 200 OK/i);
    // The length would be that of the body that a 304 spares (RFC 9110, 8.6).
    expect(text).not.toMatch(/^content-length: 5\r/m);
    expect([service.asked, service.discarded]).toEqual([0, true]);
  });

  test('of tiny pieces that are there at once is sent', async () => {
    const { open } = await serve();
    const socket = await open();
    socket.write('GET /out?bytes=40000&piece=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(await rest(socket)).toMatch(/\r\n\r\nx{40000}$/);
  });

  test('that there is no room for is refused, and its producer told', async () => {
    const { open, service } = await serve({ bufferedBytesMax: 300_000 });
    const first = await open();
    first.pause();
    first.write(`GET /out?bytes=${256 * MEBIBYTE} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await until(() => service.asked > 0);
    // Until a piece waits for the client that does not read.
    for (let asked = -1; asked !== service.asked; await sleep(200)) asked = service.asked;
    const second = await open();
    second.write('GET /out?bytes=5 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(await rest(second)).toMatch(/^HTTP\/1.1 503 .*x-fog-error: overloaded/s);
    expect([service.asked, service.discarded]).toEqual([0, true]);
  });

  test('that waits for its producer takes no room from others', async () => {
    const { open, service } = await serve({ bufferedBytesMax: 300_000 });
    for (let watchers = 1; watchers <= 5; watchers++) {
      const watcher = await open();
      service.asked = 0;
      watcher.write('GET /out?bytes=5&held HTTP/1.1\r\nhost: x\r\n\r\n');
      await until(() => service.asked > 0);
    }
    const last = await open();
    last.write('GET /out?bytes=100000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(await rest(last)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('to a client that is gone is not produced', async () => {
    const { open, service, server } = await serve();
    const isHere = service.goOn;
    const socket = await open();
    socket.write('GET /wait/out HTTP/1.1\r\nhost: x\r\n\r\n');
    await until(() => service.goOn !== isHere);
    socket.resetAndDestroy();
    await sleep(50);
    service.goOn();
    expect([service.asked, service.discarded]).toEqual([0, true]);
    await server.drain(LONG_MS, 0);
  });

  test('whose producer takes long does not cut off its client', async () => {
    const { open, service } = await serve({ idleMs: 200 });
    const socket = await open();
    socket.write('GET /out?bytes=5&held HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await until(() => service.asked === 1);
    // Clients are looked at once a second.
    await sleep(1500);
    service.goOn();
    await until(() => service.asked === 2);
    service.goOn();
    expect(await rest(socket)).toMatch(/\r\n\r\nxxxxx$/);
  });

  test('leaves nothing behind on its connection, however many there are', async () => {
    const { open } = await serve();
    const socket = await open();
    const warnings: string[] = [];
    const warned = ({ name }: Error) => warnings.push(name);
    process.on('warning', warned);
    cleanUps.push(() => process.off('warning', warned));
    for (let sent = 0; sent < 20; sent++) {
      socket.write('GET /out?bytes=200000 HTTP/1.1\r\nhost: x\r\n\r\n');
      let received = 0;
      while (received < 200_000) {
        const [chunk] = (await once(socket, 'data')) as [Buffer];
        received += chunk.length;
      }
    }
    socket.write(GET);
    await rest(socket);
    expect(warnings).toEqual([]);
  });

  test('in chunks has its end before the body of its request, which its client may wait to send', async () => {
    const { open } = await serve();
    const socket = await open();
    socket.write(put('/out?bytes=5&chunked', 'content-length: 3\r\nexpect: 100-continue'));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    await until(() => text.endsWith('\r\n5\r\nxxxxx\r\n0\r\n\r\n'));
    expect(text).not.toContain('100 Continue');
    socket.write('abc');
    await once(socket, 'end');
    expect(text).toMatch(/xxxxx\r\n0\r\n\r\n$/);
  });

  test('that waits for its turn has no 100 Continue in its midst', async () => {
    const { open, service } = await serve();
    const isHere = service.goOn;
    const socket = await open();
    socket.write('GET /wait HTTP/1.1\r\nhost: x\r\n\r\n');
    socket.write('POST /out?bytes=5 HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n');
    // The client may as well send it without waiting.
    socket.write('connection: close\r\ncontent-length: 3\r\n\r\nabc');
    await until(() => service.goOn !== isHere && service.asked > 1);
    service.goOn();
    const text = await rest(socket);
    expect(text).toMatch(/\r\n\r\nxxxxx$/);
    expect(text).not.toContain('100 Continue');
  });

  test('that waits for its turn stops being produced when its client is gone', async () => {
    const { open, service, server } = await serve();
    const isHere = service.goOn;
    const socket = await open();
    socket.write('GET /wait HTTP/1.1\r\nhost: x\r\n\r\n');
    socket.write(`GET /out?bytes=${MEBIBYTE} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await until(() => service.goOn !== isHere && service.asked > 0);
    socket.resetAndDestroy();
    await until(() => service.discarded);
    service.goOn();
    await server.drain(LONG_MS, 0);
  });

  test('goes out whole when the body of its request breaks meanwhile', async () => {
    const { open, service } = await serve();
    const socket = await open();
    const length = PIECE_BYTES + 1;
    socket.write(put(`/out?bytes=${length}&chunked&held`, 'transfer-encoding: chunked'));
    await until(() => service.asked === 1);
    socket.write('3\r\nabc\r\nzz\r\n');
    await sleep(50);
    for (let parts = 1; parts <= 3; parts++) {
      await until(() => service.asked === parts);
      service.goOn();
    }
    const text = await rest(socket);
    expect(text.match(/x+/g)?.map((piece) => piece.length)).toEqual([PIECE_BYTES, 1]);
    expect(text).toMatch(/\r\n0\r\n\r\n$/);
  });

  test('stops being produced while its client does not read, and goes on when it does', async () => {
    const { open, service } = await serve();
    const socket = await open();
    const bytes = 256 * MEBIBYTE;
    socket.pause();
    socket.write(`GET /out?bytes=${bytes} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    await until(() => service.asked > 0);
    let asked = -1;
    // Until it stands still: the buffers of the system are full.
    while (asked !== service.asked) {
      asked = service.asked;
      await sleep(200);
    }
    expect(asked * PIECE_BYTES).toBeLessThan(bytes / 4);
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    socket.resume();
    await once(socket, 'end');
    expect(received).toBeGreaterThan(bytes);
  });

  test('to a client that takes nothing any more is cut off', async () => {
    const { open, service } = await serve({ idleMs: 200 });
    const socket = await open();
    socket.pause();
    socket.write(`GET /out?bytes=${256 * MEBIBYTE} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await until(() => service.discarded);
  });
});
