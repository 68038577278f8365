// Replies that are produced while the body of their request is still read, on real sockets.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { PaceLimits } from '../../../../src/cluster/io/server/body-pace.ts';
import { startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import { StreamingService } from '../../../helpers/streaming-service.ts';

const HOST = '127.0.0.1';
const MEBIBYTE = 1024 * 1024;
/** Longer than any test waits. */
const LONG_MS = 600_000;
const NEVER: PaceLimits = { idleMs: LONG_MS, graceMs: LONG_MS, bytesPerMs: 1 };
const GET = 'GET /plain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function serve(paceLimits = NEVER) {
  const service = new StreamingService(1024 * MEBIBYTE);
  const server = await startHttpServer(service, {
    host: HOST,
    port: 0,
    bodyBytesMax: MEBIBYTE,
    valueBytesMax: MEBIBYTE,
    idleMs: LONG_MS,
    paceLimits,
  });
  cleanUps.push(() => server.drain(0, 0));
  const socket = connect({ port: server.port, host: HOST, allowHalfOpen: true });
  cleanUps.push(() => socket.destroy());
  const heard = { text: '' };
  socket.setEncoding('latin1');
  socket.on('data', (text) => {
    heard.text += text;
  });
  socket.on('error', () => undefined);
  socket.on('end', () => socket.end());
  await once(socket, 'connect');
  return { service, socket, heard };
}

const put = (target: string) =>
  `PUT ${target} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const LAST = '0\r\n\r\n';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.on('close', resolve));
}

test('a reply answers the first part before the next one is sent', async () => {
  const { socket, heard, service } = await serve();
  socket.write(put('/echo'));
  for (const word of ['one', 'two', 'three']) {
    socket.write(chunk(word));
    await until(() => heard.text.includes(word));
  }
  socket.write(LAST + GET);
  await closed(socket);
  expect(service.ended).toEqual(['echoed']);
  expect(heard.text).toMatch(/0\r\n\r\nHTTP\/1.1 200 OK.*\/plain\n$/s);
});

test('RFC 9112, 9.3.2: the next request begins when the reply is over', async () => {
  const { socket, heard, service } = await serve();
  const order: string[] = [];
  const handle = service.handle.bind(service);
  service.handle = (request, reply) => {
    order.push(`${request.target} after ${service.ended}`);
    handle(request, reply);
  };
  socket.write(put('/echo') + chunk('one') + LAST + GET);
  await closed(socket);
  expect(order).toEqual(['/echo after ', '/plain after echoed']);
  expect(heard.text).toContain('one');
});

test('a reply that ends before its request is whole, and the last one of its connection', async () => {
  const { socket, heard } = await serve();
  socket.write(put('/echo-first') + chunk('one'));
  await until(() => heard.text.endsWith(LAST));
  socket.write(chunk('two') + LAST + GET);
  await closed(socket);
  expect(heard.text).toContain('3\r\none\r\n0\r\n\r\n');
  expect(heard.text).not.toContain('/plain');
});

test('a client that reads nothing is not read from', async () => {
  const { socket, service } = await serve();
  socket.pause();
  socket.write(put('/echo'));
  const piece = chunk('x'.repeat(MEBIBYTE - 1));
  let taken = 0;
  let isFull = false;
  while (!isFull && taken < 256) {
    const sent = new Promise((resolve) => socket.write(piece, () => resolve(true)));
    isFull = (await Promise.race([sent, sleep(1000).then(() => undefined)])) === undefined;
    taken++;
  }
  expect(isFull).toBe(true);
  socket.resume();
  socket.write(LAST);
  await until(() => service.ended.length > 0);
  expect(service.ended).toEqual(['echoed']);
});

test('a client that goes away breaks the body, and is answered no more', async () => {
  const { socket, heard, service } = await serve();
  socket.write(put('/echo') + chunk('one'));
  await until(() => heard.text.includes('one'));
  socket.destroy();
  await until(() => service.discarded);
});

test('a body that comes too slowly is broken though its reply has begun', async () => {
  const { socket, heard, service } = await serve({ ...NEVER, idleMs: 100 });
  socket.write(put('/echo') + chunk('one'));
  await until(() => heard.text.includes('one'));
  await closed(socket);
  expect(service.ended).toEqual(['slow']);
});

test('bytes that are no chunk tear the connection, and no refusal stands in the midst of the reply', async () => {
  const { socket, heard } = await serve();
  socket.write(put('/echo') + chunk('one'));
  await until(() => heard.text.includes('one'));
  socket.write('no chunk\r\n');
  await closed(socket);
  expect(heard.text).not.toContain('HTTP/1.1 400');
});
