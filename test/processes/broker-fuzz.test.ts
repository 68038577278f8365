// Some thousands of requests to a broker from a seed, on raw connections that are pipelined, cut or half closed: no answer is 500,
// none of an error has no code, and the processes stay the same ones. FUZZ_SEED plays another seed, BROKER_FUZZ_REQUESTS another
// number of requests.

import { expect, test } from 'vitest';
import { answersIn, type RawAnswer } from '../helpers/answer-reader.ts';
import { call, inParallel } from '../helpers/client.ts';
import { childrenOf, startCluster, until } from '../helpers/cluster.ts';
import { firstFreshSeed, SeededRandom } from '../helpers/random.ts';
import { playRaw } from '../helpers/raw-connection.ts';

const SEED = Number(process.env.FUZZ_SEED ?? firstFreshSeed());
const REQUESTS = Number(process.env.BROKER_FUZZ_REQUESTS ?? 4000);
const CONNECTIONS = 16;
const PIPELINED_MAX = 6;
const FORGED = `${'0'.repeat(32)}.e30.${'A'.repeat(43)}`;

const METHODS = [
  ...['GET', 'GET', 'GET', 'HEAD', 'PUT', 'PUT', 'POST', 'POST', 'PATCH', 'DELETE', 'OPTIONS'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'TRACE'],
];
const PATHS = [
  ...['/a', '/a/b', '/a/b/c.jpg', '/d/', '/d', '/d/e%20f', '/%C3%BC.txt', '/', '//', '/a//b'],
  ...[
    '/%',
    '/%zz',
    '/%00',
    '/..%2f..%2fetc',
    '/a/../b',
    '/metrics',
    '/livez',
    `/${'x'.repeat(3000)}`,
  ],
  ...['/.broker/files', '/.broker/clone', '/.broker/domains', '/.broker/servers', '/.broker/x'],
  ...[`/.broker/tickets/${'1'.repeat(32)}`, `/.broker/tickets/${FORGED}`, '/.broker/tickets/%'],
];
const QUERIES = [
  ...[
    '',
    '',
    '',
    '',
    '?proxy=1',
    '?proxy=1',
    '?proxy=0',
    '?proxy=x',
    '?metalink',
    '?replicate=2',
    '?replicate=99',
  ],
  ...['?client_wait_to_finish=true', '?ticket=x&complete', `?ticket=${FORGED}&complete&md5=00`],
  ...[
    `?ticket=${FORGED}&complete&size=1`,
    '?complete',
    '?path=/a',
    '?path=/a/b',
    '?path=%00',
    '?%',
  ],
  ...['?prefix=/a', '?prefix=&limit=1', '?prefix=/&cursor=0.YQ', '?prefix=/&cursor=x', '?v=1&v=2'],
];
const HEADERS = [
  ...['range: bytes=0-9', 'range: bytes=9-', 'if-match: *', 'if-none-match: *', 'if: (<urn:x>)'],
  ...[
    'if-match: nonsense',
    'content-range: bytes 0-1/2',
    'expect: 100-continue',
    'depth: 1',
    'depth: 0',
  ],
  ...['destination: http://x/m', 'destination: /n', 'overwrite: F', 'repr-digest: nonsense'],
  ...['content-md5: AAAA', 'origin: http://evil.example', 'content-type: multipart/form-data'],
];
const BODIES = [
  ...['', 'any text', '{"from":"/a","path":"/c"}', '{"attributes":{"a":"b"}}', '{"replicate":1}'],
  ...['<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>', '{', 'x'.repeat(70_000)],
];

interface RequestToBroker {
  readonly method: string;
  readonly bytes: Buffer;
}

function requestFrom(random: SeededRandom): RequestToBroker {
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)] as T;
  const method = pick(METHODS);
  const body = method === 'GET' || method === 'HEAD' ? '' : pick(BODIES);
  const headers = Array.from({ length: random.below(3) }, () => pick(HEADERS));
  const length = body === '' ? [] : [`content-length: ${body.length}`];
  const target = `${pick(PATHS)}${pick(QUERIES)}`;
  const head = [`${method} ${target} HTTP/1.1`, 'host: x', ...headers, ...length, '', ''];
  return { method, bytes: Buffer.from(head.join('\r\n') + body) };
}

function problemOf({ status, headers }: RawAnswer): string | undefined {
  const code = headers.get('x-fog-error');
  if (status === 500 || code === 'internal') return 'an internal error';
  return status >= 400 && status !== 404 && code === undefined ? `${status}: no code` : undefined;
}

test(`requests of the seed ${SEED} to a broker harm nobody`, async () => {
  const cluster = await startCluster({
    frontends: 1,
    storages: 2,
    redundancy: 2,
    fileservers: 2,
  });
  try {
    const [broker = ''] = cluster.brokers;
    // Some of them are there from the beginning.
    for (const path of ['/a?proxy=1', '/d/e%20f?proxy=1']) {
      await until(
        async () => (await call(broker, path, { method: 'PUT', body: 'any text' })).status < 300,
      );
    }
    const processes = () => childrenOf(cluster.process.pid).map(({ pid }) => pid);
    const before = processes();
    const problems: string[] = [];
    const statuses = new Set<number>();
    const connections = Math.ceil(REQUESTS / (PIPELINED_MAX / 2));
    await inParallel([...Array(connections).keys()], CONNECTIONS, async (index) => {
      const random = new SeededRandom(SEED + index);
      const count = random.whole(1, PIPELINED_MAX - 1);
      const requests = Array.from({ length: count }, () => requestFrom(random));
      const bytes = Buffer.concat(requests.map((request) => request.bytes));
      const came = await playRaw(broker, bytes, random);
      const methods = requests.map(({ method }) => method);
      for (const [at, answer] of answersIn(came, methods).entries()) {
        statuses.add(answer.status);
        const problem = problemOf(answer);
        if (problem === undefined) continue;
        problems.push(`${problem}\n${requests[at]?.bytes.toString('latin1', 0, 300)}`);
      }
    });
    expect(problems.slice(0, 5)).toEqual([]);
    expect(processes(), cluster.process.stderr.slice(-3000)).toEqual(before);
    for (const status of [200, 302, 307, 400, 403, 404, 405]) {
      expect([status, statuses.has(status)]).toEqual([status, true]);
    }
    const put = await call(broker, '/after.txt?proxy=1', { method: 'PUT', body: 'all' });
    expect(put.status).toBe(201);
    expect((await call(broker, '/after.txt?proxy=1')).text).toBe('all');
  } finally {
    await cluster.stop();
  }
});
