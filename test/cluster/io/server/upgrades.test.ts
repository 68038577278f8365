// Offers of another protocol that are ignored, on real sockets: however their bytes come, and whatever is due before or
// comes behind them, each request is answered once and in its turn. The service is scripted: `/later` is answered when
// the test says so, everything else at once, with the body that came.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type HttpRequest, textReply } from '../../../../src/cluster/http/http.ts';
import { PACE_LIMITS } from '../../../../src/cluster/io/server/body-pace.ts';
import { Connections, connectionOf } from '../../../../src/cluster/io/server/connections.ts';
import { type HttpServer, startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import { ignoreOffer, shouldUpgradeCallback } from '../../../../src/cluster/io/server/upgrades.ts';
import type { Service } from '../../../../src/cluster/ports.ts';
import {
  CHANGES_STREAM,
  CONTROL_STREAM,
  OPERATION_STREAM,
} from '../../../../src/cluster/wire/streams.ts';

const HOST = '127.0.0.1';
/** Longer than any test waits. */
const LONG_MS = 600_000;
/** Above what a socket takes at once on any machine. */
const LONG_BODY = 'v'.repeat(16 * 1024 * 1024);

const H2C =
  'host: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAM\r\n';
const plain = (name: string) => `GET /${name} HTTP/1.1\r\nhost: x\r\n\r\n`;
const offer = (name: string) => `GET /${name} HTTP/1.1\r\n${H2C}\r\n`;
const offerWithBody = (name: string, body: string) =>
  `POST /${name} HTTP/1.1\r\n${H2C}content-length: ${body.length}\r\n\r\n${body}`;
const offerWithChunks = (name: string, ...chunks: readonly string[]) => {
  const coded = chunks.map((chunk) => `${chunk.length.toString(16)};a=b\r\n${chunk}\r\n`).join('');
  return `POST /${name} HTTP/1.1\r\n${H2C}transfer-encoding: chunked\r\n\r\n${coded}0\r\nA: b\r\n\r\n`;
};

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

let server: HttpServer;
/** What answers each `/later`, in the order in which the service was asked. */
let later: (() => void)[];

beforeEach(async () => {
  later = [];
  const service = {
    handle: (request: HttpRequest, reply: (reply: ReturnType<typeof textReply>) => void) => {
      const { body, target } = request;
      const text = body.kind === 'bytes' ? body.bytes.toString() : '';
      const answer = () =>
        reply(textReply(200, `<${target} ${target === '/long' ? LONG_BODY : text}>`));
      if (target === '/later') later.push(answer);
      else answer();
    },
    traits: ({ method }: HttpRequest) => ({ changes: method !== 'GET', body: { kind: 'whole' } }),
    accept: () => ({ refused: 'no links here' }),
  } as unknown as Service;
  server = await startHttpServer(service, {
    host: HOST,
    port: 0,
    bodyBytesMax: 1_000_000,
    valueBytesMax: 1_000_000,
    idleMs: LONG_MS,
    stalledMs: LONG_MS,
  });
  cleanUps.push(() => server.drain(0, 0));
});

class Client {
  readonly socket: Socket;
  #text = '';

  constructor(port = server.port) {
    this.socket = connect({ port, host: HOST, allowHalfOpen: true, noDelay: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
    });
    cleanUps.push(() => this.socket.destroy());
  }

  /** What the service said, without the bodies of long answers. */
  get told(): string[] {
    return [...this.#text.matchAll(/<(\/\w+) ?(.*?)>/gs)].map(([, target = '', text = '']) =>
      `${target} ${text.length > 1000 ? 'long' : text}`.replace(/ $/, ''),
    );
  }

  get statuses(): string[] {
    return [...this.#text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status);
  }

  async write(bytes: string): Promise<void> {
    await new Promise((resolve) => this.socket.write(bytes, 'latin1', resolve));
    await seen();
  }

  async hears(expected: readonly string[]): Promise<void> {
    await expect.poll(() => this.told).toEqual(expected);
  }
}

/** The server has read what was written before: it answers somebody else. */
async function seen(): Promise<void> {
  for (let round = 0; round < 2; round++)
    await (await fetch(`http://${HOST}:${server.port}/`)).text();
}

const FORMS: readonly (readonly [what: string, bytes: string, told: readonly string[]])[] = [
  ['no body', offer('a'), ['/a']],
  ['a body', offerWithBody('a', 'body'), ['/a body']],
  ['chunks', offerWithChunks('a', 'bo', 'dy'), ['/a body']],
  ['no chunk', offerWithChunks('a'), ['/a']],
  ['a body that looks like a request', offerWithBody('a', plain('no')), [`/a ${plain('no')}`]],
  [
    'others of all kinds behind it',
    offer('a') + offerWithBody('b', 'body') + offerWithChunks('c', 'body') + offer('d'),
    ['/a', '/b body', '/c body', '/d'],
  ],
];

describe('an offer that is ignored', () => {
  test.each(FORMS)('with %s, between other requests', async (_what, bytes, told) => {
    const client = new Client();
    await client.write(plain('before') + bytes + plain('behind'));
    await client.hears(['/before', ...told, '/behind']);
    await client.write(plain('last'));
    await client.hears(['/before', ...told, '/behind', '/last']);
  });

  test.each(FORMS)('with %s, in two parts, wherever they are cut', async (_what, bytes, told) => {
    const all = bytes + plain('behind');
    const cuts = Array.from({ length: all.length - 1 }, (_, at) => at + 1);
    const clients = cuts.map((cut) => ({ cut, client: new Client() }));
    await Promise.all(clients.map(({ client, cut }) => client.write(all.slice(0, cut))));
    await Promise.all(clients.map(({ client, cut }) => client.write(all.slice(cut))));
    for (const { client } of clients) await client.hears([...told, '/behind']);
  });

  test.each(FORMS)(
    'with %s, and the client closes its side behind it',
    async (_what, bytes, told) => {
      const client = new Client();
      const ended = once(client.socket, 'end');
      client.socket.end(plain('before') + bytes);
      await ended;
      expect(client.told).toEqual(['/before', ...told]);
    },
  );

  test.each(FORMS)('with %s, while earlier answers are due', async (_what, bytes, told) => {
    const client = new Client();
    await client.write(plain('later') + plain('later'));
    await client.write(bytes + plain('behind'));
    later[0]?.();
    await client.hears(['/later']);
    await seen();
    // What comes now must wait too: the socket of the first answer was resumed.
    await client.write(plain('last'));
    later[1]?.();
    await client.hears(['/later', '/later', ...told, '/behind', '/last']);
  });

  test('closes nothing while its own answer is due, and ends the connection of who has ended it', async () => {
    const client = new Client();
    const ended = once(client.socket, 'end');
    client.socket.end(offer('later'));
    await expect.poll(() => later.length).toBe(1);
    await seen();
    later[0]?.();
    await ended;
    expect(client.told).toEqual(['/later']);
  });

  test('keeps what is pipelined behind it until its own answer has left', async () => {
    const client = new Client();
    await client.write(offerWithBody('later', 'body') + plain('behind'));
    await client.write(plain('last'));
    expect(client.told).toEqual([]);
    later[0]?.();
    await client.hears(['/later body', '/behind', '/last']);
  });

  test('waits behind more changes than are read at once', async () => {
    const client = new Client();
    const change = 'POST /later HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n';
    await client.write(change.repeat(100) + offerWithBody('a', 'body') + plain('behind'));
    for (let answered = 0; answered < 100; answered++) {
      await expect.poll(() => later.length, { interval: 1 }).toBeGreaterThan(answered);
      later[answered]?.();
    }
    await client.hears([...Array(100).fill('/later'), '/a body', '/behind']);
  });

  test('waits behind answers that their client does not read', async () => {
    const client = new Client();
    client.socket.pause();
    await client.write(
      plain('long') + plain('long') + offerWithBody('a', 'body') + plain('behind'),
    );
    client.socket.resume();
    await client.hears(['/long long', '/long long', '/a body', '/behind']);
  });

  test('is the last request of its connection when it says so', async () => {
    const client = new Client();
    const ended = once(client.socket, 'end');
    const last = offerWithBody('a', 'body').replace('upgrade, ', 'upgrade, close, ');
    await client.write(last + plain('behind'));
    await ended;
    expect(client.told).toEqual(['/a body']);
  });

  test('may come on one connection again and again', async () => {
    const client = new Client();
    const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
    await client.write(names.map((name) => offerWithBody(name, 'b')).join(''));
    await client.hears(names.map((name) => `/${name} b`));
  });
});

test.each([OPERATION_STREAM, CHANGES_STREAM, CONTROL_STREAM])(
  'a request with a body asks for no stream: $name',
  async ({ path, name }) => {
    const head = `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${name}\r\n`;
    const client = new Client();
    // Also where its body is still to come, and where it never does.
    await client.write(`${head}content-length: 4\r\n\r\n`);
    await client.write(`body${plain('behind')}`);
    await expect.poll(() => client.statuses).toEqual(['200', '200']);
    expect(client.told).toContain('/behind');
    const gone = new Client();
    await gone.write(`${head}transfer-encoding: chunked\r\n\r\n`);
    gone.socket.resetAndDestroy();
    await seen();
  },
);

test('an answer that waits for room in the socket goes on while an offer behind it waits', async () => {
  const bare = createServer({ maxHeaderSize: 16_384, ...{ shouldUpgradeCallback } });
  const connections = new Connections(bare, LONG_MS, PACE_LIMITS);
  bare.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { url = '' } = request;
    const connection = connectionOf(request.socket);
    connection.open++;
    response.once('close', () => connection.ended(connections.round));
    response.setHeader('content-length', LONG_BODY.length + url.length + 3);
    Readable.from([`<${url} `, ...(LONG_BODY.match(/.{65536}/g) ?? []), '>']).pipe(response);
  });
  bare.on('upgrade', (request, socket, head) => ignoreOffer(bare, request, socket as Socket, head));
  bare.listen(0, HOST);
  await once(bare, 'listening');
  cleanUps.push(() => bare.close().closeAllConnections());
  const client = new Client((bare.address() as AddressInfo).port);
  client.socket.write(plain('long') + offer('a') + plain('behind'));
  await client.hears(['/long long', '/a long', '/behind long']);
});
