// Both clients that the package exports, as an application has them: against real processes, also where frontends or
// storage nodes are gone, hang, or are something else. How long the one over HTTP waits for whom is in
// test/client/http-call.test.ts, where a test turns the clock.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Velour, VelourClient, type VelourError } from '../../src/client/index.ts';
import { clientContract } from '../contracts/clients.ts';
import { pidOf } from '../helpers/backups.ts';
import { freePorts, type LocalCluster, ROOT, Started, startCluster } from '../helpers/cluster.ts';

// The programs of the documents, which are run here, know of no `--time-scale` (setup.mjs).
delete process.env.VELOUR_TIME_SCALE;

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startCluster({ frontends: 3, storages: 4, redundancy: 3 });
});
afterAll(() => cluster.stop());

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const overHttp = async (): Promise<Velour> => new VelourClient({ frontends: cluster.frontends });
const direct = (): Promise<Velour> => connect({ controller: cluster.controller });

const batching = async (): Promise<Velour> =>
  new VelourClient({ frontends: cluster.frontends, batch: true });

const CLIENTS = [
  { name: 'over HTTP', open: overHttp, openOther: direct },
  { name: 'direct', open: direct, openOther: overHttp },
];

const BATCHING = { name: 'over HTTP, in batches', open: batching, openOther: direct };

describe.each([...CLIENTS, BATCHING])('the client $name', ({ open, openOther }) => {
  clientContract({ open, openOther });
});

function failure(call: Promise<unknown>): Promise<VelourError> {
  return call.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: VelourError) => error,
  );
}

/** @returns what such a program wrote to stdout, once it has ended by itself */
async function program(lines: string): Promise<string> {
  const entry = pathToFileURL(join(ROOT, 'dist/client/index.js')).href;
  const text = `import { connect, VelourClient } from '${entry}';\n${lines}`;
  const started = new Started(process.execPath, ['--input-type=module', '-e', text]);
  const code = await started.exit();
  expect(started.stderr).toBe('');
  expect(code).toBe(0);
  return started.stdout;
}

describe('the process of an application', () => {
  test('ends when its direct client is closed, and hears nothing of it', async () => {
    const printed = await program(`
      const velour = await connect({ controller: '${cluster.controller}' });
      await velour.set('from an application', 'x', { ttl: 1000 });
      await velour.close();
      console.log('closed');
    `);
    expect(printed).toBe('closed\n');
  });

  test('is not kept by the client over HTTP, closed or not', async () => {
    const printed = await program(`
      const velour = new VelourClient({ frontends: ${JSON.stringify(cluster.frontends)} });
      console.log(await velour.getText('nothing'));
    `);
    expect(printed).toBe('undefined\n');
  });

  test('is not kept by a wait for a key that has ended', async () => {
    const printed = await program(`
      const velour = new VelourClient({ frontends: ${JSON.stringify(cluster.frontends)} });
      const { etag } = await velour.set('waited for', '1');
      const waits = velour.waitFor('waited for', { newerThan: etag });
      await new Promise((resolve) => setTimeout(resolve, 300));
      await velour.set('waited for', '2');
      const { changed } = await waits;
      console.log(changed);
    `);
    expect(printed).toBe('true\n');
  });
});

describe('the TypeScript lines', () => {
  test.each(['docs/client.md', 'docs/api.md', 'README.md'])(
    'of %s are a program that works',
    async (document) => {
      const text = readFileSync(join(ROOT, document), 'utf8');
      const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block = '']) => block);
      expect(blocks.length).toBeGreaterThan(0);
      const replaced = new Map([
        ['127.0.0.1:12080', cluster.frontends[0]],
        ['127.0.0.1:12081', cluster.frontends[1]],
        ['127.0.0.1:12000', cluster.controller],
      ]);
      const lines = blocks
        .join('')
        .replace(/^import .*'velour-fog';$/gm, '')
        .replace(/127\.0\.0\.1:\d+/g, (address) => replaced.get(address) ?? address);
      await program(lines);
    },
  );
});

describe('while all storage nodes hang', () => {
  test.each(CLIENTS)('the client $name: a read times out, a write is unknown', async ({ name }) => {
    const own = await startCluster({ frontends: 1, storages: 1, redundancy: 1 });
    cleanUps.push(() => own.stop());
    const client: Velour =
      name === 'direct'
        ? await connect({ controller: own.controller })
        : new VelourClient({ frontends: own.frontends });
    cleanUps.push(() => client.close());
    await client.set('a', '1');
    const pid = pidOf(own, own.storages[0] ?? '');
    process.kill(pid, 'SIGSTOP');
    cleanUps.push(() => process.kill(pid, 'SIGCONT'));
    const options = { timeoutMs: 300 };
    const errors = await Promise.all([
      failure(client.get('a', options)),
      failure(client.set('a', '2', options)),
      failure(client.incr('a', 1, options)),
      failure(client.append('a', '2', options)),
      failure(client.delete('a', options)),
    ]);
    expect(errors.map(({ code, retryable }) => [code, retryable])).toEqual([
      ['timeout', true],
      ['outcome-unknown', true],
      ['effect-unknown', false],
      ['effect-unknown', false],
      ['outcome-unknown', true],
    ]);
    const aborted = await failure(client.set('a', '3', { signal: AbortSignal.timeout(100) }));
    expect(aborted).toMatchObject({ code: 'aborted', cause: { name: 'TimeoutError' } });
  });
});

describe('connect', () => {
  test('where there is no cluster says so, and keeps nothing', async () => {
    const [nobody] = await freePorts(1);
    const error = await failure(connect({ controller: `127.0.0.1:${nobody}`, timeScale: 0.1 }));
    expect(error).toMatchObject({ code: 'not-ready', status: 503, retryable: true });
    await expect(connect({ controller: 'nonsense' })).rejects.toThrow(TypeError);
    const [frontend = ''] = cluster.frontends;
    const { host } = new URL(frontend.includes('://') ? frontend : `http://${frontend}`);
    const astray = await failure(connect({ controller: host, timeScale: 0.1 }));
    expect(astray.message).toBe(`what answers at ${host} is a frontend, and no controller`);
  });

  test('with another time scale than the cluster has is refused', async () => {
    const error = await failure(connect({ controller: cluster.controller, timeScale: 3 }));
    expect(error).toMatchObject({ code: 'other-time-scale', retryable: false });
  });

  test('goes on without the controller, and finds a map without it', async () => {
    const own = await startCluster({ frontends: 1, storages: 3, redundancy: 2 });
    cleanUps.push(() => own.stop());
    const before = await direct_(own);
    process.kill(pidOf(own, own.controller), 'SIGSTOP');
    cleanUps.push(() => process.kill(pidOf(own, own.controller), 'SIGCONT'));
    await before.set('without', 'it');
    const after = await direct_(own, own.storages);
    expect(await after.getText('without')).toBe('it');
  });

  test('rides through the death of a storage node', async () => {
    const own = await startCluster({ frontends: 1, storages: 4, redundancy: 3 });
    cleanUps.push(() => own.stop());
    const client = await direct_(own);
    const keys = Array.from({ length: 64 }, (_, index) => `ride/${index}`);
    for (const { ok } of await client.setMany(keys.map((key) => ({ key, value: '1' })))) {
      expect(ok).toBe(true);
    }
    process.kill(pidOf(own, own.storages[1] ?? ''), 'SIGKILL');
    for (const result of await client.getMany(keys)) expect(result.ok).toBe(true);
    const set = await client.setMany(keys.map((key) => ({ key, value: '2' })));
    for (const result of set) expect(result.ok).toBe(true);
  });
});

async function direct_(own: LocalCluster, storages: readonly string[] = []): Promise<Velour> {
  const client = await connect({ controller: own.controller, storages });
  cleanUps.push(() => client.close());
  return client;
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function answering(answer: RequestListener): Promise<string> {
  const server = createHttpServer(answer);
  cleanUps.push(() => server.closeAllConnections());
  return listening(server);
}

async function taking(take: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  return listening(
    createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      take(socket);
    }),
  );
}

describe('the client over HTTP, where a frontend', () => {
  const FAULTS: readonly (readonly [what: string, open: () => Promise<string>, code: string])[] = [
    ['refuses', async () => `127.0.0.1:${(await freePorts(1))[0]}`, 'unreachable'],
    ['accepts and never answers', () => taking(() => undefined), 'unreachable'],
    ['resets each connection', () => taking((socket) => socket.resetAndDestroy()), 'unreachable'],
    [
      'closes each connection in its answer',
      () => taking((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nConten'))),
      'unreachable',
    ],
    [
      'is no HTTP server',
      () => taking((socket) => socket.once('data', () => socket.end('-ERR unknown command\r\n'))),
      'unreachable',
    ],
    [
      'is another server, which says hello',
      () => answering((_request, response) => response.end('hello')),
      'not-a-frontend',
    ],
    [
      'is another server, which knows no such page',
      () => answering((_request, response) => response.writeHead(404).end()),
      'not-a-frontend',
    ],
    [
      'is another server, which creates all that it is sent',
      () => answering((_request, response) => response.writeHead(201).end()),
      'not-a-frontend',
    ],
  ];

  test.each(FAULTS)('%s: every call goes to the others', async (_what, openFaulty) => {
    const faulty = await openFaulty();
    const client = new VelourClient({
      frontends: [faulty, ...cluster.frontends],
      timeoutMs: 60_000,
    });
    cleanUps.push(() => client.close());
    for (let index = 0; index < 8; index++) {
      await client.set('elsewhere', `${index}`);
      expect(await client.getText('elsewhere')).toBe(`${index}`);
      expect(await client.get('never set')).toBeUndefined();
    }
    await client.delete('elsewhere counter');
    for (let index = 1; index <= 8; index++) {
      expect(await client.incr('elsewhere counter')).toBe(index);
    }
  });

  test.each(FAULTS)('%s and is alone: a code says so', async (_what, openFaulty, code) => {
    const client = new VelourClient({ frontends: [await openFaulty()], timeoutMs: 2000 });
    cleanUps.push(() => client.close());
    const [read, write, counted] = await Promise.all([
      failure(client.get('a')),
      failure(client.set('a', 'b')),
      failure(client.incr('a')),
    ]);
    expect([code, 'timeout']).toContain(read?.code);
    expect(write?.code).toBe(code);
    expect(counted?.code).toBe(code);
    expect(read?.retryable).toBe(code === 'unreachable');
  });

  test('is a gateway that lost the answer: a write is not sent twice', async () => {
    let posts = 0;
    const gateway = await answering((request, response) => {
      if (request.method !== 'GET') posts++;
      const isProbe = request.url === '/livez';
      response.writeHead(isProbe ? 200 : 502).end(isProbe ? 'ok' : 'Bad Gateway');
    });
    const client = new VelourClient({ frontends: [gateway, cluster.frontends[0] ?? ''] });
    cleanUps.push(() => client.close());
    const [first, second] = await Promise.all([
      failure(client.incr('through a gateway')),
      client.incr('through a gateway'),
    ]);
    expect(first).toMatchObject({
      code: 'effect-unknown',
      retryable: false,
      cause: { code: 'not-a-frontend', status: 502 },
    });
    expect([posts, second]).toEqual([1, 1]);
  });

  test('dies between two pages of a scan: the next one goes on where it was', async () => {
    const own = await startCluster({ frontends: 2, storages: 3, redundancy: 2 });
    cleanUps.push(() => own.stop());
    const client = new VelourClient({ frontends: own.frontends });
    cleanUps.push(() => client.close());
    const keys = Array.from({ length: 5000 }, (_, index) => `page/${index}`).sort();
    await client.setMany(keys.map((key) => ({ key, value: '' })));
    const listed: string[] = [];
    for await (const { key } of client.scan({ prefix: 'page/' })) {
      // Pages go to each in turn, so this one is asked for one of the four that are left.
      if (listed.push(Buffer.from(key).toString()) === 1) {
        process.kill(pidOf(own, own.frontends[0] ?? ''), 'SIGKILL');
      }
    }
    expect(listed.sort()).toEqual(keys);
  });

  test('is killed under load: gets go on, and of the sets only those under way are unknown', async () => {
    const own = await startCluster({ frontends: 3, storages: 3, redundancy: 2 });
    cleanUps.push(() => own.stop());
    const client = new VelourClient({ frontends: own.frontends });
    cleanUps.push(() => client.close());
    const pid = pidOf(own, own.frontends[1] ?? '');
    const unknown: VelourError[] = [];
    let done = 0;
    const worker = async (key: string) => {
      for (let index = 0; index < 40; index++) {
        if (++done === 320) process.kill(pid, 'SIGKILL');
        const set = await client.set(key, `${index}`).catch((error: VelourError) => error);
        if (set instanceof Error) unknown.push(set);
        const text = await client.getText(key);
        if (!(set instanceof Error)) expect(text).toBe(`${index}`);
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, index) => worker(`worker/${index}`)));
    expect(new Set(unknown.map(({ code }) => code)).size).toBeLessThanOrEqual(1);
    for (const error of unknown) {
      expect(error).toMatchObject({ code: 'outcome-unknown', retryable: true });
    }
    expect(unknown.length).toBeLessThanOrEqual(16);
  });
});
