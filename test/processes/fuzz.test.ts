// Some twenty thousand requests from a seed, on raw connections that are pipelined, cut, half closed, or not read: no
// answer is 500, none has bytes of another key, every code is documented, and the processes stay the same ones and give
// back what they took. FUZZ_SEED plays another seed, FUZZ_REQUESTS another number of requests.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answersIn, type RawAnswer } from '../helpers/answer-reader.ts';
import { call, get, inParallel, set } from '../helpers/client.ts';
import { childrenOf, type LocalCluster, ROOT, startCluster, until } from '../helpers/cluster.ts';
import {
  type FuzzedRequest,
  namedIn,
  Remembered,
  RequestFuzzer,
  WILD_KEYS,
} from '../helpers/fuzzed-requests.ts';
import { firstFreshSeed, SeededRandom } from '../helpers/random.ts';

const SEED = Number(process.env.FUZZ_SEED ?? firstFreshSeed());
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 20_000);
const CONNECTIONS = 32;
const PIPELINED_MAX = 9;
const GROWTH_BYTES_MAX = 192 * 1024 * 1024;
/** Labels are statuses, verbs and codes: however much is asked, there are no more. */
const SERIES_MAX = 1500;

let cluster: LocalCluster;
let frontend = '';

beforeAll(async () => {
  cluster = await startCluster({ frontends: 1, storages: 3, redundancy: 2 });
  frontend = cluster.frontends[0] ?? '';
});
afterAll(() => cluster.stop());

/** By code the status that docs/api.md has for it. */
const DOCUMENTED = new Map(
  [...readFileSync(`${ROOT}/docs/api.md`, 'utf8').matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)].map(
    ([, code, status]) => [code ?? '', Number(status)],
  ),
);

const EVENTS = 'text/event-stream';

type Ending = 'half-close' | 'cut' | 'unread';

/** @returns all that was answered on one connection; it waits until the server closes it, unless it cuts it itself */
function play(requests: readonly FuzzedRequest[], random: SeededRandom): Promise<Buffer> {
  const bytes = Buffer.concat(requests.map((request) => request.bytes));
  const ending: Ending = random.chance(0.8) ? 'half-close' : random.chance(0.7) ? 'cut' : 'unread';
  const length = ending === 'half-close' ? bytes.length : random.below(bytes.length + 1);
  const pieces = random.chance(0.5) ? 1 : random.whole(2, 8);
  const [host = '', port = ''] = frontend.split(':');
  return new Promise((resolve) => {
    const came: Buffer[] = [];
    // The server ends last, so that what it answers is read to its end.
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(came)));
    if (ending === 'unread') socket.pause();
    else socket.on('data', (piece) => came.push(piece as Buffer));
    const send = (number: number) => {
      const from = Math.floor((length * number) / pieces);
      const to = Math.floor((length * (number + 1)) / pieces);
      socket.write(bytes.subarray(from, to), () => {
        if (number + 1 < pieces) setImmediate(send, number + 1);
        else if (ending === 'half-close') socket.end();
        else setTimeout(() => socket.resetAndDestroy(), random.below(50));
      });
    };
    // A server that refuses may close before everything is sent.
    socket.on('end', () => socket.end());
    send(0);
  });
}

function check(answer: RawAnswer, request: FuzzedRequest | undefined): readonly string[] {
  const { status, headers, body } = answer;
  const problems: string[] = [];
  const code = headers.get('x-fog-error');
  if (status === 500 || code === 'internal') problems.push('an internal error');
  if (code !== undefined && DOCUMENTED.get(code) !== status) {
    problems.push(`the code ${code} with ${status}`);
  }
  if (status >= 400 && status !== 404 && code === undefined && !isHealth(body)) {
    problems.push(`${status} without a code`);
  }
  const isLines = ['application/x-ndjson', EVENTS].includes(headers.get('content-type') ?? '');
  for (const line of isLines ? body.toString('latin1').split('\n') : []) {
    const [first, ...others] = namedIn(line);
    if (others.length > 0 && Number(first) < WILD_KEYS) problems.push(`keys are mixed: ${line}`);
    if (line.includes('"internal"')) problems.push(`an internal error: ${line}`);
  }
  const key = request?.key;
  if (status === 200 && key !== undefined && key < WILD_KEYS) {
    for (const named of namedIn(body)) if (named !== key) problems.push(`${named} for ${key}`);
  }
  return problems;
}

function isHealth(body: Buffer): boolean {
  return /^\[[+\-!?]\]|not ready/m.test(body.toString('latin1', 0, 200));
}

/** Keeps what later requests may send again. */
function keep(answer: RawAnswer, { etags, cursors, ids }: Remembered): void {
  const etag = answer.headers.get('etag');
  if (etag !== undefined) etags.push(etag);
  if (answer.headers.get('content-type') === EVENTS) {
    const text = answer.body.toString('latin1');
    ids.push(...[...text.matchAll(/^id: ([\w-]+)$/gm)].map(([, id = '']) => id));
  }
  if (answer.headers.get('content-type') !== 'application/x-ndjson') return;
  const [, cursor] = /\{"cursor":"([\w-]+)"\}\n$/.exec(answer.body.toString('latin1')) ?? [];
  if (cursor !== undefined) cursors.push(cursor);
}

async function gauge(name: string): Promise<number> {
  const { text } = await call(frontend, '/metrics');
  return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(text)?.[1]);
}

function processes(): readonly { pid: number; rssBytes: number }[] {
  return childrenOf(cluster.process.pid);
}

test(`requests of the seed ${SEED} harm nobody`, async () => {
  const document = JSON.parse((await call(frontend, '/openapi.json')).text);
  const paths = Object.keys(document.paths);
  const remembered = new Remembered();
  const before = processes().map(({ pid }) => pid);
  const problems: string[] = [];
  const statuses = new Map<string, number>();
  let answered = 0;
  let middle: ReturnType<typeof processes> = [];
  const connections = Math.ceil(REQUESTS / (PIPELINED_MAX / 2));
  await inParallel([...Array(connections).keys()], CONNECTIONS, async (index) => {
    // Each connection has a seed of its own, whichever comes first.
    const random = new SeededRandom(SEED + index);
    const fuzzer = new RequestFuzzer(random, paths, remembered);
    const count = random.whole(1, PIPELINED_MAX - 1);
    const requests = Array.from({ length: count }, () => fuzzer.next());
    const bytes = await play(requests, random);
    const isBroken = requests.some((request) => request.isBroken);
    try {
      const methods = requests.map(({ method }) => method);
      for (const [at, answer] of answersIn(bytes, methods).entries()) {
        const found = check(answer, isBroken ? undefined : requests[at]);
        const asked = requests[at]?.bytes.toString('latin1', 0, 300);
        for (const problem of found) problems.push(`${problem}\n${asked}`);
        keep(answer, remembered);
        const what = `${answer.status} ${answer.headers.get('x-fog-error') ?? ''}`;
        statuses.set(what, (statuses.get(what) ?? 0) + 1);
        answered++;
      }
    } catch (error) {
      problems.push(
        `${error}\n${requests.map((request) => request.bytes.toString('latin1', 0, 200))}`,
      );
    }
    if (index === Math.floor(connections / 2)) middle = processes();
  });
  if (process.env.FUZZ_SEED !== undefined) console.log(`${answered} answers`, statuses);
  expect(problems.slice(0, 10)).toEqual([]);
  expect(processes().map(({ pid }) => pid)).toEqual(before);
  expect(cluster.process.stderr).not.toContain('a request failed');
  // A cluster that answers nothing does no harm either.
  expect(answered).toBeGreaterThan(REQUESTS / 4);
  const grown = processes().map(({ pid, rssBytes }) => ({
    pid,
    bytes: rssBytes - (middle.find((other) => other.pid === pid)?.rssBytes ?? 0),
  }));
  expect(grown.filter(({ bytes }) => bytes > GROWTH_BYTES_MAX)).toEqual([]);
  // Whoever was cut off has left nothing behind.
  await until(async () => (await gauge('velourfog_scans')) === 0);
  await until(async () => (await gauge('velourfog_watches')) === 0);
  await until(async () => (await gauge('velourfog_waiting_sets')) === 0);
  const { text } = await call(frontend, '/metrics');
  expect(text.split('\n').length).toBeLessThan(SERIES_MAX);
  expect((await set(frontend, 'after all', 'well')).status).toBe(200);
  expect((await get(frontend, 'after all')).text).toBe('well');
});
