// What requests to /get, /set and /delete ask for; the rest of misuse.test.ts's ground, without sockets.

import { describe, expect, test } from 'vitest';
import type { Body, HttpRequest } from '../../../src/cluster/http/http.ts';
import { readUsage, type Verb } from '../../../src/frontend/gateways/kv/usage.ts';

const NONE: Body = { kind: 'none' };

function usage(
  verb: Verb,
  target: string,
  options: { method?: string; body?: Body; host?: string; minVersion?: string } = {},
) {
  const { method = 'GET', body = NONE, host = '127.0.0.1:12080' } = options;
  const request: HttpRequest = {
    method,
    target,
    body,
    header: (name) => ({ host, 'x-fog-min-version': options.minVersion })[name],
    headerLines: () => [],
    clientAddress: '127.0.0.1',
    fromLoopback: true,
    onceLeft: () => () => undefined,
  };
  return readUsage(verb, request);
}

const bytes = (text: string): Body => ({ kind: 'bytes', bytes: Buffer.from(text) });

describe('the value of a set', () => {
  test.each<[string, string, Body, string]>([
    ['GET', '/set?key=a&value=1', NONE, '1'],
    ['GET', '/set?key=a&value=', NONE, ''],
    ['GET', '/set?key=a', bytes('body'), 'body'],
    ['POST', '/set?key=a', bytes(''), ''],
    ['POST', '/set?key=a&value=1', bytes(''), '1'],
    ['POST', '/set?key=a&value=1', bytes('body'), 'body'],
    ['PUT', '/set?key=a', NONE, ''],
    ['POST', '/set?key=a', bytes('a+b%20'), 'a+b%20'],
  ])('%s %s with %o is %o', (method, target, body, value) => {
    expect(usage('set', target, { method, body })).toMatchObject({
      kind: 'set',
      value: Buffer.from(value),
    });
  });

  test('is missing when a GET has neither, or the value is too large to be read', () => {
    expect(usage('set', '/set?key=a')).toMatchObject({ code: 'missing-value' });
    expect(usage('set', '/set?key=a', { body: bytes('') })).toMatchObject({
      code: 'missing-value',
    });
    expect(
      usage('set', '/set?key=a', { method: 'POST', body: { kind: 'too-large', bytesMax: 100 } }),
    ).toMatchObject({
      code: 'value-too-large',
      what: 'the value is longer than this cluster takes: 100 bytes are the most',
    });
  });
});

describe('ttl', () => {
  test.each(['1', '60', '315360000', '0060'])('%s is taken', (ttl) => {
    expect(usage('set', `/set?key=a&value=1&ttl=${ttl}`)).toMatchObject({
      ttlSeconds: Number(ttl),
    });
  });

  test.each(['0', '', '-1', '1.5', '1e3', '315360001', '0x10', '99999999999', '%201'])(
    '%o is refused',
    (ttl) => {
      expect(usage('set', `/set?key=a&value=1&ttl=${ttl}`)).toMatchObject({ code: 'bad-ttl' });
    },
  );
});

describe('the least version of a get', () => {
  test('is none, or what the header says', () => {
    expect(usage('get', '/get?key=a')).toMatchObject({ kind: 'get', minVersion: 0n });
    const minVersion = '0196c6f1f2c4000a';
    expect(usage('get', '/get?key=a', { minVersion })).toMatchObject({
      minVersion: 0x0196c6f1f2c4000an,
    });
  });

  test.each(['', '0', '0196C6F1F2C4000A', ' 0196c6f1f2c4000a', '0196c6f1f2c4000a-1c291ca3'])(
    '%o is refused',
    (minVersion) => {
      expect(usage('get', '/get?key=a%20b', { minVersion })).toMatchObject({
        code: 'bad-parameter',
        instead:
          "curl -H 'X-Fog-Min-Version: 0196c6f1f2c40000' 'http://127.0.0.1:12080/get?key=a%20b'",
      });
    },
  );
});

describe('keys', () => {
  test.each<[Verb, string, string]>([
    ['get', '/get', 'missing-key'],
    ['get', '/get?', 'missing-key'],
    ['get', '/get?Key=a', 'bad-query'],
    ['get', '/get?key', 'empty-key'],
    ['delete', '/delete?key=', 'empty-key'],
    ['set', `/set?value=1&key=${'%41'.repeat(1025)}`, 'key-too-long'],
    ['get', '/get?key=a&value=1', 'bad-query'],
    ['delete', '/delete?key=a&ttl=1', 'bad-query'],
  ])('%s %s is %s', (verb, target, code) => {
    expect(usage(verb, target)).toMatchObject({ kind: 'misuse', code });
  });

  test('1,024 bytes after decoding are taken', () => {
    expect(usage('get', `/get?key=${'%41'.repeat(1024)}`)).toMatchObject({
      kind: 'get',
      key: Buffer.alloc(1024, 'A'),
    });
  });
});

test('the curl line goes to the host that the client used, and only to a plausible one', () => {
  expect(usage('get', '/get', { host: 'fog.example:80' })).toMatchObject({
    instead: "curl 'http://fog.example:80/get?key=KEY'",
  });
  expect(usage('get', '/get', { host: "x'; rm -rf /" })).toMatchObject({
    instead: "curl 'http://HOST:PORT/get?key=KEY'",
  });
});

test.each([
  ['/set?key=a%26b%27c', "curl 'http://127.0.0.1:12080/set?key=a%26b%27c&value=VALUE'"],
  ['/set?key=a&value=1&ttl=x', "curl 'http://127.0.0.1:12080/set?key=a&value=VALUE&ttl=60'"],
  [
    `/set?key=${'k'.repeat(1024)}`,
    `curl 'http://127.0.0.1:12080/set?key=${'k'.repeat(64)}&value=VALUE'`,
  ],
  ['/set', "curl 'http://127.0.0.1:12080/set?key=KEY&value=VALUE'"],
])('%s is answered with a line that works in a shell and a query', (target, instead) => {
  expect(usage('set', target)).toMatchObject({ kind: 'misuse', instead });
});

test('keys and values are bytes: %XX as it says, + a space', () => {
  expect(usage('set', '/set?key=%00%ff+&value=%0a+%2B')).toMatchObject({
    kind: 'set',
    key: Buffer.from([0, 255, 32]),
    value: Buffer.from('\n +'),
  });
});

test.each(['/set?key=%4&value=1', '/set?key=a&key=b&value=1', '/set?key=a&value=%zz'])(
  '%s is a bad query',
  (target) => {
    expect(usage('set', target)).toMatchObject({ kind: 'misuse', code: 'bad-query' });
  },
);

test.each<[Verb, string]>([
  ['set', '/set?key=a&vlaue=1'],
  ['set', '/set?key=a&value=1&TTL=5'],
  ['set', '/set?key=a&value=1&=x'],
  ['get', '/get?key=a&x'],
])('%s %s: a parameter that is not known stores and reads nothing', (verb, target) => {
  expect(usage(verb, target)).toMatchObject({
    kind: 'misuse',
    code: 'bad-query',
    what: expect.stringContaining(`/${verb} takes key`),
  });
});
