// /v1/keys on a real cluster: what goes in by one frontend comes out of another, as HTTP has it. What needs a judge among
// the members is in v1-conditionals.test.ts.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, get, set } from '../helpers/client.ts';
import { type LocalCluster, startCluster, until } from '../helpers/cluster.ts';

let cluster: LocalCluster;
let one: string;
let other: string;

beforeAll(async () => {
  cluster = await startCluster({ frontends: 2 });
  [one = '', other = ''] = cluster.frontends;
});
afterAll(() => cluster.stop());

const ETAG = /^"[0-9a-f]{16}-[0-9a-f]{8}"$/;

describe('what a PUT stored', () => {
  test('comes back with its type and ETag, by GET and HEAD, through every frontend', async () => {
    const stored = await call(one, '/v1/keys/a/b', {
      method: 'PUT',
      body: '{"n":1}',
      headers: { 'content-type': 'application/json; x=1' },
    });
    expect(stored.status).toBe(201);
    expect(stored.headers.etag).toMatch(ETAG);
    const read = await call(other, '/v1/keys/a/b');
    expect(read).toMatchObject({ status: 200, text: '{"n":1}' });
    const wanted = {
      'content-type': 'application/json; x=1',
      'cache-control': 'no-cache',
      'content-length': '7',
      etag: stored.headers.etag,
      'x-fog-version': stored.headers['x-fog-version'],
    };
    expect(read.headers).toMatchObject(wanted);
    const head = await call(other, '/v1/keys/a/b', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '', headers: wanted });
    // Slashes may be escaped or not: it is one key, which /get knows as well.
    expect((await call(other, '/v1/keys/a%2Fb')).text).toBe('{"n":1}');
    expect((await get(other, 'a/b')).headers['content-type']).toBe('application/octet-stream');
  });

  test('is 201 where nothing live was there, else 204, and never has the ETag of before', async () => {
    const put = (body: string) => call(one, '/v1/keys/created', { method: 'PUT', body });
    const statuses: number[] = [];
    const tags = new Set<unknown>();
    for (const remove of [false, false, true, false]) {
      if (remove) await call(other, '/v1/keys/created', { method: 'DELETE' });
      const { status, headers } = await put('the same');
      statuses.push(status);
      tags.add(headers.etag);
    }
    expect(statuses).toEqual([201, 204, 201, 204]);
    expect(tags.size).toBe(4);
    expect((await call(other, '/v1/keys/created')).headers.etag).toBe([...tags].at(-1));
  });

  test('is any bytes, also none, under any bytes', async () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const key = [...body].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    await call(one, `/v1/keys/${key}`, { method: 'PUT', body });
    expect((await call(other, `/v1/keys/${key}`)).bytes).toEqual(body);
    expect((await call(other, `/get?key=${key}`)).bytes).toEqual(body);
    await call(one, '/v1/keys/empty', { method: 'PUT', body: '' });
    expect(await call(other, '/v1/keys/empty')).toMatchObject({ status: 200, text: '' });
    const long = 'x'.repeat(1024);
    expect((await call(one, `/v1/keys/${long}`, { method: 'PUT', body })).status).toBe(201);
    expect((await call(one, `/v1/keys/${long}x`, { method: 'PUT', body })).status).toBe(400);
  });

  test('is the newest for whoever set it by /set meanwhile, without a type', async () => {
    await call(one, '/v1/keys/both', {
      method: 'PUT',
      body: 'one',
      headers: { 'content-type': 'a/b' },
    });
    await set(other, 'both', 'two');
    const { text, headers } = await call(one, '/v1/keys/both');
    expect([text, headers['content-type']]).toEqual(['two', 'application/octet-stream']);
  });

  test('of many at once each has an ETag of its own, and one of them is what is there', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        call(one, '/v1/keys/hot', { method: 'PUT', body: `value ${index}` }),
      ),
    );
    const tags = answers.map(({ headers }) => headers.etag);
    expect(new Set(tags).size).toBe(200);
    expect(answers.filter(({ status }) => status === 201).length).toBeLessThanOrEqual(1);
    const { headers, text } = await call(other, '/v1/keys/hot');
    expect(tags.indexOf(headers.etag)).toBe(Number(text.slice('value '.length)));
  });
});

describe('what is asked again', () => {
  test('is 304 while it is as it was, and the value once it is another', async () => {
    const { headers } = await call(one, '/v1/keys/cached', { method: 'PUT', body: '1' });
    const etag = String(headers.etag);
    const again = (tags: string) =>
      call(other, '/v1/keys/cached', { headers: { 'if-none-match': tags } });
    expect(await again(etag)).toMatchObject({ status: 304, text: '', headers: { etag } });
    expect(await again(`"x", W/${etag}`)).toMatchObject({ status: 304, text: '' });
    expect(await again('*')).toMatchObject({ status: 304 });
    await call(one, '/v1/keys/cached', { method: 'PUT', body: '2' });
    expect(await again(etag)).toMatchObject({ status: 200, text: '2' });
  });

  test('is 412 when it is to be as it was, and is not', async () => {
    const { headers } = await call(one, '/v1/keys/asked', { method: 'PUT', body: '1' });
    const matching = (tags: string) =>
      call(other, '/v1/keys/asked', { headers: { 'if-match': tags } });
    expect((await matching(String(headers.etag))).status).toBe(200);
    expect(await matching('"0000000000000000-00000000"')).toMatchObject({
      status: 412,
      headers: { 'x-fog-error': 'condition-failed', etag: headers.etag },
    });
  });
});

describe('a ttl', () => {
  test('ends, and until then says how long the value is good', async () => {
    await call(one, '/v1/keys/short?ttl=1', { method: 'PUT', body: 'x' });
    await call(one, '/v1/keys/long', {
      method: 'PUT',
      body: 'x',
      headers: { 'x-fog-ttl': '1000' },
    });
    await until(async () => (await call(other, '/v1/keys/short')).status === 404);
    const { status, headers } = await call(other, '/v1/keys/long');
    expect(status).toBe(200);
    const [, seconds] = /^max-age=(\d+)$/.exec(String(headers['cache-control'])) ?? [];
    expect(Number(seconds)).toBeGreaterThan(500);
    expect(Number(seconds)).toBeLessThan(1000);
    // What has expired was not there.
    const put = await call(one, '/v1/keys/short', { method: 'PUT', body: 'x' });
    expect(put.status).toBe(201);
  });
});

describe('a delete', () => {
  test('is 204, whether or not the key was there, and the proof of absence is 404', async () => {
    await call(one, '/v1/keys/gone', { method: 'PUT', body: 'x' });
    for (let round = 0; round < 2; round++) {
      expect((await call(other, '/v1/keys/gone', { method: 'DELETE' })).status).toBe(204);
      const { status, text, headers } = await call(one, '/v1/keys/gone');
      expect([status, text, headers['x-fog-error']]).toEqual([404, 'no such key\n', undefined]);
    }
  });
});

describe('what is wrong', () => {
  test('is one line with a request that works, and a problem for programs', async () => {
    const wrong = { method: 'PUT', body: '1' } as const;
    const line = await call(one, '/v1/keys/a?ttl=0', wrong);
    expect(line).toMatchObject({ status: 400, headers: { 'x-fog-error': 'bad-parameter' } });
    expect(line.text).toContain(`Try: curl -T FILE 'http://${one}/v1/keys/a?ttl=60'`);
    const problem = await call(one, '/v1/keys/a?ttl=0', {
      ...wrong,
      headers: { accept: 'application/json' },
    });
    expect(problem.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(problem.text)).toMatchObject({
      status: 400,
      title: 'Bad Request',
      code: 'bad-parameter',
      retryable: false,
      detail: line.text.trimEnd(),
    });
    // So it is of every role.
    for (const address of [cluster.controller, ...cluster.storages, one]) {
      const { headers } = await call(address, '/nothing', {
        headers: { accept: 'application/problem+json' },
      });
      expect(headers['content-type']).toBe('application/problem+json');
    }
  });

  test('a POST without a verb, and a method that nobody has', async () => {
    const allow = 'PUT, GET, HEAD, DELETE';
    const posted = await call(one, '/v1/keys/a', { method: 'POST', body: '1' });
    expect(posted).toMatchObject({ status: 405, headers: { allow } });
    expect(posted.text).toContain('/v1/keys/{key...}/incr');
    expect(await call(one, '/v1/keys/a', { method: 'PATCH' })).toMatchObject({
      status: 405,
      headers: { allow },
    });
  });

  test('is said before the body is sent, to who asks first', async () => {
    const [host = '', port = ''] = one.split(':');
    const ask = async (target: string, field = '', length = 10) => {
      const socket = connect(Number(port), host);
      socket.write(
        `PUT /v1/keys/${target} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n${field}\r\n`,
      );
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return bytes.toString('latin1').split('\r\n')[0];
    };
    expect(await ask('a')).toBe('HTTP/1.1 100 Continue');
    expect(await ask('x'.repeat(1025))).toBe('HTTP/1.1 400 Bad Request');
    expect(await ask('a?ttl=0')).toBe('HTTP/1.1 400 Bad Request');
    expect(await ask('a', 'if-match: x\r\n')).toBe('HTTP/1.1 400 Bad Request');
    expect(await ask('a', '', 1e9)).toBe('HTTP/1.1 413 Payload Too Large');
    expect(await ask('%zz')).toBe('HTTP/1.1 400 Bad Request');
  });
});

test('curl stores a file, and takes it back', async () => {
  const curl = async (...words: string[]) =>
    (await promisify(execFile)('curl', ['-sS', '--max-time', '300', ...words])).stdout;
  const url = `http://${one}/v1/keys/files/package.json`;
  const status = ['-o', '/dev/null', '-w', '%{http_code}'];
  expect(await curl(...status, '-T', 'package.json', url)).toBe('201');
  expect(JSON.parse(await curl(url))).toMatchObject({ name: 'velour-fog' });
  expect(await curl('-d', '{"a":1}', '-X', 'PUT', url)).toBe('');
  expect(await curl('-o', '/dev/null', '-w', '%{content_type}', url)).toBe(
    'application/x-www-form-urlencoded',
  );
  expect(await curl(...status, '-X', 'DELETE', url)).toBe('204');
  expect(await curl(...status, url)).toBe('404');
});

describe('a read that explains itself', () => {
  test('is JSON that people can read, by GET and HEAD, with the status of the read', async () => {
    const { headers: stored } = await call(one, '/v1/keys/why', { method: 'PUT', body: 'four' });
    const told = await call(other, '/v1/keys/why?explain=1');
    expect(told).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'x-fog-version': stored['x-fog-version'],
      },
    });
    // It would be taken for that of the document.
    expect(told.headers.etag).toBeUndefined();
    expect(told.text).toMatch(/^\{\n {2}"key": "why",\n {2}"status": 200,\n(?:.*\n)*\}\n$/);
    const explanation = JSON.parse(told.text);
    expect(explanation.members).toHaveLength(3);
    const { etag } = stored;
    for (const member of explanation.members) expect(member).toMatchObject({ etag, size: 4 });
    const head = await call(other, '/v1/keys/why?explain=1', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '' });
    const absent = await call(one, '/v1/keys/nobody-knows-why?explain=1');
    expect(absent.status).toBe(404);
    expect(JSON.parse(absent.text)).toMatchObject({ answer: 'absent', decidedBy: { length: 3 } });
  });

  test('says so where it fails, with the code in the header, and is no problem document', async () => {
    const headers = { 'x-fog-min-version': 'ffff000000000000', accept: 'application/json' };
    const told = await call(one, '/v1/keys/why?explain=1', { headers });
    expect(told).toMatchObject({
      status: 503,
      headers: {
        'content-type': 'application/json',
        'x-fog-error': 'older-version',
        'retry-after': '1',
      },
    });
    expect(JSON.parse(told.text)).toMatchObject({ status: 503, error: 'older-version' });
  });
});

describe('Server-Timing', () => {
  const PATHS = ['/get?key=timed', '/set?key=timed&value=1', '/v1/keys/timed', '/v1/keys/nobody'];
  const ask = (path: string, headers = {}) => call(one, path, { headers });

  test('is in every answer to a request that asks for it, and in no other', async () => {
    const timed = /^total;dur=\d+\.\d{3}, storage;dur=\d+\.\d{3}$/;
    for (const path of [...PATHS, '/get', '/v1/keys/timed?ttl=1']) {
      expect((await ask(path)).headers['server-timing']).toBeUndefined();
      expect((await ask(path, { 'x-fog-timing': '1' })).headers['server-timing']).toMatch(timed);
    }
    const batch = await call(one, '/v1/mget', {
      method: 'POST',
      body: '{"key":"timed"}',
      headers: { 'x-fog-timing': '1' },
    });
    expect(batch.headers['server-timing']).toMatch(timed);
  });
});
