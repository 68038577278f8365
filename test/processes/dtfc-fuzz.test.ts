// Some thousands of requests to the blob service from a seed, on raw connections that are pipelined, cut or half closed: no
// answer is 500, a whole answer to a hash has the content with that hash, and the processes stay the same ones. FUZZ_SEED plays
// another seed, BLOBS_FUZZ_REQUESTS another number of requests.

import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { answersIn, type RawAnswer } from '../helpers/answer-reader.ts';
import { call, inParallel } from '../helpers/client.ts';
import { childrenOf, startCluster } from '../helpers/cluster.ts';
import { firstFreshSeed, SeededRandom } from '../helpers/random.ts';
import { playRaw } from '../helpers/raw-connection.ts';

const SEED = Number(process.env.FUZZ_SEED ?? firstFreshSeed());
const REQUESTS = Number(process.env.BLOBS_FUZZ_REQUESTS ?? 8000);
const CONNECTIONS = 16;
const PIPELINED_MAX = 6;
const CONTENTS = Array.from({ length: 24 }, (_, number) =>
  Buffer.alloc(number < 20 ? number * 37 : 70_000, `content ${number}; `),
);
const hashOf = (bytes: Buffer) => createHash('sha512').update(bytes).digest('hex');
const HASHES = CONTENTS.map(hashOf);

const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'PUT', 'PUT', 'DELETE', 'POST', 'PATCH', 'OPTIONS'];
const OPTIONS = ['', '', '', '/nopeerload', '/ffmetadata', '/allpeers', '/x', '/', '//', '/a/b'];
const ODD_PATHS = [
  '/',
  '//',
  '/%',
  '/%zz',
  '/%00',
  '/..%2f..%2fetc',
  '/a/b',
  '/health.html',
  '/refreshpeers.html',
  '/metrics',
  '/openapi.json',
  `/${'a'.repeat(127)}`,
  `/${'A'.repeat(129)}`,
  `/${'x'.repeat(2000)}`,
  '/?a=b',
  '/%F0%9F%A6%8A.TXT',
];
const HEADERS = [
  'range: bytes=0-9',
  'range: bytes=-5',
  'range: bytes=9999999-',
  'range: bytes=5-1,a-b',
  'range: chars=1-2',
  'if-match: *',
  'if-match: "x"',
  'if-match: nonsense',
  'if-none-match: *',
  'if-range: "x"',
  'if-modified-since: Sun, 29 Nov 2026 00:00:00 GMT',
  'if-unmodified-since: what?',
  'content-range: bytes 0-1/2',
  'accept: application/json',
  'expect: 100-continue',
  'expect: nonsense',
  'origin: http://evil.example',
  'user-agent: dtfc/0.0.1',
];

interface SentRequest {
  readonly method: string;
  readonly bytes: Buffer;
  /** The hash of which a whole answer has the content. */
  readonly hash: string | undefined;
}

function requestFrom(random: SeededRandom): SentRequest {
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)] as T;
  const method = pick(METHODS);
  const index = random.below(CONTENTS.length);
  const isOdd = random.chance(0.2);
  const hash = random.chance(0.2) ? (HASHES[index] ?? '').toUpperCase() : (HASHES[index] ?? '');
  const option = pick(OPTIONS);
  const named = method === 'PUT' ? `/name-${random.below(9)}.txt` : `/${hash}${option}`;
  const headers = Array.from({ length: random.below(3) }, () => pick(HEADERS));
  const body = method === 'PUT' || method === 'POST' ? (CONTENTS[index] ?? Buffer.alloc(0)) : null;
  const told = random.chance(0.05) ? random.below(100) : body?.length;
  const length = body === null ? [] : [`content-length: ${told}`];
  const target = isOdd ? pick(ODD_PATHS) : named;
  const head = [`${method} ${target} HTTP/1.1`, 'host: x', ...headers, ...length, '', ''];
  const bytes = Buffer.concat([Buffer.from(head.join('\r\n')), body ?? Buffer.alloc(0)]);
  const isWhole = method === 'GET' && !isOdd && ['', '/nopeerload', '/x'].includes(option);
  return { method, bytes, hash: isWhole ? hash.toLowerCase() : undefined };
}

function problemsOf({ status, headers, body }: RawAnswer, request: SentRequest | undefined) {
  const code = headers.get('x-fog-error');
  const problems: string[] = [];
  if (status === 500 || code === 'internal') problems.push('an internal error');
  if (status >= 400 && status !== 404 && code === undefined) problems.push(`${status}: no code`);
  if (status === 200 && request?.hash !== undefined && hashOf(body) !== request.hash) {
    problems.push('other bytes than asked for');
  }
  return problems;
}

test(`requests of the seed ${SEED} to the blob service harm nobody`, async () => {
  const list = join(tmpdir(), `velour-fuzzed-peers-${process.pid}`);
  const cluster = await startCluster({
    frontends: 1,
    storages: 2,
    redundancy: 2,
    fileservers: 2,
    words: ['--peerlist', list],
  });
  try {
    const [blobs = ''] = cluster.blobs;
    // Its own peer, by another name: what is not there is asked of itself, and nobody else.
    writeFileSync(list, `http://localhost:${blobs.split(':')[1]}/\n`);
    const processes = () => childrenOf(cluster.process.pid).map(({ pid }) => pid);
    const before = processes();
    const problems: string[] = [];
    const statuses = new Map<number, number>();
    const connections = Math.ceil(REQUESTS / (PIPELINED_MAX / 2));
    await inParallel([...Array(connections).keys()], CONNECTIONS, async (index) => {
      const random = new SeededRandom(SEED + index);
      const count = random.whole(1, PIPELINED_MAX - 1);
      const requests = Array.from({ length: count }, () => requestFrom(random));
      const bytes = Buffer.concat(requests.map((request) => request.bytes));
      const came = await playRaw(blobs, bytes, random);
      // A length that is not that of the body makes other requests of what follows.
      const isPlain = requests.every((request) => {
        const [, told] = /content-length: (\d+)/.exec(request.bytes.toString('latin1')) ?? [];
        return (
          told === undefined ||
          request.bytes.length - request.bytes.indexOf('\r\n\r\n') - 4 === Number(told)
        );
      });
      try {
        const methods = requests.map(({ method }) => method);
        for (const [at, answer] of answersIn(came, methods).entries()) {
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          for (const problem of problemsOf(answer, isPlain ? requests[at] : undefined)) {
            problems.push(`${problem}\n${requests[at]?.bytes.toString('latin1', 0, 300)}`);
          }
        }
      } catch (error) {
        if (isPlain) problems.push(`${error}\n${bytes.toString('latin1', 0, 300)}`);
      }
    });
    expect(problems.slice(0, 5)).toEqual([]);
    expect(processes(), cluster.process.stderr.slice(-3000)).toEqual(before);
    for (const status of [200, 206, 400, 403, 404, 405]) {
      expect([status, (statuses.get(status) ?? 0) > 0]).toEqual([status, true]);
    }
    const told = await call(blobs, '/after.txt', { method: 'PUT', body: 'all' });
    expect(told.status).toBe(200);
    expect((await call(blobs, `/${hashOf(Buffer.from('all'))}`)).text).toBe('all');
  } finally {
    await cluster.stop();
    rmSync(list, { force: true });
  }
});
