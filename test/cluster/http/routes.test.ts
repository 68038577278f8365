// What a handler's failure becomes. What the paths of a role answer is asked of real processes.

import { expect, test } from 'vitest';
import { assert, InvariantBroken } from '../../../src/cluster/assert.ts';
import { EXIT, errorReply, FatalError } from '../../../src/cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  type RequestHead,
  replyHeader,
} from '../../../src/cluster/http/http.ts';
import { Metrics } from '../../../src/cluster/http/metrics.ts';
import { type Handler, Routes } from '../../../src/cluster/http/routes.ts';
import type { Runtime } from '../../../src/cluster/ports.ts';
import { bytesOf, requestOf } from '../../../src/simulation/requests.ts';

function handledBy(handler: () => void) {
  const lines: string[] = [];
  const runtime = {
    logger: { write: (_level: string, message: string) => lines.push(message) },
    host: {},
  } as unknown as Runtime;
  const routes = new Routes('frontend', runtime, new Metrics());
  routes.add({ methods: ['GET'], path: '/fails' }, handler);
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
      (what: string): Handler =>
      (_request, reply) => {
        done.push(what);
        reply({ status: 200, headers: {}, body: '' });
      };
    routes.add({ methods: ['GET', 'POST'], path: '/plain' }, handler('plain'));
    routes.add({ methods: ['GET'], path: '/set', changesByGet: true }, handler('set'));
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
    routes.add({ methods: ['POST'], path: '/c/death' }, (_request, reply) =>
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

function serving(...added: Parameters<Routes['add']>[0][]) {
  const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  for (const route of added) {
    routes.add(route, (request, reply, parameters) => {
      const given = [...parameters].map(([name, value]) => ` ${name}=${value.toString('latin1')}`);
      reply({ status: 200, headers: {}, body: `${request.method} ${route.path}${given.join('')}` });
    });
  }
  const asked = (method: string, target: string) => ({
    ...requestOf(method, target),
    method,
    target,
  });
  const ask = (method: string, target: string) => {
    const replies: HttpReply[] = [];
    routes.handle(asked(method, target), (reply) => replies.push(reply));
    const [reply] = replies;
    const allow = replyHeader(reply, 'allow');
    const text = reply?.status === 200 ? bytesOf(reply).toString() : `${reply?.status}`;
    return allow === undefined ? text : `${text} allow: ${allow}`;
  };
  return { ask, traits: (method: string, target: string) => routes.traits({ method, target }) };
}

test('a route answers its methods, HEAD with GET, and says at 405 which they are', () => {
  const { ask } = serving(
    { path: '/get', methods: ['GET'] },
    { path: '/set', methods: ['GET', 'POST'], changesByGet: true },
    { path: '/v1/keys/{key}', methods: ['GET'] },
    { path: '/v1/keys/{key}', methods: ['PUT', 'DELETE'] },
  );
  expect(ask('HEAD', '/get?key=a')).toBe('HEAD /get');
  expect(ask('GET', '/get/')).toBe('GET /get');
  expect(ask('PUT', '/get')).toBe('405 allow: GET, HEAD');
  // A HEAD changes nothing, so there is none where a GET does.
  expect(ask('HEAD', '/set')).toBe('405 allow: GET, POST');
  expect(ask('PUT', '/v1/keys/a')).toBe('PUT /v1/keys/{key} key=a');
  expect(ask('POST', '/v1/keys/a')).toBe('405 allow: GET, HEAD, PUT, DELETE');
  expect(ask('GET', '/v1/keys')).toBe('404');
});

test.each([
  ['/v1/keys/a%2Fb%00+c', 'key=a/b\0+c'],
  ['/v1/keys/a?key=b', 'key=a'],
  ['/v1/keys/a/', '404'],
  ['/v1/keys/', '404'],
  ['/v1/keys/a/b', '404'],
  ['/v1/keys/%zz', '400'],
  ['/v1/keys/a/incr', '404'],
  ['/v1/keys/a/append', 'key=a'],
  ['/files/a/b%20c/', 'path=a/b c/'],
  ['/files/', '404'],
  ['/files', '404'],
])('the path %s is %s', (target, wanted) => {
  const { ask } = serving(
    { path: '/v1/keys/{key}', methods: ['GET'] },
    { path: '/v1/keys/{key}/append', methods: ['GET'] },
    { path: '/files/{path...}', methods: ['GET'] },
  );
  const answer = ask('GET', target);
  expect(
    answer.includes('=') ? answer.slice(answer.lastIndexOf(' ', answer.indexOf('=')) + 1) : answer,
  ).toBe(wanted);
});

test('behind {name...} stand plain segments, and of several paths the one that takes the method answers', () => {
  const { ask } = serving(
    { path: '/v1/keys/{key...}', methods: ['GET', 'PUT'] },
    { path: '/v1/keys/{key...}/incr', methods: ['POST'] },
    { path: '/v1/keys/{key...}/a/b', methods: ['POST'] },
  );
  const incr = 'POST /v1/keys/{key...}/incr key=';
  expect(ask('POST', '/v1/keys/a/b/incr?by=2')).toBe(`${incr}a/b`);
  expect(ask('POST', '/v1/keys/a//incr')).toBe(`${incr}a/`);
  expect(ask('POST', '/v1/keys/a/incr/incr')).toBe(`${incr}a/incr`);
  expect(ask('POST', '/v1/keys/a%2Fincr/incr')).toBe(`${incr}a/incr`);
  expect(ask('POST', '/v1/keys/k/a/b')).toBe('POST /v1/keys/{key...}/a/b key=k');
  expect(ask('GET', '/v1/keys/a/incr')).toBe('GET /v1/keys/{key...} key=a/incr');
  expect(ask('PUT', '/v1/keys/a/incr?x=/incr')).toBe('PUT /v1/keys/{key...} key=a/incr');
  expect(ask('POST', '/v1/keys/a%zz/incr')).toBe('400');
  // A key of that name, and an ending that is not one.
  for (const path of ['incr', '/incr', 'a%2Fincr', 'a/incr/', 'aincr', 'a/xincr']) {
    expect(ask('POST', `/v1/keys/${path}`), path).toBe('405 allow: GET, HEAD, PUT');
  }
  expect(ask('DELETE', '/v1/keys/a/incr')).toBe('405 allow: GET, HEAD, PUT, POST');
});

test('an exact path leaves methods that it does not take to paths with parameters', () => {
  const { ask, traits } = serving(
    { path: '/health.html', methods: ['GET'] },
    { path: '/{name...}', methods: ['GET', 'PUT'], streamsBody: true },
  );
  expect(ask('GET', '/health.html')).toBe('GET /health.html');
  expect(ask('HEAD', '/livez')).not.toContain('name');
  expect(ask('PUT', '/health.html')).toBe('PUT /{name...} name=health.html');
  expect(traits('PUT', '/livez')).toMatchObject({ body: { kind: 'streamed' } });
  expect(ask('DELETE', '/health.html')).toBe('405 allow: GET, HEAD, PUT');
});

test('an interface of a role has the checks of the role', () => {
  const metrics = new Metrics();
  const runtime = { host: {} } as unknown as Runtime;
  const routes = new Routes('frontend', runtime, metrics);
  const beside = new Routes('blobs', runtime, metrics, { beside: routes });
  routes.addCheck('map', () => 'none yet');
  const replies: HttpReply[] = [];
  beside.handle(requestOf('GET', '/readyz?verbose'), (reply) => replies.push(reply));
  expect(replies.map(({ status }) => status)).toEqual([503]);
  expect(bytesOf(replies[0]).toString()).toContain('[-]map failed: none yet');
});

test('who posts to a path names the ones behind it that take a POST', () => {
  const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  const handler: Handler = (_request, reply) => reply({ status: 200, headers: {}, body: '' });
  routes.add({ path: '/v1/keys/{key...}', methods: ['GET'] }, handler);
  routes.add({ path: '/v1/keys/{key...}/incr', methods: ['POST'] }, handler);
  routes.add({ path: '/v1/keys/{key...}/append', methods: ['POST'] }, handler);
  const textOf = (method: string) => {
    let text = '';
    routes.handle(requestOf(method, '/v1/keys/a'), (reply) => {
      text = bytesOf(reply).toString();
    });
    return text;
  };
  expect(textOf('POST')).toBe(
    'this path takes GET, HEAD; POST goes to /v1/keys/{key...}/incr, /v1/keys/{key...}/append\n',
  );
  expect(textOf('PATCH')).toBe('this path takes GET, HEAD\n');
  // Where hardly any path takes the method, those are named wherever they are.
  routes.add({ path: '/other', methods: ['PATCH'] }, handler);
  expect(textOf('PATCH')).toBe('this path takes GET, HEAD; PATCH goes to /other\n');
  for (const path of ['/another', '/third']) routes.add({ path, methods: ['PATCH'] }, handler);
  expect(textOf('PATCH')).toBe('this path takes GET, HEAD\n');
});

test.each([
  '/a/{key}.json',
  '/a/{rest...}/{b}',
  '/a/{rest...}/{b...}',
  '/a/{other}',
  '/files/{other...}',
])('the path %s is refused: it would not match what it says, or never be asked', (path) => {
  expect(() =>
    serving(
      { path: '/a/{key}', methods: ['GET'] },
      { path: '/files/{path...}', methods: ['GET'] },
      { path, methods: ['PUT'] },
    ),
  ).toThrow(InvariantBroken);
});

test('how a body is taken is told of the route, before anything of it is read', () => {
  const { traits } = serving(
    { path: '/blobs/{digest}', methods: ['PUT'], streamsBody: true, bodyBytesMax: 7 },
    { path: '/blobs/{digest}', methods: ['GET'] },
    { path: '/set', methods: ['GET', 'POST'], changesByGet: true },
  );
  const taken = (method: string, target: string) => {
    const { judge: _, ...others } = traits(method, target);
    return others;
  };
  expect(taken('PUT', '/blobs/a')).toEqual({
    changes: true,
    body: { kind: 'streamed', bytesMax: 7 },
  });
  expect(taken('GET', '/blobs/a')).toEqual({ changes: false, body: { kind: 'whole' } });
  expect(taken('HEAD', '/blobs/a')).toEqual({ changes: false, body: { kind: 'whole' } });
  expect(taken('GET', '/set')).toEqual({ changes: true, body: { kind: 'whole' } });
  expect(taken('PUT', '/nothing')).toEqual({ changes: true, body: { kind: 'whole' } });
});

test('what is refused whatever its body is, is refused before the body is sent', () => {
  const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  routes.add(
    { path: '/v1/keys/{key...}', methods: ['PUT'] },
    (_request, reply) => reply({ status: 204, headers: {}, body: '' }),
    (request, parameters) =>
      request.header('if-match') === undefined
        ? undefined
        : errorReply('bad-request', `not of ${parameters.get('key')}`),
  );
  routes.add({ path: '/set', methods: ['POST'] }, (_request, reply) =>
    reply({ status: 200, headers: {}, body: '' }),
  );
  const judged = (
    method: string,
    target: string,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const request = { ...requestOf(method, target), header: (name: string) => headers[name] };
    const refusal = routes.traits({ method, target }).judge?.(request);
    return refusal === undefined ? 'send it' : `${refusal.status} ${bytesOf(refusal)}`.trim();
  };
  expect(judged('PUT', '/v1/keys/a/b')).toBe('send it');
  expect(judged('PUT', '/v1/keys/a/b', { 'if-match': 'x' })).toBe('400 not of a/b');
  expect(judged('PUT', '/v1/keys/%zz')).toContain('400 a % in the path');
  expect(judged('POST', '/v1/keys/a')).toContain('405 ');
  expect(judged('PUT', '/nothing')).toContain('404 ');
  expect(judged('GET', '/v1/keys')).toContain('404 the key goes behind /v1/keys/; /v1/scan lists');
  expect(judged('GET', '/v1/keys/')).toContain('404 the key goes behind /v1/keys/;');
  expect(judged('POST', '/set')).toBe('send it');
  expect(judged('POST', '/set', { 'sec-fetch-site': 'cross-site' })).toContain('403 ');
});

test('a wrong method of a wrong head is refused for the head where the route says so', () => {
  const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  const judge = (request: RequestHead) =>
    request.header('if-match') === undefined ? undefined : errorReply('bad-request', 'a bad head');
  const handler: Handler = (_request, reply) => reply({ status: 204, headers: {}, body: '' });
  routes.add({ path: '/head', methods: ['PUT'] }, handler, () => errorReply('internal', 'not me'));
  routes.add({ path: '/head', methods: ['GET'], judgesAnyMethod: true }, handler, judge);
  routes.add({ path: '/method', methods: ['GET'] }, handler, judge);
  const statusOf = (method: string, target: string, isWrong: boolean) => {
    const headers = isWrong ? { 'if-match': 'x' } : undefined;
    let status = 0;
    routes.handle(requestOf(method, target, undefined, headers), (reply) => {
      status = reply.status;
    });
    return status;
  };
  expect([statusOf('PATCH', '/head', true), statusOf('PATCH', '/head', false)]).toEqual([400, 405]);
  expect(statusOf('PATCH', '/method', true)).toBe(405);
  // The handler of a method judges for itself.
  expect(statusOf('GET', '/head', true)).toBe(204);
});

test('how long a body may be can be said as the route is added', () => {
  const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  const route = { path: '/a', methods: ['PUT'], bodyBytesMax: 7 } as const;
  routes.add(
    route,
    (_request, reply) => reply({ status: 204, headers: {}, body: '' }),
    undefined,
    9,
  );
  expect(routes.traits({ method: 'PUT', target: '/a' }).body).toEqual({
    kind: 'whole',
    bytesMax: 9,
  });
});
