// A wrong request behind pipelined ones that still wait for their turn: those are carried out, the error is the last
// answer, and the connection ends. Each form alone, and behind one set, is in http-forms.test.ts.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { HttpReply, HttpRequest } from '../../../../src/cluster/http/http.ts';
import { startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import type { Service } from '../../../../src/cluster/ports.ts';

const HOST = '127.0.0.1';
/** Longer than any test waits. */
const LONG_MS = 600_000;
const SET = 'POST /set HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na';
const GET = 'GET /get HTTP/1.1\r\nHost: x\r\n\r\n';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function serve() {
  const done: string[] = [];
  const service = {
    traits: ({ method }: HttpRequest) => ({ changes: method !== 'GET', body: { kind: 'whole' } }),
    handle: ({ target, body }: HttpRequest, reply: (reply: HttpReply) => void) => {
      done.push(target);
      const status = body.kind === 'too-large' ? 413 : 200;
      const answer = () => reply({ status, headers: {}, body: 'Ok\n' });
      // What waits behind a set has to wait indeed.
      if (target === '/set') setTimeout(answer, 20);
      else answer();
    },
    accept: () => ({ refused: 'no streams' }),
  } as unknown as Service;
  const server = await startHttpServer(service, {
    host: HOST,
    port: 0,
    bodyBytesMax: 1000,
    valueBytesMax: 1000,
    idleMs: LONG_MS,
  });
  cleanUps.push(() => server.drain(0, 0));
  return { server, done };
}

const NO_HOST = 'GET /late HTTP/1.1\r\n\r\n';

test.each<[string, string, number]>([
  ['bytes that are no request', 'BAD\r\n\r\n', 400],
  [
    'a head that is too large',
    `GET /late HTTP/1.1\r\nHost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`,
    431,
  ],
  ['no Host', NO_HOST, 400],
  ['two Hosts', 'GET /late HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400],
  ['another version', 'GET /late HTTP/2.0\r\nHost: x\r\n\r\n', 505],
  ['a target that is none', 'GET * HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  [
    'an unknown coding',
    'POST /late HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    501,
  ],
  ['an unknown Expect', 'GET /late HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n\r\n', 417],
  ['too long a body', 'POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n', 413],
  [
    'a body that ends too early',
    'POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab',
    400,
  ],
])('%s', async (what, bytes, status) => {
  for (const before of [
    [SET, GET],
    [SET, SET],
    [GET, GET, GET, SET, GET],
  ]) {
    const { server, done } = await serve();
    const socket = connect({ port: server.port, host: HOST, allowHalfOpen: true });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      // The rest of a body that is too long will not come.
      if (text.includes(' 413 ')) socket.end();
    });
    // Behind the wrong one nothing is done.
    socket.write(`${before.join('')}${bytes}${what.includes('a body') ? '' : SET}`);
    if (what.startsWith('a body')) socket.end();
    socket.on('end', () => socket.end());
    await new Promise((resolve) => socket.on('close', resolve));
    expect(text.match(/HTTP\/1.1 \d+/g)?.map((line) => Number(line.slice(9)))).toEqual([
      ...before.map(() => 200),
      status,
    ]);
    // A service is told of a body that is too long; its answer is the error.
    const asked = status === 413 ? [...done].slice(0, -1) : done;
    expect(asked).toEqual(before.map((one) => (one === SET ? '/set' : '/get')));
    // Nothing counts as in progress any more.
    await server.drain(LONG_MS, 0);
  }
});

test('a client that half-closes behind a wrong request leaves nothing open', async () => {
  const { server } = await serve();
  for (let client = 0; client < 20; client++) {
    const socket = connect(server.port, HOST);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.end(SET + GET + NO_HOST);
    socket.resume();
    await new Promise((resolve) => socket.on('close', resolve));
  }
  await server.drain(LONG_MS, 0);
});
