// The broker by its routes, over files in memory: where it sends clients, what it says of a file there, tickets that are wrong,
// and what it leaves to WebDAV.

import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { PutFile } from '../../../../src/files/outcomes.ts';
import { requestOf } from '../../../../src/simulation/requests.ts';
import {
  configOf,
  contentOf,
  keyOf,
  BrokerStage as Stage,
  textOf,
} from '../../../helpers/broker-stage.ts';
import { Pieces } from '../../../helpers/pieces.ts';

const TEXT = 'any text';
const MD5 = hash('md5', TEXT);
const SHA512 = hash('sha512', TEXT);
const MD5_BASE64 = Buffer.from(MD5, 'hex').toString('base64');
const SHA512_BASE64 = Buffer.from(SHA512, 'hex').toString('base64');

const BLOB: Partial<PutFile> = { inlineMax: 0 };

test.each([
  ['GET', '/', 200],
  ['GET', '/livez', 200],
  ['GET', '/nothing', 404],
  ['PUT', '/a', 307],
  ['PATCH', '/a', 405],
  ['PROPFIND', '/', 207],
  ['GET', '/.broker/domains', 200],
] as const)('each answer says that it is a broker: %s %s', (method, target, status) => {
  const reply = new Stage().ask(method, target, { depth: '0' });
  expect([reply.status, reply.headers['x-fog-role']]).toEqual([status, 'broker']);
});

describe('a file that file servers have', () => {
  const stored = () => {
    const stage = new Stage();
    stage.files.keep(keyOf('a/b c.txt'), Buffer.from(TEXT), BLOB);
    return stage;
  };

  test.each(['GET', 'HEAD'])('is there: %s says where, and what it is', (method) => {
    const stage = stored();
    const reply = stage.ask(method, '/a/b%20c.txt');
    expect(reply.status).toBe(302);
    const { location, link, ...others } = reply.headers;
    const [, token = ''] =
      /^http:\/\/a\.example:80\/t\/([\w.-]+)\/b%20c\.txt$/.exec(String(location)) ?? [];
    expect(stage.opened(token)).toMatchObject({
      purpose: 'read',
      sha512: SHA512,
      contentType: 'text/plain',
    });
    // RFC 6249: one line each, never one line with commas.
    expect(link).toEqual([
      `<http://a.example:80/t/${token}/b%20c.txt>; rel=duplicate; pri=1`,
      `<http://b.example:80/t/${token}/b%20c.txt>; rel=duplicate; pri=2`,
      '<http://h:1/a/b%20c.txt?metalink>; rel=describedby; type="application/metalink4+xml"',
    ]);
    expect(others).toMatchObject({
      etag: `"${SHA512.slice(0, 32)}"`,
      'repr-digest': `sha-512=:${SHA512_BASE64}:, md5=:${MD5_BASE64}:`,
      digest: `SHA-512=${SHA512_BASE64},MD5=${MD5_BASE64}`,
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(textOf(reply)).toContain(`<a href="${location}">`);
  });

  test('says nothing in a link that its client put there', () => {
    const stage = stored();
    stage.files.keep(keyOf('q>;rel=duplicate,<http:evil'), Buffer.from(TEXT), BLOB);
    const { link } = stage.ask('GET', '/q>;rel=duplicate,<http:evil').headers;
    const url = 'http://h:1/q%3E%3Brel%3Dduplicate%2C%3Chttp%3Aevil';
    expect(Array.isArray(link) && link.at(-1)).toBe(
      `<${url}?metalink>; rel=describedby; type="application/metalink4+xml"`,
    );
    // Neither does the answer to an upload.
    const { told, token } = stage.issued('/q>;rel=duplicate,<http:evil');
    expect(told.complete).toBe(`${url}?ticket=${token}&complete`);
  });

  test('is described by a Metalink document', () => {
    const reply = stored().ask('GET', '/a/b%20c.txt?metalink');
    expect([reply.status, reply.headers['content-type']]).toEqual([
      200,
      'application/metalink4+xml',
    ]);
    const text = textOf(reply);
    expect(text).toContain('<file name="b c.txt">');
    expect(text).toContain('<size>8</size>');
    expect(text).toContain(`<hash type="sha-512">${SHA512}</hash>`);
    expect(text).toMatch(/<url priority="1">http:\/\/a\.example:80\/t\/\S+\/b%20c\.txt<\/url>/);
    expect(text).toMatch(/<url priority="2">http:\/\/b\.example:80\/t\//);
  });

  test('passes through the broker for whoever follows no redirect, with ranges and conditions', async () => {
    const stage = stored();
    const whole = stage.ask('GET', '/a/b%20c.txt?proxy=1');
    expect([whole.status, await contentOf(whole)]).toEqual([200, TEXT]);
    const part = stage.ask('GET', '/a/b%20c.txt?proxy=1', { range: 'bytes=4-' });
    expect([part.status, await contentOf(part)]).toEqual([206, 'text']);
    const headers = { 'if-none-match': String(whole.headers.etag) };
    expect(stage.did('GET', '/a/b%20c.txt?proxy=1', headers)).toBe('304');
    // RFC 9110, 13.2.1: a redirect ignores conditions, which the file server judges.
    expect(stage.did('GET', '/a/b%20c.txt', headers)).toBe('302');
    expect(stage.did('GET', '/a/b%20c.txt?proxy=perhaps')).toBe('400 bad-parameter');
  });

  test('is not sent to anybody while no file server is up', () => {
    const stage = stored();
    stage.files.locations = [];
    expect(stage.did('GET', '/a/b%20c.txt')).toBe('503 file-unreadable');
  });

  test('is 404 where nothing is, and 503 where nobody can tell', () => {
    const stage = new Stage();
    expect(stage.did('GET', '/a')).toBe('404');
    stage.files.finds = { kind: 'failed', code: 'unanswered', detail: 'nobody' };
    expect(stage.did('GET', '/a')).toBe('503 unanswered');
  });
});

test('what has no blob, and a collection, passes through the broker without being asked to', async () => {
  const stage = new Stage();
  stage.files.keep(keyOf('a'), Buffer.from(TEXT));
  const reply = stage.ask('GET', '/a');
  expect([reply.status, await contentOf(reply)]).toEqual([200, TEXT]);
  expect(stage.did('MKCOL', '/folder')).toBe('201');
  expect(await contentOf(stage.ask('GET', '/folder'))).toContain('<h1>/folder</h1>');
  expect(stage.did('PROPFIND', '/', { depth: '1' })).toBe('207');
  expect(stage.did('MOVE', '/a', { destination: 'http://h:1/folder/b' })).toBe('201');
  expect(stage.did('DELETE', '/folder/b')).toBe('204');
  expect(stage.did('GET', '/folder/b')).toBe('404');
});

describe('an upload', () => {
  test('is sent to a file server with a ticket, and what it is in is made', () => {
    const stage = new Stage();
    const { told, token, ticket } = stage.issued('/x/y/z.jpg', { 'content-type': 'image/jpeg' });
    expect(told).toMatchObject({
      id: ticket.id,
      upload: `http://a.example:80/t/${token}/z.jpg`,
      complete: `http://h:1/x/y/z.jpg?ticket=${token}&complete`,
      note: expect.stringMatching(/^nothing is stored yet: .* curl -L /),
      expires: 'Thu, 29 Feb 2024 13:00:00 GMT',
    });
    expect(ticket).toMatchObject({
      purpose: 'write',
      key: keyOf('x/y/z.jpg'),
      contentType: 'image/jpeg',
      waitsForAll: false,
      replicationClass: 'default',
    });
    expect(stage.did('PROPFIND', '/x/y/', { depth: '0' })).toBe('207');
    // Nothing is visible of it before it is there.
    expect(stage.did('GET', '/x/y/z.jpg')).toBe('404');
  });

  test('with 307 and the ticket in a header as well, so that the method stays', () => {
    const stage = new Stage();
    for (const method of ['PUT', 'POST']) {
      const reply = stage.ask(method, '/a.txt', {}, TEXT);
      expect(reply.status).toBe(307);
      const { ticket, upload } = JSON.parse(textOf(reply));
      expect([reply.headers['x-fog-ticket'], reply.headers.location]).toEqual([ticket, upload]);
    }
  });

  test('has the rule that it wishes for', () => {
    const stage = new Stage();
    const { ticket } = stage.issued('/a.jpg?replicate=2&client_wait_to_finish=true');
    expect(ticket).toMatchObject({ replicationClass: 'copies-2', waitsForAll: true });
    // They come when there are as many file servers; nobody can wait for them here.
    expect(stage.issued('/a.jpg?replicate=4').ticket.replicationClass).toBe('copies-4');
    for (const more of ['', '&proxy=1']) {
      const target = `/a.jpg?replicate=4&client_wait_to_finish=true${more}`;
      expect(stage.did('PUT', target, {}, TEXT)).toBe('503 no-file-server');
    }
    expect(stage.files.requests).toEqual([]);
    expect(stage.did('PUT', '/a?replicate=0')).toBe('400 bad-parameter');
    expect(stage.did('PUT', '/a?replicate=17')).toBe('400 bad-parameter');
    expect(stage.did('PUT', '/a?client_wait_to_finish=maybe')).toBe('400 bad-parameter');
  });

  test('is refused where a collection is, below a file, and where the broker itself answers', () => {
    const stage = new Stage();
    stage.files.keep(keyOf('file'), Buffer.from(TEXT));
    expect(stage.did('MKCOL', '/folder')).toBe('201');
    expect(stage.did('PUT', '/folder')).toBe('405 method-not-allowed');
    expect(stage.did('PUT', '/new/')).toBe('405 method-not-allowed');
    expect(stage.did('PUT', '/file/below')).toBe('409 no-collection');
    expect(stage.did('PUT', '/metrics')).toBe('405 method-not-allowed');
    expect(stage.did('PUT', '/.broker/a')).toBe('404 unknown-path');
    expect(stage.did('PUT', '/a/%2e%2e/b')).toBe('400 bad-parameter');
    expect(stage.files.names.filter((name) => name.includes('below'))).toEqual([]);
  });

  test.each(['/livez', '/metrics', '/openapi.json', '/.broker/x', '/readyz/below', '/%6civez'])(
    'is not hidden by what the broker says at %s, in whatever way it would come there',
    (own) => {
      const stage = new Stage();
      stage.files.keep(keyOf('a'), Buffer.from(TEXT), BLOB);
      const to = { destination: `http://h:1${own}` };
      expect(stage.did('MOVE', '/a', to)).toBe('405 method-not-allowed');
      expect(stage.did('COPY', '/a', { destination: own })).toBe('405 method-not-allowed');
      const clone = JSON.stringify({ from: '/a', path: decodeURIComponent(own) });
      expect(stage.did('POST', '/.broker/clone', {}, clone)).toBe('405 method-not-allowed');
      for (const method of ['PUT', 'POST', 'MKCOL', 'LOCK']) {
        expect(stage.did(method, own), method).toMatch(
          /^40[45] (method-not-allowed|unknown-path)$/,
        );
      }
      expect(stage.did('PUT', `${own}?proxy=1`, {}, TEXT)).toMatch(/^40[45] /);
      expect(stage.files.names.filter((name) => !name.endsWith('a'))).toEqual([]);
      expect(stage.did('MOVE', '/a', { destination: '/b/livez' })).toBe('409 no-collection');
      expect(stage.did('MOVE', '/a', { destination: '/livez2' })).toBe('201');
    },
  );

  test.each([
    ['PUT', '/a?replicat=3', 'replicat is no parameter here: did you mean replicate?'],
    ['PUT', '/a?client_wait_to_finnish=1', 'did you mean client_wait_to_finish?'],
    ['PUT', '/a?b.txt', 'b.txt is no parameter here: there are proxy, replicate,'],
    ['PUT', '/a?b.txt', 'a ? in the name of a file is written %3F'],
    ['PUT', '/a?%00%ff', 'a parameter has an unknown name'],
    ['POST', '/a?proxxy=1', 'did you mean proxy?'],
    ['POST', '/a?ticket=x&complete&sha512sum=y', 'did you mean sha512?'],
    ['POST', '/a?ticket=x&complet', 'complet is no parameter here: did you mean complete?'],
    ['POST', '/a?ticket=x&size=8', 'complete is missing beside the ticket'],
    ['PUT', '/a?ticket=x&complete', 'the message that an upload is complete, which is a POST'],
    ['PUT', '/a?ticket=x', 'PUT to the URL upload that came with the ticket'],
    ['DELETE', '/a?b.txt', 'b.txt is no parameter here'],
    ['MKCOL', '/b?c', 'c is no parameter here'],
  ])('is not lost where a word is wrong: %s %s', (method, target, words) => {
    const stage = new Stage();
    stage.files.keep(keyOf('a'), Buffer.from(TEXT), BLOB);
    const reply = stage.ask(method, target);
    expect([reply.status, reply.headers['x-fog-error']]).toEqual([400, 'bad-parameter']);
    expect(textOf(reply)).toContain(words);
    expect(stage.files.names).toHaveLength(1);
    // Pages have links with parameters of their own.
    expect(stage.did('GET', '/a?v=2&complete')).toBe('302');
  });

  test('says where a method is that its path does not take', () => {
    const told = (method: string, target: string) => textOf(new Stage().ask(method, target));
    expect(told('PATCH', '/a')).toContain('PATCH goes to /.broker/files');
    expect(told('POST', '/')).toContain('POST goes to /.broker/clone, /{path...}');
  });

  test('says how its file is served, to who reads it through the broker and by a ticket', () => {
    const stage = new Stage();
    const named = "attachment; filename*=UTF-8''%C3%A4.txt";
    const said = { 'cache-control': 'public, max-age=60', 'content-disposition': named };
    const { ticket } = stage.issued('/a.txt', said);
    expect(ticket.attributes).toEqual({
      'http-cache-control': 'public, max-age=60',
      'http-content-disposition': named,
    });
    // A form has the headers of its page.
    expect(stage.issued('/a.txt', said, 'POST').ticket.attributes).toBeUndefined();
    expect(stage.did('PUT', '/b.txt?proxy=1', said, TEXT)).toBe('201');
    const served = (more = {}) => stage.ask('GET', '/b.txt?proxy=1', more);
    const { etag = '' } = served().headers;
    const conditions = [{}, { range: 'bytes=0-1' }, { 'if-none-match': String(etag) }];
    expect(conditions.map((more) => served(more).status)).toEqual([200, 206, 304]);
    for (const more of conditions) expect(served(more).headers).toMatchObject(said);
    // Another content is served as before, but where it says something else.
    const less = { 'cache-control': 'no-store' };
    expect(stage.did('PUT', '/b.txt?proxy=1', less, 'other')).toBe('204');
    expect(served().headers).toMatchObject({ ...said, ...less });
    // The redirect itself is kept by nobody.
    const { headers } = stage.ask('GET', '/b.txt');
    expect([headers['cache-control'], headers['content-disposition']]).toEqual([
      'no-store',
      undefined,
    ]);
    const token = String(headers.location).split('/')[4] ?? '';
    expect(stage.opened(token)).toMatchObject({ served: { ...said, ...less } });
    for (const wrong of ['a'.repeat(513), 'a\u0100', 'a\nb']) {
      for (const target of ['/c', '/c?proxy=1']) {
        const sent = { 'content-disposition': wrong };
        expect(stage.did('PUT', target, sent, TEXT)).toBe('400 bad-parameter');
      }
    }
  });

  test('slips past no lock', () => {
    const stage = new Stage();
    const body =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
    const locked = stage.ask('LOCK', '/a.txt', {}, body);
    expect(stage.did('PUT', '/a.txt')).toBe('423 locked');
    const token = String(locked.headers['lock-token']);
    const { ticket } = stage.issued('/a.txt', { if: `(${token})` });
    expect(ticket).toMatchObject({ submitted: [token.slice(1, -1)] });
  });

  test('is refused while no file server can take it', () => {
    const stage = new Stage();
    stage.files.locations = [];
    expect(stage.did('PUT', '/a')).toBe('503 no-file-server');
  });

  test('through the broker has a blob all the same, and what it is in is made', async () => {
    const stage = new Stage();
    expect(stage.did('PUT', '/x/y.txt?proxy=1', {}, TEXT)).toBe('201');
    expect(stage.files.requests[0]).toMatchObject({ inlineMax: 0, replicationClass: 'default' });
    expect(stage.did('GET', '/x/y.txt')).toBe('302');
    expect(await contentOf(stage.ask('GET', '/x/y.txt?proxy=1'))).toBe(TEXT);
    // What one file is to have is heard here as well.
    const wishes = 'proxy=1&replicate=2&client_wait_to_finish=true';
    expect(stage.did('PUT', `/x/z.txt?${wishes}`, {}, TEXT)).toBe('201');
    expect(stage.files.requests[1]).toMatchObject({
      replicationClass: 'copies-2',
      waitsForAll: true,
    });
  });

  test('as a form goes to a file server, and not through the broker', () => {
    const form = { 'content-type': 'multipart/form-data; boundary=x' };
    const { ticket } = new Stage().issued('/a.txt', form, 'POST');
    const back = 'http://app.example/done?a=1&b=%2F';
    const target = `/a.txt?redirect=${encodeURIComponent(back)}`;
    const { upload } = new Stage().issued(target, form, 'POST').told;
    expect(new URL(upload).searchParams.get('redirect')).toBe(back);
    expect(ticket.contentType).toBeUndefined();
    expect(new Stage().did('POST', '/a.txt?proxy=1', form)).toBe('400 bad-parameter');
  });

  test('is refused at once where its body is encoded, or a browser would go on to no page', () => {
    const stage = new Stage();
    const gzip = { 'content-encoding': 'gzip' };
    for (const target of ['/a', '/a?proxy=1', '/.broker/dav/a']) {
      expect(stage.did('PUT', target, gzip, TEXT)).toBe('415 unsupported-body');
    }
    expect(stage.did('PUT', '/a', { 'content-encoding': 'identity' })).toBe('307');
    const script = encodeURIComponent('javascript:alert(1)');
    expect(stage.did('POST', `/a?redirect=${script}`)).toBe('400 bad-parameter');
    expect(stage.files.names).toEqual([]);
  });

  test('that is sent at once is read no further', () => {
    const stage = new Stage();
    const stream = new Pieces([Buffer.from(TEXT)], { length: TEXT.length });
    const request = requestOf('PUT', '/a', { kind: 'stream', stream }, { host: 'h' });
    stage.broker.handle(request, ({ status }) => expect(status).toBe(307));
    expect(stream.isDiscarded).toBe(true);
  });
});

describe('the message that an upload is complete', () => {
  const complete = (token: string, more = '', path = '/a/b.txt') =>
    `${path}?ticket=${token}&complete${more}`;

  test('is 200 as often as it comes, and says what is stored', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/a/b.txt');
    stage.upload(ticket, TEXT);
    const etag = `"${SHA512.slice(0, 32)}"`;
    const told = { id: ticket.id, state: 'stored', size: 8, md5: MD5, sha512: SHA512, etag };
    for (const more of ['', '&size=8', `&size=8&md5=${MD5}`, `&sha512=${SHA512.toUpperCase()}`]) {
      const reply = stage.ask('POST', complete(token, more));
      expect([reply.status, JSON.parse(textOf(reply))]).toEqual([200, told]);
    }
    const digest = { 'repr-digest': `sha-512=:${SHA512_BASE64}:` };
    expect(stage.did('POST', complete(token), digest)).toBe('200');
  });

  test.each([
    ['another size', '&size=9', {}],
    ['another MD5', `&md5=${hash('md5', 'other')}`, {}],
    ['another SHA-512', `&sha512=${hash('sha512', 'other')}`, {}],
    [
      'another digest',
      '',
      { 'content-md5': Buffer.from(hash('md5', 'x'), 'hex').toString('base64') },
    ],
  ])('with %s leaves nothing', (_what, more, headers) => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/a/b.txt');
    stage.upload(ticket, TEXT);
    expect(stage.did('POST', complete(token, more), headers)).toBe('409 digest-differs');
    expect(stage.did('GET', '/a/b.txt')).toBe('404');
    expect(stage.did('POST', complete(token, more), headers)).toBe('409 digest-differs');
  });

  test('is not told that its file is stored once it was withdrawn, deleted or overwritten', () => {
    const stage = new Stage();
    const upload = () => {
      const issued = stage.issued('/a/b.txt');
      stage.upload(issued.ticket, TEXT);
      expect(stage.did('POST', complete(issued.token))).toBe('200');
      return issued.token;
    };
    const withdrawn = upload();
    expect(stage.did('POST', complete(withdrawn, '&size=9'))).toBe('409 digest-differs');
    expect(stage.did('POST', complete(withdrawn))).toBe('409 used-ticket');
    const deleted = upload();
    expect(stage.did('DELETE', '/a/b.txt')).toBe('204');
    expect(stage.did('POST', complete(deleted))).toBe('409 used-ticket');
    const overwritten = upload();
    upload();
    expect(stage.did('POST', complete(overwritten))).toBe('409 used-ticket');
  });

  test('with another size deletes what only one member has not any more', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/b.txt');
    stage.upload(ticket, TEXT);
    stage.files.unsettled = { kind: 'absent' };
    expect(stage.did('POST', complete(token, '&size=9', '/b.txt'))).toBe('409 digest-differs');
    expect(stage.did('GET', '/b.txt')).toBe('404');
    stage.files.settles = { kind: 'failed', code: 'unanswered', detail: 'one of three is silent' };
    expect(stage.did('POST', complete(token, '&size=9', '/b.txt'))).toBe('503 unanswered');
  });

  test('tells what all members say of the file', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/b.txt');
    const right = complete(token, `&sha512=${SHA512}`, '/b.txt');
    const ours = stage.files.keep(ticket.key, Buffer.from(TEXT), { inlineMax: 0 });
    stage.files.unsettled = { kind: 'absent' };
    expect(stage.did('POST', right)).toBe('200');
    stage.upload(ticket, TEXT);
    stage.files.unsettled = { kind: 'absent' };
    expect(stage.did('POST', right)).toBe('200');
    stage.did('DELETE', '/b.txt');
    stage.files.unsettled = { kind: 'found', file: ours };
    expect(stage.did('POST', right)).toBe('409 used-ticket');
    stage.files.tickets.states.delete(ticket.id);
    stage.files.unsettled = { kind: 'found', file: ours };
    expect(stage.did('POST', right)).toBe('409 unused-ticket');
  });

  test('deletes no file that is locked, but with the token of the lock', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/a/b.txt');
    stage.upload(ticket, TEXT);
    const body = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`;
    const lock = stage.ask('LOCK', '/a/', { depth: 'infinity' }, body);
    expect(lock.status).toBe(200);
    expect(stage.did('POST', complete(token, '&size=9'))).toBe('423 locked');
    expect(stage.did('GET', '/a/b.txt')).toBe('302');
    const submitted = { if: `</a/> (${lock.headers['lock-token']})` };
    expect(stage.did('POST', complete(token, '&size=9'), submitted)).toBe('409 digest-differs');
    expect(stage.did('GET', '/a/b.txt')).toBe('404');
  });

  test('deletes no empty file that somebody else has stored', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/a/b.txt');
    stage.upload(ticket, '');
    const later = stage.issued('/a/b.txt');
    stage.upload(later.ticket, '');
    const reply = stage.ask('POST', complete(token, '&size=9'));
    expect([reply.status, textOf(reply)]).toEqual([409, expect.stringContaining(' and stays')]);
    expect(stage.did('GET', '/a/b.txt')).toBe('200');
    expect(stage.did('POST', complete(later.token, '&size=9'))).toBe('409 digest-differs');
    expect(stage.did('GET', '/a/b.txt')).toBe('404');
  });

  test('deletes nothing that another upload has stored since', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/a/b.txt');
    stage.upload(ticket, TEXT);
    const later = stage.issued('/a/b.txt');
    stage.upload(later.ticket, 'a later text');
    expect(stage.did('POST', complete(token, '&size=9'))).toBe('409 digest-differs');
    expect(stage.did('GET', '/a/b.txt')).toBe('302');
    expect(stage.did('POST', complete(later.token, '&size=12'))).toBe('200');
  });

  test('is refused for a ticket that is none, of another path, or for reading', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/a/b.txt');
    stage.upload(ticket, TEXT);
    const link = String(stage.ask('GET', '/a/b.txt').headers.location);
    const reading = link.split('/')[4] ?? '';
    expect(stage.did('POST', complete(token, '&size=9', '/a/c.txt'))).toBe('403 forged-ticket');
    expect(stage.did('POST', complete(reading, '&size=9'))).toBe('403 forged-ticket');
    expect(stage.did('POST', complete(ticket.id, '&size=9'))).toBe('403 forged-ticket');
    expect(stage.did('POST', complete(`${token}x`, '&size=9'))).toBe('403 forged-ticket');
    expect(stage.did('POST', '/a/b.txt?complete')).toBe('400 bad-parameter');
    expect(stage.did('GET', '/a/b.txt')).toBe('302');
  });

  test('is refused before anything is stored, and gone when the ticket has ended', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/a/b.txt');
    expect(stage.did('POST', complete(token))).toBe('409 unused-ticket');
    stage.files.tickets.nowMs = ticket.expiresMs;
    expect(stage.did('POST', complete(token))).toBe('410 expired-ticket');
    stage.upload(ticket, TEXT);
    expect(stage.did('POST', complete(token, `&md5=${MD5}`))).toBe('200');
  });

  test('is 409 where the upload is not there any more', () => {
    const stage = new Stage();
    const { ticket, token } = stage.issued('/a/b.txt');
    const use = { key: ticket.key, blob: undefined, size: 8, md5: MD5, sha512: SHA512 };
    stage.files.tickets.states.set(ticket.id, { kind: 'used', use });
    expect(stage.did('POST', complete(token))).toBe('409 used-ticket');
  });

  test('finishes an upload that came in another way', () => {
    const stage = new Stage();
    const { token } = stage.issued('/a/b.txt');
    expect(stage.did('PUT', '/a/b.txt?proxy=1', {}, TEXT)).toBe('201');
    expect(stage.did('POST', complete(token, `&size=8&md5=${MD5}`))).toBe('200');
    expect(stage.did('POST', complete(token, `&md5=${hash('md5', 'other')}`))).toBe(
      '409 unused-ticket',
    );
    expect(stage.did('GET', '/a/b.txt')).toBe('302');
  });
});

describe('a lock of a collection', () => {
  const LOCK = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`;
  const PATHS = ['c/a', 'c/n', 'c/n/b'];
  const clone = (path: string) => JSON.stringify({ from: '/o', path });

  test.each([
    ['200', 'PATCH', '/.broker/files?path=/c/a', '{"attributes":{"x":"y"}}'],
    ['201', 'POST', '/.broker/clone', clone('/c/n/b')],
    ['204', 'POST', '/.broker/clone', clone('/c/a')],
    ['201', 'PUT', '/c/n/b?proxy=1', TEXT],
    ['307', 'PUT', '/c/n/b', ''],
    ['409 digest-differs', 'POST', '/c/a?ticket=TICKET&complete&size=9', ''],
  ])('that is given meanwhile is passed by nothing: %s %s %s', (answer, method, target, body) => {
    const answers = new Set<string>();
    // It is given before each step of the change: before a record is read, set or deleted.
    for (let step = 0; ; step++) {
      const stage = new Stage();
      expect(stage.did('MKCOL', '/c')).toBe('201');
      stage.files.keep(keyOf('o'), Buffer.from('other'), BLOB);
      const { ticket, token } = stage.issued('/c/a');
      stage.upload(ticket, TEXT);
      const { files } = stage;
      const find = files.find.bind(files);
      const seen = () =>
        PATHS.map((path) => {
          let text = '';
          find(keyOf(path), (found) => {
            const manifest = found.kind === 'found' ? found.file.manifest : undefined;
            text = JSON.stringify([manifest?.sha512, manifest?.attributes ?? {}]);
          });
          return text;
        });
      const before = seen();
      let left = step;
      let atLock: readonly string[] | undefined;
      const steps = ['find', 'makeDirectory', 'amend', 'copy', 'delete', 'put'] as const;
      for (const name of steps) {
        const take = files[name].bind(files) as (...asked: readonly unknown[]) => void;
        const taken = (...asked: readonly unknown[]) => {
          if (left-- === 0) {
            expect(stage.did('LOCK', '/c/', { depth: 'infinity' }, LOCK)).toBe('200');
            atLock = seen();
          }
          take(...asked);
        };
        Object.assign(files, { [name]: taken });
      }
      const answered = stage.did(method, target.replace('TICKET', token), {}, body);
      left = -1;
      if (atLock === undefined) {
        expect(answered).toBe(answer);
        break;
      }
      answers.add(answered);
      const after = seen();
      // What is acknowledged was there when the lock was; of what is refused nothing came after it.
      if (answered === answer) expect(after, `step ${step}`).toEqual(atLock);
      for (const [index, text] of after.entries()) {
        expect([before[index], atLock[index]], `step ${step}: ${answered}`).toContain(text);
      }
    }
    expect(answers).toContain('423 locked');
    expect([answer, '423 locked', '503 not-stored']).toEqual(expect.arrayContaining([...answers]));
  });
});

describe('domains', () => {
  const config = configOf(`
    domain {
      domain_name www.one.example
      domain_name one.example
      type jpg { replicate 3 client_wait_to_finish true }
      share /static http://cdn.example/files
    }
    domain { domain_name two.example }`);

  test('have files of their own, by the Host', () => {
    const stage = new Stage(config);
    const { ticket } = stage.issued('/a.jpg', { host: 'ONE.example:6565' });
    expect(ticket).toMatchObject({
      key: keyOf('a.jpg', 'www.one.example'),
      replicationClass: 'broker:www.one.example:jpg',
      waitsForAll: true,
    });
    stage.upload(ticket, TEXT);
    expect(stage.did('GET', '/a.jpg', { host: 'www.one.example' })).toBe('302');
    expect(stage.did('GET', '/a.jpg', { host: 'two.example' })).toBe('404');
    expect(stage.issued('/a.txt', { host: 'one.example' }).ticket).toMatchObject({
      waitsForAll: false,
    });
  });

  test('a Host of no domain is told so, whatever it asks', () => {
    const stage = new Stage(config);
    for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'PROPFIND']) {
      expect(stage.did(method, '/a', { host: 'three.example' })).toBe('421 unknown-domain');
    }
    const told = textOf(stage.ask('GET', '/a.txt', { host: 'three.example' }));
    expect(told).toContain("curl -H 'Host: www.one.example' 'http://BROKER/a.txt'");
  });

  test('are mounted below /.broker/dav/, where nothing is redirected', async () => {
    const stage = new Stage(config);
    const host = { host: 'one.example' };
    expect(stage.did('MKCOL', '/.broker/dav/x', host)).toBe('201');
    expect(stage.did('PUT', '/.broker/dav/x/a.jpg', host, TEXT)).toBe('201');
    expect(stage.files.requests[0]).toMatchObject({
      key: keyOf('x/a.jpg', 'www.one.example'),
      replicationClass: 'broker:www.one.example:jpg',
      waitsForAll: true,
      inlineMax: 0,
    });
    expect(await contentOf(stage.ask('GET', '/.broker/dav/x/a.jpg?v=2', host))).toBe(TEXT);
    expect(stage.did('GET', '/x/a.jpg', host)).toBe('302');
    const listed = stage.ask('PROPFIND', '/.broker/dav/x/', { ...host, depth: '1' });
    expect(await contentOf(listed)).toMatch(/href>\/\.broker\/dav\/x\/a\.jpg</);
    const to = { ...host, destination: 'http://one.example/.broker/dav/b' };
    expect(stage.did('MOVE', '/.broker/dav/x/a.jpg', to)).toBe('201');
    const away = { ...host, destination: '/x/b' };
    expect(stage.did('COPY', '/.broker/dav/b', away)).toBe('403 bad-destination');
    expect(stage.did('DELETE', '/.broker/dav/x?y', host)).toBe('400 bad-parameter');
    expect(stage.did('PUT', '/.broker/dav/a', { host: 'three.example' })).toBe(
      '421 unknown-domain',
    );
    expect(stage.did('POST', '/.broker/dav/a', host)).toBe('404 unknown-path');
  });

  test('a share that leads back to the broker sends nobody in a circle', () => {
    const stage = new Stage(
      configOf(`domain {
        domain_name *
        share /there http://h:1/there/$path
        share /cdn http://cdn.example/files
        share / http://elsewhere.example/
      }`),
    );
    for (const path of ['there/a b', 'cdn/a']) {
      stage.files.keep(keyOf(path), Buffer.from(TEXT), BLOB);
    }
    const ticketed = /^http:\/\/a\.example:80\/t\//;
    const at = (target: string) => stage.ask('GET', target).headers.location;
    expect(at('/there/a%20b')).toMatch(ticketed);
    const shared = String(at('/cdn/a'));
    expect(shared).toMatch(/^http:\/\/cdn\.example\/files\/a\?token=/);
    // What is in front of the broker asks it for what it has not, with the ticket that the broker gave.
    expect(at(`/cdn/a${new URL(shared).search}`)).toMatch(ticketed);
    expect(at('/cdn/a?v=2')).toMatch(/^http:\/\/cdn\.example\/files\/a\?token=/);
  });

  test('a share has its files at a URL of its own, and the file servers have them as well', () => {
    const stage = new Stage(config);
    const host = { host: 'one.example' };
    stage.files.keep(keyOf('static/x/y.png', 'www.one.example'), Buffer.from(TEXT), BLOB);
    const { location, link } = stage.ask('GET', '/static/x/y.png', host).headers;
    expect(location).toMatch(/^http:\/\/cdn\.example\/files\/x\/y\.png\?token=[\w.-]+$/);
    expect(link).toHaveLength(4);
    expect(String(link?.[1])).toMatch(/^<http:\/\/a\.example:80\/t\/\S+>; rel=duplicate; pri=2$/);
  });
});
