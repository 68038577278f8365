// What the broker says below /.broker/, over files in memory: files, lists, changes beside the content, clones, tickets.

import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { classOfCopies } from '../../../../src/files/classes.ts';
import { directoryFileKey, type FileKey } from '../../../../src/files/file-key.ts';
import { configOf, keyOf, BrokerStage as Stage, textOf } from '../../../helpers/broker-stage.ts';

const TEXT = 'any text';
const MD5 = hash('md5', TEXT);
const SHA512 = hash('sha512', TEXT);
const LOCK =
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';

function stored(path: string, stage = new Stage()): Stage {
  stage.files.keep(keyOf(path), Buffer.from(TEXT), { inlineMax: 0 });
  return stage;
}

const json = (stage: Stage, method: string, target: string, content = '') => {
  const reply = stage.ask(method, target, {}, content);
  expect(reply.headers['content-type']).toBe('application/json');
  return JSON.parse(textOf(reply));
};

describe('a file', () => {
  test('is described, with URLs at which it is', () => {
    const stage = stored('a/b c.txt');
    const told = json(stage, 'GET', '/.broker/files?path=/a/b+c.txt');
    expect(told).toMatchObject({
      domain: 'default',
      path: '/a/b c.txt',
      kind: 'file',
      type: 'text/plain',
      size: 8,
      md5: MD5,
      sha512: SHA512,
      etag: `"${SHA512.slice(0, 32)}"`,
      class: 'default',
      attributes: {},
      state: 'complete',
      copies: 2,
      lacking: [],
    });
    expect(told.locations).toHaveLength(2);
    const [, token = ''] =
      /^http:\/\/a\.example:80\/t\/([^/]+)\/b%20c\.txt$/.exec(told.locations[0].url) ?? [];
    expect(stage.opened(token)).toMatchObject({ purpose: 'read', sha512: SHA512 });
    expect(json(stage, 'GET', '/.broker/files?path=a/b+c.txt')).toMatchObject({ size: 8 });
  });

  test('without a blob is in its record, a collection is one, and nothing is 404', () => {
    const stage = new Stage();
    stage.files.keep(keyOf('a'), Buffer.from(TEXT));
    expect(json(stage, 'GET', '/.broker/files?path=/a')).toMatchObject({ state: 'in-record' });
    expect(stage.did('MKCOL', '/folder')).toBe('201');
    expect(json(stage, 'GET', '/.broker/files?path=/folder')).toMatchObject({ kind: 'collection' });
    expect(stage.did('GET', '/.broker/files?path=/none')).toBe('404');
    expect(stage.did('GET', '/.broker/files')).toBe('400 bad-parameter');
    expect(stage.did('GET', '/.broker/files?path=/a/%00')).toBe('400 bad-parameter');
  });

  test('has attributes, a type and a number of copies that can be changed, and keeps all else', () => {
    const stage = stored('a.jpg');
    const proppatch =
      '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x:y xmlns:x="u">z</x:y></D:prop></D:set></D:propertyupdate>';
    expect(stage.did('PROPPATCH', '/a.jpg', {}, proppatch)).toBe('207');
    const target = '/.broker/files?path=/a.jpg';
    const change = { attributes: { owner: 'alice', state: 'new' }, replicate: 3, type: 'image/x' };
    expect(json(stage, 'PATCH', target, JSON.stringify(change))).toMatchObject({
      attributes: { owner: 'alice', state: 'new' },
      class: 'copies-3',
      type: 'image/x',
      sha512: SHA512,
    });
    const less = { attributes: { state: null, other: '' }, replicate: null };
    expect(json(stage, 'PATCH', target, JSON.stringify(less))).toMatchObject({
      attributes: { owner: 'alice', other: '' },
      class: 'default',
      type: 'image/x',
    });
    const ask = '<D:propfind xmlns:D="DAV:"><D:prop><x:y xmlns:x="u"/></D:prop></D:propfind>';
    expect(textOf(stage.ask('PROPFIND', '/a.jpg', { depth: '0' }, ask))).toContain('>z</');
  });

  test('is served as a change says, and its clone as well', () => {
    const stage = stored('a.jpg');
    const target = '/.broker/files?path=/a.jpg';
    const none = { cache_control: null, content_disposition: null };
    expect(json(stage, 'GET', target)).toMatchObject(none);
    const said = { cache_control: 'max-age=60', content_disposition: 'inline; filename="ä"' };
    expect(json(stage, 'PATCH', target, JSON.stringify(said))).toMatchObject(said);
    const clone = JSON.stringify({ from: '/a.jpg', path: '/b.jpg' });
    expect(stage.did('POST', '/.broker/clone', {}, clone)).toBe('201');
    expect(stage.ask('GET', '/b.jpg?proxy=1').headers).toMatchObject({
      'cache-control': 'max-age=60',
      'content-disposition': 'inline; filename="ä"',
    });
    const other = { attributes: { 'http-cache-control': 'x' }, content_disposition: null };
    const answer = json(stage, 'PATCH', target, JSON.stringify(other));
    expect(answer).toMatchObject({ ...none, cache_control: 'max-age=60' });
  });

  test.each([
    ['', '400 bad-parameter'],
    ['{"content_disposition":"日本.txt"}', '400 bad-parameter'],
    ['{"cache_control":"a\\r\\nset-cookie: b"}', '400 bad-parameter'],
    ['[]', '400 bad-parameter'],
    ['{"replicate":17}', '400 bad-parameter'],
    ['{"attributes":{"a":1}}', '400 bad-parameter'],
    ['{"type":"a\\nb"}', '400 bad-parameter'],
    ['{"replicat":2}', '400 bad-parameter'],
    ['{"attribute":{"a":"b"}}', '400 bad-parameter'],
  ])('is not changed by %s', (content, expected) => {
    const stage = stored('a');
    expect(stage.did('PATCH', '/.broker/files?path=/a', {}, content)).toBe(expected);
    expect(stage.did('MKCOL', '/folder')).toBe('201');
    for (const path of ['/folder', '/folder/', '/']) {
      const reply = stage.ask('PATCH', `/.broker/files?path=${path}`, {}, '{}');
      expect(reply.status).toBe(400);
      expect(textOf(reply)).toContain('a collection is at this path');
    }
    expect(stage.did('PATCH', '/.broker/files?path=/none', {}, '{}')).toBe('404');
  });

  test('has a clone of the class that the rules of its domain and type say, or a number of its own', () => {
    const stage = new Stage(
      configOf(`domain {
  domain_name *
  type jpg { replicate 3 }
}
domain {
  domain_name other.com
  type jpg { replicate 1 }
}`),
    );
    const places = [
      { path: '/c.jpg' },
      { path: '/c.txt' },
      { path: '/c.jpg', domain: 'other.com' },
    ];
    const classes = (from: string) =>
      places.map(({ path, domain }) => {
        const clone = JSON.stringify({ from, path, domain });
        expect(stage.did('POST', '/.broker/clone', {}, clone)).toMatch(/^20[14]$/);
        const query = domain === undefined ? '' : `&domain=${domain}`;
        return json(stage, 'GET', `/.broker/files?path=${path}${query}`).class;
      });
    stage.files.keep(keyOf('a.jpg'), Buffer.from(TEXT), { inlineMax: 0 });
    const byRule = ['broker:default:jpg', 'default', 'broker:other.com:jpg'];
    expect(classes('/a.jpg')).toEqual(byRule);
    const replicationClass = classOfCopies(2);
    stage.files.keep(keyOf('own.jpg'), Buffer.from(TEXT), { inlineMax: 0, replicationClass });
    expect(classes('/own.jpg')).toEqual(['copies-2', 'copies-2', 'copies-2']);
  });

  test('keeps a number of its own when it is stored anew, until another one is said', () => {
    const stage = new Stage(
      configOf('domain {\n domain_name *\n type jpg { replicate 3 }\n type pdf { replicate 1 }\n}'),
    );
    stage.ask('MKCOL', '/d');
    const target = '/.broker/files?path=/d/a.jpg';
    const classNow = () => json(stage, 'GET', target).class;
    const putAnew = () =>
      ['/d/a.jpg?proxy=1', '/.broker/dav/d/a.jpg'].map((path) => {
        expect(stage.did('PUT', path, {}, TEXT)).toMatch(/^20[14]$/);
        return classNow();
      });
    const byRule = 'broker:default:jpg';
    expect(putAnew()).toEqual([byRule, byRule]);
    expect(stage.did('PUT', '/d/a.jpg?proxy=1&replicate=4', {}, TEXT)).toBe('204');
    expect(putAnew()).toEqual(['copies-4', 'copies-4']);
    json(stage, 'PATCH', target, '{"replicate":1}');
    expect(putAnew()).toEqual(['copies-1', 'copies-1']);
    expect(stage.did('PUT', '/d/a.jpg?proxy=1&replicate=2', {}, TEXT)).toBe('204');
    expect(classNow()).toBe('copies-2');
    json(stage, 'PATCH', target, '{"replicate":null}');
    expect(putAnew()).toEqual([byRule, byRule]);
  });

  test.each(['COPY', 'MOVE'])('has the rule of its new name after %s, or its own', (method) => {
    const stage = new Stage(
      configOf('domain {\n domain_name *\n type jpg { replicate 3 }\n type pdf { replicate 1 }\n}'),
    );
    stage.ask('MKCOL', '/d');
    const put = (path: string) => stage.did('PUT', `${path}?proxy=1`, {}, TEXT);
    const sent = (path: string, to: string) =>
      stage.did(method, path, { destination: `http://h:1${to}` });
    const classOf = (path: string) => json(stage, 'GET', `/.broker/files?path=${path}`).class;
    put('/d/a.jpg.part');
    expect(classOf('/d/a.jpg.part')).toBe('default');
    expect(sent('/.broker/dav/d/a.jpg.part', '/.broker/dav/d/a.jpg')).toBe('201');
    expect(classOf('/d/a.jpg')).toBe('broker:default:jpg');
    expect(sent('/d/a.jpg', '/d/a.pdf')).toBe('201');
    expect(classOf('/d/a.pdf')).toBe('broker:default:pdf');
    json(stage, 'PATCH', '/.broker/files?path=/d/a.pdf', '{"replicate":4}');
    expect(sent('/d/a.pdf', '/d/e.jpg')).toBe('201');
    expect(classOf('/d/e.jpg')).toBe('copies-4');
    expect(sent('/d', '/f')).toBe('201');
    expect(classOf('/f/e.jpg')).toBe('copies-4');
  });

  test('is not changed past a lock', () => {
    const stage = stored('a');
    expect(stage.did('LOCK', '/a', {}, LOCK)).toBe('200');
    const change = '{"attributes":{"a":"b"}}';
    expect(stage.did('PATCH', '/.broker/files?path=/a', {}, change)).toBe('423 locked');
    const clone = (from: string, path: string) =>
      stage.did('POST', '/.broker/clone', {}, JSON.stringify({ from, path }));
    stored('b', stage);
    expect(clone('/b', '/a')).toBe('423 locked');
    // The lock of the source is in nobody's way, and does not go along.
    expect(clone('/a', '/c')).toBe('201');
    expect(stage.did('PUT', '/c')).toBe('307');
  });

  test('is changed, and replaced by a clone, with the token of its lock, which stays', () => {
    const stage = stored('d/a');
    stored('b', stage);
    stage.did('MKCOL', '/d');
    const lock = (path: string) => {
      const { headers } = stage.ask('LOCK', path, { depth: 'infinity' }, LOCK);
      return { if: `(${headers['lock-token']})` };
    };
    const patch = (headers = {}) =>
      stage.did('PATCH', '/.broker/files?path=/d/a', headers, '{"attributes":{"a":"b"}}');
    const clone = (headers = {}) =>
      stage.did('POST', '/.broker/clone', headers, '{"from":"/b","path":"/d/a"}');
    const own = lock('/d/a');
    expect([patch(own), clone(own)]).toEqual(['200', '204']);
    expect([patch(), clone()]).toEqual(['423 locked', '423 locked']);
    const wrong = { if: '(<urn:uuid:1>)' };
    expect([patch(wrong), clone(wrong)]).toEqual(['423 locked', '423 locked']);
    expect(patch({ if: 'none' })).toBe('400 bad-parameter');
    expect(clone({ if: 'none' })).toBe('400 bad-parameter');
    expect(stage.did('UNLOCK', '/d/a', { 'lock-token': own.if.slice(1, -1) })).toBe('204');
    const around = lock('/d');
    expect([patch(), clone()]).toEqual(['423 locked', '423 locked']);
    expect([patch(around), clone(around)]).toEqual(['200', '204']);
    const inside = '{"from":"/b","path":"/d/e/new"}';
    expect(stage.did('POST', '/.broker/clone', {}, inside)).toBe('423 locked');
    expect(stage.did('POST', '/.broker/clone', around, inside)).toBe('201');
  });
});

test('a list has what begins with the prefix, page by page', () => {
  const stage = new Stage();
  for (const path of ['n/a1', 'n/a2', 'n/a3', 'n/b', 'n/a4/x', 'm']) stored(path, stage);
  const target = '/.broker/files?prefix=/n/a&limit=2';
  const paths: string[] = [];
  let cursor = '';
  do {
    const page = json(stage, 'GET', `${target}${cursor}`);
    paths.push(...page.files.map(({ path }: { readonly path: string }) => path));
    cursor = page.cursor === null ? '' : `&cursor=${page.cursor}`;
  } while (cursor !== '');
  expect(paths.sort()).toEqual(['/n/a1', '/n/a2', '/n/a3']);
  expect(json(stage, 'GET', '/.broker/files?prefix=').files).toHaveLength(1);
  for (const cursor of ['x', '256.YQ', `0.${'A'.repeat(2000)}`]) {
    expect(stage.did('GET', `/.broker/files?prefix=/&cursor=${cursor}`)).toBe('400 bad-parameter');
  }
  expect(stage.did('GET', '/.broker/files?prefix=/&limit=0')).toBe('400 bad-parameter');
});

test('names that look alike with escapes are told apart, and each leads back to its file', () => {
  const stage = new Stage();
  const key = (name: Buffer) => directoryFileKey('default', Buffer.from('odd'), name) as FileKey;
  const names = [Buffer.from('%FF.txt'), Buffer.from('\xff.txt', 'latin1'), Buffer.from('ä?.txt')];
  for (const [index, name] of names.entries()) {
    stage.files.keep(key(name), Buffer.from('x'.repeat(index + 1)), { inlineMax: 0 });
  }
  const { files } = json(stage, 'GET', '/.broker/files?prefix=/odd/');
  const told = new Map(files.map((file: { readonly size: number }) => [file.size, file]));
  expect(told).toMatchObject(
    new Map([
      [1, { path: '/odd/%FF.txt', href: '/odd/%25FF.txt' }],
      [2, { path: null, href: '/odd/%FF.txt' }],
      [3, { path: '/odd/ä?.txt', href: '/odd/%C3%A4%3F.txt' }],
    ]),
  );
  for (const { href, size, path } of files) {
    expect(json(stage, 'GET', `/.broker/files?path=${href}`)).toMatchObject({ size, path, href });
    expect(stage.did('GET', href)).toBe('302');
    if (path === null) continue;
    const query = `path=${encodeURIComponent(path)}`;
    expect(json(stage, 'GET', `/.broker/files?${query}`)).toMatchObject({ size });
  }
});

test.each([
  ['/.broker/files?pth=/a', 'did you mean path?'],
  ['/.broker/files?prefix=/&limits=3', 'did you mean limit?'],
  ['/.broker/domains?x', 'x is no parameter here: there is domain'],
  ['/.broker/servers?up=1', 'up is no parameter here'],
  [`/.broker/tickets/${'0'.repeat(32)}?state`, 'state is no parameter here'],
])('a parameter that there is not is refused: %s', (target, words) => {
  const reply = new Stage().ask('GET', target);
  expect([reply.status, reply.headers['x-fog-error']]).toEqual([400, 'bad-parameter']);
  expect(textOf(reply)).toContain(words);
});

test.each([
  ['DELETE', '/.broker/files?path=/a', 'GET, HEAD, PATCH', 'a file is deleted at its own path'],
  ['PUT', '/.broker/files?path=/a', 'GET, HEAD, PATCH', 'a file is stored at its own path'],
  ['POST', '/.broker/files', 'GET, HEAD, PATCH', 'a form with a file goes to the path of that'],
  ['GET', '/.broker/clone', 'POST', 'this path takes POST'],
  ['PROPFIND', '/.broker/clone', 'POST', 'this path takes POST'],
  ['DELETE', '/.broker/tickets/abc', 'GET, HEAD', 'this path takes GET, HEAD'],
  ['POST', '/.broker/domains', 'GET, HEAD', 'this path takes GET, HEAD'],
])(
  'a method that a path does not take is told which it takes: %s %s',
  (method, target, allow, words) => {
    const stage = stored('a');
    const reply = stage.ask(method, target);
    expect([reply.status, reply.headers['x-fog-error']]).toEqual([405, 'method-not-allowed']);
    expect(reply.headers.allow).toBe(allow);
    expect(textOf(reply)).toContain(words);
    expect(stage.did('HEAD', '/.broker/files?path=/a')).toBe('200');
    for (const other of [
      '/.broker/filess',
      '/.broker/tickets',
      '/.broker/tickets/a/b',
      '/.broker',
    ]) {
      expect(stage.did(method, other)).toBe('404 unknown-path');
    }
  },
);

test('any name of a domain stands for its Host, and another one is told which there are', () => {
  const stage = new Stage(
    configOf(`
      domain { domain_name one.example
        domain_name www.one.example }
      domain { domain_name * }`),
  );
  stage.files.keep(keyOf('a', 'one.example'), Buffer.from(TEXT), { inlineMax: 0 });
  const of = (domain: string) => `/.broker/files?path=/a&domain=${domain}`;
  for (const name of ['one.example', 'www.one.example', 'WWW.one.example.']) {
    expect(json(stage, 'GET', of(name))).toMatchObject({ domain: 'one.example' });
  }
  for (const name of ['default', '*']) expect(stage.did('GET', of(name))).toBe('404');
  const reply = stage.ask('GET', of('two.example'));
  expect(reply.status).toBe(421);
  expect(textOf(reply)).toContain('there are one.example, default;');
  const clone = { from: '/a', domain: 'www.one.example', path: '/b' };
  const host = { host: 'one.example' };
  expect(stage.did('POST', '/.broker/clone', host, JSON.stringify(clone))).toBe('201');
});

describe('a clone', () => {
  const config = configOf('domain { domain_name one.example }\ndomain { domain_name two.example }');

  test('has the content and the attributes, in another domain as well', () => {
    const stage = new Stage(config);
    const host = { host: 'one.example' };
    stage.files.keep(keyOf('a', 'one.example'), Buffer.from(TEXT), { inlineMax: 0 });
    const change = '{"attributes":{"owner":"alice"}}';
    stage.ask('PATCH', '/.broker/files?path=/a', host, change);
    const clone = { from: '/a', domain: 'two.example', path: '/x/y/b' };
    expect(stage.did('POST', '/.broker/clone', host, JSON.stringify(clone))).toBe('201');
    expect(stage.did('POST', '/.broker/clone', host, JSON.stringify(clone))).toBe('204');
    const target = '/.broker/files?path=/x/y/b&domain=two.example';
    expect(json(stage, 'GET', target)).toMatchObject({
      domain: 'two.example',
      sha512: SHA512,
      attributes: { owner: 'alice' },
    });
    expect(stage.did('GET', '/a', host)).toBe('302');
    expect(stage.did('GET', '/x/y/b', { host: 'two.example' })).toBe('302');
  });

  test('is made of a file, at the path of one, in a domain that there is', () => {
    const stage = new Stage(config);
    const host = { host: 'one.example' };
    const did = (clone: object) => stage.did('POST', '/.broker/clone', host, JSON.stringify(clone));
    expect(did({ from: '/a', path: '/b' })).toBe('404');
    stage.files.keep(keyOf('a', 'one.example'), Buffer.from(TEXT));
    expect(did({ from: '/a', path: '/b', domain: 'three.example' })).toBe('421 unknown-domain');
    expect(did({ from: '/a', path: '/' })).toBe('400 bad-parameter');
    expect(did({ from: '/a' })).toBe('400 bad-parameter');
    const words = (clone: object) =>
      textOf(stage.ask('POST', '/.broker/clone', host, JSON.stringify(clone)));
    expect(words({ from: '/a', to: '/b' })).toContain('to is no field here: did you mean path?');
    expect(words({ from: '/a', pth: '/b' })).toContain('pth is no field here: did you mean path?');
    expect(stage.did('MKCOL', '/folder', host)).toBe('201');
    expect(did({ from: '/folder', path: '/b' })).toBe('400 bad-parameter');
    expect(words({ from: '/folder', path: '/b' })).toContain('a collection is at from');
    expect(did({ from: '/a', path: '/b/' })).toBe('405 method-not-allowed');
    expect(did({ from: '/a', path: '/a/b' })).toBe('409 no-collection');
    expect(stage.did('POST', '/.broker/clone', {}, '{}')).toBe('421 unknown-domain');
  });
});

test('a ticket is unused, stored or ended, by its id or as a whole', () => {
  const stage = new Stage();
  const { ticket, token } = stage.issued('/a/b.txt');
  const state = (of: string) => json(stage, 'GET', `/.broker/tickets/${of}`);
  expect(state(ticket.id)).toEqual({ id: ticket.id, state: 'unused' });
  expect(state(token)).toEqual({ id: ticket.id, state: 'unused' });
  stage.files.tickets.nowMs = ticket.expiresMs;
  expect(state(token)).toEqual({ id: ticket.id, state: 'expired' });
  stage.upload(ticket, TEXT);
  const place = { domain: 'default', path: '/a/b.txt', href: '/a/b.txt' };
  const told = { ...place, size: 8, md5: MD5, sha512: SHA512 };
  expect(state(token)).toEqual({ id: ticket.id, state: 'stored', ...told });
  expect(stage.did('GET', `/.broker/tickets/${token}x`)).toBe('403 forged-ticket');
  expect(stage.did('GET', '/.broker/tickets/abc')).toBe('403 forged-ticket');
});

test('domains and file servers are listed, whatever the Host is', () => {
  const stage = new Stage(
    configOf(`domain {
      domain_name one.example
      type jpg { replicate 3 client_wait_to_finish true }
      share /static http://cdn.example/
    }`),
  );
  expect(json(stage, 'GET', '/.broker/domains').domains).toMatchObject([
    {
      name: 'one.example',
      hosts: ['one.example'],
      types: { jpg: { replicate: 3, client_wait_to_finish: true } },
      other: { replicate: null, client_wait_to_finish: false, class: 'default' },
      shares: [{ prefix: '/static' }],
    },
  ]);
  expect(json(stage, 'GET', '/.broker/servers').servers).toMatchObject([
    { id: 'a', publicAddress: 'a.example:80', state: 'in', up: true },
    { id: 'b', up: true },
  ]);
});
