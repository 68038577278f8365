// Blob services that are peers: the scripts of the original for one, three and five nodes, each node a cluster of its own, and
// all of them frontends of one cluster; and peers that send other bytes, stop half-way, redirect, or are the node itself.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../helpers/client.ts';
import { freePorts, startCluster } from '../helpers/cluster.ts';
import { Fleet } from '../helpers/fleet.ts';

const folder = mkdtempSync(join(tmpdir(), 'velour-peers-'));
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(() => rmSync(folder, { recursive: true }));

const hashOf = (bytes: Buffer | string) => createHash('sha512').update(bytes).digest('hex');
const NOT_FOUND = '404 Not Found.\n';
const TEXT = Buffer.from('a licence of so many bytes. '.repeat(39)).subarray(0, 1076);

/** A node as the original has it: a cluster with one frontend, and a list of all nodes. */
interface PeerNode {
  readonly fleet: Fleet;
  readonly blobs: string;
}

async function startNode(port: number, words: readonly string[]): Promise<PeerNode> {
  const fleet = await Fleet.start({
    storages: 1,
    frontends: 1,
    redundancy: 1,
    optionsFor: ({ role }) => (role === 'frontend' ? ['--blobs-port', `${port}`, ...words] : []),
  });
  return { fleet, blobs: `127.0.0.1:${port}` };
}

async function startNodes(count: number): Promise<readonly PeerNode[]> {
  const ports = await freePorts(count);
  const list = join(folder, `peerlist-${count}`);
  writeFileSync(list, ports.map((port) => `http://127.0.0.1:${port}/\n`).join(''));
  const nodes: PeerNode[] = [];
  for (const port of ports) {
    const me = join(folder, `melist-${port}`);
    writeFileSync(me, `http://127.0.0.1:${port}/\n`);
    const node = await startNode(port, ['--peerlist', list, '--melist', me]);
    cleanUps.push(() => node.fleet.stop());
    nodes.push(node);
  }
  return nodes;
}

const put = (address: string, name: string, body: Buffer | string) =>
  call(address, `/${name}`, { method: 'PUT', body });

describe("the original's scenario", () => {
  test.each([1, 3, 5])('with %d nodes, each a cluster of its own', async (count) => {
    const nodes = await startNodes(count);
    const [first] = nodes;
    for (const { blobs } of nodes) {
      expect((await call(blobs, '/health.html')).text).toBe('All systems go.');
    }
    const told = await put(first?.blobs ?? '', 'license.txt', TEXT);
    expect(told.text).toBe(
      `{"sha512":"${hashOf(TEXT)}","filename":"license.txt","length":1076,"content_type":"text/plain; charset=utf-8","stub":true}`,
    );
    for (const [at, { blobs }] of nodes.entries()) {
      const own = await call(blobs, `/${hashOf(TEXT)}/nopeerload`);
      expect([at, own.status]).toEqual([at, at === 0 ? 200 : 404]);
      const brought = await call(blobs, `/${hashOf(TEXT)}`);
      expect([at, brought.status, brought.bytes.equals(TEXT)]).toEqual([at, 200, true]);
      expect(brought.headers['content-disposition']).toBe('attachment; filename="license.txt"');
      // Whoever has brought it has it: the node that it came from may go.
      expect((await call(blobs, `/${hashOf(TEXT)}/nopeerload`)).status).toBe(200);
      if (at === count - 1) {
        expect((await call(blobs, `/${hashOf('unknown')}`)).text).toBe(NOT_FOUND);
        expect((await call(blobs, '/404')).text).toBe(NOT_FOUND);
      }
      await nodes[at - 1]?.fleet.stop();
    }
  });

  test('with three frontends of one cluster, which need no peers for that', async () => {
    const cluster = await startCluster({ frontends: 3, storages: 3 });
    cleanUps.push(() => cluster.stop());
    const [first = '', ...others] = cluster.blobs;
    await put(first, 'license.txt', TEXT);
    for (const blobs of others) {
      const read = await call(blobs, `/${hashOf(TEXT)}/nopeerload`);
      expect([read.status, read.bytes.equals(TEXT)]).toEqual([200, true]);
      expect((await call(blobs, `/${hashOf('unknown')}`)).text).toBe(NOT_FOUND);
    }
  });
});

describe('a peer', () => {
  let node: PeerNode;
  let list = '';
  /** The blob service under test, whose list each test writes. */
  let blobs = '';

  beforeAll(async () => {
    list = join(folder, 'list');
    writeFileSync(list, '');
    const [port = 0] = await freePorts(1);
    node = await startNode(port, ['--peerlist', list]);
    blobs = node.blobs;
  });
  afterAll(() => node.fleet.stop());

  /** @returns its URL, as a list has it */
  async function peer(listener: RequestListener): Promise<string> {
    const server: Server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(
      () =>
        new Promise((resolve) => {
          server.close(resolve);
          server.closeAllConnections();
        }),
    );
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
  const peersAre = (...urls: readonly string[]) => writeFileSync(list, `${urls.join('\n')}\n`);

  test.each([
    [
      'sends other bytes',
      404,
      (content: Buffer): RequestListener =>
        (_request, response) =>
          response.end(Buffer.from(content).reverse()),
    ],
    [
      'sends fewer bytes, and says that these are all',
      404,
      (content: Buffer): RequestListener =>
        (_request, response) =>
          response.end(content.subarray(1)),
    ],
    [
      'stops half-way',
      404,
      (content: Buffer): RequestListener =>
        (_request, response) => {
          response.writeHead(200, { 'content-length': content.length });
          response.write(content.subarray(0, 1000), () => response.destroy());
        },
    ],
    [
      'stops half-way without having told its length',
      404,
      (content: Buffer): RequestListener =>
        (_request, response) => {
          response.write(content.subarray(0, 1000), () => response.destroy());
        },
    ],
    [
      'fails',
      503,
      (): RequestListener => (_request, response) =>
        response.writeHead(500).end('Internal server error.'),
    ],
    ['ends without an answer', 503, (): RequestListener => (request) => request.socket.destroy()],
  ])('that %s is passed over, and nothing of it is stored', async (_what, status, listenerOf) => {
    const content = randomBytes(20_000);
    const hash = hashOf(content);
    const asked: string[] = [];
    const bad = await peer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      listenerOf(content)(request, response);
    });
    peersAre(bad);
    const alone = await call(blobs, `/${hash}`);
    expect([alone.status, alone.text === NOT_FOUND]).toEqual([status, status === 404]);
    expect(alone.headers['retry-after']).toBe(status === 404 ? undefined : '1');
    expect(asked).toEqual([`GET /${hash}/nopeerload`]);
    const good = await peer((_request, response) => {
      response.writeHead(200, { 'content-disposition': 'attachment; filename="Good.JPG"' });
      response.end(content);
    });
    peersAre(bad, good);
    expect((await call(blobs, `/${hash}/nopeerload`)).status).toBe(404);
    const read = await call(blobs, `/${hash}`);
    expect([read.status, read.bytes.equals(content)]).toEqual([200, true]);
    expect(read.headers['content-disposition']).toBe('attachment; filename="good.jpg"');
    // It had failed, so the other one was asked before it, though it stands first.
    expect(asked).toHaveLength(1);
  });

  test('that redirects is not followed', async () => {
    const content = randomBytes(100);
    let followed = 0;
    const target = await peer((_request, response) => {
      followed++;
      response.end(content);
    });
    const bad = await peer((_request, response) =>
      response.writeHead(302, { location: `${target}${hashOf(content)}` }).end(),
    );
    peersAre(bad);
    expect((await call(blobs, `/${hashOf(content)}`)).text).toBe(NOT_FOUND);
    expect(followed).toBe(0);
  });

  test('that is the node itself, or nobody, or no URL, has nothing', async () => {
    const [nowhere = 0] = await freePorts(1);
    const port = blobs.slice(blobs.indexOf(':'));
    peersAre(
      `http://${blobs}/`,
      `http://localhost${port}/`,
      `http://127.0.0.1:${nowhere}/`,
      'what?',
    );
    expect((await call(blobs, `/${hashOf('nowhere')}`)).text).toBe(NOT_FOUND);
    const deleted = await call(blobs, `/${hashOf('nowhere')}/allpeers`, { method: 'DELETE' });
    expect(JSON.parse(deleted.text).peers.map(({ peer: url }: { peer: string }) => url)).toEqual([
      `http://localhost${port}/`,
      `http://127.0.0.1:${nowhere}/`,
    ]);
  });

  test('of whom a content is being loaded: a second load of it is 503, to be repeated in 120 s', async () => {
    const content = randomBytes(300_000).subarray(0, 60_000);
    const hash = hashOf(content);
    let goOn: () => void = () => undefined;
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const slow = await peer((_request, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 10));
      goOn = () => response.end(content.subarray(10));
      asked();
    });
    peersAre(slow);
    const first = call(blobs, `/${hash}`);
    await isAsked;
    const second = await call(blobs, `/${hash}`);
    expect([second.status, second.headers['retry-after'], second.headers['x-fog-error']]).toEqual([
      503,
      '120',
      'loading',
    ]);
    // It asks no peers, so it has nothing to wait for.
    expect((await call(blobs, `/${hash}/nopeerload`)).status).toBe(404);
    expect((await call(blobs, `/${hash}`, { method: 'HEAD' })).status).toBe(404);
    goOn();
    expect((await first).bytes.equals(content)).toBe(true);
  });

  test('is asked to delete as well by /allpeers, and what each said is told', async () => {
    const asked: string[] = [];
    const answering = (status: number) =>
      peer((request, response) => {
        asked.push(`${request.method} ${request.url} ${status}`);
        response.writeHead(status).end();
      });
    const [done, unknown, denied, broken] = [
      await answering(200),
      await answering(404),
      await answering(403),
      await answering(500),
    ];
    const [nowhere = 0] = await freePorts(1);
    const gone = `http://127.0.0.1:${nowhere}/`;
    peersAre(done, unknown, denied, broken, gone);
    const content = 'deleted everywhere';
    const hash = hashOf(content);
    await put(blobs, 'e.txt', content);
    const { status, text } = await call(blobs, `/${hash}/allpeers`, { method: 'DELETE' });
    expect(status).toBe(200);
    const { peers, ...own } = JSON.parse(text);
    expect(own).toEqual({
      deleted: true,
      sha512: hash,
      filename: 'e.txt',
      length: 18,
      content_type: 'text/plain',
      stub: true,
    });
    expect(new Map(peers.map(({ peer: url, ...told }: { peer: string }) => [url, told]))).toEqual(
      new Map<string, unknown>([
        [done, { status: 200, again: false }],
        [unknown, { status: 404, again: false }],
        [denied, { status: 403, again: false }],
        [broken, { status: 500, again: true }],
        [gone, { error: expect.any(String), again: true }],
      ]),
    );
    expect(asked.sort()).toEqual([200, 403, 404, 500].map((each) => `DELETE /${hash} ${each}`));
    expect((await call(blobs, `/${hash}/nopeerload`)).status).toBe(404);
    expect(await node.fleet.frontend(0).metric('velourfog_pending_peer_deletes')).toBeGreaterThan(
      1,
    );
  });

  test('is one of the new list after PUT /refreshpeers.html, and a list that is gone is said', async () => {
    const content = 'of the second list';
    const good = await peer((_request, response) => response.end(content));
    peersAre();
    expect((await call(blobs, `/${hashOf(content)}`)).status).toBe(404);
    peersAre('# a comment', '', `  ${good.slice(0, -1)}  `);
    const refreshed = await call(blobs, '/refreshpeers.html', { method: 'PUT', body: '' });
    expect([refreshed.status, refreshed.text]).toEqual([200, '']);
    expect((await call(blobs, `/${hashOf(content)}`)).text).toBe(content);
    rmSync(list);
    const gone = await call(blobs, '/refreshpeers.html', { method: 'PUT', body: '' });
    expect([gone.status, gone.headers['x-fog-error']]).toEqual([503, 'not-ready']);
    expect(gone.text).toContain('ENOENT');
  });
});
