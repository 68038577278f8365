// The middleware in an application of node:http, on a real cluster: what it serves, redirects, stores and refuses, and what its
// clients see when a broker is away, or goes.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createListener } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type VelourFiles,
  type VelourFilesError,
  velourFiles,
} from '../../dist/middleware/index.js';
import { freePorts, type LocalCluster, startCluster, until } from '../helpers/cluster.ts';

let cluster: LocalCluster;
let files: VelourFiles;
/** What is to be done at the end, last first. */
const ends: (() => unknown)[] = [];

type Application = (request: IncomingMessage, reply: ServerResponse) => void;

/** @returns the URL of an application */
async function serving(application: Application): Promise<string> {
  const server = createServer(application).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An application with all handlers at one path, one after the other, as Connect calls them. */
const allOf =
  (
    of: () => VelourFiles,
    read: 'serve' | 'redirect',
    write: 'upload' | 'redirectUpload',
  ): Application =>
  (from, reply) => {
    const lost = (error?: unknown) => {
      reply.statusCode = error === undefined ? 404 : (error as VelourFilesError).status;
      reply.end(error === undefined ? 'of the application' : String(error));
    };
    of()[write](from, reply, (error) => (error ? lost(error) : of()[read](from, reply, lost)));
  };

const CONTENT = randomBytes(700_000);
let through = '';
let aside = '';

beforeAll(async () => {
  cluster = await startCluster({ frontends: 2, storages: 3, fileservers: 2 });
  files = velourFiles({ brokers: cluster.brokers, folder: '/site/' });
  ends.push(() => files.close());
  through = await serving(allOf(() => files, 'serve', 'upload'));
  aside = await serving(allOf(() => files, 'redirect', 'redirectUpload'));
  const stored = await put('a.jpg', CONTENT);
  expect(stored.status).toBe(201);
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await cluster.stop();
});

const put = (name: string, body: Buffer | string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${through}/${name}`, { method: 'PUT', body, headers });
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

describe('through the application', () => {
  test('a file has its content, type, ETag and length', async () => {
    const answer = await fetch(`${through}/a.jpg`);
    expect((await bytesOf(answer)).equals(CONTENT)).toBe(true);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/jpeg',
      'content-length': `${CONTENT.length}`,
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      etag: expect.stringMatching(/^"/),
    });
    const head = await fetch(`${through}/a.jpg`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, `${CONTENT.length}`]);
  });

  test('ranges and conditions are obeyed', async () => {
    const tag = (await fetch(`${through}/a.jpg`, { method: 'HEAD' })).headers.get('etag') ?? '';
    const part = await fetch(`${through}/a.jpg`, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([
      206,
      `bytes 10-19/${CONTENT.length}`,
    ]);
    expect((await bytesOf(part)).equals(CONTENT.subarray(10, 20))).toBe(true);
    const statuses = [];
    for (const headers of [
      { 'if-none-match': tag },
      { 'if-match': '"other"' },
      { range: 'bytes=9999999-' },
      { range: 'bytes=0-0', 'if-range': '"other"' },
    ]) {
      const answer = await fetch(`${through}/a.jpg`, { headers });
      await answer.arrayBuffer();
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([304, 412, 416, 200]);
  });

  test.each(['/nothing.jpg', '/', '/folder/', '/folder', '/%2e%2e/a', '/%FF'])(
    '%s is no file, and is the next handler of the application asked',
    async (path) => {
      if (path.startsWith('/folder')) await put('folder/x', 'x');
      const answer = await fetch(`${through}${path}`);
      expect([answer.status, await answer.text()]).toEqual([404, 'of the application']);
    },
  );

  test('an upload is stored with what its client says of it, or refused', async () => {
    const sha = createHash('sha512').update('text').digest('base64');
    const right = await put('b.txt', 'text', {
      'repr-digest': `sha-512=:${sha}:`,
      'content-type': 'text/x',
    });
    expect([right.status, right.headers.get('etag')]).toEqual([201, expect.stringMatching(/^"/)]);
    expect((await put('b.txt', 'other', { 'repr-digest': `sha-512=:${sha}:` })).status).toBe(400);
    expect((await put('b.txt', 'other', { 'if-none-match': '*' })).status).toBe(412);
    expect((await put('b.txt', 'xt', { 'content-range': 'bytes 2-3/4' })).status).toBe(400);
    const before = { 'if-unmodified-since': 'Thu, 01 Jan 2015 00:00:00 GMT' };
    expect((await put('b.txt', 'other', before)).status).toBe(412);
    const kept = await fetch(`${through}/b.txt`, { method: 'DELETE', headers: before });
    expect(kept.status).toBe(412);
    const read = await fetch(`${through}/b.txt`);
    expect([await read.text(), read.headers.get('content-type')]).toEqual(['text', 'text/x']);
    expect((await fetch(`${through}/b.txt`, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(`${through}/b.txt`)).status).toBe(404);
  });

  test('a file is served with the headers that it was stored with, and so it is aside', async () => {
    const kept = {
      'cache-control': 'max-age=9',
      'content-disposition': "attachment; filename*=UTF-8''%C3%A9.txt",
    };
    expect((await put('kept.txt', 'text', kept)).status).toBe(201);
    const told = await fetch(`${aside}/aside.txt`, {
      method: 'PUT',
      body: 'text',
      headers: kept,
      redirect: 'manual',
    });
    // Without them: the ticket has them.
    const there = told.headers.get('location') ?? '';
    expect((await fetch(there, { method: 'PUT', body: 'text' })).status).toBe(201);
    for (const name of ['kept.txt', 'aside.txt']) {
      for (const url of [through, aside]) {
        const answer = await fetch(`${url}/${name}`);
        expect(await answer.text()).toBe('text');
        expect(Object.fromEntries(answer.headers)).toMatchObject(kept);
      }
    }
  });

  test('a folder is not deleted, and all that is in it stays', async () => {
    expect((await put('album/1/a.txt', 'a')).status).toBe(201);
    for (const folder of ['album', 'album/1']) {
      expect((await fetch(`${through}/${folder}`, { method: 'DELETE' })).status).toBe(400);
    }
    expect(await (await fetch(`${through}/album/1/a.txt`)).text()).toBe('a');
  });

  test('an upload of unknown length is stored whole, and one that breaks off is not stored', async () => {
    const chunked = request(`${through}/c.bin`, { method: 'PUT' });
    chunked.write(CONTENT.subarray(0, 300_000));
    chunked.end(CONTENT.subarray(300_000));
    const [answer] = (await once(chunked, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(201);
    expect((await bytesOf(await fetch(`${through}/c.bin`))).equals(CONTENT)).toBe(true);
    const { port } = new URL(through);
    const cut = connect(Number(port), '127.0.0.1');
    cut.write(`PUT /d.bin HTTP/1.1\r\nhost: x\r\ncontent-length: ${CONTENT.length}\r\n\r\n`);
    cut.write(CONTENT.subarray(0, 400_000));
    await new Promise<void>((resolve) => cut.end(() => resolve()));
    cut.destroy();
    expect((await fetch(`${through}/d.bin`)).status).toBe(404);
  });
});

describe('aside of the application', () => {
  const sent = (method: string, name: string, body: Buffer | FormData = CONTENT) =>
    fetch(`${aside}/${name}`, { method, body, redirect: 'manual' });

  test('a client reads at a file server, with ranges, and is told of both', async () => {
    const answer = await fetch(`${aside}/a.jpg`, { redirect: 'manual' });
    expect(answer.status).toBe(302);
    expect(answer.headers.get('link')?.match(/rel=duplicate/g)).toHaveLength(2);
    const part = await fetch(`${aside}/a.jpg`, { headers: { range: 'bytes=5-9' } });
    expect([part.status, cluster.fileservers]).toEqual([
      206,
      expect.arrayContaining([new URL(part.url).host]),
    ]);
    expect((await bytesOf(part)).equals(CONTENT.subarray(5, 10))).toBe(true);
    expect((await fetch(`${aside}/nothing`)).status).toBe(404);
  });

  test('a client stores at a file server', async () => {
    const { status, headers } = await sent('PUT', 'e.bin');
    expect([status, headers.get('x-fog-ticket')]).toEqual([307, expect.stringMatching(/^./)]);
    const there = headers.get('location') ?? '';
    expect(cluster.fileservers).toContain(new URL(there).host);
    expect((await fetch(there, { method: 'PUT', body: CONTENT })).status).toBe(201);
    expect((await bytesOf(await fetch(`${aside}/e.bin`))).equals(CONTENT)).toBe(true);
  });

  test('so does a form', async () => {
    const form = new FormData();
    form.append('file', new Blob(['of a form'], { type: 'text/plain' }), 'f.txt');
    const { status, headers } = await sent('POST', 'f.txt', form);
    expect(status).toBe(307);
    const there = headers.get('location') ?? '';
    const answer = await fetch(there, { method: 'POST', body: form });
    expect(await answer.text()).toMatch(/^stored: 9 bytes/);
    expect(answer.status).toBe(201);
    expect(await (await fetch(`${aside}/f.txt`)).text()).toBe('of a form');
  });
});

test('another port of the cluster is no broker: nothing is stored there, and nothing is absent', async () => {
  const { frontends, blobs, fileservers, controller } = cluster;
  for (const address of [frontends[0], blobs[0], fileservers[0], controller]) {
    const errors: VelourFilesError[] = [];
    const wrong = velourFiles({ brokers: [address ?? ''], onError: (error) => errors.push(error) });
    ends.push(() => wrong.close());
    const url = await serving(allOf(() => wrong, 'serve', 'upload'));
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD']) {
      const body = method === 'PUT' ? { body: 'text' } : {};
      expect((await fetch(`${url}/a.jpg`, { method, ...body })).status, method).toBe(502);
    }
    const said = Array(4).fill(expect.stringContaining(`${address} is no broker: name one`));
    expect(errors.map(({ message }) => message)).toEqual(said);
  }
});

describe('brokers that are away', () => {
  test('are passed over, by reads and by writes', async () => {
    const [free = 0] = await freePorts(1);
    const some = velourFiles({
      brokers: [`127.0.0.1:${free}`, ...cluster.brokers],
      folder: 'site',
    });
    ends.push(() => some.close());
    const url = await serving(allOf(() => some, 'serve', 'upload'));
    for (let turn = 0; turn < 4; turn++) {
      expect((await bytesOf(await fetch(`${url}/a.jpg`))).equals(CONTENT)).toBe(true);
      expect((await fetch(`${url}/g${turn}`, { method: 'PUT', body: 'x' })).status).toBe(201);
    }
  });

  test('all of them, are a 503 of the application', async () => {
    const [free = 0] = await freePorts(1);
    const none = velourFiles({ brokers: [`127.0.0.1:${free}`] });
    ends.push(() => none.close());
    const url = await serving(allOf(() => none, 'serve', 'upload'));
    expect((await fetch(`${url}/a.jpg`)).status).toBe(503);
    expect((await fetch(`${url}/a.jpg`, { method: 'PUT', body: 'x' })).status).toBe(503);
    const bare = await serving((from, reply) => none.serve(from, reply));
    expect((await fetch(`${bare}/a.jpg`)).status).toBe(503);
    expect((await fetch(`${bare}/`)).status).toBe(404);
  });

  test('or go in the middle of an answer, break it off: half a file is never taken for a whole one', async () => {
    const half = createListener((socket) => {
      socket.once('data', () => {
        socket.write(
          'HTTP/1.1 200 OK\r\nx-fog-role: broker\r\netag: "x"\r\ncontent-length: 100\r\n\r\nhalf',
        );
        socket.end();
      });
    }).listen(0, '127.0.0.1');
    await once(half, 'listening');
    ends.push(() => half.close());
    const broken = velourFiles({ brokers: [`127.0.0.1:${(half.address() as AddressInfo).port}`] });
    ends.push(() => broken.close());
    const url = await serving(allOf(() => broken, 'serve', 'upload'));
    await expect(fetch(`${url}/a.jpg`).then((answer) => answer.text())).rejects.toThrow();
  });

  test('a client that goes is no trouble', async () => {
    const gone = new AbortController();
    const answer = await fetch(`${through}/a.jpg`, { signal: gone.signal });
    gone.abort();
    await answer.text().catch(() => undefined);
    await until(async () => (await fetch(`${through}/a.jpg`, { method: 'HEAD' })).status === 200);
  });
});

test('what is wrong with options is said at once', () => {
  expect(() => velourFiles({ brokers: [] })).toThrow(TypeError);
  expect(() => velourFiles({ brokers: ['a:1'], folder: '../x' })).toThrow('folder');
  expect(() => velourFiles({ brokers: ['a:1'], domain: 'a b' })).toThrow('domain');
});
