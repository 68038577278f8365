// GET and DELETE /v1/scan, asked of a frontend of a simulated cluster.

import { describe, expect, test } from 'vitest';
import { SCANS_MAX } from '../../../../src/cluster/model/limits.ts';
import { printCursor, SCAN_START } from '../../../../src/coordinator/operations/scan/position.ts';
import { requestOf } from '../../../../src/simulation/requests.ts';
import { ReadReply } from '../../../helpers/read-reply.ts';
import { founded } from '../../../simulation/founded.ts';

function stage(seed = 1) {
  const { world, cluster, answered, pass } = founded(seed);
  const [frontend] = cluster.frontends;
  if (frontend === undefined) throw new Error('there is a frontend');
  const ask = (method: string, target: string) => {
    const reply = new ReadReply(frontend, requestOf(method, target));
    const endMs = world.nowMs + 60_000;
    while (!reply.isOver && world.nowMs < endMs) pass(1);
    return reply;
  };
  const scan = (query = '') => ask('GET', `/v1/scan?${query}`);
  const set = (key: string, value = 'v') => {
    expect(answered(`/set?key=${key}&value=${value}`).status).toBe(200);
  };
  const keysOf = (reply: ReadReply) => reply.json.map(({ key }) => key).toSorted();
  return { world, cluster, pass, answered, ask, scan, set, keysOf, frontend };
}

describe('GET /v1/scan', () => {
  test('lists each key with its ETag, and nothing else', () => {
    const { scan, set, answered } = stage();
    set('a');
    set('b');
    expect(answered('/delete?key=b').status).toBe(200);
    const reply = scan();
    expect(reply).toMatchObject({ status: 200, contentType: 'application/x-ndjson' });
    expect(reply.lines).toHaveLength(1);
    expect(reply.json[0]).toEqual({
      key: 'a',
      etag: expect.stringMatching(/^"[0-9a-f]{16}-[0-9a-f]{8}"$/),
    });
  });

  test('lists values where they are wanted, with the same ETag', () => {
    const { scan, set } = stage();
    set('a', 'text');
    set('b', '%FF');
    const withValues = scan('values=1').json.toSorted((a, b) =>
      `${a.key}`.localeCompare(`${b.key}`),
    );
    expect(withValues).toMatchObject([
      { key: 'a', value: 'text' },
      { key: 'b', value: { base64: '/w==' } },
    ]);
    const etags = scan('values=0').json.toSorted((a, b) => `${a.key}`.localeCompare(`${b.key}`));
    expect(etags.map(({ etag }) => etag)).toEqual(withValues.map(({ etag }) => etag));
  });

  test('of an empty cluster is an empty list', () => {
    expect(stage().scan()).toMatchObject({ status: 200, text: '' });
  });

  test('lists keys with the prefix, also one that begins with 0xFF', () => {
    const { scan, set, keysOf } = stage();
    for (const key of ['user:1', 'user:2', 'use', 'other', '%FFuser', '%FF%FFx']) set(key);
    expect(keysOf(scan('prefix=user%3A'))).toEqual(['user:1', 'user:2']);
    expect(scan('prefix=%FF').json.map(({ key }) => key)).toEqual(
      expect.arrayContaining([{ base64: '/3VzZXI=' }, { base64: '//94' }]),
    );
    expect(scan('prefix=%FF').lines).toHaveLength(2);
    expect(scan('prefix=%FFu').lines).toHaveLength(1);
    expect(scan().lines).toHaveLength(6);
  });

  test('goes on at the cursor, and lists each key once whatever the limit', () => {
    const { scan, set } = stage();
    const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`);
    for (const key of keys) set(encodeURIComponent(key));
    for (const limit of [1, 7, 60, 61]) {
      const listed: unknown[] = [];
      let cursor = '';
      for (let page = 0; page < 100; page++) {
        const { json } = scan(`limit=${limit}${cursor && `&cursor=${cursor}`}`);
        const lines = json.filter(({ key }) => key !== undefined);
        expect(lines.length).toBeLessThanOrEqual(limit);
        listed.push(...lines.map(({ key }) => key));
        const last = json.at(-1);
        cursor = typeof last?.cursor === 'string' ? last.cursor : '';
        if (cursor === '') break;
        expect(last).toEqual({ cursor });
        expect(lines).toHaveLength(limit);
      }
      expect(listed.toSorted()).toEqual(keys.toSorted());
    }
  });

  test('ends with the page that brings it to so many bytes, and goes on at its cursor', () => {
    const { scan, set } = stage();
    const keys = Array.from({ length: 30 }, (_, index) => `key ${index}`);
    for (const key of keys) set(encodeURIComponent(key), 'x'.repeat(30_000));
    const listed: unknown[] = [];
    let answers = 0;
    for (let cursor = ''; ; answers++) {
      const { json, text } = scan(`values=1&bytes=100000${cursor && `&cursor=${cursor}`}`);
      // The last page is one that began below 100,000 bytes.
      expect(text.length).toBeLessThan(100_000 + 56 * 1024 + 30_000);
      listed.push(...json.map(({ key }) => key).filter((key) => key !== undefined));
      const last = json.at(-1);
      if (typeof last?.cursor !== 'string') break;
      expect(text.length).toBeGreaterThanOrEqual(100_000);
      cursor = last.cursor;
    }
    expect(listed.toSorted()).toEqual(keys.toSorted());
    expect(answers).toBeGreaterThan(4);
  });

  test('is served as fast as its client reads, and asks storage nodes for no more than that', () => {
    const { world, frontend, cluster, set, pass } = stage();
    for (let index = 0; index < 40; index++) set(`key${index}`, 'x'.repeat(8000));
    const asked = () =>
      cluster.storages.reduce((sum, node) => {
        const metrics = new ReadReply(node, requestOf('GET', '/metrics'));
        pass(1);
        const [, count] = /operation="scan",answer="records"\} (\d+)/.exec(metrics.text) ?? [];
        return sum + Number(count);
      }, 0);
    const goOn: (() => void)[] = [];
    const reply = new ReadReply(frontend, requestOf('GET', '/v1/scan?values=1'), (next) =>
      goOn.push(next),
    );
    pass(2000);
    expect(reply.isOver).toBe(false);
    expect(reply.parts).toBe(1);
    expect(asked()).toBeLessThanOrEqual(6);
    const endMs = world.nowMs + 10_000;
    while (!reply.isOver && world.nowMs < endMs) {
      goOn.shift()?.();
      pass(1);
    }
    expect(reply.lines).toHaveLength(40);
  });

  test('says where to go on when a partition cannot be read in mid-stream', () => {
    const { scan, set, cluster, pass, frontend } = stage();
    for (let index = 0; index < 40; index++) set(`key${index}`);
    const goOn: (() => void)[] = [];
    const reply = new ReadReply(frontend, requestOf('GET', '/v1/scan'), (next) => goOn.push(next));
    pass(100);
    for (const node of cluster.storages) node.crash(false);
    for (let step = 0; step < 10_000 && !reply.isOver; step++) {
      goOn.shift()?.();
      pass(10);
    }
    const last = reply.json.at(-1);
    expect(last).toMatchObject({ error: expect.any(String), detail: expect.any(String) });
    const before = reply.json.slice(0, -1).map(({ key }) => key);
    expect(before.length).toBeLessThan(40);
    expect(scan()).toMatchObject({ status: 503 });
    for (const node of cluster.storages) node.start();
    pass(20_000);
    const after = scan(`cursor=${last?.cursor}`).json.map(({ key }) => key);
    expect([...before, ...after].toSorted()).toEqual(
      Array.from({ length: 40 }, (_, index) => `key${index}`).toSorted(),
    );
  });

  test('is refused for a cursor of another cluster', () => {
    const { scan } = stage();
    const cursor = printCursor(SCAN_START, 2);
    expect(scan(`cursor=${cursor}`)).toMatchObject({ status: 400, error: 'bad-cursor' });
    expect(scan('limit=0')).toMatchObject({ status: 400, error: 'bad-parameter' });
  });
});

describe('DELETE /v1/scan', () => {
  test('deletes the keys with the prefix and no others, and says how many', () => {
    const { ask, scan, set, keysOf } = stage();
    for (let index = 0; index < 150; index++) set(`user:${index}`);
    for (const key of ['other', 'user', '%FFuser:']) set(key);
    const reply = ask('DELETE', '/v1/scan?prefix=user%3A');
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual([{ deleted: 150 }]);
    expect(scan().lines).toHaveLength(3);
    expect(keysOf(scan('prefix=user'))).toEqual(['user']);
    expect(ask('DELETE', '/v1/scan?prefix=user%3A').json).toEqual([{ deleted: 0 }]);
  });

  test('deletes everything only where that is said', () => {
    const { ask, scan, set } = stage();
    for (const key of ['a', 'b', '%FFc']) set(key);
    for (const query of [
      '',
      'prefix=',
      'all=1',
      'prefix=&all=0',
      'prefix=a&all=1',
      'prefix=&all=yes',
    ]) {
      expect(ask('DELETE', `/v1/scan?${query}`)).toMatchObject({
        status: 400,
        error: 'bad-parameter',
      });
    }
    expect(scan().lines).toHaveLength(3);
    expect(ask('DELETE', '/v1/scan?prefix=&all=1').json).toEqual([{ deleted: 3 }]);
    expect(scan().lines).toHaveLength(0);
  });

  test('is 503 where nothing could be done', () => {
    const { ask, set, cluster } = stage();
    set('a');
    for (const node of cluster.storages) node.crash(false);
    expect(ask('DELETE', '/v1/scan?prefix=a')).toMatchObject({ status: 503 });
  });

  test('counts what it deleted, and says what failed in the middle', () => {
    const { scan, set, frontend, cluster, pass } = stage();
    for (let index = 0; index < 300; index++) set(`k${index}`);
    const reply = new ReadReply(frontend, requestOf('DELETE', '/v1/scan?prefix=k'));
    while (reply.status === undefined) pass(0.1);
    for (const node of cluster.storages) node.crash(false);
    for (let step = 0; step < 1000 && !reply.isOver; step++) pass(100);
    const [counts] = reply.json;
    const deleted = Number(counts?.deleted);
    const failed = Number(counts?.failed);
    expect(reply.status).toBe(200);
    expect(counts).toMatchObject({ error: expect.any(String), detail: expect.any(String) });
    expect(deleted).toBeGreaterThan(0);
    expect(failed).toBeGreaterThan(0);
    expect(deleted + failed).toBeLessThan(300);
    for (const node of cluster.storages) node.start();
    pass(20_000);
    const left = scan('limit=1000').lines.length;
    expect(left).toBeLessThanOrEqual(300 - deleted);
    expect(left).toBeGreaterThanOrEqual(300 - deleted - failed);
  });

  test('stops when its client is gone', () => {
    const { ask, scan, set, frontend, pass } = stage();
    for (let index = 0; index < 400; index++) set(`k${index}`);
    const reply = new ReadReply(frontend, requestOf('DELETE', '/v1/scan?prefix=k'));
    while (reply.status === undefined) pass(0.1);
    reply.discard();
    pass(10_000);
    expect(scan('limit=1000').lines.length).toBeGreaterThan(100);
    expect(ask('DELETE', '/v1/scan?prefix=k').status).toBe(200);
    expect(scan().lines).toHaveLength(0);
  });
});

test('as many scans as may be are under way, and one that ends makes room', () => {
  const { scan, set, frontend, pass, ask } = stage();
  for (let index = 0; index < 40; index++) set(`key${index}`);
  const stalled = Array.from({ length: SCANS_MAX }, () => {
    return new ReadReply(frontend, requestOf('GET', '/v1/scan'), () => undefined);
  });
  pass(1000);
  expect(scan()).toMatchObject({ status: 503, error: 'overloaded' });
  expect(ask('GET', '/v1/export')).toMatchObject({ status: 503, error: 'overloaded' });
  expect(ask('DELETE', '/v1/scan?prefix=k')).toMatchObject({ status: 503, error: 'overloaded' });
  expect(ask('GET', '/metrics').text).toContain(`\nvelourfog_scans ${SCANS_MAX}\n`);
  for (const reply of stalled) reply.discard();
  pass(10);
  expect(scan().lines).toHaveLength(40);
  expect(ask('GET', '/metrics').text).toContain('\nvelourfog_scans 0\n');
});
