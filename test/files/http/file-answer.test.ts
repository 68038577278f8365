// What a GET or HEAD of a file is answered (RFC 9110): conditions, ranges, and one version throughout (F3).

import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type HttpReply, isWhole, replyHeader } from '../../../src/cluster/http/http.ts';
import { type TextCondition, tagHeaders } from '../../../src/cluster/http/preconditions.ts';
import { etagOf, printETag } from '../../../src/cluster/model/condition.ts';
import { type FileKey, flatFileKey } from '../../../src/files/file-key.ts';
import { answerFile, type FileAnswerOutcome } from '../../../src/files/http/file-answer.ts';
import { MemoryFileLayer } from '../../helpers/memory-file-layer.ts';
import { Pieces, readAll } from '../../helpers/pieces.ts';
import { SeededRandom } from '../../helpers/random.ts';

const KEY = flatFileKey('s', Buffer.from('a.txt')) as FileKey;
const CONTENT = Buffer.from(Array.from({ length: 2500 }, (_, at) => at % 251));
const MODIFIED = 'Thu, 29 Feb 2024 12:00:00 GMT';
const BEFORE = 'Thu, 29 Feb 2024 11:59:59 GMT';
const AFTER = 'Thu, 29 Feb 2024 12:00:01 GMT';

function stage(content = CONTENT) {
  const files = new MemoryFileLayer();
  const file = files.keep(KEY, content);
  const etag = printETag(etagOf(file.record));
  const outcomeOf = (
    headers: Readonly<Record<string, string>> = {},
    options: {
      readonly method?: string;
      readonly condition?: TextCondition;
      readonly contentType?: string | undefined;
    } = {},
  ): FileAnswerOutcome => {
    const { method, ...given } = { method: 'GET', ...options };
    const tag = tagHeaders(etagOf(file.record));
    const answer = { file, condition: {}, tag, contentType: 'text/plain', ...given };
    const outcomes: FileAnswerOutcome[] = [];
    const request = { method, header: (name: string) => headers[name] };
    answerFile(files, request, answer, (outcome) => outcomes.push(outcome));
    const [outcome, ...others] = outcomes;
    if (outcome === undefined || others.length > 0) throw new Error('it is answered once');
    return outcome;
  };
  const ask = (...asked: Parameters<typeof outcomeOf>): HttpReply => {
    const outcome = outcomeOf(...asked);
    if (outcome.kind === 'failed') throw new Error(outcome.detail);
    return outcome.reply;
  };
  return { files, file, etag, ask, outcomeOf };
}

async function contentOf(reply: HttpReply): Promise<Buffer> {
  if (isWhole(reply)) return Buffer.from(reply.body);
  const { bytes, end } = await readAll(reply.body);
  expect(end).toBe('end');
  expect(bytes.length).toBe(reply.body.length);
  return bytes;
}

describe('the whole file', () => {
  test('comes with its type, ETag and date, and no scripts of it run', async () => {
    const { ask, etag, file } = stage();
    const reply = ask();
    expect(reply.status).toBe(200);
    expect(reply.headers).toEqual({
      'content-type': 'text/plain',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      etag,
      'x-fog-version': etag.slice(1, 17),
      'last-modified': MODIFIED,
      'cache-control': 'no-cache',
      'accept-ranges': 'bytes',
    });
    expect(await contentOf(reply)).toEqual(CONTENT);
    expect(file.manifest.size).toBe(CONTENT.length);
  });

  test('may be empty', async () => {
    const { ask } = stage(Buffer.alloc(0));
    for (const headers of [{}, { range: 'bytes=0-' }, { range: 'bytes=-5' }]) {
      const reply = ask(headers);
      expect([reply.status, (await contentOf(reply)).length]).toEqual([200, 0]);
    }
    expect(ask({ range: 'bytes=1-' }).status).toBe(416);
  });

  test('is of any bytes where its type is not known, or is none', () => {
    const { ask } = stage();
    for (const contentType of [undefined, 'a\r\nb: c', 'ü', '']) {
      expect(ask({}, { contentType }).headers['content-type']).toBe('application/octet-stream');
    }
  });

  test('is not opened for a HEAD, which has its length; a HEAD has no ranges', () => {
    const { ask, files } = stage();
    const whole = ask();
    for (const headers of [{}, { range: 'bytes=0-1' }, { range: 'bytes=9999-' }]) {
      const reply = ask(headers, { method: 'HEAD' });
      expect([reply.status, isWhole(reply)]).toEqual([200, false]);
      if (!isWhole(reply)) expect(reply.body.length).toBe(CONTENT.length);
      expect(reply.headers).toEqual(whole.headers);
    }
    expect(files.opened).toHaveLength(1);
  });

  test('that nobody can give is no reply yet: the gateway says which', () => {
    const { files, outcomeOf } = stage();
    files.opens = () => ({ kind: 'failed', code: 'file-unreadable', detail: 'nobody' });
    for (const headers of [{}, { range: 'bytes=0-1' }, { range: 'bytes=0-1,5-6' }]) {
      expect(outcomeOf(headers)).toEqual({
        kind: 'failed',
        code: 'file-unreadable',
        detail: 'nobody',
      });
    }
    // What follows from the manifest needs nobody.
    expect(outcomeOf({ range: 'bytes=9999-' }).kind).toBe('reply');
    expect(outcomeOf({}, { method: 'HEAD' }).kind).toBe('reply');
  });
});

describe('conditions', () => {
  const { ask, etag } = stage();
  const own = etag;
  const other = '"0196c6f1f2c40000-00000000"';
  const statusOf = (condition: TextCondition, headers: Readonly<Record<string, string>> = {}) =>
    ask(headers, { condition }).status;

  test.each<readonly [string, TextCondition, Readonly<Record<string, string>>, number]>([
    ['its own ETag', { ifNoneMatch: [own] }, {}, 304],
    ['any ETag', { ifNoneMatch: 'any' }, {}, 304],
    ['another ETag', { ifNoneMatch: [other] }, {}, 200],
    ['its own ETag is wanted', { ifMatch: [other, own] }, {}, 200],
    ['another is wanted', { ifMatch: [other] }, {}, 412],
    ['both', { ifMatch: [other], ifNoneMatch: [own] }, {}, 412],
    ['its date', {}, { 'if-modified-since': MODIFIED }, 304],
    ['a later date', {}, { 'if-modified-since': AFTER }, 304],
    ['an earlier date', {}, { 'if-modified-since': BEFORE }, 200],
    ['no date', {}, { 'if-modified-since': 'yesterday' }, 200],
    // The date of a second in which there were two versions says less than the ETag.
    ['another ETag and its date', { ifNoneMatch: [other] }, { 'if-modified-since': MODIFIED }, 200],
    ['its ETag and an earlier date', { ifNoneMatch: [own] }, { 'if-modified-since': BEFORE }, 304],
    ['not changed since its date', {}, { 'if-unmodified-since': MODIFIED }, 200],
    ['changed since', {}, { 'if-unmodified-since': BEFORE }, 412],
    ['changed since no date', {}, { 'if-unmodified-since': 'x' }, 200],
    ['its ETag, and changed since', { ifMatch: [own] }, { 'if-unmodified-since': BEFORE }, 200],
    ['changed since, and its ETag', { ifNoneMatch: [own] }, { 'if-unmodified-since': BEFORE }, 412],
  ])('%s', (_, condition, headers, status) => {
    expect(statusOf(condition, headers)).toBe(status);
    expect(ask(headers, { condition, method: 'HEAD' }).status).toBe(status);
  });

  test('304 has what a cache renews, 412 what is there; they go before ranges', () => {
    const range = { range: 'bytes=0-1' };
    const same = ask(range, { condition: { ifNoneMatch: [own] } });
    expect(same).toMatchObject({
      status: 304,
      body: '',
      headers: { etag, 'last-modified': MODIFIED },
    });
    const unmet = ask(range, { condition: { ifMatch: [other] } });
    expect(unmet).toMatchObject({
      status: 412,
      headers: { etag, 'x-fog-error': 'condition-failed' },
    });
  });
});

describe('ranges', () => {
  test('one is 206 with the part of the file that it is', async () => {
    const { ask, files } = stage();
    const reply = ask({ range: 'bytes=1000-2099' });
    expect(reply.status).toBe(206);
    expect(reply.headers['content-range']).toBe('bytes 1000-2099/2500');
    expect(reply.headers['content-type']).toBe('text/plain');
    expect(await contentOf(reply)).toEqual(CONTENT.subarray(1000, 2100));
    expect(files.opened.map(({ range }) => range)).toEqual([{ first: 1000, last: 2099 }]);
  });

  test('none within the file is 416 with the length of the file', () => {
    const { ask, etag } = stage();
    for (const range of ['bytes=2500-', 'bytes=5-2', 'bytes=x']) {
      expect(ask({ range })).toMatchObject({
        status: 416,
        headers: { 'content-range': 'bytes */2500', 'x-fog-error': 'bad-range', etag },
      });
    }
  });

  test('of another version are not sent: If-Range with any but the very ETag asks for the whole', () => {
    const { ask, etag } = stage();
    const statusOf = (ifRange: string) => ask({ range: 'bytes=0-1', 'if-range': ifRange }).status;
    expect(statusOf(etag)).toBe(206);
    expect(statusOf(` ${etag} `)).toBe(206);
    for (const ifRange of [`W/${etag}`, etag.replace(/.(?="$)/, 'x'), '"x"', '*', '', MODIFIED]) {
      expect(statusOf(ifRange)).toBe(200);
    }
    // What is wrong does not matter then either.
    expect(ask({ range: 'bytes=9999-', 'if-range': '"x"' }).status).toBe(200);
  });

  test('several are one body of parts, each opened when it is its turn', async () => {
    const { ask, files } = stage();
    const reply = ask({ range: 'bytes=0-4, 1200-2299,-3' });
    const boundary = `velour-${hash('sha512', CONTENT).slice(0, 32)}`;
    expect([reply.status, replyHeader(reply, 'content-range')]).toEqual([206, undefined]);
    expect(reply.headers['content-type']).toBe(`multipart/byteranges; boundary=${boundary}`);
    expect(files.opened).toHaveLength(1);
    const part = (range: string, from: number, to: number) =>
      Buffer.concat([
        Buffer.from(
          `--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${range}/2500\r\n\r\n`,
        ),
        CONTENT.subarray(from, to),
        Buffer.from('\r\n'),
      ]);
    expect(await contentOf(reply)).toEqual(
      Buffer.concat([
        part('0-4', 0, 5),
        part('1200-2299', 1200, 2300),
        part('2497-2499', 2497, 2500),
        Buffer.from(`--${boundary}--\r\n`),
      ]),
    );
    expect(files.opened).toHaveLength(3);
  });

  test('that cannot be gone on with break the reply, and never shorten it', async () => {
    const { ask, files } = stage();
    files.opens = (range) =>
      range?.first === 10
        ? { kind: 'failed', code: 'file-unreadable', detail: 'nobody' }
        : undefined;
    const reply = ask({ range: 'bytes=0-4,10-14' });
    if (isWhole(reply)) throw new Error('it is a stream');
    expect((await readAll(reply.body)).end).toBe('failed');
    files.opens = () => ({
      kind: 'open',
      body: new Pieces(['01'], { length: 5, broken: 'failed' }),
    });
    const broken = ask({ range: 'bytes=0-4,10-14' });
    if (isWhole(broken)) throw new Error('it is a stream');
    expect((await readAll(broken.body)).end).toBe('failed');
  });

  test('that nobody wants any more let go of what was opened', () => {
    const { ask, files } = stage();
    const reply = ask({ range: 'bytes=0-4,10-14' });
    if (isWhole(reply)) throw new Error('it is a stream');
    reply.body.discard();
    expect(files.opened.map(({ body }) => body.isDiscarded)).toEqual([true]);
    // Also one that is being opened just then.
    let goOn: () => void = () => undefined;
    const late = new Pieces(['01234'], { length: 5 });
    const open = files.open.bind(files);
    files.open = (file, range, callback) => {
      if (range?.first !== 10) return open(file, range, callback);
      goOn = () => callback({ kind: 'open', body: late });
    };
    const waiting = ask({ range: 'bytes=0-4,10-14' });
    if (isWhole(waiting)) throw new Error('it is a stream');
    const { body } = waiting;
    const read = (): void => body.read((part) => (part.kind === 'bytes' ? read() : undefined));
    read();
    body.discard();
    goOn();
    expect(late.isDiscarded).toBe(true);
  });

  test('any that are asked for are bytes of the file, at the place that is said', async () => {
    const { ask } = stage();
    const random = new SeededRandom(21);
    const number = () => random.below(random.chance(0.8) ? 2600 : 20);
    for (let round = 0; round < 300; round++) {
      const count = random.whole(1, 4);
      const asked = Array.from({ length: count }, () =>
        random.chance(0.2) ? `-${number()}` : `${number()}-${random.chance(0.2) ? '' : number()}`,
      );
      const reply = ask({ range: `bytes=${asked.join(',')}` });
      if (reply.status === 416) continue;
      const bytes = await contentOf(reply);
      const said = reply.headers['content-range'];
      const [, boundary] = /boundary=(.*)$/.exec(replyHeader(reply, 'content-type') ?? '') ?? [];
      const parts =
        boundary === undefined
          ? [[said ?? 'bytes 0-2499/2500', bytes.toString('latin1')] as const]
          : bytes
              .toString('latin1')
              .split(`--${boundary}`)
              .slice(1, -1)
              .map((part) => {
                const [head = '', content = ''] = part.split(/\r\n\r\n([\s\S]*)\r\n$/);
                return [/Content-Range: (.*)$/m.exec(head)?.[1] ?? '', content] as const;
              });
      expect(parts.length).toBeGreaterThan(0);
      for (const [range, content] of parts) {
        const [, first, last] = /^bytes (\d+)-(\d+)\/2500$/.exec(String(range)) ?? [];
        expect(content).toBe(CONTENT.subarray(Number(first), Number(last) + 1).toString('latin1'));
      }
    }
  });
});
