// The small file storage service by its routes, with a file layer that is told how to end. Statuses and bodies are those of
// the original's document (FILES.md, 4).

import { describe, expect, test } from 'vitest';
import type { ByteStream } from '../../../../src/cluster/http/byte-stream.ts';
import {
  type Body,
  type HttpReply,
  isWhole,
  replyHeader,
} from '../../../../src/cluster/http/http.ts';
import { Metrics, metricsText } from '../../../../src/cluster/http/metrics.ts';
import { Routes } from '../../../../src/cluster/http/routes.ts';
import { protocolTimes } from '../../../../src/cluster/model/limits.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import type { Runtime } from '../../../../src/cluster/ports.ts';
import { type FileKey, flatFileKey } from '../../../../src/files/file-key.ts';
import type { PutFileOutcome } from '../../../../src/files/outcomes.ts';
import { SfssGateway } from '../../../../src/frontend/gateways/files/sfss.ts';
import type { GatewayContext } from '../../../../src/frontend/gateways/gateway.ts';
import { bytesOf, requestOf } from '../../../../src/simulation/requests.ts';
import { MemoryFileLayer } from '../../../helpers/memory-file-layer.ts';
import { Pieces, readAll } from '../../../helpers/pieces.ts';

const BYTES_MAX = 2048;
const BOUNDARY = 'xYz';
const FORM = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };

function formWith(content: Buffer | string, ending = `--${BOUNDARY}--\r\n`): Buffer {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="upload_file"; filename="f"\r\n\r\n`;
  return Buffer.concat([head, content, `\r\n${ending}`].map((part) => Buffer.from(part)));
}

function gateway() {
  const files = new MemoryFileLayer();
  const clock = { wallMs: () => 0, monotonicMs: () => 0 };
  const context = {
    files,
    clock,
    sfssBytesMax: BYTES_MAX,
    times: protocolTimes(1),
  } as unknown as GatewayContext;
  const metrics = new Metrics();
  const routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  new SfssGateway(context).addTo(routes, metrics);
  const handle = (
    method: string,
    target: string,
    body: Body,
    headers: Readonly<Record<string, string>> = {},
  ): HttpReply => {
    const replies: HttpReply[] = [];
    routes.handle(requestOf(method, target, body, headers), (reply) => replies.push(reply));
    const [reply, ...others] = replies;
    if (reply === undefined || others.length > 0) throw new Error('it is answered once');
    return reply;
  };
  const ask = (method: string, target: string, headers: Readonly<Record<string, string>> = {}) =>
    handle(method, target, { kind: 'none' }, headers);
  const send = (
    method: string,
    target: string,
    content: Buffer | string | ByteStream,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const isBytes = typeof content === 'string' || content instanceof Buffer;
    const bytes = isBytes ? Buffer.from(content) : undefined;
    const stream = bytes === undefined ? (content as ByteStream) : new Pieces([bytes], bytes);
    return handle(method, target, { kind: 'stream', stream }, headers);
  };
  const judge = (method: string, target: string, headers: Readonly<Record<string, string>> = {}) =>
    routes.traits({ method, target }).judge?.(requestOf(method, target, undefined, headers));
  return { files, routes, metrics, handle, ask, send, judge };
}

function lineOf(reply: HttpReply | undefined): string {
  const code = replyHeader(reply, 'x-fog-error');
  const text = isWhole(reply as HttpReply) ? bytesOf(reply).toString() : 'a stream';
  return `${reply?.status}${code === undefined ? '' : ` ${code}`}: ${text}`;
}

async function textOf(reply: HttpReply): Promise<string> {
  if (isWhole(reply)) return bytesOf(reply).toString();
  return (await readAll(reply.body)).bytes.toString();
}

describe('what is stored', () => {
  test('by POST is 201, by PUT 200, new or not, and the body is empty', async () => {
    const { send, ask, files } = gateway();
    for (const content of ['one', 'two']) {
      expect(lineOf(send('POST', '/files?path=a/b.txt', content))).toBe('201: ');
      expect(await textOf(ask('GET', '/file?path=a/b.txt'))).toBe(content);
    }
    for (const content of ['one', 'two']) {
      expect(lineOf(send('PUT', '/file?path=new', content))).toBe('200: ');
      expect(await textOf(ask('GET', '/file?path=new'))).toBe(content);
    }
    expect(files.names).toHaveLength(2);
  });

  test('has the ETag that its reads have', () => {
    const { send, ask } = gateway();
    const { headers } = send('PUT', '/file?path=a', 'x');
    expect(headers.etag).toMatch(/^"[0-9a-f]{16}-[0-9a-f]{8}"$/);
    expect(ask('GET', '/file?path=a').headers.etag).toBe(headers.etag);
    expect(Object.keys(headers).sort()).toEqual(['etag', 'x-fog-version']);
  });

  test('may be empty, and come without any body', async () => {
    const { send, ask } = gateway();
    expect(send('POST', '/files?path=a', '').status).toBe(201);
    expect(send('PUT', '/file?path=b', formWith(''), FORM).status).toBe(200);
    expect(ask('PUT', '/file?path=c').status).toBe(200);
    for (const path of ['a', 'b', 'c']) {
      const reply = ask('GET', `/file?path=${path}`);
      expect([reply.status, await textOf(reply)]).toEqual([200, '']);
    }
  });

  test('comes as it is or in a form; other types mean nothing', async () => {
    const { send, ask } = gateway();
    const sent: readonly (readonly [Buffer | string, Readonly<Record<string, string>>])[] = [
      ['it', {}],
      ['it', { 'content-type': 'application/x-www-form-urlencoded' }],
      ['it', { 'content-type': 'text/html; boundary=x' }],
      [formWith('it'), FORM],
    ];
    for (const [content, headers] of sent) {
      for (const [method, target] of [
        ['PUT', '/file?path=a.png'],
        ['POST', '/files?path=a.png'],
      ] as const) {
        expect(send(method, target, content, headers).status).toBeLessThan(300);
        const reply = ask('GET', '/file?path=a.png');
        expect(await textOf(reply)).toBe('it');
        expect(reply.headers['content-type']).toBe('image/png');
      }
    }
  });

  test('is asked of the file layer as what it is', () => {
    const { send, files } = gateway();
    send('PUT', '/file?path=a+b.html', 'x', { 'if-none-match': '*' });
    send('POST', '/files?path=data:a/b%0A,', 'x');
    const [first, second] = files.requests;
    expect(first).toMatchObject({
      key: flatFileKey('s', Buffer.from('a b.html')),
      bytesMax: BYTES_MAX,
      contentType: 'text/html',
      replicationClass: 'default',
      waitsForAll: false,
      condition: { ifNoneMatch: 'any' },
      expected: {},
    });
    // That would be no header.
    expect(second?.contentType).toBeUndefined();
  });

  test('under a condition is stored only if it holds', () => {
    const { send } = gateway();
    const headers = { 'if-none-match': '*' };
    expect(send('POST', '/files?path=a', 'x', headers).status).toBe(201);
    const refused = send('POST', '/files?path=a', 'y', headers);
    expect(lineOf(refused)).toMatch(/^412 condition-failed: .*the file there has the ETag "/);
    const etag = String(refused.headers.etag);
    expect(send('PUT', '/file?path=a', 'z', { 'if-match': etag }).status).toBe(200);
    expect(send('PUT', '/file?path=a', 'z', { 'if-match': etag }).status).toBe(412);
    const absent = send('PUT', '/file?path=b', 'z', { 'if-match': '*' });
    expect(lineOf(absent)).toBe(
      '412 condition-failed: the condition does not hold: no file is there\n',
    );
  });
});

describe('what is read', () => {
  test('has the content type of the end of its path', () => {
    const { files, ask } = gateway();
    const typeOf = (path: string) => {
      files.keep(flatFileKey('s', Buffer.from(path)) as FileKey, Buffer.from('x'));
      return ask('GET', `/file?path=${encodeURIComponent(path)}`).headers['content-type'];
    };
    expect(typeOf('x.tar.gz')).toBe('application/x-tar');
    expect(typeOf('a.txt')).toBe('text/plain');
    expect(typeOf('a')).toBe('application/octet-stream');
    expect(typeOf('a.unknown')).toBe('application/octet-stream');
  });

  test('and is not there is 404 without a code, whatever is asked of it', () => {
    const { ask } = gateway();
    expect(lineOf(ask('GET', '/file?path=a'))).toBe('404: no such file\n');
    expect(lineOf(ask('GET', '/file?path=a', { 'if-match': '*' }))).toBe('404: no such file\n');
    expect(ask('HEAD', '/file?path=a').status).toBe(404);
  });

  test('is told apart by each byte of the path', async () => {
    const { send, ask } = gateway();
    const paths = ['a', 'a/', '..', '../a', 'a/../a', './a', 'A', '%252e', 'a+', '%C0%AE', '%FF'];
    for (const path of paths) send('PUT', `/file?path=${path}`, `of ${path}`);
    for (const path of paths) {
      expect(await textOf(ask('GET', `/file?path=${path}`))).toBe(`of ${path}`);
    }
  });
});

describe('what comes first', () => {
  test('at /files is the method, at /file the path', () => {
    const { ask, judge } = gateway();
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      for (const target of ['/files', '/files?path=/a', '/files?path=a']) {
        expect(lineOf(ask(method, target))).toMatch(/^405 method-not-allowed: .* POST/);
        expect(judge(method, target)?.status).toBe(405);
      }
    }
    for (const method of ['POST', 'DELETE', 'PATCH', 'GET', 'PUT']) {
      for (const target of ['/file', '/file?path=', '/file?path=/a', '/file?path=a//b']) {
        expect(lineOf(ask(method, target))).toMatch(/^400 bad-parameter: /);
        expect(judge(method, target)?.status).toBe(400);
      }
    }
    expect(lineOf(ask('PUT', '/files?path=a'))).toMatch(/ PUT and GET of a file go to \/file$/m);
    const other = ask('DELETE', '/file?path=a');
    expect(lineOf(other)).toMatch(/^405 method-not-allowed: .* in place of a DELETE an empty file/);
    expect(other.headers.allow).toBe('PUT, GET, HEAD');
  });

  test('is what the head says, before a body is asked for', () => {
    const { judge, files } = gateway();
    expect(judge('PUT', '/file?path=a')).toBeUndefined();
    expect(judge('PUT', '/file?path=a', { 'content-length': '2048' })).toBeUndefined();
    expect(lineOf(judge('PUT', '/file?path=a', { 'content-length': '2049' }))).toBe(
      '413 value-too-large: the file is longer than this frontend takes: 2048 bytes are the most; its --sfss-max says so\n',
    );
    expect(judge('POST', '/files')?.status).toBe(400);
    expect(judge('POST', '/files?path=a', { 'if-match': 'x' })?.status).toBe(400);
    expect(judge('POST', '/files?path=a', { 'content-type': 'multipart/form-data' })?.status).toBe(
      400,
    );
    expect(judge('GET', '/file?path=a')).toBeUndefined();
    expect(files.requests).toEqual([]);
  });

  test('a body that is refused is not read', () => {
    const { send } = gateway();
    const stream = new Pieces(['x']);
    expect(send('PUT', '/file?path=/a', stream).status).toBe(400);
    expect(send('PUT', '/file?path=a', stream, { 'content-range': 'bytes 0-0/2' }).status).toBe(
      400,
    );
    expect(stream.asked).toBe(0);
  });
});

describe('a file that is too long', () => {
  const longest = Buffer.alloc(BYTES_MAX, 'x');
  const longer = Buffer.alloc(BYTES_MAX + 1, 'x');

  test('is 413 as it is, in a form, and where nobody has said how long it is', () => {
    const { send, handle } = gateway();
    const sent = (content: Buffer, headers = {}) => [
      send('PUT', '/file?path=a', content, headers).status,
      send(
        'PUT',
        '/file?path=a',
        new Pieces([content.subarray(0, 9), content.subarray(9)]),
        headers,
      ).status,
    ];
    expect(sent(longest)).toEqual([200, 200]);
    expect(sent(longer)).toEqual([413, 413]);
    expect(sent(formWith(longest), FORM)).toEqual([200, 200]);
    expect(sent(formWith(longer), FORM)).toEqual([413, 413]);
    const body = { kind: 'too-large', bytesMax: BYTES_MAX + 65_536 } as const;
    expect(lineOf(handle('POST', '/files?path=a', body))).toContain(': 2048 bytes are the most; ');
    // The path comes first here too.
    expect(handle('POST', '/files?path=/a', body).status).toBe(400);
  });

  test('leaves what was there', async () => {
    const { send, ask } = gateway();
    send('PUT', '/file?path=a', 'before');
    send('PUT', '/file?path=a', longer);
    send('PUT', '/file?path=a', formWith(longer), FORM);
    expect(await textOf(ask('GET', '/file?path=a'))).toBe('before');
  });

  test('a body may be as much longer as a form is', () => {
    const { routes } = gateway();
    for (const [method, target] of [
      ['PUT', '/file'],
      ['POST', '/files'],
    ] as const) {
      const { body, changes } = routes.traits({ method, target });
      expect([body, changes]).toEqual([{ kind: 'streamed', bytesMax: BYTES_MAX + 65_536 }, true]);
    }
  });
});

describe('a body that is wrong stores nothing', () => {
  test.each<readonly [string, Buffer | string, string, number]>([
    ['no form', 'plain', 'the form ends before its last boundary', 400],
    ['no end', formWith('it', ''), 'the body is no whole form', 400],
    ['another end', formWith('it', '--xY--'), 'the body is no whole form', 400],
    [
      'no file',
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\nit\r\n--${BOUNDARY}--`,
      'the form has no part upload_file',
      400,
    ],
  ])('%s', (_, content, text, status) => {
    const { send, files } = gateway();
    const reply = send('POST', '/files?path=a', content, FORM);
    expect([reply.status, replyHeader(reply, 'x-fog-error')]).toEqual([status, 'bad-form']);
    expect(bytesOf(reply).toString()).toContain(text);
    expect(files.names).toEqual([]);
  });

  test.each([
    ['gone', 400, 'truncated-request'],
    ['slow', 408, 'slow-request'],
    ['too-large', 413, 'value-too-large'],
    ['failed', 500, 'internal'],
  ] as const)('%s', (broken, status, code) => {
    for (const cut of [3, 120]) {
      const { send, files } = gateway();
      const form = formWith('x'.repeat(100)).subarray(0, cut);
      for (const [content, headers] of [
        [new Pieces([form], { broken }), FORM],
        [new Pieces(['half'], { broken }), {}],
      ] as const) {
        const reply = send('PUT', '/file?path=a', content, headers);
        expect([reply.status, replyHeader(reply, 'x-fog-error')]).toEqual([status, code]);
        expect(files.names).toEqual([]);
      }
    }
  });
});

describe('what nobody can do now', () => {
  test.each([
    'not-ready',
    'partition-offline',
    'unanswered',
    'not-stored',
    'no-file-server',
    'file-unreadable',
    'overloaded',
    'clock-ahead',
  ] as const)('is 504 that says so: %s', (code) => {
    const { send, ask, files } = gateway();
    send('PUT', '/file?path=a', 'x');
    const failure = { code, detail: 'why not' };
    const expected = `504 no-storage: why not (${code})\n`;
    files.finds = { kind: 'failed', ...failure };
    expect(lineOf(ask('GET', '/file?path=a'))).toBe(expected);
    expect(lineOf(ask('HEAD', '/file?path=a'))).toBe(expected);
    files.finds = undefined;
    files.opens = () => ({ kind: 'failed', ...failure });
    expect(lineOf(ask('GET', '/file?path=a'))).toBe(expected);
    files.puts = { kind: 'not-stored', ...failure };
    const refused = send('PUT', '/file?path=a', 'y');
    expect(lineOf(refused)).toBe(`504 no-storage: why not; nothing was stored (${code})\n`);
    expect(refused.headers['retry-after']).toBe('1');
  });

  const VERSION = 0x0123_4567_89ab_cdefn as Version;

  test.each<readonly [PutFileOutcome, string]>([
    [{ kind: 'unknown', version: VERSION }, '504 outcome-unknown: '],
    [{ kind: 'unknown', version: undefined }, '504 outcome-unknown: '],
    [
      { kind: 'not-stored', code: 'storage-full', detail: 'full' },
      '507 storage-full: full; nothing was stored',
    ],
    [
      { kind: 'not-stored', code: 'cache-has-no-files', detail: 'a cache' },
      '501 cache-has-no-files: a cache; nothing was stored',
    ],
    [
      { kind: 'not-stored', code: 'value-too-large', detail: 'long' },
      '413 value-too-large: long; nothing was stored',
    ],
    [
      { kind: 'mismatch', detail: 'other bytes' },
      '400 bad-parameter: other bytes; nothing was stored',
    ],
    [{ kind: 'broken', why: 'gone' }, '400 truncated-request: '],
  ])('%o', (outcome, expected) => {
    const { send, files } = gateway();
    files.puts = outcome;
    const reply = send('POST', '/files?path=a', 'x');
    expect(lineOf(reply)).toContain(expected);
    const version = outcome.kind === 'unknown' ? outcome.version && '0123456789abcdef' : undefined;
    expect(reply.headers['x-fog-version']).toBe(version);
  });

  test('a cache keeps no files, which is 501', () => {
    const { ask, files } = gateway();
    files.finds = { kind: 'failed', code: 'cache-has-no-files', detail: 'a cache' };
    expect(lineOf(ask('GET', '/file?path=a'))).toBe('501 cache-has-no-files: a cache\n');
  });
});

test('requests are counted by verb and status, also those that are refused by their heads', () => {
  const { send, ask, judge, metrics } = gateway();
  send('PUT', '/file?path=a', 'x');
  send('POST', '/files?path=a', 'x');
  send('POST', '/files', 'x');
  ask('GET', '/file?path=b');
  judge('PUT', '/file');
  const text = metricsText(metrics.read());
  for (const [op, code] of [
    ['sfss-put', 200],
    ['sfss-put', 400],
    ['sfss-post', 201],
    ['sfss-post', 400],
    ['sfss-get', 404],
  ]) {
    expect(text).toContain(`velourfog_requests_total{op="${op}",code="${code}"} 1`);
  }
});
