// Batches over real HTTP: many keys there and back, long bodies in little memory, connections that are cut, and a storage
// node that is killed in the midst. What is said of single lines is in test/frontend/gateways/v1/.

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, get } from '../helpers/client.ts';
import { childrenOf, type LocalCluster, startCluster, until } from '../helpers/cluster.ts';

const BINARY = 'application/vnd.velour.batch';
const MEBIBYTE = 1024 * 1024;
const GROWTH_BYTES_MAX = 64 * MEBIBYTE;

let cluster: LocalCluster;
let frontend = '';

beforeAll(async () => {
  cluster = await startCluster({ frontends: 1, storages: 4, redundancy: 3 });
  frontend = cluster.frontends[0] ?? '';
});
afterAll(() => cluster.stop());

interface Line {
  readonly key?: string;
  readonly line?: number;
  readonly status: number;
  readonly value?: string;
  readonly etag?: string;
  readonly error?: string;
}

async function batch(verb: string, lines: readonly unknown[]): Promise<readonly Line[]> {
  const body = lines
    .map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
    .join('');
  const answer = await call(frontend, `/v1/${verb}`, { method: 'POST', body });
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
  return parse(answer.text);
}

function parse(text: string): readonly Line[] {
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** Sends a body as it is produced, and reads the answer meanwhile. */
function stream(path: string, body: Iterable<string>, headers = {}) {
  const [host, port] = frontend.split(':');
  const asked = request({ host, port, path, method: 'POST', headers });
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
  Readable.from(body).pipe(asked);
  return { asked, answered };
}

test('a thousand keys go there and back, and away again', async () => {
  const items = Array.from({ length: 1000 }, (_, index) => ({
    key: `thousand ${index}`,
    value: `value ${index} ${'ü"\\\n'.repeat(index % 7)}`,
  }));
  const set = await batch('mset', items);
  expect(set.map(({ key, status }) => ({ key, status }))).toEqual(
    items.map(({ key }) => ({ key, status: 201 })),
  );
  const keys = items.map(({ key }) => ({ key }));
  const found = await batch('mget', keys);
  expect(found).toEqual(
    items.map(({ key, value }, index) => ({ key, status: 200, value, etag: set[index]?.etag })),
  );
  const [first] = items;
  expect((await get(frontend, first?.key ?? '')).text).toBe(first?.value);
  expect((await batch('mdelete', keys)).every(({ status }) => status === 204)).toBe(true);
  expect(await batch('mget', keys)).toEqual(keys.map(({ key }) => ({ key, status: 404 })));
});

test('what is wrong with one key concerns no other', async () => {
  const long = 'k'.repeat(1025);
  const answers = await batch('mset', [
    { key: 'beside', value: '1' },
    { key: '', value: '2' },
    { key: long, value: '3' },
    'no line',
    { key: 'k'.repeat(1024), value: '4' },
    { key: 'beside', value: '5' },
  ]);
  expect(answers.map(({ key, line, status, error }) => [key ?? line, status, error])).toEqual([
    ['beside', 201, undefined],
    ['', 400, 'empty-key'],
    [long, 400, 'key-too-long'],
    [4, 400, 'bad-item'],
    ['k'.repeat(1024), 201, undefined],
    ['beside', 204, undefined],
  ]);
  // H23: the same key twice, and the last wins.
  expect((await get(frontend, 'beside')).text).toBe('5');
});

test('bytes are there and back in either form', async () => {
  const key = { base64: Buffer.of(0xff, 0, 10).toString('base64') };
  const value = { base64: Buffer.of(0x80, 0x22, 0x0a).toString('base64') };
  expect(await batch('mset', [{ key, value }])).toMatchObject([{ key, status: 201 }]);
  expect(await batch('mget', [{ key }])).toMatchObject([{ key, status: 200, value }]);
  const { bytes, headers } = await call(frontend, '/v1/mget', {
    method: 'POST',
    body: Buffer.of(0, 3, 0xff, 0, 10, 0, 1, 120),
    headers: { 'content-type': BINARY },
  });
  expect(headers['content-type']).toBe(BINARY);
  expect(bytes.readUInt16BE(0)).toBe(200);
  expect(bytes.subarray(18, 18 + bytes.readUInt32BE(14))).toEqual(Buffer.of(0x80, 0x22, 0x0a));
  expect(bytes.readUInt16BE(21)).toBe(404);
});

test('a body of 200,000 keys takes no more memory than a short one', async () => {
  const child = childrenOf(cluster.process.pid).find(({ title }) => title.includes('frontend'));
  const residentBytes = async () => {
    const { text } = await call(frontend, '/metrics');
    return Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)?.[1]);
  };
  expect(child).toBeDefined();
  const value = 'v'.repeat(100);
  function* lines(count: number) {
    for (let from = 0; from < count; from += 1000) {
      let text = '';
      for (let at = from; at < from + 1000; at++) {
        text += `{"key":"many ${at % 5000}","value":"${value}"}\n`;
      }
      yield text;
    }
  }
  const run = async (count: number) => {
    const { answered } = stream('/v1/mset', lines(count));
    const [response] = await answered;
    let stored = 0;
    let most = 0;
    let rest = '';
    for await (const piece of response) {
      const text = rest + piece;
      const end = text.lastIndexOf('\n') + 1;
      rest = text.slice(end);
      stored += parse(text.slice(0, end)).filter(
        ({ status }) => status === 201 || status === 204,
      ).length;
      if (stored % 7 === 0) most = Math.max(most, await residentBytes());
    }
    expect(stored).toBe(count);
    return Math.max(most, await residentBytes());
  };
  const before = await run(20_000);
  expect((await run(200_000)) - before).toBeLessThan(GROWTH_BYTES_MAX);
});

test('a connection that is cut leaves what was begun, and nothing hangs', async () => {
  const [host, port] = frontend.split(':');
  const socket = connect({ host, port: Number(port) });
  await once(socket, 'connect');
  socket.write('POST /v1/mset HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n');
  socket.write('{"key":"cut","value":"1"}\n{"key":"cut short","va');
  await until(async () => (await get(frontend, 'cut')).status === 200);
  socket.destroy();
  expect((await get(frontend, 'cut')).text).toBe('1');
  expect((await get(frontend, 'cut short')).status).toBe(404);
  expect(await batch('mget', [{ key: 'cut' }])).toMatchObject([{ status: 200 }]);
});

test('of a body that ends before its announced length what came whole is done, and the client is told', async () => {
  const [host, port] = frontend.split(':');
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  socket.end(
    'POST /v1/mset HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"key":"half","value":"1"}\n{"ke',
  );
  let text = '';
  for await (const piece of socket) text += piece;
  expect(text).toMatch(/^HTTP\/1.1 400 .*x-fog-error: truncated-request.*what had come whole/s);
  await until(async () => (await get(frontend, 'half')).text === '1');
});

test('a storage node that is killed in the midst: each line is answered, and nothing acknowledged is lost', async () => {
  const count = 30_000;
  const keyAt = (index: number) => `killed ${index}`;
  function* lines() {
    for (let from = 0; from < count; from += 100) {
      let text = '';
      for (let at = from; at < from + 100; at++) text += `{"key":"${keyAt(at)}","value":"${at}"}\n`;
      yield text;
    }
  }
  const { answered } = stream('/v1/mset', lines());
  const [response] = await answered;
  let text = '';
  let isKilled = false;
  for await (const piece of response) {
    text += piece;
    if (isKilled || text.length < 100_000) continue;
    isKilled = true;
    const [node] = childrenOf(cluster.process.pid).filter(({ title }) => title.includes('storage'));
    if (node !== undefined) process.kill(node.pid, 'SIGKILL');
  }
  const set = parse(text);
  expect(isKilled).toBe(true);
  expect(set.map(({ key }) => key)).toEqual(Array.from({ length: count }, (_, at) => keyAt(at)));
  const acknowledged = set.flatMap(({ key, status }) => (status === 201 ? [key] : []));
  expect(acknowledged.length).toBeGreaterThan(count / 2);
  for (let from = 0; from < acknowledged.length; from += 1000) {
    const found = await batch(
      'mget',
      acknowledged.slice(from, from + 1000).map((key) => ({ key })),
    );
    expect(found.filter(({ status }) => status !== 200)).toEqual([]);
    expect(found.every(({ key, value }) => key === keyAt(Number(value)))).toBe(true);
  }
});
