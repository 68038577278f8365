// The forms of requests that RFC 9112 and 9110 have, on real sockets: what is answered, in which order, and when the
// connection ends. Also the forms that attackers use, to make two servers see two requests in the same bytes. The
// service is scripted: `/set` takes a while, `/get` is answered at once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpReply, type HttpRequest, textReply } from '../../../../src/cluster/http/http.ts';
import { type HttpServer, startHttpServer } from '../../../../src/cluster/io/server/http-server.ts';
import type { Service } from '../../../../src/cluster/ports.ts';
import {
  BODY_BYTES_MAX,
  FORMS,
  GET,
  get,
  H2C,
  HOST,
  type Said,
  sayTo,
  set,
} from '../../../helpers/http-forms.ts';

let server: HttpServer;
let values: Map<string, string>;
let handled: string[];

function handle(request: HttpRequest, reply: (reply: HttpReply) => void): void {
  const url = new URL(request.target, 'http://host');
  const key = url.searchParams.get('key') ?? '';
  handled.push(`${request.method} ${request.target}`);
  const { body } = request;
  if (body.kind === 'too-large') return reply(textReply(413, 'too large'));
  switch (url.pathname) {
    case '/get':
      return reply(textReply(values.has(key) ? 200 : 404, values.get(key) ?? 'nothing'));
    case '/set': {
      const value = body.kind === 'bytes' ? body.bytes.toString() : url.searchParams.get('value');
      setTimeout(() => {
        values.set(key, value ?? '');
        reply(textReply(200, 'Ok'));
      }, 2);
      return;
    }
    default:
      return reply(textReply(404, 'nothing here'));
  }
}

beforeAll(async () => {
  const service = {
    handle,
    traits: ({ method, target }: HttpRequest) => ({
      changes: method !== 'GET' || target.startsWith('/set'),
      body: { kind: 'whole' },
    }),
    accept: () => ({ refused: 'no links here' }),
  } as unknown as Service;
  server = await startHttpServer(service, {
    host: HOST,
    port: 0,
    bodyBytesMax: BODY_BYTES_MAX,
    valueBytesMax: BODY_BYTES_MAX,
  });
});
afterAll(() => server.drain(0, 0));

function say(bytes: string, end: 'half-close' | number): Promise<Said> {
  values = new Map([['a', 'value of a']]);
  handled = [];
  return sayTo(server.port, bytes, end);
}

describe('half-close: what is due comes first, then the end', () => {
  test.each(FORMS)('%s (RFC %s)', async (_what, _rfc, bytes, statuses) => {
    const said = await say(bytes, 'half-close');
    expect(said.statuses).toEqual(statuses);
    for (const answer of said.text.split(/(?=HTTP\/1\.1 \d)/)) {
      const code = Number(answer.slice(9, 12));
      // Nothing is refused without a word: also what node:http would answer by itself with nothing.
      if (code >= 400 && code !== 404 && code !== 413)
        expect(answer).toMatch(/^x-fog-error: \S+/im);
      if (code >= 400) expect(answer.split('\r\n\r\n')[1]).toMatch(/^\S.+\n$/);
    }
  });
});

describe('a connection that stays open', () => {
  test.each(FORMS.filter(([, , , statuses]) => statuses.length > 0))(
    '%s (RFC %s)',
    async (what, _rfc, bytes, statuses) => {
      // Who has not said that more comes is waited for.
      if (/too early|bytes that are no|too large/.test(what)) return;
      expect((await say(bytes, statuses.length)).statuses).toEqual(statuses);
    },
  );
});

test('nothing behind the last answer of a connection is done', async () => {
  await say(`${set('value')}${get('')}${set('other')}`, 'half-close');
  expect(values.get('a')).toBe('value');
  await say(`${get('Host: x\r\nConnection: close\r\n')}${set('other')}`, 'half-close');
  expect(values.get('a')).toBe('value of a');
});

test.each([
  [
    'an unknown expectation',
    get('Host: x\r\nExpect: more\r\n', 'POST /set?key=a HTTP/1.1'),
    [200, 417],
  ],
  ['two hosts', get('Host: x\r\nHost: y\r\n'), [200, 400]],
])(
  'bytes that are no request have no answer behind the last one, to %s',
  async (_what, refused, statuses) => {
    const said = await say(`${set('value')}${refused}GET / HTTP/1.1\r\n:\r\n\r\n`, 'half-close');
    expect(said.statuses).toEqual(statuses);
  },
);

test('each pipelined request sees what those before it did, and none of those behind', async () => {
  const rounds = 200;
  const bytes = Array.from({ length: rounds }, (_, round) => GET + set(`value ${round}`) + GET);
  const { text, statuses } = await say(bytes.join(''), 3 * rounds);
  expect(statuses).toEqual(Array(3 * rounds).fill(200));
  const read = [...text.matchAll(/^value (?:of a|\d+)$/gm)].map(([value]) => value);
  const expected = Array.from({ length: rounds }, (_, round) => [
    round === 0 ? 'value of a' : `value ${round - 1}`,
    `value ${round}`,
  ]);
  expect(read).toEqual(expected.flat());
});

test('an offer that is ignored leaves the request, its body and its other headers as they were', async () => {
  const value = 'a value\r\n\r\nGET / HTTP/1.1';
  await say(
    `${get(`${H2C}Content-Length: ${value.length}\r\n`, 'POST /set?key=a HTTP/1.1')}${value}`,
    1,
  );
  expect(values.get('a')).toBe(value);
  expect(handled).toEqual(['POST /set?key=a']);
});
