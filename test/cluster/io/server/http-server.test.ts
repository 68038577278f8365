// What clients that are slow cost, and what a stop waits for: real sockets, and a service that is scripted.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { InvariantBroken } from '../../../../src/cluster/assert.ts';
import type { ByteStream } from '../../../../src/cluster/http/byte-stream.ts';
import type { HttpReply, HttpRequest } from '../../../../src/cluster/http/http.ts';
import { type HttpServer, startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import type { Service } from '../../../../src/cluster/ports.ts';
import { OPERATION_STREAM } from '../../../../src/cluster/wire/streams.ts';

const MEBIBYTE = 1024 * 1024;
const HOST = '127.0.0.1';
/** Longer than any test waits. */
const LONG_MS = 600_000;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const ok = (body: string | Uint8Array): HttpReply => ({ status: 200, headers: {}, body });

async function serve(
  bufferedBytesMax: number,
  handle: (request: HttpRequest, reply: (reply: HttpReply) => void) => void,
  { idleMs = LONG_MS, stalledMs = LONG_MS } = {},
): Promise<HttpServer> {
  const service = {
    handle,
    traits: ({ method }: HttpRequest) => ({ changes: method !== 'GET', body: { kind: 'whole' } }),
    accept: () => ({ refused: 'no' }),
  } as unknown as Service;
  const server = await startHttpServer(service, {
    host: HOST,
    port: 0,
    bodyBytesMax: 16 * MEBIBYTE,
    valueBytesMax: MEBIBYTE,
    bufferedBytesMax,
    idleMs,
    stalledMs,
  });
  cleanUps.push(() => server.drain(0, 0));
  return server;
}

async function open({ port }: HttpServer): Promise<Socket> {
  const socket = connect(port, HOST);
  await once(socket, 'connect');
  cleanUps.push(() => socket.destroy());
  return socket;
}

const post = (bytes: number) => `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`;

async function statusLine(socket: Socket): Promise<string> {
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString('latin1').split('\r\n')[0] ?? '';
}

/** Whether so much comes before the connection is closed. */
function comes(socket: Socket, bytes: number): Promise<boolean> {
  let left = bytes;
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left <= 0) resolve(true);
    });
    socket.on('close', () => resolve(false));
    socket.resume();
  });
}

test('bodies that come slowly make room for the others: 503, and the memory is free', async () => {
  const server = await serve(4 * MEBIBYTE, (request, reply) =>
    reply(ok(`${request.body.kind === 'bytes' ? request.body.bytes.length : 0}\n`)),
  );
  const slow: Socket[] = [];
  for (let client = 0; client < 6; client++) {
    const socket = await open(server);
    socket.write(post(MEBIBYTE + 1));
    socket.write(Buffer.alloc(MEBIBYTE));
    slow.push(socket);
  }
  // Two had to go, and which is decided by who began first.
  expect(await Promise.all(slow.slice(0, 2).map(statusLine))).toEqual(
    Array(2).fill('HTTP/1.1 503 Service Unavailable'),
  );
  for (let round = 0; round < 20; round++) {
    const answer = await fetch(`http://${HOST}:${server.port}/`, {
      method: 'POST',
      body: Buffer.alloc(3 * MEBIBYTE),
    });
    expect(await answer.text()).toBe(`${3 * MEBIBYTE}\n`);
  }
});

describe('replies that are not read', () => {
  const bytes = 16 * MEBIBYTE;
  const ask = async (server: HttpServer) => {
    const socket = await open(server);
    socket.pause();
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    return socket;
  };
  const rest = async (socket: Socket) => {
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    const closed = once(socket, 'close');
    socket.resume();
    await closed;
    return received;
  };
  const long: Parameters<typeof serve>[1] = (_request, reply) => reply(ok(Buffer.alloc(bytes)));

  test('their clients are cut off when room is needed, the oldest first, and others get their whole reply', async () => {
    const server = await serve(3 * bytes, long, { stalledMs: 100 });
    const unread: Socket[] = [];
    for (let client = 0; client < 3; client++) unread.push(await ask(server));
    let status = 503;
    let length = 0;
    // Until they have taken nothing for long enough.
    while (status === 503) {
      const answer = await fetch(`http://${HOST}:${server.port}/`);
      ({ status } = answer);
      ({ byteLength: length } = await answer.arrayBuffer());
    }
    expect([status, length]).toEqual([200, bytes]);
    const received = await Promise.all(unread.map(rest));
    const isCut = received.map((count) => count < bytes);
    expect(isCut[0]).toBe(true);
    expect(isCut).toEqual([...isCut].sort().reverse());
  });

  test('who reads slowly gets all of it, and what there is no room for is refused before its first byte', async () => {
    const server = await serve(2 * bytes, long);
    const clients = await Promise.all(Array.from({ length: 12 }, () => ask(server)));
    const received = await Promise.all(
      clients.map(async (socket) => {
        let text = '';
        let count = 0;
        socket.on('data', (chunk: Buffer) => {
          if (count === 0) text = chunk.toString('latin1').slice(9, 12);
          count += chunk.length;
          socket.pause();
          setTimeout(() => socket.resume(), 1);
        });
        const closed = once(socket, 'close');
        socket.resume();
        await closed;
        return [text, count > bytes] as const;
      }),
    );
    const whole = received.filter(([status, isWhole]) => status === '200' && isWhole);
    const refused = received.filter(([status]) => status === '503');
    expect(whole.length).toBeGreaterThanOrEqual(2);
    expect(whole.length + refused.length).toBe(received.length);
  });
});

test('pipelined replies that were never read are gone with their connection', async () => {
  const server = await serve(16 * MEBIBYTE, ({ target }, reply) =>
    reply(ok(Buffer.alloc((target === '/long' ? 7 : 1) * MEBIBYTE))),
  );
  const ask = async (target: string, times: number) => {
    const socket = await open(server);
    socket.pause();
    socket.on('error', () => undefined);
    socket.write(`GET ${target} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(times));
    return socket;
  };
  for (let round = 0; round < 3; round++) {
    // Once as many as there is room for, and once more: those the server cuts off itself.
    for (const times of [12, 24]) {
      const gone = await ask('/', times);
      await new Promise((resolve) => setTimeout(resolve, 50));
      gone.destroy();
    }
  }
  const [first, second] = [await ask('/long', 1), await ask('/long', 1)];
  expect(await comes(first, 7 * MEBIBYTE)).toBe(true);
  expect(await comes(second, 7 * MEBIBYTE)).toBe(true);
  // With two idle connections a stop ends only when nothing counts as in progress.
  await server.drain(600_000, 0);
});

test('a get waits for the sets before it, also for those that wait themselves', async () => {
  const begun: string[] = [];
  const answers: (() => void)[] = [];
  const server = await serve(MEBIBYTE, ({ target }, reply) => {
    begun.push(target);
    answers.push(() => reply(ok(target)));
  });
  const socket = await open(server);
  const head = (line: string) => `${line} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`;
  const asked = ['GET /1', 'GET /2', 'POST /3', 'GET /4', 'GET /5', 'POST /6'];
  socket.write(asked.map(head).join(''));
  const isBegun = (count: number) => expect.poll(() => begun.length).toBe(count);
  await isBegun(2);
  answers[1]?.();
  answers[0]?.();
  await isBegun(3);
  answers[2]?.();
  await isBegun(5);
  answers[3]?.();
  answers[4]?.();
  await isBegun(6);
  expect(begun).toEqual(['/1', '/2', '/3', '/4', '/5', '/6']);
});

test('of one connection only so much is read as waits: a client cannot fill the memory', async () => {
  const server = await serve(MEBIBYTE, () => undefined);
  const socket = await open(server);
  const request = 'POST /set?key=a HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n';
  let taken = 0;
  const chunk = request.repeat(2000);
  // Until the buffers of both ends are full; all of it would be 128 MiB.
  for (let round = 0; round < 1000; round++) {
    if (!socket.write(chunk)) {
      const isTaken = await Promise.race([
        once(socket, 'drain').then(() => true),
        new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 3000)),
      ]);
      if (!isTaken) break;
    }
    taken += chunk.length;
  }
  expect(taken).toBeLessThan(64 * MEBIBYTE);
});

test('of one connection only so many gets are under way, and the others when these are answered', async () => {
  const answers: (() => void)[] = [];
  const server = await serve(MEBIBYTE, (_request, reply) => {
    answers.push(() => reply(ok('.')));
  });
  const socket = await open(server);
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString();
  });
  const count = 2000;
  socket.write('GET /get?key=a HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(count));
  let most = 0;
  for (let answered = 0; answered < count; ) {
    await expect.poll(() => answers.length).toBeGreaterThan(0);
    // What was read with the last of them has come as well.
    most = Math.max(most, answers.length);
    for (const answer of answers.splice(0)) {
      answer();
      answered++;
    }
  }
  await expect.poll(() => received.split('HTTP/1.1 200 OK').length - 1).toBe(count);
  expect(most).toBeLessThan(count);
});

test('an offer of a stream is answered after what came before it on its connection', async () => {
  let answer: (() => void) | undefined;
  const server = await serve(MEBIBYTE, (_request, reply) => {
    answer = () => reply(ok('before'));
  });
  const socket = await open(server);
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString();
  });
  socket.write('GET /get?key=a HTTP/1.1\r\nhost: x\r\n\r\n');
  socket.write(
    `GET ${OPERATION_STREAM.path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${OPERATION_STREAM.name}\r\n\r\n`,
  );
  await expect.poll(() => answer).toBeDefined();
  const after = await open(server);
  after.write('GET /later HTTP/1.1\r\nhost: x\r\n\r\n');
  const first = answer;
  await expect.poll(() => answer !== first).toBe(true);
  expect(received).toBe('');
  first?.();
  await once(socket, 'close');
  expect(received.indexOf('before')).toBeGreaterThan(0);
  expect(received.indexOf('link-refused')).toBeGreaterThan(received.indexOf('before'));
});

test('a stop waits for what is in progress, and for nothing that broke off or is idle', async () => {
  let answer = () => {};
  const server = await serve(MEBIBYTE, (request, reply) => {
    if (request.target === '/later') answer = () => reply(ok('late'));
    else reply(ok('at once'));
  });
  const broken = await open(server);
  broken.write(post(10));
  broken.write('half');
  const idle = await open(server);
  idle.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  expect(await statusLine(idle)).toBe('HTTP/1.1 200 OK');
  broken.destroy();
  const late = fetch(`http://${HOST}:${server.port}/later`);
  await expect.poll(() => answer.toString()).toContain('late');
  let drained = false;
  const stopped = server.drain(600_000, 0).then(() => {
    drained = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(drained).toBe(false);
  answer();
  expect(await (await late).text()).toBe('late');
  await stopped;
});

test('a stop waits for nothing that waited for its turn on a connection that is gone', async () => {
  let answer: (() => void) | undefined;
  const server = await serve(MEBIBYTE, (_request, reply) => {
    answer = () => reply(ok('late'));
  });
  const gone = await open(server);
  gone.on('error', () => undefined);
  gone.write(`${post(1)}a${post(1)}b${post(1)}c`);
  await expect.poll(() => answer).toBeDefined();
  const other = await open(server);
  gone.resetAndDestroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  answer?.();
  await server.drain(600_000, 0);
  other.destroy();
});

test('a connection is closed when nothing is asked on it, not while something is in progress', async () => {
  let answer = () => {};
  const server = await serve(
    MEBIBYTE,
    (request, reply) => {
      if (request.target === '/later') answer = () => reply(ok('late'));
      else reply(ok('at once'));
    },
    { idleMs: 200 },
  );
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
  const busy = await open(server);
  busy.write(get('/later'));
  const unused = await open(server);
  const idle = await open(server);
  idle.write(get('/'));
  expect(await statusLine(idle)).toBe('HTTP/1.1 200 OK');
  await Promise.all([once(idle, 'close'), once(unused, 'close')]);
  // Longer ago than the others, and not answered yet.
  answer();
  expect(await statusLine(busy)).toBe('HTTP/1.1 200 OK');
  await once(busy, 'close');
});

test.each([
  ['an offer', 'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n'],
  ['a CONNECT', 'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n'],
])(
  'a connection that is reset while %s waits for its turn is gone, and nothing more',
  async (_what, bytes) => {
    let answer = () => {};
    const server = await serve(MEBIBYTE, (request, reply) => {
      if (request.target === '/later') answer = () => reply(ok('late'));
      else reply(ok('at once'));
    });
    const socket = await open(server);
    socket.on('error', () => undefined);
    socket.write(`GET /later HTTP/1.1\r\nhost: x\r\n\r\n${bytes}`);
    const handed = await open(server);
    handed.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(await statusLine(handed)).toBe('HTTP/1.1 200 OK');
    socket.resetAndDestroy();
    await once(socket, 'close');
    handed.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(await statusLine(handed)).toBe('HTTP/1.1 200 OK');
    answer();
    handed.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(await statusLine(handed)).toBe('HTTP/1.1 200 OK');
  },
);

test('a connection on which a head comes slowly is not idle', async () => {
  const server = await serve(MEBIBYTE, (_request, reply) => reply(ok('here')), { idleMs: 200 });
  const [first, second] = [await open(server), await open(server)];
  second.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  expect(await statusLine(second)).toBe('HTTP/1.1 200 OK');
  for (const slow of [first, second]) slow.write('GET / HTTP/1.1\r\nhost:');
  const idle = await open(server);
  await once(idle, 'close');
  const later = await open(server);
  await once(later, 'close');
  for (const slow of [first, second]) {
    slow.write(' x\r\n\r\n');
    expect(await statusLine(slow)).toBe('HTTP/1.1 200 OK');
  }
});

describe('what a connection is told, whatever is asked on it', () => {
  const VALUE = `${'v'.repeat(100)}\xff\xc3`;
  const bytes = Buffer.from(VALUE, 'latin1');
  const answering: Parameters<typeof serve>[1] = (request, reply) => {
    const [, size = '0', when = 'now'] = request.target.split('/');
    const say = () =>
      reply({
        status: 200,
        headers: { 'x-a': 'b' },
        body: Buffer.concat([bytes, Buffer.alloc(Number(size))]),
      });
    if (when === 'now') say();
    else setTimeout(say, 5);
  };
  /** All that comes until the connection is closed, as one character a byte; the last request says so. */
  async function toldTo(server: HttpServer, asked: string): Promise<string> {
    const socket = await open(server);
    let told = '';
    socket.on('data', (chunk: Buffer) => {
      told += chunk.toString('latin1');
    });
    socket.write(asked);
    await once(socket, 'close');
    return told;
  }
  const get = (path: string, more = '', method = 'GET', version = '1.1') =>
    `${method} ${path} HTTP/${version}\r\nhost: x\r\n${more}\r\n`;
  const statuses = (told: string) => told.match(/HTTP\/1\.1 \d+ [^\r]*/g);

  const LAST = get('/7/later', 'connection: close\r\n');

  test.each(['now', 'later'])(
    'a small reply is whole, with its length and the date, %s',
    async (when) => {
      const told = await toldTo(await serve(MEBIBYTE, answering), get(`/0/${when}`) + LAST);
      const end = told.indexOf('\r\n\r\n');
      const lines = told.slice(0, end).toLowerCase().split('\r\n');
      expect(lines.slice(0, 3)).toEqual(['http/1.1 200 ok', 'x-a: b', 'content-length: 102']);
      const date = lines.find((line) => line.startsWith('date:'));
      expect(date).toMatch(/^date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} gmt$/);
      expect(told.slice(end + 4, end + 4 + VALUE.length)).toBe(VALUE);
      expect(told.slice(end + 4 + VALUE.length)).toMatch(/^HTTP\/1\.1 200 OK/);
    },
  );

  test('pipelined requests are answered in their order, whichever is ready first', async () => {
    const server = await serve(MEBIBYTE, answering);
    const sizes = [1, 5000, 2, 3, 70_000, 4];
    const asked = sizes.map((size, index) => get(`/${size}/${index % 2 === 0 ? 'later' : 'now'}`));
    const told = await toldTo(server, asked.join('') + LAST);
    expect(told.match(/content-length: \d+/gi)?.map((line) => Number(line.slice(16)))).toEqual(
      [...sizes, 7].map((size) => size + bytes.length),
    );
    expect(statuses(told)).toEqual(Array(sizes.length + 1).fill('HTTP/1.1 200 OK'));
  });

  test('HEAD gets no body, HTTP/1.0 and Connection: close end the connection', async () => {
    const server = await serve(MEBIBYTE, answering);
    const head = get('/0/later', '', 'HEAD') + get('/0/later', 'connection: close\r\n', 'HEAD');
    const told = await toldTo(server, head);
    expect(told).not.toContain('vv');
    expect(statuses(told)).toHaveLength(2);
    for (const last of [get('/0/later', '', 'GET', '1.0'), LAST]) {
      const ended = await toldTo(server, last + get('/0/later'));
      expect(statuses(ended)).toHaveLength(1);
      expect(ended.toLowerCase()).toContain('connection: close');
    }
  });

  test('a second answer to a request breaks an invariant, and reaches nobody', async () => {
    const second: unknown[] = [];
    const server = await serve(MEBIBYTE, (_request, reply) => {
      reply(ok('first'));
      try {
        reply(ok('second'));
      } catch (error) {
        second.push(error);
      }
    });
    const told = await toldTo(server, get('/') + LAST);
    expect(statuses(told)).toHaveLength(2);
    expect(told).not.toContain('second');
    expect(second).toEqual([expect.any(InvariantBroken), expect.any(InvariantBroken)]);
  });

  test('a header that would be two is refused', async () => {
    const said: string[] = [];
    const server = await serve(MEBIBYTE, (_request, reply) =>
      setTimeout(() => {
        try {
          reply({ status: 200, headers: { 'x-a': 'b\r\nx-c: d' }, body: 'text' });
        } catch (error) {
          said.push(String(error));
          reply(ok('refused'));
        }
      }, 1),
    );
    expect(await toldTo(server, get('/') + LAST)).not.toContain('x-c');
    const refused = expect.stringContaining('Invalid character in header content');
    expect(said).toEqual([refused, refused]);
  });
});

describe('a service that wants to know whether its client is there', () => {
  const listening = async () => {
    const begun: { readonly cancel: () => void; readonly reply: () => void }[] = [];
    const left: string[] = [];
    const server = await serve(MEBIBYTE, (request, reply) => {
      const cancel = request.onceLeft(() => left.push(request.target));
      begun.push({ cancel, reply: () => reply(ok('done')) });
    });
    const until = async (isSo: () => boolean) => {
      const untilMs = performance.now() + 20_000;
      while (!isSo()) {
        if (performance.now() > untilMs) throw new Error('it does not happen');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    return { server, begun, left, until };
  };
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

  test.each([
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['is closed', (socket: Socket) => socket.destroy()],
    ['ends its side', (socket: Socket) => socket.end()],
  ])('hears once of each request when its connection %s', async (_, leave) => {
    const { server, begun, left, until } = await listening();
    const socket = await open(server);
    // More than node:events takes for a leak.
    const paths = Array.from({ length: 20 }, (_each, index) => `/${index}`);
    socket.write(paths.map(get).join(''));
    await until(() => begun.length === paths.length);
    begun[3]?.cancel();
    expect(left).toEqual([]);
    leave(socket);
    await until(() => left.length === paths.length - 1);
    for (const { reply } of begun) reply();
    expect(left).toEqual(paths.filter((path) => path !== '/3'));
  });

  test('hears of an end that came with the request, and can reply', async () => {
    const { server, begun, left, until } = await listening();
    const socket = await open(server);
    socket.end(get('/first') + get('/second'));
    await until(() => left.length === 2);
    for (const { reply } of begun) reply();
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text.match(/done/g)).toHaveLength(2);
  });

  test('hears of an end that came before the request had its turn', async () => {
    const { server, begun, left, until } = await listening();
    const socket = await open(server);
    socket.resume();
    socket.end(post(0) + post(0));
    await until(() => left.length === 1 && begun.length === 1);
    begun[0]?.reply();
    await until(() => left.length === 2);
    begun[1]?.reply();
  });
});

test.each([
  ['whole', 'body'],
  ['as a stream', undefined],
])('a reply that says so is the last one of its connection: %s', async (_how, body) => {
  const parts = [{ kind: 'bytes', bytes: Buffer.from('body') } as const, { kind: 'end' } as const];
  const handled: string[] = [];
  const server = await serve(MEBIBYTE, ({ target }, reply) => {
    handled.push(target);
    const stream: ByteStream = {
      length: undefined,
      read: (callback) => callback(parts.shift() ?? { kind: 'end' }),
      discard: () => undefined,
    };
    const head = { status: 200, headers: { connection: 'close' } };
    reply(body === undefined ? { ...head, body: stream } : { ...head, body });
  });
  const socket = await open(server);
  socket.write('GET /first HTTP/1.1\r\nhost: x\r\n\r\n');
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  await once(socket, 'end');
  const text = Buffer.concat(pieces).toString('latin1');
  expect(text.match(/^connection: .*$/gim)).toEqual(['connection: close']);
  expect(text).toContain('body');
  expect(handled).toEqual(['/first']);
});
