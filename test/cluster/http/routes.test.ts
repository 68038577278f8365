// What a handler's failure becomes. What the paths of a role answer is asked of real processes.

import { expect, test } from 'vitest';
import { assert, InvariantBroken } from '../../../src/cluster/assert.ts';
import { EXIT, FatalError } from '../../../src/cluster/http/errors.ts';
import type { HttpReply, HttpRequest } from '../../../src/cluster/http/http.ts';
import { Metrics } from '../../../src/cluster/http/metrics.ts';
import { Routes } from '../../../src/cluster/http/routes.ts';
import type { Runtime } from '../../../src/cluster/ports.ts';

function handledBy(handler: () => void) {
  const lines: string[] = [];
  const runtime = {
    logger: { write: (_level: string, message: string) => lines.push(message) },
    host: {},
  } as unknown as Runtime;
  const routes = new Routes('frontend', runtime, new Metrics());
  routes.add(['GET'], '/fails', handler);
  const request = { method: 'GET', target: '/fails', header: () => undefined } as unknown;
  const replies: HttpReply[] = [];
  const handle = () => routes.handle(request as HttpRequest, (reply) => replies.push(reply));
  return { handle, replies, lines };
}

test('an unexpected error becomes a bare 500, and is logged', () => {
  const { handle, replies, lines } = handledBy(() => {
    throw new Error('a secret');
  });
  handle();
  expect(replies.map(({ status, body }) => [status, body])).toEqual([[500, 'internal error\n']]);
  expect(lines).toEqual(['a request failed']);
});

test.each([
  ['a broken invariant', InvariantBroken, () => assert(false, 'one is two')],
  [
    'what must end the process',
    FatalError,
    () => {
      throw new FatalError(EXIT.config, 'no');
    },
  ],
])('%s is nobody’s answer', (_what, kind, handler) => {
  const { handle, replies } = handledBy(handler);
  expect(handle).toThrow(kind);
  expect(replies).toEqual([]);
});

const FOREIGN: readonly (readonly [
  what: string,
  headers: Readonly<Record<string, string>>,
  boolean,
])[] = [
  ['a program', { host: 'a:1' }, false],
  ['a page of ours', { host: 'a:1', origin: 'http://a:1', 'sec-fetch-site': 'same-origin' }, false],
  ['a page of another host', { host: 'a:1', origin: 'http://evil.example' }, true],
  ['a page of ours behind a proxy', { host: 'KV:80', origin: 'http://kv' }, false],
  ['a page of ours by https', { host: 'kv:443', origin: 'https://kv' }, false],
  ['a page of the other default port', { host: 'kv:443', origin: 'http://kv' }, true],
  ['a page of an extension', { host: 'a:1', origin: 'chrome-extension://a:1' }, true],
  ['a page of ours, of a program without a Host', { origin: 'http://undefined' }, true],
  ['an image on a page of ours', { host: 'a:1', referer: 'http://a:1/b?c=d' }, false],
  [
    'an image on a page of another site, over plain HTTP',
    { host: 'a:1', referer: 'http://b/' },
    true,
  ],
  ['a page of the same site', { host: 'a:1', 'sec-fetch-site': 'same-site' }, true],
  ['a page of another port', { host: 'a:1', origin: 'http://a:2' }, true],
  ['a page without an origin', { host: 'a:1', origin: 'null' }, true],
  ['an image on a page of another site', { host: 'a:1', 'sec-fetch-site': 'cross-site' }, true],
  ['who typed the address', { host: 'a:1', 'sec-fetch-site': 'none' }, false],
];

test.each(FOREIGN)(
  '%s: what changes something is taken, or is 403',
  (_what, headers, isForeign) => {
    const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
    const done: string[] = [];
    const handler =
      (what: string): Parameters<Routes['add']>[2] =>
      (_request, reply) => {
        done.push(what);
        reply({ status: 200, headers: {}, body: '' });
      };
    routes.add(['GET', 'POST'], '/plain', handler('plain'));
    routes.addChanging(['GET'], '/set', handler('set'));
    const ask = (method: string, target: string) => {
      const request = { method, target, header: (name: string) => headers[name] } as HttpRequest;
      let status = 0;
      routes.handle(request, (reply) => {
        status = reply.status;
      });
      return status;
    };
    const changing = isForeign ? 403 : 200;
    expect([ask('GET', '/plain'), ask('POST', '/plain'), ask('GET', '/set?key=a')]).toEqual([
      200,
      changing,
      changing,
    ]);
    expect(done).toEqual(isForeign ? ['plain'] : ['plain', 'plain', 'set']);
  },
);

test.each([
  [{ host: 'evil.example', origin: 'http://evil.example' }, 403],
  [{ host: 'a:1', referer: 'http://a:1/' }, 403],
  [{ host: 'a:1' }, 200],
])(
  'what nodes and operators say is for no page, also not of the same origin: %o',
  (headers, wanted) => {
    const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
    routes.add(['POST'], '/c/death', (_request, reply) =>
      reply({ status: 200, headers: {}, body: '' }),
    );
    const given: Readonly<Record<string, string>> = headers;
    const request = { method: 'POST', target: '/c/death', header: (name: string) => given[name] };
    let status = 0;
    routes.handle(request as HttpRequest, (reply) => {
      status = reply.status;
    });
    expect(status).toBe(wanted);
  },
);
