// GET /v1/export and POST /v1/import, asked of frontends of simulated clusters.

import { describe, expect, test } from 'vitest';
import type { BytePart } from '../../../../../src/cluster/http/byte-stream.ts';
import { requestOf } from '../../../../../src/simulation/requests.ts';
import { PiecesStream } from '../../../../../src/simulation/streams.ts';
import { ReadReply } from '../../../../helpers/read-reply.ts';
import { founded } from '../../../../simulation/founded.ts';

function cluster(seed = 1) {
  const { world, cluster, answered, pass } = founded(seed);
  const [frontend] = cluster.frontends;
  if (frontend === undefined) throw new Error('there is a frontend');
  const until = (reply: ReadReply) => {
    const endMs = world.nowMs + 120_000;
    while (!reply.isOver && world.nowMs < endMs) pass(1);
    return reply;
  };
  const get = (target: string) => until(new ReadReply(frontend, requestOf('GET', target)));
  /** @param last how the body ends */
  const send = (text: string, query = '', last: BytePart = { kind: 'end' }) => {
    const pieces = text.match(/[\s\S]{1,50}/g) ?? [];
    const parts = [
      ...pieces.map((piece) => ({ kind: 'bytes', bytes: Buffer.from(piece) }) as const),
      last,
    ];
    const stream = new PiecesStream(world, parts, { delayMs: () => 0.2 });
    const body = { kind: 'stream', stream } as const;
    return until(new ReadReply(frontend, requestOf('POST', `/v1/import${query}`, body)));
  };
  const set = (key: string, value = 'v', more = '') => {
    expect(answered(`/set?key=${key}&value=${value}${more}`).status).toBe(200);
  };
  const remove = (key: string) => expect(answered(`/delete?key=${key}`).status).toBe(200);
  const contents = () => get('/v1/scan?values=1&limit=100000').lines.toSorted();
  return { world, cluster, frontend, pass, answered, get, send, set, remove, contents };
}

const recordsOf = (reply: ReadReply) => reply.json.filter(({ key }) => key !== undefined);

describe('an export', () => {
  test('has the records, a cursor behind each page, and says at last that this is all', () => {
    const { get, set, remove } = cluster();
    set('a', '1');
    set('b', '%FF', '&ttl=60');
    set('c');
    remove('c');
    const reply = get('/v1/export');
    expect(reply).toMatchObject({ status: 200, contentType: 'application/x-ndjson' });
    expect(recordsOf(reply).toSorted((a, b) => `${a.key}`.localeCompare(`${b.key}`))).toEqual([
      { key: 'a', value: '1', version: expect.stringMatching(/^[0-9a-f]{16}$/) },
      {
        key: 'b',
        value: { base64: '/w==' },
        version: expect.any(String),
        expiresAt: expect.any(Number),
      },
    ]);
    expect(reply.json.at(-1)).toEqual({ cursor: null });
    expect(recordsOf(get('/v1/export?prefix=a'))).toHaveLength(1);
  });

  test('that was cut goes on at its last cursor', () => {
    const { get, set } = cluster();
    for (let index = 0; index < 60; index++) set(`key${index}`);
    const { lines } = get('/v1/export');
    for (const [index, line] of lines.entries()) {
      if (!line.includes('cursor') || index % 7 !== 0) continue;
      const { cursor } = JSON.parse(line);
      if (cursor === null) continue;
      const rest = get(`/v1/export?cursor=${cursor}`).lines;
      expect(rest).toEqual(lines.slice(index + 1));
    }
  });

  test('since a version or a time has what came then, also deletes', () => {
    const { get, set, remove, pass } = cluster();
    set('old');
    set('gone');
    pass(1000);
    const before = recordsOf(get('/v1/export')).map(({ version }) => BigInt(`0x${version}`));
    const newest = before.reduce((most, version) => (version > most ? version : most), 0n);
    const since = (newest + 1n).toString(16).padStart(16, '0');
    set('new');
    remove('gone');
    const keys = recordsOf(get(`/v1/export?since=${since}`)).toSorted((a, b) =>
      `${a.key}`.localeCompare(`${b.key}`),
    );
    expect(keys).toMatchObject([
      { key: 'gone', deleted: true },
      { key: 'new', value: 'v' },
    ]);
    const milliseconds = Number((newest >> 16n) + 1n);
    expect(recordsOf(get(`/v1/export?since=${milliseconds}`))).toHaveLength(2);
    for (const wrong of ['yesterday', '1.5', '-1', '0123456789ABCDEF']) {
      expect(get(`/v1/export?since=${wrong}`)).toMatchObject({
        status: 400,
        error: 'bad-parameter',
      });
    }
  });
});

describe('an import', () => {
  test('into another cluster gives the same records, with their ETags, and twice is as once', () => {
    const [one, other] = [cluster(1), cluster(2)];
    for (let index = 0; index < 40; index++) one.set(`key${index}`, `${index}`.repeat(index));
    one.set('%FFodd', '%00%FF');
    one.set('%FF%FF', 'x', '&ttl=3600');
    const { text } = one.get('/v1/export');
    const first = other.send(text);
    expect(first.json).toEqual([{ stored: 42, skipped: 0, failed: 0, lines: 42, complete: true }]);
    expect(first.status).toBe(200);
    expect(other.contents()).toEqual(one.contents());
    expect(other.send(text).json).toEqual([
      { stored: 0, skipped: 42, failed: 0, lines: 42, complete: true },
    ]);
    expect(
      recordsOf(other.get('/v1/export'))
        .map((line) => JSON.stringify(line))
        .toSorted(),
    ).toEqual(
      recordsOf(one.get('/v1/export'))
        .map((line) => JSON.stringify(line))
        .toSorted(),
    );
  });

  test('keeps what is newer, whatever the order of the lines', () => {
    const { set, get, send, answered, remove } = cluster();
    set('a', 'old');
    set('b', 'old');
    const old = get('/v1/export').lines.filter((line) => line.includes('key'));
    set('a', 'new');
    remove('b');
    const reversed = old.toReversed();
    expect(send(`${reversed.join('\n')}\n`).json).toEqual([
      { stored: 0, skipped: 2, failed: 0, lines: 2 },
    ]);
    expect(answered('/get?key=a').body).toBe('new');
    expect(answered('/get?key=b').status).toBe(404);
  });

  test('brings deletes of an export since then', () => {
    const [one, other] = [cluster(1), cluster(2)];
    one.set('a');
    one.set('b');
    other.send(one.get('/v1/export').text);
    one.remove('a');
    const more = one.get('/v1/export?since=1');
    expect(other.send(more.text).json).toEqual([
      { stored: 1, skipped: 1, failed: 0, lines: 2, complete: true },
    ]);
    expect(other.contents()).toEqual(one.contents());
  });

  test('as new stores over what is there, in the order of the lines, and needs no version', () => {
    const { set, get, send, answered } = cluster();
    set('a', 'old');
    const { text } = get('/v1/export');
    set('a', 'new');
    expect(send(text, '?as-new=1').json).toEqual([
      { stored: 1, skipped: 0, failed: 0, lines: 1, complete: true },
    ]);
    expect(answered('/get?key=a').body).toBe('old');
    const lines = [
      '{"key":"a","value":"1"}',
      '{"key":"a","value":"2"}',
      '{"key":"b","value":"1"}',
      '{"key":"b","deleted":true}',
    ];
    expect(send(lines.join('\n'), '?as-new=1').json).toMatchObject([
      { stored: 4, failed: 0, lines: 4 },
    ]);
    expect(answered('/get?key=a').body).toBe('2');
    expect(answered('/get?key=b').status).toBe(404);
  });

  test('as new stores what was judged as what was not', () => {
    const { get, send } = cluster();
    const mark = Buffer.alloc(14).toString('base64');
    const attributes = { '2': mark, '9': 'AAA=' };
    const line = { key: 'a', value: '1', version: '0000000000000001', attributes };
    expect(send(JSON.stringify(line), '?as-new=1').json).toMatchObject([{ stored: 1 }]);
    expect(recordsOf(get('/v1/export'))).toMatchObject([{ attributes: { '9': 'AAA=' } }]);
    expect(get('/v1/export').text).not.toContain(mark);
  });

  test('keeps attributes and the content type, which only whole records have', () => {
    const { send, get } = cluster();
    const line =
      '{"key":"a","value":"1","version":"0000000000010001","contentType":"text/plain","attributes":{"9":"AAE="}}';
    expect(send(line).json).toMatchObject([{ stored: 1 }]);
    expect(get('/v1/export').lines[0]).toBe(line);
  });

  test('skips what has expired', () => {
    const { send } = cluster();
    const line = '{"key":"a","value":"1","version":"0000000000010001","expiresAt":1}';
    expect(send(line).json).toEqual([{ stored: 0, skipped: 1, failed: 0, lines: 1 }]);
  });

  test('whose first line is wrong stores nothing and is 400', () => {
    const { send, contents } = cluster();
    const good = '{"key":"a","value":"1","version":"0000000000010001"}';
    for (const first of ['key,value', '{"key":"a","value":"1"}', '\n[1]']) {
      const reply = send(`${first}\n${good}\n`);
      expect(reply).toMatchObject({ status: 400, error: 'bad-line' });
      expect(reply.text).toContain(`line ${first.startsWith('\n') ? 2 : 1}`);
    }
    expect(contents()).toEqual([]);
  });

  test('names later lines that are wrong, ten of them, and stores the others', () => {
    const { send, contents } = cluster();
    const lines = Array.from({ length: 40 }, (_, index) =>
      index % 2 === 0
        ? `{"key":"k${index}","value":"1","version":"0000000000010001"}`
        : `{"key":"k${index}"}`,
    );
    const [counts] = send(lines.join('\n')).json;
    expect(counts).toMatchObject({ stored: 20, skipped: 0, failed: 20, lines: 40 });
    const errors = counts?.errors as readonly { line: number; detail: string }[];
    expect(errors.map(({ line }) => line)).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    expect(contents()).toHaveLength(20);
  });

  test('of an export that was cut in a line stores what is whole', () => {
    const [one, other] = [cluster(1), cluster(2)];
    for (let index = 0; index < 20; index++) one.set(`key${index}`);
    const { text } = one.get('/v1/export');
    const cut = text.slice(0, text.lastIndexOf('"version"') + 12);
    const [counts] = other.send(cut).json;
    expect(counts).toMatchObject({ stored: 19, failed: 1, lines: 20 });
    expect(JSON.stringify(counts?.errors)).toContain('cut off');
  });

  test('whose body breaks off says what was stored before', () => {
    const { send } = cluster();
    const good = '{"key":"a","value":"1","version":"0000000000010001"}\n{"key":';
    const reply = send(good, '', { kind: 'broken', why: 'slow' });
    expect(reply).toMatchObject({ status: 408, error: 'slow-request' });
    expect(reply.json).toMatchObject([{ stored: 1, lines: 1, error: 'slow-request' }]);
  });

  test('ends where nothing can be stored', () => {
    const { send, cluster: simulated } = cluster();
    for (const node of simulated.storages) node.crash(false);
    const lines = Array.from(
      { length: 1000 },
      (_, index) => `{"key":"k${index}","value":"1","version":"0000000000010001"}`,
    );
    const reply = send(lines.join('\n'));
    expect(reply.status).toBe(503);
    expect(reply.json).toMatchObject([{ stored: 0, error: reply.error }]);
  });

  test('without a body is 400', () => {
    const { frontend, pass } = cluster();
    const reply = new ReadReply(frontend, requestOf('POST', '/v1/import'));
    pass(1);
    expect(reply).toMatchObject({ status: 400, error: 'bad-line' });
    const wrong = new ReadReply(frontend, requestOf('POST', '/v1/import?asnew=1'));
    pass(1);
    expect(wrong).toMatchObject({ status: 400, error: 'bad-parameter' });
  });
});
