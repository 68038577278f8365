// How /v1/keys answers what reads and writes came to, with a coordinator that is told what to answer.

import { describe, expect, test } from 'vitest';
import { type Body, type HttpReply, replyHeader } from '../../../../src/cluster/http/http.ts';
import { Metrics, metricsText } from '../../../../src/cluster/http/metrics.ts';
import { Routes } from '../../../../src/cluster/http/routes.ts';
import { etagOf, printETag } from '../../../../src/cluster/model/condition.ts';
import { protocolTimes } from '../../../../src/cluster/model/limits.ts';
import {
  ATTRIBUTE_CONTENT_TYPE,
  encodeRecord,
  type RecordFields,
  type StoredRecord,
} from '../../../../src/cluster/model/record.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import type { Runtime } from '../../../../src/cluster/ports.ts';
import type {
  ConditionalOutcome,
  ConditionalRequest,
} from '../../../../src/coordinator/operations/conditional/decision.ts';
import type {
  WriteOutcome,
  WriteRequest,
} from '../../../../src/coordinator/operations/set/decision.ts';
import type { GatewayContext } from '../../../../src/frontend/gateways/gateway.ts';
import { V1KeysGateway } from '../../../../src/frontend/gateways/v1/keys.ts';
import { bytesOf, requestOf } from '../../../../src/simulation/requests.ts';

const NOW_MS = 1_800_000_000_000;
const VERSION = 0x0123_4567_89ab_cdefn as Version;
const PRINTED = '0123456789abcdef';

function recordOf(value: string, fields: Partial<RecordFields> = {}): StoredRecord {
  return encodeRecord({
    key: Buffer.from('k'),
    version: VERSION,
    value: Buffer.from(value),
    ...fields,
  });
}

const typed = (type: string) => [
  { type: ATTRIBUTE_CONTENT_TYPE, bytes: Buffer.from(type, 'latin1') },
];
const tagOf = (record: StoredRecord) => printETag(etagOf(record));

/** As of a set that was coalesced with a newer one, and replaced something. */
const STORED: WriteOutcome = {
  kind: 'stored',
  version: VERSION,
  created: false,
  record: undefined,
};

interface Told {
  readonly found?: StoredRecord;
  readonly write?: WriteOutcome;
  readonly conditional?: ConditionalOutcome;
  /** Whether the gateway knows the time of the cluster; by default it does. */
  readonly isTimeKnown?: boolean;
}

/** A gateway whose reads and writes come to what it is told, and what was asked of the coordinator. */
function gatewayWith(told: Told) {
  const sets: WriteRequest[] = [];
  const conditionals: ConditionalRequest[] = [];
  /** When each conditional write arrived, where the gateway says so. */
  const arrivals: (number | undefined)[] = [];
  /** Tells the time of the cluster to what waits for it. */
  let tell: () => void = () => undefined;
  let nowMs = 0;
  const clock = {
    wallMs: () => NOW_MS,
    monotonicMs: () => nowMs,
    isKnown: told.isTimeKnown ?? true,
    isInDoubt: () => false,
    onceTold: (callback: () => void) => {
      tell = callback;
      return () => undefined;
    },
  };
  const context = {
    reader: {
      get: (_key: Buffer, callback: (outcome: object) => void) =>
        callback(
          told.found === undefined
            ? { kind: 'absent', version: VERSION }
            : { kind: 'value', record: told.found },
        ),
    },
    writer: {
      set: (request: WriteRequest, callback: (outcome: WriteOutcome) => void) => {
        sets.push(request);
        if (told.write !== undefined) callback(told.write);
      },
    },
    conditional: {
      write: (
        request: ConditionalRequest,
        callback: (outcome: ConditionalOutcome) => void,
        arrivedMs?: number,
      ) => {
        conditionals.push(request);
        arrivals.push(arrivedMs);
        if (told.conditional !== undefined) callback(told.conditional);
      },
    },
    clock,
    times: protocolTimes(1),
    timers: { after: () => () => undefined },
    hasMap: () => true,
    absence: () => 'no such key',
  } as unknown as GatewayContext;
  const metrics = new Metrics();
  const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  new V1KeysGateway(context).addTo(routes, metrics);
  const ask = (
    method: string,
    target: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
  ): HttpReply => {
    const replies: HttpReply[] = [];
    const given: Body =
      body === undefined ? { kind: 'none' } : { kind: 'bytes', bytes: Buffer.from(body) };
    const request = {
      ...requestOf(method, target, given),
      header: (name: string) => headers[name],
    };
    routes.handle(request, (reply) => replies.push(reply));
    if (told.isTimeKnown === false) {
      nowMs += 4000;
      tell();
    }
    const [reply] = replies;
    if (reply === undefined) throw new Error('it was not answered');
    return reply;
  };
  return { ask, sets, conditionals, arrivals, metrics };
}

/** Status and text of a reply, with the code of an error. */
function lineOf(reply: HttpReply): string {
  const code = replyHeader(reply, 'x-fog-error');
  return `${reply.status}${code === undefined ? '' : ` ${code}`}: ${bytesOf(reply)}`;
}

describe('a read', () => {
  test('has the bytes, their type, ETag, version and how long they are good', () => {
    const record = recordOf('{}', { attributes: typed('application/json') });
    const reply = gatewayWith({ found: record }).ask('GET', '/v1/keys/k');
    expect(reply.status).toBe(200);
    expect(bytesOf(reply).toString()).toBe('{}');
    expect(reply.headers).toEqual({
      'content-type': 'application/json',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
      etag: `"${PRINTED}-${etagOf(record).hash.toString(16).padStart(8, '0')}"`,
      'x-fog-version': PRINTED,
    });
  });

  test.each([
    [[], 'application/octet-stream'],
    [typed('a/b'), 'a/b'],
    [[{ type: 7, bytes: Buffer.from('x') }], 'application/octet-stream'],
    [[...typed('a/b'), { type: 7, bytes: Buffer.from('x') }], 'a/b'],
    // Not of this gateway, and no header.
    [typed('a\r\nb: c'), 'application/octet-stream'],
    [typed(''), 'application/octet-stream'],
  ])('of a record with %o is of type %s', (attributes, type) => {
    const reply = gatewayWith({ found: recordOf('1', { attributes }) }).ask('GET', '/v1/keys/k');
    expect(reply.headers['content-type']).toBe(type);
  });

  test.each([
    [0, 'no-cache'],
    [NOW_MS + 60_000, 'max-age=60'],
    [NOW_MS + 60_999, 'max-age=60'],
    [NOW_MS + 999, 'max-age=0'],
    [NOW_MS - 5000, 'max-age=0'],
  ])('of what expires at %d is %s', (expiresAtMs, wanted) => {
    const reply = gatewayWith({ found: recordOf('1', { expiresAtMs }) }).ask('GET', '/v1/keys/k');
    expect(reply.headers['cache-control']).toBe(wanted);
  });

  test('304 has what a cache renews, and no body', () => {
    const record = recordOf('1', { attributes: typed('a/b') });
    const { ask } = gatewayWith({ found: record });
    const reply = ask('GET', '/v1/keys/k', { 'if-none-match': `W/${tagOf(record)}` });
    expect(lineOf(reply)).toBe('304: ');
    expect(reply.headers).toEqual({
      'cache-control': 'no-cache',
      etag: tagOf(record),
      'x-fog-version': PRINTED,
    });
    expect(ask('GET', '/v1/keys/k', { 'if-none-match': '*' }).status).toBe(304);
    expect(ask('GET', '/v1/keys/k', { 'if-none-match': tagOf(recordOf('2')) }).status).toBe(200);
  });

  test('412 has the ETag of what is there', () => {
    const record = recordOf('1');
    const { ask } = gatewayWith({ found: record });
    const reply = ask('GET', '/v1/keys/k', { 'if-match': tagOf(recordOf('2')) });
    expect(reply).toMatchObject({ status: 412, headers: { etag: tagOf(record) } });
    expect(ask('GET', '/v1/keys/k', { 'if-match': tagOf(record) }).status).toBe(200);
  });

  test('404 is the proof of absence, whatever the conditions are', () => {
    const { ask } = gatewayWith({});
    for (const headers of [{}, { 'if-match': '*' }, { 'if-none-match': '*' }]) {
      const reply = ask('GET', '/v1/keys/k', headers);
      expect(lineOf(reply)).toBe('404: no such key\n');
      expect(reply.headers['x-fog-version']).toBe(PRINTED);
    }
  });

  test('asks for the key as it is in the path, decoded once', () => {
    const { ask, sets } = gatewayWith({ write: STORED });
    for (const path of ['a/b%2Fc', '%2541', 'a+b%20', '/', 'a/incr', 'a//', '%00%ff', 'a%3Fb']) {
      ask('DELETE', `/v1/keys/${path}`);
    }
    expect(sets.map(({ key }) => key.toString('latin1'))).toEqual([
      'a/b/c',
      '%41',
      'a+b ',
      '/',
      'a/incr',
      'a//',
      '\0\xff',
      'a?b',
    ]);
  });
});

describe('a PUT without a condition', () => {
  test('stores the body with its type, and answers with the ETag that a read will have', () => {
    const { ask, sets, conditionals } = gatewayWith({ write: STORED });
    const reply = ask('PUT', '/v1/keys/k?ttl=60', { 'content-type': 'a/b' }, 'body');
    const expiresAtMs = NOW_MS + 60_000;
    const attributes = typed('a/b');
    expect(sets).toEqual([
      {
        key: Buffer.from('k'),
        value: Buffer.from('body'),
        tombstone: false,
        expiresAtMs,
        attributes,
      },
    ]);
    expect(conditionals).toEqual([]);
    expect(lineOf(reply)).toBe('204: ');
    expect(reply.headers).toEqual({
      'cache-control': 'no-store',
      etag: tagOf(recordOf('body', { expiresAtMs, attributes })),
      'x-fog-version': PRINTED,
    });
  });

  test('is 201 where nothing live was there, with the ETag of the record that was sent', () => {
    const record = recordOf('of another version', { version: 7n as Version });
    const { ask } = gatewayWith({ write: { ...STORED, created: true, record } });
    const reply = ask('PUT', '/v1/keys/k', {}, 'x');
    expect([reply.status, reply.headers.etag]).toEqual([201, tagOf(record)]);
  });

  test('without a body stores the empty value, one that stays', () => {
    const { ask, sets } = gatewayWith({ write: STORED });
    ask('PUT', '/v1/keys/k');
    ask('PUT', '/v1/keys/k', {}, '');
    expect(sets.map(({ value, expiresAtMs }) => [value.length, expiresAtMs])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test('that failed says whether anything was stored', () => {
    const failed = gatewayWith({
      write: { kind: 'not-stored', code: 'partition-offline', detail: 'it is offline' },
    });
    expect(lineOf(failed.ask('PUT', '/v1/keys/k', {}, '1'))).toBe(
      '503 partition-offline: it is offline; nothing was stored\n',
    );
    const unknown = gatewayWith({ write: { kind: 'unknown', version: VERSION } });
    const reply = unknown.ask('PUT', '/v1/keys/k', {}, '1');
    expect(lineOf(reply)).toContain('504 outcome-unknown: ');
    expect(reply.headers['x-fog-version']).toBe(PRINTED);
  });
});

test('a DELETE without a condition is 204, and has a version', () => {
  const { ask, sets } = gatewayWith({ write: STORED });
  const reply = ask('DELETE', '/v1/keys/k');
  expect(lineOf(reply)).toBe('204: ');
  expect(reply.headers).toEqual({ 'cache-control': 'no-store', 'x-fog-version': PRINTED });
  expect(sets).toMatchObject([{ tombstone: true, expiresAtMs: 0, attributes: [] }]);
});

describe('what is asked of the conditional writer', () => {
  const tag = tagOf(recordOf('1'));
  const condition = { ifMatch: [etagOf(recordOf('1'))] };

  test.each<[string, string, Readonly<Record<string, string>>, string | undefined, object]>([
    [
      'PUT',
      '?ttl=1',
      { 'if-match': tag, 'content-type': 'a/b' },
      'x',
      {
        condition,
        change: {
          kind: 'put',
          value: Buffer.from('x'),
          attributes: typed('a/b'),
          expiresAtMs: NOW_MS + 1000,
        },
      },
    ],
    ['DELETE', '', { 'if-match': tag }, undefined, { condition, change: { kind: 'delete' } }],
    ['POST', '/incr', {}, undefined, { condition: {}, change: { kind: 'incr', by: 1 } }],
    ['POST', '/incr?by=-7', {}, '', { condition: {}, change: { kind: 'incr', by: -7 } }],
    [
      'POST',
      '/append',
      { 'content-type': 'a/b' },
      'x',
      { condition: {}, change: { kind: 'append', bytes: Buffer.from('x') } },
    ],
    [
      'POST',
      '/getset',
      { 'x-fog-ttl': '2' },
      'x',
      {
        condition: {},
        change: {
          kind: 'getset',
          value: Buffer.from('x'),
          attributes: [],
          expiresAtMs: NOW_MS + 2000,
        },
      },
    ],
    [
      'PUT',
      '',
      { 'if-none-match': '*' },
      '',
      { condition: { ifNoneMatch: 'any' }, change: { kind: 'put', value: Buffer.alloc(0) } },
    ],
  ])('%s %s with %o', (method, path, headers, body, wanted) => {
    const unknown: ConditionalOutcome = { kind: 'unknown', version: undefined };
    const { ask, conditionals, sets } = gatewayWith({ conditional: unknown });
    ask(method, `/v1/keys/a/k${path}`, headers, body);
    expect(conditionals).toMatchObject([{ key: Buffer.from('a/k'), ...wanted }]);
    expect(sets).toEqual([]);
  });

  test.each([
    ['PUT', '?ttl=1', { 'if-match': tag }] as const,
    ['POST', '/getset?ttl=1', {}] as const,
  ])(
    '%s %s that waited for the time of the cluster has its deadline from its arrival (H31)',
    (method, path, headers) => {
      for (const timing of [{}, { 'x-fog-timing': '1' }]) {
        const conditional: ConditionalOutcome = { kind: 'unknown', version: undefined };
        const { ask, arrivals } = gatewayWith({ conditional, isTimeKnown: false });
        ask(method, `/v1/keys/k${path}`, { ...headers, ...timing }, 'x');
        expect(arrivals).toEqual([0]);
      }
    },
  );
});

describe('what conditional writes came to', () => {
  const record = recordOf('42', { attributes: typed('text/plain') });
  const before = recordOf('41', { version: 1n as Version, attributes: typed('a/b') });
  const stored = (created: boolean, previous?: StoredRecord): ConditionalOutcome => ({
    kind: 'stored',
    record,
    previous,
    created,
  });
  const unmet = (
    why: 'condition' | 'not-a-number' | 'overflow' | 'too-large',
    present?: StoredRecord,
  ): ConditionalOutcome => ({ kind: 'unmet', why, record: present });
  const MATCH = { 'if-match': '*' };

  test.each<[string, ConditionalOutcome, string]>([
    ['PUT', stored(true), '201: '],
    ['PUT', stored(false), '204: '],
    ['DELETE', stored(false), '204: '],
    ['POST /incr', stored(false), '200: 42'],
    ['POST /append', stored(true), '200: 42'],
    ['POST /getset', stored(true), '204: '],
    ['POST /getset', stored(false, before), '200: 41'],
    [
      'PUT',
      unmet('condition', record),
      '412 condition-failed: the key has a value that the request does not want',
    ],
    ['PUT', unmet('condition'), '412 condition-failed: the key has no value'],
    [
      'DELETE',
      unmet('condition', record),
      '412 condition-failed: the key has a value that the request does not want',
    ],
    ['DELETE', unmet('condition'), '404: no such key'],
    ['POST /incr', unmet('condition'), '412 condition-failed: the key has no value'],
    [
      'POST /incr',
      unmet('not-a-number', recordOf('a"b\n\xff')),
      '409 not-a-number: the value is "a\\"b\\n??", and incr adds',
    ],
    [
      'POST /incr',
      unmet('not-a-number', recordOf('x'.repeat(100))),
      `409 not-a-number: the value is "${'x'.repeat(32)}" and so on, 100 bytes, and`,
    ],
    ['POST /incr', unmet('overflow', record), '409 overflow: the value is "42", and the sum'],
    ['POST /append', unmet('too-large', record), '413 value-too-large: '],
    [
      'PUT',
      { kind: 'not-stored', code: 'storage-full', detail: 'it is full' },
      '507 storage-full: it is full; nothing was stored',
    ],
    ['PUT', { kind: 'unknown', version: VERSION }, '504 outcome-unknown: '],
    ['POST /incr', { kind: 'unknown', version: VERSION }, '504 effect-unknown: '],
    ['POST /append', { kind: 'unknown', version: undefined }, '504 effect-unknown: '],
  ])('%s that came to %o is %s', (request, conditional, line) => {
    const [method = '', path = ''] = request.split(' ');
    const reply = gatewayWith({ conditional }).ask(method, `/v1/keys/k${path}`, MATCH, '');
    expect(lineOf(reply)).toContain(line);
    const present = conditional.kind === 'unmet' ? conditional.record : undefined;
    if (present !== undefined) expect(reply.headers.etag).toBe(tagOf(present));
    if (conditional.kind === 'stored' && method !== 'DELETE') {
      // Also of a getset, whose body is of the record before.
      expect(reply.headers).toMatchObject({ etag: tagOf(record), 'x-fog-version': PRINTED });
    }
    if (conditional.kind === 'unknown') {
      const version = conditional.version === undefined ? undefined : PRINTED;
      expect(reply.headers['x-fog-version']).toBe(version);
    }
  });

  test('a getset has the type of the value that it answers', () => {
    const { ask } = gatewayWith({ conditional: stored(false, before) });
    expect(ask('POST', '/v1/keys/k/getset', {}, 'x').headers['content-type']).toBe('a/b');
  });
});

describe('what is wrong is said before anything is done', () => {
  test.each<[string, string, Readonly<Record<string, string>>, string]>([
    ['PUT', '?tll=1', {}, '400 bad-parameter: this takes ttl, nothing else'],
    ['PUT', '', { 'if-match': 'x' }, '400 bad-parameter: If-Match is not'],
    ['PUT', 'x'.repeat(1024), {}, '400 bad-parameter: the key has 1025 bytes'],
    ['POST', '/incr?by=x', {}, '400 bad-parameter: by is not'],
    [
      'POST',
      '',
      {},
      '405 method-not-allowed: this path takes PUT, GET, HEAD, DELETE; POST goes to',
    ],
    ['OPTIONS', '', {}, '405 method-not-allowed'],
  ])('%s %s with %o: %s', (method, path, headers, line) => {
    const { ask, sets, conditionals } = gatewayWith({});
    expect(lineOf(ask(method, `/v1/keys/k${path}`, headers, 'x'))).toContain(line);
    expect([...sets, ...conditionals]).toEqual([]);
  });

  test('incr with a body, and a body that is too long', () => {
    const { ask, conditionals } = gatewayWith({});
    expect(lineOf(ask('POST', '/v1/keys/k/incr', {}, '5'))).toContain('say ?by=5');
    expect(conditionals).toEqual([]);
  });
});

test('each verb is counted apart from those of /get and /set', () => {
  const { ask, metrics } = gatewayWith({ found: recordOf('1') });
  ask('GET', '/v1/keys/k');
  ask('GET', '/v1/keys/k', { 'if-none-match': '*' });
  const lines = metricsText(metrics.read()).split('\n');
  expect(lines).toContain('velourfog_requests_total{op="v1-get",code="200"} 1');
  expect(lines).toContain('velourfog_requests_total{op="v1-get",code="304"} 1');
});
