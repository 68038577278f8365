// What the adapters take from the inside of Node.js and undici, each checked by itself: where an upgrade changes one of
// these, the failure says in words what no longer holds, and which file relies on it.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';

const HOST = '127.0.0.1';
const GET = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
/** Above what a socket takes at once on any machine. */
const LONG_BODY = Buffer.alloc(16 * 1024 * 1024);

interface HttpSocket extends Socket {
  readonly _paused?: boolean;
  readonly _httpMessage?: unknown;
}

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function ask(server: Server, bytes: string): Promise<Socket> {
  server.listen(0, HOST);
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, HOST);
  cleanUps.push(() => {
    client.destroy();
    server.close().closeAllConnections();
  });
  client.write(bytes);
  return client;
}

test('a response is over when it is marked as finished and says so', async () => {
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      asked++;
      response.socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${asked}`);
      response.finished = true;
      response.emit('finish');
    });
  });
  let text = '';
  const client = await ask(server, GET + GET);
  client.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const why =
    'src/cluster/io/server/replies.ts (sendAtOnce): node:http does not go on to the next pipelined request after `response.finished = true` and `finish`';
  await expect
    .poll(() => text.match(/\r\n\r\n\d/g)?.length, { message: why, timeout: 30_000 })
    .toBe(2);
});

test('node:http says in _paused that it stopped reading, and which response is being sent', async () => {
  let socket: HttpSocket | undefined;
  let current: unknown;
  const sent: unknown[] = [];
  const server = createServer((request, response) => {
    socket = request.socket;
    current ??= socket._httpMessage;
    sent.push(response);
    response.end(LONG_BODY);
  });
  const client = await ask(server, GET.repeat(3));
  client.pause();
  await expect
    .poll(() => socket?._paused, {
      message:
        'src/cluster/io/server/connections.ts (readAgain): node:http does not set `_paused` on a socket that it pauses until its client reads',
      timeout: 30_000,
    })
    .toBe(true);
  expect(
    current,
    'src/cluster/io/server/connections.ts (tellOfDrain): `_httpMessage` of a socket is not the response whose turn it is',
  ).toBe(sent[0]);
  client.resume();
  await expect
    .poll(() => socket?._paused, {
      message:
        'src/cluster/io/server/connections.ts (readAgain): `_paused` stays set when the client has read',
      timeout: 30_000,
    })
    .toBe(false);
});

test('node:http resumes a socket by its method `resume`, which may be replaced', async () => {
  let resumed = 0;
  const server = createServer((_request, response) => response.end());
  server.on('connection', (socket: Socket) => {
    const resume = socket.resume.bind(socket);
    socket.resume = () => {
      resumed++;
      return resume();
    };
  });
  await ask(server, GET);
  await expect
    .poll(() => resumed, {
      message:
        'src/cluster/io/server/connections.ts (stopReading): node:http no longer resumes a socket by `socket.resume` after a request: a replaced one does not keep it from reading',
      timeout: 30_000,
    })
    .toBeGreaterThan(0);
});

test('the parts of undici that are loaded one by one are those of its public entry, and its version is pinned', async () => {
  const require = createRequire(import.meta.url);
  const file = 'src/cluster/io/network/undici.ts';
  const whole = require('undici');
  const parts = await import('../../../src/cluster/io/network/undici.ts');
  expect(parts.Agent, `${file}: undici/lib/dispatcher/agent.js is not undici's Agent`).toBe(
    whole.Agent,
  );
  expect(parts.Client, `${file}: undici/lib/dispatcher/client.js is not undici's Client`).toBe(
    whole.Client,
  );
  for (const name of ['request', 'stream', 'pipeline', 'connect', 'upgrade']) {
    expect(
      parts.Client.prototype,
      `${file}: undici/lib/api/index.js has no ${name}`,
    ).toHaveProperty(name);
    expect(
      whole.Dispatcher.prototype,
      `${file}: undici's Dispatcher has no ${name}`,
    ).toHaveProperty(name);
  }
  const { dependencies } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  );
  expect(
    dependencies.undici,
    `${file} takes modules that undici does not promise: package.json names one exact version, that this test was run with`,
  ).toBe(require('undici/package.json').version);
});
