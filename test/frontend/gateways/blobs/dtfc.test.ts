// The blob service by its routes, with a file layer that is told how to end: what it says where nobody can tell, and what
// wins over what.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Body,
  type HttpReply,
  isWhole,
  replyHeader,
} from '../../../../src/cluster/http/http.ts';
import { Metrics, metricsText } from '../../../../src/cluster/http/metrics.ts';
import { Routes } from '../../../../src/cluster/http/routes.ts';
import type { Address } from '../../../../src/cluster/model/identity.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import type { ProbedMedia, Runtime } from '../../../../src/cluster/ports.ts';
import type { DeleteFileOutcome, PutFileOutcome } from '../../../../src/files/outcomes.ts';
import { BlobInterface } from '../../../../src/frontend/gateways/blobs/blob-interface.ts';
import {
  blobKey,
  type ContentHash,
  markKey,
} from '../../../../src/frontend/gateways/blobs/dtfc-usage.ts';
import { bytesOf, requestOf } from '../../../../src/simulation/requests.ts';
import { MemoryFileLayer } from '../../../helpers/memory-file-layer.ts';
import { Pieces, readAll } from '../../../helpers/pieces.ts';

const TEXT = 'any text';
const hashOf = (text: string) => createHash('sha512').update(text).digest('hex') as ContentHash;
const HASH = hashOf(TEXT);

interface StageOptions {
  readonly denied?: readonly string[];
  readonly requestsPerSecond?: number;
  readonly probe?: (url: string) => ProbedMedia;
}

const NOT_INSTALLED = () => ({ kind: 'not-installed' }) as const;

function stage({ denied = [], requestsPerSecond = 0, probe = NOT_INSTALLED }: StageOptions = {}) {
  const files = new MemoryFileLayer();
  const time = { wallMs: () => 0, monotonicMs: () => 0 };
  const usage = () => ({ uptimeSeconds: 0, userCpuSeconds: 0, systemCpuSeconds: 0 });
  const runtime = { host: { usage }, clock: time } as unknown as Runtime;
  const metrics = new Metrics();
  const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  const blobs = new BlobInterface(
    runtime,
    { files, metrics, routes, workerGroup: undefined },
    {
      address: '127.0.0.1:12180' as Address,
      denyPrefix: '/deny/',
      requestsPerSecond,
      mediaProbe: (url, callback) => callback(probe(url)),
      operatorFiles: {
        isThere: (path, callback) => callback(denied.includes(path)),
        read: (_path, callback) => callback({ kind: 'failed', detail: 'there is none' }),
      },
    },
  );
  const ask = (
    method: string,
    target: string,
    headers: Readonly<Record<string, string>> = {},
    body: Body = { kind: 'none' },
  ): HttpReply => {
    const replies: HttpReply[] = [];
    blobs.handle(requestOf(method, target, body, headers), (reply) => replies.push(reply));
    const [reply, ...others] = replies;
    if (reply === undefined || others.length > 0) throw new Error('it is answered once');
    return reply;
  };
  const put = (name: string, text: string, headers: Readonly<Record<string, string>> = {}) => {
    const bytes = Buffer.from(text);
    const body = { kind: 'stream', stream: new Pieces([bytes], bytes) } as const;
    return ask('PUT', `/${name}`, headers, body);
  };
  const mark = (text: string) => files.keep(markKey(HASH), Buffer.from(text));
  return { files, routes, metrics, blobs, ask, put, mark };
}

function lineOf(reply: HttpReply): string {
  const code = replyHeader(reply, 'x-fog-error');
  const text = isWhole(reply) ? bytesOf(reply).toString().trim() : 'a stream';
  return `${reply.status}${code === undefined ? '' : ` ${code}`}: ${text}`;
}

test('what is stored has the key of its content, and its name beside it', () => {
  const { put, files } = stage();
  expect(lineOf(put('A%20b.txt', TEXT))).toBe(
    `200: {"sha512":"${HASH}","filename":"a-b.txt","length":8,"content_type":"text/plain; charset=utf-8","stub":true}`,
  );
  expect(files.names).toEqual(
    [blobKey(HASH).toString('latin1')].map((key) => Buffer.from(key, 'latin1').toString()),
  );
  expect(files.requests[0]?.attributes).toEqual({ filename: 'a-b.txt' });
});

test('who stores something otherwise than it is stored is told how', () => {
  const { ask } = stage();
  for (const target of ['/', '/b.txt']) {
    expect(lineOf(ask('POST', target))).toMatch(/^405 method-not-allowed: .* curl -T FILE/);
  }
});

test('a HEAD says no length, and ends its connection, whatever it answers', async () => {
  const { put, ask, mark } = stage();
  put('a', TEXT);
  const heads = [ask('HEAD', `/${HASH}`), ask('HEAD', '/x'), ask('HEAD', `/${hashOf('other')}`)];
  mark('403');
  heads.push(ask('HEAD', `/${HASH}`));
  expect(heads.map(({ status }) => status)).toEqual([200, 404, 404, 403]);
  for (const reply of heads) {
    expect(reply.headers.connection).toBe('close');
    if (isWhole(reply)) throw new Error('a whole reply has a length');
    expect(reply.body.length).toBeUndefined();
    expect((await readAll(reply.body)).bytes).toHaveLength(0);
  }
});

describe('a mark', () => {
  test.each([
    ['403', '403 denied: 403 Forbidden.'],
    ['404', '404: 404 Not Found.'],
    ['what nobody understands', '403 denied: 403 Forbidden.'],
  ])('of %s wins over what is stored, before and after', (text, told) => {
    const { put, ask, mark } = stage();
    mark(text);
    expect(lineOf(ask('GET', `/${HASH}`))).toBe(told);
    expect(put('a', TEXT).status).toBe(200);
    expect(lineOf(ask('GET', `/${HASH}`))).toBe(told);
    expect(ask('DELETE', `/${HASH}`).status).toBe(200);
    expect(lineOf(ask('GET', `/${HASH}`))).toBe(told);
  });

  test('that nobody can tell of keeps the content back (F7)', () => {
    const { put, ask, files } = stage();
    put('a', TEXT);
    const find = files.find.bind(files);
    const failed = { kind: 'failed', code: 'unanswered', detail: 'nobody says it' } as const;
    files.find = (key, callback) =>
      key.equals(markKey(HASH)) ? callback(failed) : find(key, callback);
    expect(lineOf(ask('GET', `/${HASH}`))).toBe('503 unanswered: nobody says it');
  });
});

test('a switch turns one method off', () => {
  for (const verb of ['put', 'get', 'head', 'delete']) {
    const { put, ask } = stage({ denied: [`/deny/${verb}`] });
    const statuses = {
      put: put('a', TEXT).status,
      head: ask('HEAD', `/${HASH}`).status,
      get: ask('GET', `/${HASH}`).status,
      delete: ask('DELETE', `/${HASH}`).status,
    };
    const there = verb === 'put' ? 404 : 200;
    const expected = { put: 200, head: there, get: there, delete: there, [verb]: 403 };
    expect(statuses).toEqual(expected);
  }
});

test('a DELETE of what only one member has not any more has its effect (H21)', () => {
  const { put, ask, files } = stage();
  put('a', TEXT);
  files.unsettled = { kind: 'absent' };
  files.settles = { kind: 'failed', code: 'unanswered', detail: 'one of three is silent' };
  expect(ask('DELETE', `/${HASH}`).status).toBe(503);
  files.settles = undefined;
  expect(ask('DELETE', `/${HASH}`).status).toBe(200);
  expect(ask('DELETE', `/${HASH}`).status).toBe(404);
});

test('an option of a DELETE deletes nothing', () => {
  const { put, ask } = stage();
  put('a', TEXT);
  expect(ask('DELETE', `/${HASH}/all`).status).toBe(404);
  expect(ask('GET', `/${HASH}/all`).status).toBe(200);
});

test.each([
  [{ kind: 'unknown', version: undefined }, '504 outcome-unknown: not everybody'],
  [{ kind: 'unknown', version: 1n as Version }, '504 outcome-unknown: not everybody'],
  [
    { kind: 'not-stored', code: 'no-file-server', detail: 'none' },
    '503 no-file-server: none; nothing',
  ],
  [{ kind: 'not-stored', code: 'storage-full', detail: 'full' }, '507 storage-full: full; nothing'],
  [{ kind: 'broken', why: 'gone' }, '400 truncated-request:'],
  [{ kind: 'mismatch', detail: 'other bytes' }, '400 bad-parameter: other bytes; nothing'],
] as const)('%o is told as it is', (outcome, told) => {
  const { put, ask, files } = stage();
  files.puts = outcome as PutFileOutcome;
  expect(lineOf(put('a', TEXT))).toContain(told);
  if (outcome.kind !== 'unknown' && outcome.kind !== 'not-stored') return;
  files.puts = undefined;
  put('a', TEXT);
  files.deletes = outcome as DeleteFileOutcome;
  expect(lineOf(ask('DELETE', `/${HASH}`))).toContain(told.replace('nothing', 'nothing was del'));
});

describe('the ETag of a content is its SHA-512', () => {
  const other = hashOf('other');

  test('which stays however often it is stored, for conditions and ranges', () => {
    const { put, ask } = stage();
    put('a', TEXT);
    put('b', TEXT);
    expect(replyHeader(ask('GET', `/${HASH}`), 'etag')).toBe(`"${HASH}"`);
    const statusOf = (headers: Record<string, string>) => ask('GET', `/${HASH}`, headers).status;
    expect(statusOf({ 'if-none-match': `"${other}", W/"${HASH}"` })).toBe(304);
    expect(statusOf({ 'if-match': `"${other}"` })).toBe(412);
    expect(statusOf({ 'if-range': `"${HASH}"`, range: 'bytes=1-' })).toBe(206);
    expect(statusOf({ 'if-range': `"${other}"`, range: 'bytes=1-' })).toBe(200);
  });

  test.each([
    [{ 'if-none-match': '*' }, [200, 412]],
    [{ 'if-none-match': `"${HASH}"` }, [200, 412]],
    [{ 'if-none-match': `"${other}"` }, [200, 200]],
    [{ 'if-match': '*' }, [412, 200]],
    [{ 'if-match': `"${other}", "${HASH}"` }, [412, 200]],
    [{ 'if-match': `"${other}"` }, [412, 412]],
    [{ 'if-match': 'no tag' }, [400, 400]],
  ] as const)('of a PUT with %o, before it is there and after', (headers, statuses) => {
    const { put } = stage();
    const before = put('a', TEXT, headers);
    put('a', TEXT);
    const after = put('b', TEXT, headers);
    expect([before.status, after.status]).toEqual(statuses);
    if (after.status !== 412) return;
    expect(lineOf(after)).toContain(
      `condition-failed: the condition does not hold: the file there`,
    );
    expect(replyHeader(after, 'etag')).toBe(`"${HASH}"`);
  });

  test.each([
    [{ 'if-match': `"${HASH}"` }, 200],
    [{ 'if-match': `"${other}"` }, 412],
    [{ 'if-none-match': '*' }, 412],
    [{ 'if-unmodified-since': 'Thu, 29 Feb 2024 12:00:00 GMT' }, 200],
    [{ 'if-unmodified-since': 'Thu, 29 Feb 2024 11:59:59 GMT' }, 412],
    [{ 'if-unmodified-since': 'what' }, 200],
    [{ 'if-match': 'no tag' }, 400],
  ] as const)('of a DELETE with %o: %d', (headers, status) => {
    const { put, ask } = stage();
    expect(ask('DELETE', `/${HASH}`, headers).status).toBe(status === 400 ? 400 : 404);
    put('a', TEXT);
    expect(ask('DELETE', `/${HASH}`, headers).status).toBe(status);
    expect(ask('GET', `/${HASH}`).status).toBe(status === 200 ? 404 : 200);
  });

  test('deletes what it was judged on, and judges again what was stored meanwhile (H39)', () => {
    const { put, ask, files } = stage();
    put('a', TEXT);
    const remove = files.delete.bind(files);
    let times = 0;
    files.delete = (key, condition, callback) => {
      times++;
      // Somebody stores it at the last moment.
      if (times < 3) put('a', TEXT);
      remove(key, condition, callback);
    };
    expect(ask('DELETE', `/${HASH}`, { 'if-match': '*' }).status).toBe(200);
    expect(times).toBe(3);
    put('a', TEXT);
    times = -100;
    const given = lineOf(ask('DELETE', `/${HASH}`, { 'if-match': '*' }));
    expect(given).toContain('503 not-stored: others store this content again and again');
    expect(ask('GET', `/${HASH}`).status).toBe(200);
  });
});

test('health.html is what the frontend says of itself', () => {
  const { routes, ask } = stage();
  expect(lineOf(ask('GET', '/health.html'))).toBe('200: All systems go.');
  routes.addCheck('map', () => 'no map yet');
  expect(lineOf(ask('GET', '/health.html'))).toContain('503 not-ready: ');
});

test('requests are counted by verb and status', () => {
  const { put, ask, metrics } = stage();
  put('a', TEXT);
  ask('HEAD', '/x');
  const counted = metricsText(metrics.read()).match(/^velourfog_requests_total.* [1-9]$/gm);
  expect(counted).toEqual([
    'velourfog_requests_total{op="dtfc-put",code="200"} 1',
    'velourfog_requests_total{op="dtfc-head",code="404"} 1',
  ]);
});

test('/ffmetadata is what the probe says, with the name in place of its URL', () => {
  const urls: string[] = [];
  const json = '{"streams":[{"codec_name":"h264"}],"format":{"filename":"http://x","size":"8"}}';
  const { put, ask, mark } = stage({
    probe: (url) => {
      urls.push(url);
      return { kind: 'told', json };
    },
  });
  expect(ask('GET', `/${HASH}/ffmetadata`).status).toBe(404);
  put('Film.MP4', TEXT);
  const told = ask('GET', `/${HASH}/ffmetadata`);
  expect([told.status, told.headers['content-type']]).toEqual([200, 'application/json']);
  expect(JSON.parse(bytesOf(told).toString())).toEqual({
    streams: [{ codec_name: 'h264' }],
    format: { filename: 'film.mp4', size: '8' },
  });
  expect(urls).toEqual([`http://127.0.0.1:12180/${HASH}/nopeerload`]);
  mark('403');
  expect(ask('GET', `/${HASH}/ffmetadata`).status).toBe(403);
  expect(urls).toHaveLength(1);
});

test.each([
  [{ kind: 'not-installed' }, '501 no-ffprobe'],
  [{ kind: 'no-media' }, '422 no-media'],
  [{ kind: 'late' }, '503 overloaded'],
  [{ kind: 'told', json: 'what?' }, '422 no-media'],
] as const)('a probe that ends as %o is told', (outcome, told) => {
  const { put, ask } = stage({ probe: () => outcome });
  put('a', TEXT);
  expect(lineOf(ask('GET', `/${HASH}/ffmetadata`))).toContain(told);
});

test('more requests of one address than are taken are 429, with when to come again', () => {
  const { put, ask } = stage({ requestsPerSecond: 2 });
  expect([put('a', TEXT).status, ask('GET', `/${HASH}`).status]).toEqual([200, 200]);
  const refused = ask('GET', `/${HASH}`);
  expect([refused.status, refused.headers['retry-after']]).toEqual([429, '1']);
  expect([put('a', TEXT).status, ask('HEAD', '/x').status]).toEqual([429, 429]);
  expect(ask('GET', '/health.html').status).toBe(200);
});
