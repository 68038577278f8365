// What is answered before a body is sent, and in which form an error is answered: real sockets, and a service that is
// scripted.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { errorReply } from '../../../../src/cluster/http/errors.ts';
import type { HttpRequest } from '../../../../src/cluster/http/http.ts';
import { type HttpServer, startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import type { Service } from '../../../../src/cluster/ports.ts';
import { sayTo } from '../../../helpers/http-forms.ts';

let server: HttpServer;
let handled: string[];

beforeAll(async () => {
  const service = {
    handle: (request: HttpRequest, reply) => {
      handled.push(request.target);
      if (request.target === '/wrong') return reply(errorReply('bad-request', 'it is wrong'));
      const status = request.target === '/same' ? 304 : 200;
      return reply({ status, headers: { etag: '"x"' }, body: status === 304 ? '' : 'fine' });
    },
    traits: ({ target }) => ({
      changes: true,
      body: { kind: target === '/piecewise' ? 'streamed' : 'whole' },
      judge: (request) =>
        request.header('if-match') === undefined
          ? undefined
          : errorReply('bad-parameter', 'the If-Match is wrong'),
    }),
    accept: () => ({ refused: 'no' }),
  } as Partial<Service> as Service;
  server = await startHttpServer(service, {
    host: '127.0.0.1',
    port: 0,
    bodyBytesMax: 1000,
    valueBytesMax: 1000,
  });
});
beforeEach(() => {
  handled = [];
});
afterAll(() => server.drain(0, 0));

const put = (target: string, fields: string, body = '') =>
  `PUT ${target} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n${fields}\r\n${body}`;
const ASKS = 'expect: 100-continue\r\n';
const WRONG = 'if-match: x\r\n';

test.each(['/whole', '/piecewise'])(
  '%s: a wrong head is refused before the body is asked for, and nothing behind it is done',
  async (target) => {
    const { statuses, text } = await sayTo(server.port, put(target, ASKS + WRONG), 1);
    expect(statuses).toEqual([400]);
    expect(text).toContain('x-fog-error: bad-parameter');
    expect(text).toMatch(/connection: close/i);
    const behind = put(target, ASKS + WRONG, 'body') + put('/behind', '', 'body');
    expect((await sayTo(server.port, behind, 'half-close')).statuses).toEqual([400]);
    expect(handled).toEqual([]);
  },
);

test('who does not ask first has sent the body, so its service says what is wrong', async () => {
  const { statuses } = await sayTo(server.port, put('/whole', WRONG, 'body'), 1);
  expect([statuses, handled]).toEqual([[200], ['/whole']]);
});

test('who asks with a right head is told to send, once', async () => {
  const { statuses } = await sayTo(server.port, put('/whole', ASKS, 'body'), 2);
  expect(statuses).toEqual([100, 200]);
});

test('a 304 has no length, which would be that of the value, and what is behind it is answered', async () => {
  for (const pipelined of [1, 3]) {
    const { text, statuses } = await sayTo(
      server.port,
      put('/same', '', 'body').repeat(pipelined) + put('/whole', '', 'body'),
      pipelined + 1,
    );
    expect(statuses).toEqual([...Array(pipelined).fill(304), 200]);
    expect(text.toLowerCase().match(/content-length: .*/g)).toEqual(['content-length: 4']);
    expect(text).toMatch(/304 Not Modified\r\netag: "x"/);
  }
});

test('an error is a line for people, and a problem for programs that ask for one', async () => {
  const answer = async (fields: string) => {
    const { text } = await sayTo(server.port, put('/wrong', fields, 'body'), 1);
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head.toLowerCase()).toContain(`content-length: ${body.length}\r\n`);
    return [/content-type: (.*?)(?:;|\r)/.exec(head)?.[1], body];
  };
  expect(await answer('accept: */*\r\n')).toEqual(['text/plain', 'it is wrong\n']);
  const [type, body = ''] = await answer('accept: text/csv\r\naccept: application/json\r\n');
  expect(type).toBe('application/problem+json');
  expect(JSON.parse(body)).toEqual({
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'it is wrong',
    code: 'bad-request',
    retryable: false,
  });
});

test('so is what the server refuses by itself', async () => {
  const hostless = 'GET / HTTP/1.1\r\naccept: application/problem+json\r\n\r\n';
  const { text } = await sayTo(server.port, hostless, 'half-close');
  expect(text).toContain('"code":"bad-request"');
});
