// WebDAV by its routes, over files in memory: statuses, headers and bodies of RFC 4918, locks in each other's way, trees that are
// deleted, copied and moved while somebody else is at work in them.

import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bytesStream } from '../../../../src/cluster/http/byte-stream.ts';
import { type HttpReply, isWhole, replyHeader } from '../../../../src/cluster/http/http.ts';
import { Metrics, metricsText } from '../../../../src/cluster/http/metrics.ts';
import { Routes } from '../../../../src/cluster/http/routes.ts';
import type { Runtime } from '../../../../src/cluster/ports.ts';
import {
  directoryFileKey,
  type FileKey,
  type ReplicationClass,
} from '../../../../src/files/file-key.ts';
import { lockToken, withLocks } from '../../../../src/files/locks.ts';
import type { FindFileOutcome, PutFile } from '../../../../src/files/outcomes.ts';
import { DavGateway } from '../../../../src/frontend/gateways/dav/dav.ts';
import type { GatewayContext } from '../../../../src/frontend/gateways/gateway.ts';
import { bytesOf, requestOf } from '../../../../src/simulation/requests.ts';
import { MemoryFileLayer } from '../../../helpers/memory-file-layer.ts';
import { readAll } from '../../../helpers/pieces.ts';

type Headers = Readonly<Record<string, string>>;

class Stage {
  readonly files = new MemoryFileLayer();
  readonly metrics = new Metrics();
  readonly routes = new Routes('frontend', { host: {} } as unknown as Runtime, new Metrics());
  nowMs = 1_000_000;
  /** What happens while a request waits. */
  meanwhile: () => void = () => undefined;
  /** The next tokens are counted from here on. */
  tokens = 0;

  constructor() {
    const token = () => (++this.tokens).toString(16).padStart(32, '0');
    const after = (_ms: number, run: () => void) => {
      this.meanwhile();
      run();
    };
    const context = {
      files: this.files,
      clock: { wallMs: () => this.nowMs, monotonicMs: () => this.nowMs },
      random: { token },
      timers: { after },
    } as unknown as GatewayContext;
    new DavGateway(context).addTo(this.routes, this.metrics);
  }

  ask(method: string, target: string, headers: Headers = {}, content = ''): HttpReply {
    const [reply, ...others] = this.begin(method, target, headers, content);
    if (reply === undefined || others.length > 0) throw new Error('it is answered once');
    return reply;
  }

  /** @returns its replies, as they come */
  begin(method: string, target: string, headers: Headers, content: string): HttpReply[] {
    const replies: HttpReply[] = [];
    const bytes = Buffer.from(content);
    const body =
      method === 'PUT'
        ? ({ kind: 'stream', stream: bytesStream(bytes) } as const)
        : ({ kind: 'bytes', bytes } as const);
    const request = requestOf(method, target, body, { host: 'h:1', ...headers });
    this.routes.handle(request, (reply) => replies.push(reply));
    return replies;
  }

  /** @returns the status, and the code of an error */
  did(method: string, target: string, headers: Headers = {}, content = ''): string {
    const reply = this.ask(method, target, headers, content);
    const code = replyHeader(reply, 'x-fog-error');
    return code === undefined ? `${reply.status}` : `${reply.status} ${code}`;
  }

  async text(method: string, target: string, headers: Headers = {}, content = ''): Promise<string> {
    const reply = this.ask(method, target, headers, content);
    if (isWhole(reply)) return bytesOf(reply).toString();
    return (await readAll(reply.body)).bytes.toString();
  }

  /** Somebody is at work when the next PUT was judged, and its body is to come. */
  beforePut(work: () => void): void {
    const put = this.files.put.bind(this.files);
    this.files.put = (request, callback) => {
      this.files.put = put;
      work();
      put(request, callback);
    };
  }

  /** Somebody is at work when the next PUT was judged for the last time, and its record is to be set. */
  beforeSet(work: () => void, times = 1): void {
    const put = this.files.put.bind(this.files);
    let left = times;
    this.files.put = (request, callback) => {
      const confirm: PutFile['confirm'] = (confirmed, manifest) =>
        request.confirm?.((set) => {
          if (left-- > 0) work();
          confirmed(set);
        }, manifest);
      put({ ...request, confirm: left > 0 ? confirm : request.confirm }, callback);
    };
  }

  /** Somebody is at work before each step of a request: before a record is read, set or deleted. */
  beforeStep(work: () => void): void {
    let isAtWork = false;
    const step = () => {
      if (isAtWork) return;
      isAtWork = true;
      work();
      isAtWork = false;
    };
    const steps = ['find', 'list', 'makeDirectory', 'amend', 'copy', 'delete'] as const;
    for (const name of steps) {
      const take = this.files[name].bind(this.files) as (...asked: readonly unknown[]) => void;
      const taken = (...asked: readonly unknown[]) => {
        step();
        take(...asked);
      };
      Object.assign(this.files, { [name]: taken });
    }
    this.beforeSet(step, Infinity);
  }

  async hrefs(target: string): Promise<readonly string[]> {
    const text = await this.text('PROPFIND', target, { depth: '1' });
    return [...text.matchAll(/<D:response><D:href>([^<]*)/g)].map(([, href = '']) => href).sort();
  }

  /** @returns its token in the form of the If header */
  lock(target: string, headers: Headers = {}, scope = 'exclusive'): string {
    const reply = this.ask('LOCK', target, headers, lockInfo(scope));
    const token = replyHeader(reply, 'lock-token');
    if (token === undefined) throw new Error(`${reply.status}: ${bytesOf(reply)}`);
    return `(${token})`;
  }
}

const lockInfo = (scope = 'exclusive') =>
  `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope>` +
  '<D:locktype><D:write/></D:locktype><D:owner>me &amp; you</D:owner></D:lockinfo>';
const keyOf = (directory: string, name: string) =>
  directoryFileKey('default', Buffer.from(directory), Buffer.from(name)) as FileKey;
const to = (destination: string, more: Headers = {}) => ({ destination, ...more });

/** A tree of collections and files. */
function planted(...paths: readonly string[]): Stage {
  const stage = new Stage();
  for (const path of paths) {
    const isCollection = path.endsWith('/');
    expect(stage.did(isCollection ? 'MKCOL' : 'PUT', path, {}, isCollection ? '' : path)).toBe(
      '201',
    );
  }
  return stage;
}

describe('a file', () => {
  test('is stored in a collection that exists, and read', async () => {
    const stage = planted('/dav/c/');
    expect(stage.did('PUT', '/dav/c/a.txt', {}, 'one')).toBe('201');
    expect(stage.did('PUT', '/dav/c/a.txt', {}, 'two')).toBe('204');
    const reply = stage.ask('GET', '/dav/c/a.txt');
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'text/plain']);
    expect(await stage.text('GET', '/dav/c/a.txt')).toBe('two');
    expect(await stage.text('GET', '/dav/c/a.txt', { range: 'bytes=1-' })).toBe('wo');
    expect(stage.did('GET', '/dav/c/b')).toBe('404');
    expect(stage.did('PUT', '/dav/x/a.txt', {}, 'one')).toBe('409 no-collection');
    expect(stage.did('PUT', '/dav/c/a.txt/b', {}, 'one')).toBe('409 no-collection');
    expect(stage.did('PUT', '/dav/c', {}, 'one')).toBe('405 method-not-allowed');
    expect(stage.did('PUT', '/dav/c/b/', {}, 'one')).toBe('405 method-not-allowed');
    expect(stage.did('PUT', '/dav/', {}, 'one')).toBe('405 method-not-allowed');
    expect(stage.did('PUT', '/dav/b', { 'content-range': 'bytes 0-2/9' }, 'one')).toBe(
      '400 bad-parameter',
    );
  });

  test('has the type and the time that its client says, and is what its check sum says', () => {
    const stage = new Stage();
    const sums = (md5: string, sha1: string) => [`MD5:${md5}`, `SHA1:${sha1}`];
    const headers = { 'content-type': 'text/x-a', 'x-oc-mtime': '1000000000' };
    const stored = stage.ask('PUT', '/dav/a', headers, 'one');
    expect(stored.headers['x-oc-mtime']).toBe('accepted');
    const reply = stage.ask('HEAD', '/dav/a');
    expect(reply.headers['content-type']).toBe('text/x-a');
    expect(reply.headers['last-modified']).toBe('Sun, 09 Sep 2001 01:46:40 GMT');
    for (const sum of sums(hash('md5', 'two'), hash('sha1', 'two').toUpperCase())) {
      expect(stage.did('PUT', '/dav/a', { 'oc-checksum': sum }, 'two')).toBe('204');
    }
    for (const sum of [...sums(hash('md5', 'x'), hash('sha1', 'x')), 'MD5:1', 'nothing']) {
      expect(stage.did('PUT', '/dav/a', { 'oc-checksum': sum }, 'one'), sum).not.toMatch(/^2/);
    }
    // Nobody here computes it, and it says nothing wrong.
    expect(stage.did('PUT', '/dav/a', { 'oc-checksum': 'ADLER32:1234' }, 'one')).toBe('204');
    expect(stage.did('PUT', '/dav/a', { 'x-oc-mtime': 'today' }, 'one')).toBe('400 bad-parameter');
    const old = stage.ask('PUT', '/dav/a', { 'x-oc-mtime': '-86400' }, 'one');
    expect([old.status, old.headers['x-oc-mtime']]).toEqual([204, undefined]);
  });

  describe('is what each check sum says that came with it, or is not stored', () => {
    const of = (algorithm: string, content: string) => hash(algorithm, content, 'base64');
    const digest = (name: string, algorithm: string) => (content: string) =>
      `crc32c=:AAAAAA==:, ${name}=:${of(algorithm, content)}:;a=1`;
    test.each<[header: string, kind: string, sum: (content: string) => string]>([
      ['content-md5', 'MD5', (content) => of('md5', content)],
      ['content-digest', 'sha-512', digest('sha-512', 'sha512')],
      ['content-digest', 'sha-256', digest('sha-256', 'sha256')],
      ['content-digest', 'sha', digest('sha', 'sha1')],
      ['content-digest', 'md5', digest('md5', 'md5')],
      ['repr-digest', 'sha-512', digest('sha-512', 'sha512')],
      ['repr-digest', 'sha-256', digest('sha-256', 'sha256')],
    ])('%s: %s', async (header, _kind, sum) => {
      const stage = new Stage();
      expect(stage.did('PUT', '/dav/a', { [header]: sum('other') }, 'one')).toBe(
        '400 bad-parameter',
      );
      expect(stage.did('GET', '/dav/a')).toBe('404');
      expect(stage.did('PUT', '/dav/a', { [header]: sum('one') }, 'one')).toBe('201');
      expect(stage.did('PUT', '/dav/a', { [header]: sum('other') }, 'two')).toBe(
        '400 bad-parameter',
      );
      expect(await stage.text('GET', '/dav/a')).toBe('one');
    });

    test.each([
      ['content-md5', 'AAAA'],
      ['content-md5', hash('md5', 'one')],
      ['content-md5', ''],
      ['content-digest', `sha-512=${of('sha512', 'one')}`],
      ['content-digest', 'sha-512=:AAAA:'],
      ['content-digest', 'sha-512'],
      ['repr-digest', `sha-256=:${of('sha256', 'one')}:, x`],
    ])('%s: %s is none', (header, sum) => {
      const stage = new Stage();
      expect(stage.did('PUT', '/dav/a', { [header]: sum }, 'one')).toBe('400 bad-parameter');
      expect(stage.files.names).toEqual([]);
    });

    test('those of other kinds are not looked at, and two that differ are refused', () => {
      const stage = new Stage();
      const unknown = { 'repr-digest': 'crc32c=:AAAAAA==:', 'content-digest': 'blake3=:AAAA:' };
      expect(stage.did('PUT', '/dav/a', unknown, 'one')).toBe('201');
      const both = (content: string) => ({
        'content-md5': of('md5', 'one'),
        'oc-checksum': `MD5:${hash('md5', content)}`,
      });
      expect(stage.did('PUT', '/dav/a', both('two'), 'one')).toBe('400 bad-parameter');
      expect(stage.did('PUT', '/dav/a', both('one'), 'one')).toBe('204');
    });
  });

  test('keeps the class that a broker has given it: there are no rules here', () => {
    const stage = new Stage();
    const key = (name: string) =>
      directoryFileKey('default', Buffer.alloc(0), Buffer.from(name)) as FileKey;
    const replicationClass = 'broker:default:jpg' as ReplicationClass;
    stage.files.keep(key('a.jpg'), Buffer.from('x'), { replicationClass });
    expect(stage.did('PUT', '/dav/a.jpg', {}, 'other')).toBe('204');
    expect(stage.did('COPY', '/dav/a.jpg', { destination: '/dav/b.txt' })).toBe('201');
    expect(stage.did('PUT', '/dav/c.jpg', {}, 'x')).toBe('201');
    const classes = ['a.jpg', 'b.txt', 'c.jpg'].map((name) => {
      let told: string | undefined;
      stage.files.find(key(name), (found) => {
        told = found.kind === 'found' ? found.file.manifest.replicationClass : undefined;
      });
      return told;
    });
    expect(classes).toEqual([replicationClass, replicationClass, 'default']);
  });

  test('is stored on conditions', () => {
    const stage = planted('/dav/a');
    const etag = replyHeader(stage.ask('HEAD', '/dav/a'), 'etag') ?? '';
    expect(stage.did('PUT', '/dav/a', { 'if-none-match': '*' }, 'x')).toBe('412 condition-failed');
    expect(stage.did('PUT', '/dav/b', { 'if-match': '*' }, 'x')).toBe('412 condition-failed');
    expect(stage.did('PUT', '/dav/a', { if: `(["x"])` }, 'x')).toBe('412 condition-failed');
    expect(stage.did('PUT', '/dav/a', { if: `([${etag}])` }, 'x')).toBe('204');
    expect(stage.did('DELETE', '/dav/a', { 'if-match': etag })).toBe('412 condition-failed');
    expect(stage.did('GET', '/dav/a', { 'if-match': etag })).toBe('412 condition-failed');
    const own = { host: 'h', if: '<https://me@H:443/dav/a> (Not ["x"])' };
    expect(stage.did('PUT', '/dav/a', own, 'x')).toBe('204');
    const named = { host: 'h', if: '<https://h:443/dav/a> (["x"])' };
    expect(stage.did('PUT', '/dav/a', named, 'x')).toBe('412 condition-failed');
    const other = { if: `<http://h:1/dav/b> (["x"]) </dav/a> (Not ["x"])` };
    expect(stage.did('DELETE', '/dav/a', other)).toBe('204');
  });

  test('is changed only if it was not modified since the date that its client knows', () => {
    const changes: readonly (readonly [string, Headers, string])[] = [
      ['PUT', {}, 'x'],
      [
        'PROPPATCH',
        {},
        '<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><x/></D:prop></D:remove></D:propertyupdate>',
      ],
      ['LOCK', {}, lockInfo()],
      ['COPY', to('/dav/b'), ''],
      ['MOVE', to('/dav/b'), ''],
      ['DELETE', {}, ''],
    ];
    for (const [method, headers, body] of changes) {
      const stage = new Stage();
      stage.ask('PUT', '/dav/a', { 'x-oc-mtime': '1000000000.5' }, 'one');
      const etag = replyHeader(stage.ask('HEAD', '/dav/a'), 'etag') ?? '';
      const did = (more: Headers) => stage.did(method, '/dav/a', { ...headers, ...more }, body);
      const before = { 'if-unmodified-since': 'Sun, 09 Sep 2001 01:46:39 GMT' };
      const modified = { 'if-unmodified-since': 'Sun, 09 Sep 2001 01:46:40 GMT' };
      expect(did(before), method).toBe('412 condition-failed');
      expect(did({ ...modified, 'if-none-match': etag }), method).toBe('412 condition-failed');
      // RFC 9110, 13.2.2: the ETag says more than a date.
      const beside = method === 'PUT' ? { 'if-match': etag } : { 'if-match': '*' };
      const held = method === 'DELETE' || method === 'MOVE' ? modified : { ...before, ...beside };
      expect(did(held), method).toMatch(/^20/);
    }
    const stage = planted('/dav/c/');
    const ancient = { 'if-unmodified-since': 'Sun, 09 Sep 2001 01:46:40 GMT' };
    expect(stage.did('DELETE', '/dav/c/', ancient)).toBe('412 condition-failed');
    // Nothing is there that has a date, and a date that is none is not looked at.
    expect(stage.did('PUT', '/dav/c/new', ancient, 'x')).toBe('201');
    expect(stage.did('PUT', '/dav/c/new', { 'if-unmodified-since': 'x' }, 'x')).toBe('204');
  });

  test('keeps its ETag whoever locks it or sets its properties, until it has another content', async () => {
    const stage = planted('/dav/a', '/dav/c/');
    const etagOf = (...asked: Parameters<Stage['ask']>) =>
      replyHeader(stage.ask(...asked), 'etag') ?? 'none';
    const listed = async () =>
      (await stage.text('PROPFIND', '/dav/', { depth: '1' })).match(/<D:getetag>[^<]*/g);
    const etag = etagOf('HEAD', '/dav/a');
    const inXml = [`<D:getetag>${etag}`];
    const range = { range: 'bytes=1-', 'if-range': etag };
    // The collection has none: its record says nothing of what is in it.
    expect(await listed()).toEqual(inXml);
    const token = stage.lock('/dav/a');
    const held = { if: token, 'if-match': etag };
    expect(etagOf('LOCK', '/dav/a', held)).toBe(etag);
    const author = '<D:set><D:prop><author>me</author></D:prop></D:set>';
    const update = `<D:propertyupdate xmlns:D="DAV:">${author}</D:propertyupdate>`;
    expect(stage.did('PROPPATCH', '/dav/a', held, update)).toBe('207');
    expect([etagOf('HEAD', '/dav/a'), await listed()]).toEqual([etag, inXml]);
    expect(stage.did('GET', '/dav/a', { 'if-none-match': etag })).toBe('304');
    expect(stage.did('GET', '/dav/a', range)).toBe('206');
    // As an editor does it: GET, LOCK, PUT of what it has got, if it is still that (RFC 4918, 8.6).
    const edited = etagOf('PUT', '/dav/a', held, 'edited');
    expect(edited).toMatch(/^"[0-9a-f]{32}"$/);
    expect([edited === etag, etagOf('HEAD', '/dav/a')]).toEqual([false, edited]);
    expect(stage.did('PUT', '/dav/a', held, 'x')).toBe('412 condition-failed');
    expect(stage.did('PUT', '/dav/a', { if: `(${token.slice(1, -1)} [${etag}])` }, 'x')).toBe(
      '412 condition-failed',
    );
    expect(stage.did('GET', '/dav/a', range)).toBe('200');
    expect(stage.did('UNLOCK', '/dav/a', { 'lock-token': token.slice(1, -1) })).toBe('204');
    expect(etagOf('HEAD', '/dav/a')).toBe(edited);
    expect(stage.did('MKCOL', '/dav/c/', { 'if-match': '*' })).toBe('405 method-not-allowed');
  });
});

describe('what only one member has, or has not any more (H21)', () => {
  test.each([
    ['DELETE', '204', {}],
    ['MOVE', '201', to('/dav/b')],
  ])('%s of what only one member has not any more has its effect', (method, answer, headers) => {
    const stage = planted('/dav/a');
    stage.files.unsettled = { kind: 'absent' };
    expect(stage.did(method, '/dav/a', headers)).toBe(answer);
    expect(stage.did('GET', '/dav/a')).toBe('404');
    expect(stage.did(method, '/dav/a', headers)).toBe('404');
  });

  test('PUT of what only one member has not any more has its effect', () => {
    const stage = planted('/dav/a');
    const etag = replyHeader(stage.ask('HEAD', '/dav/a'), 'etag') ?? '';
    stage.files.unsettled = { kind: 'absent' };
    expect(stage.did('PUT', '/dav/a', { 'if-match': etag }, 'x')).toBe('204');
  });

  test.each([
    ['PUT', { 'if-none-match': '*' }, '201'],
    ['MKCOL', {}, '201'],
    ['LOCK', {}, '201'],
  ])('does not refuse a %s', (method, headers, answer) => {
    const stage = planted('/dav/a');
    const token = replyHeader(stage.ask('LOCK', '/dav/a', {}, lockInfo()), 'lock-token');
    const find = stage.files.find.bind(stage.files);
    const found: FindFileOutcome[] = [];
    stage.files.find = (key, callback) =>
      find(key, (outcome) => {
        found.push(outcome);
        callback(outcome);
      });
    expect(stage.did('DELETE', '/dav/a', { if: `(${token})` })).toBe('204');
    stage.files.find = find;
    stage.files.unsettled = found.find(({ kind }) => kind === 'found');
    const body = method === 'LOCK' ? lockInfo() : '';
    expect(stage.did(method, '/dav/a', headers, body)).toBe(answer);
  });

  test('settles its Destination as well', () => {
    const stage = planted('/dav/a');
    const settled: string[] = [];
    const settle = stage.files.findSettled.bind(stage.files);
    stage.files.findSettled = (key, callback) => {
      settled.push(key.toString());
      settle(key, callback);
    };
    const refused = { ...to('/dav/c/b'), overwrite: 'F' };
    expect(stage.did('COPY', '/dav/a', refused)).toBe('409 no-collection');
    expect(settled.some((key) => key.endsWith('b'))).toBe(true);
  });

  test.each(['DELETE', 'MOVE'])('a %s is not refused while not all members answer', (method) => {
    const stage = planted('/dav/a');
    stage.files.unsettled = { kind: 'absent' };
    stage.files.settles = { kind: 'failed', code: 'unanswered', detail: 'one of three is silent' };
    expect(stage.did(method, '/dav/a', to('/dav/b'))).toBe('503 unanswered');
  });
});

test('a file has no slash at the end of its path: whoever means a collection does nothing to it', async () => {
  const stage = planted('/dav/c/', '/dav/a');
  const before = stage.files.names;
  for (const method of ['GET', 'HEAD', 'DELETE']) expect(stage.did(method, '/dav/a/')).toBe('404');
  for (const method of ['COPY', 'MOVE']) {
    expect(stage.did(method, '/dav/a/', to('/dav/c/x'))).toBe('404');
  }
  expect(stage.did('PUT', '/dav/a/', {}, 'x')).toBe('405 method-not-allowed');
  expect(stage.did('MKCOL', '/dav/a/')).toBe('405 method-not-allowed');
  expect(stage.files.names).toEqual(before);
  expect(await stage.text('GET', '/dav/a')).toBe('/dav/a');
});

describe('a collection', () => {
  test('is made once, in one that exists, with nothing in the request', () => {
    const stage = new Stage();
    expect(stage.did('MKCOL', '/dav/c')).toBe('201');
    expect(stage.did('MKCOL', '/dav/c/')).toBe('405 method-not-allowed');
    expect(stage.did('MKCOL', '/dav/')).toBe('405 method-not-allowed');
    expect(stage.did('MKCOL', '/dav/x/y')).toBe('409 no-collection');
    expect(stage.did('MKCOL', '/dav/d', {}, '<x/>')).toBe('415 unsupported-body');
    expect(stage.did('DELETE', '/dav/c', { depth: '0' })).toBe('400 bad-parameter');
    expect(stage.did('DELETE', '/dav/')).toBe('403 fixed-root');
    expect(stage.did('DELETE', '/dav/c')).toBe('204');
    expect(stage.did('DELETE', '/dav/c')).toBe('404');
  });

  test('lists its entries, and not those of the collections in it', async () => {
    const stage = planted('/dav/c/', '/dav/c/a%20b', '/dav/c/d/', '/dav/c/d/e', '/dav/cx');
    expect(await stage.hrefs('/dav/c')).toEqual(['/dav/c/', '/dav/c/a%20b', '/dav/c/d/']);
    expect(await stage.hrefs('/dav/')).toEqual(['/dav/', '/dav/c/', '/dav/cx']);
    expect(await stage.hrefs('/dav/cx')).toEqual(['/dav/cx']);
  });

  test('of many entries is listed whole, and breaks off where that cannot be done', async () => {
    const stage = planted('/dav/c/');
    for (let index = 0; index < 10_000; index++)
      stage.files.keep(keyOf('c', `f${index}`), Buffer.alloc(0));
    expect(await stage.hrefs('/dav/c/')).toHaveLength(10_001);
    const reply = stage.ask('PROPFIND', '/dav/c/', { depth: '1' });
    if (isWhole(reply)) throw new Error('it is streamed');
    const list = stage.files.list.bind(stage.files);
    stage.files.list = (_request, callback) =>
      callback({ kind: 'failed', code: 'unanswered', detail: 'nobody is there' });
    expect((await readAll(reply.body)).end).toBe('failed');
    expect(stage.did('PROPFIND', '/dav/c/', { depth: '1' })).toBe('503 unanswered');
    expect(stage.did('DELETE', '/dav/c/')).toBe('503 unanswered');
    stage.files.list = list;
    expect(stage.did('DELETE', '/dav/c/')).toBe('204');
    expect(stage.files.names).toEqual([]);
  });

  test('is a page for a browser, whatever its entries are called', async () => {
    const stage = planted('/dav/c/', '/dav/c/%3Cscript%3E%22%26', '/dav/c/d/');
    const reply = stage.ask('GET', '/dav/c');
    expect(reply.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(reply.headers['content-security-policy']).toContain("default-src 'none'");
    const text = bytesOf(reply).toString();
    expect(text).toContain('<a href="/dav/c/%3Cscript%3E%22%26">&lt;script&gt;"&amp;</a>');
    expect(text).toContain('<a href="/dav/c/d/">d/</a>');
    expect(text).toContain('<a href="/dav/">..</a>');
    expect(await stage.text('GET', '/dav/')).not.toContain('>..<');
  });

  test('that is deleted while somebody stores a file in it keeps none', () => {
    const stage = planted('/dav/c/');
    const list = stage.files.list.bind(stage.files);
    let listings = 0;
    stage.files.list = (request, callback) => {
      list(request, callback);
      // The file comes when the entries were listed, and before the record of the collection goes.
      if (++listings === 1) return;
    };
    const makes = stage.files.delete.bind(stage.files);
    stage.files.delete = (key, condition, callback) => {
      if (key.equals(keyOf('', 'c'))) stage.files.keep(keyOf('c', 'late'), Buffer.from('x'));
      makes(key, condition, callback);
    };
    expect(stage.did('DELETE', '/dav/c/')).toBe('204');
    expect(stage.files.names).toEqual([]);
  });

  test('that is gone when a file in it is stored keeps none either: 409', () => {
    const stage = planted('/dav/c/');
    stage.beforeSet(() => stage.files.delete(keyOf('', 'c'), {}, () => undefined));
    expect(stage.did('PUT', '/dav/c/a', {}, 'x')).toBe('409 no-collection');
    expect(stage.files.names).toEqual([]);
  });

  test('whose outer collection is deleted meanwhile, and it is there still, keeps none: 409', () => {
    for (const [method, body] of [
      ['PUT', 'x'],
      ['MKCOL', ''],
    ] as const) {
      const stage = planted('/dav/c/', '/dav/c/d/');
      const remove = () => stage.files.delete(keyOf('', 'c'), {}, () => undefined);
      if (method === 'PUT') stage.beforeSet(remove);
      else {
        const make = stage.files.makeDirectory.bind(stage.files);
        stage.files.makeDirectory = (...asked) => {
          remove();
          make(...asked);
        };
      }
      expect(stage.did(method, '/dav/c/d/a', {}, body)).toBe('409 no-collection');
      expect(stage.files.names).toEqual([keyOf('c', 'd').toString()]);
    }
  });
});

describe('properties', () => {
  const update = (inner: string) => `<D:propertyupdate xmlns:D="DAV:">${inner}</D:propertyupdate>`;
  const set = (property: string) => `<D:set><D:prop>${property}</D:prop></D:set>`;
  const remove = (property: string) => `<D:remove><D:prop>${property}</D:prop></D:remove>`;
  const wanted = (...names: readonly string[]) =>
    `<D:propfind xmlns:D="DAV:"><D:prop>${names.join('')}</D:prop></D:propfind>`;

  test('are set, found, copied with their resource, kept by a PUT, and removed', async () => {
    const stage = planted('/dav/a');
    const property = '<p:x xmlns:p="urn:p" a="1">1 &lt; 2<p:y/></p:x>';
    expect(stage.did('PROPPATCH', '/dav/a', {}, update(set(property)))).toBe('207');
    expect(stage.did('PUT', '/dav/a', {}, 'other')).toBe('204');
    expect(stage.did('COPY', '/dav/a', to('/dav/b'))).toBe('201');
    for (const path of ['/dav/a', '/dav/b']) {
      const text = await stage.text('PROPFIND', path, { depth: '0' }, wanted('<x xmlns="urn:p"/>'));
      expect(text).toContain(property);
    }
    const all = await stage.text('PROPFIND', '/dav/a', { depth: '0' });
    expect(all).toContain(property);
    expect(all).toContain('<D:getcontentlength>5</D:getcontentlength>');
    const names = '<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>';
    expect(await stage.text('PROPFIND', '/dav/a', { depth: '0' }, names)).toContain(
      '<p:x xmlns:p="urn:p"/>',
    );
    expect(stage.did('PROPPATCH', '/dav/a', {}, update(remove('<x xmlns="urn:p"/>')))).toBe('207');
    const gone = await stage.text(
      'PROPFIND',
      '/dav/a',
      { depth: '0' },
      wanted('<x xmlns="urn:p"/>'),
    );
    expect(gone).toContain('404 Not Found');
  });

  test('are changed all together or not at all', async () => {
    const stage = planted('/dav/a');
    const both = update(set('<x xmlns="urn:p">1</x><D:getetag>"mine"</D:getetag>'));
    const text = await stage.text('PROPPATCH', '/dav/a', {}, both);
    expect(text).toContain('403 Forbidden');
    expect(text).toContain('<D:cannot-modify-protected-property/>');
    expect(text).toContain('424 Failed Dependency');
    expect(await stage.text('PROPFIND', '/dav/a', { depth: '0' })).not.toContain('urn:p');
    const long = update(set(`<x xmlns="urn:p">${'y'.repeat(50_000)}</x>`));
    expect(await stage.text('PROPPATCH', '/dav/a', {}, long)).toContain('507 Insufficient Storage');
  });

  test('include the time of the content, as clients of ownCloud and lftp set it', async () => {
    const stage = planted('/dav/a');
    for (const [name, value] of [
      ['lastmodified', '1000000000'],
      ['getlastmodified', 'Sun, 09 Sep 2001 01:46:40 GMT'],
    ]) {
      stage.did('PUT', '/dav/a', {}, 'x');
      const change = update(set(`<D:${name}>${value}</D:${name}>`));
      expect(await stage.text('PROPPATCH', '/dav/a', {}, change)).toContain('200 OK');
      const { headers } = stage.ask('HEAD', '/dav/a');
      expect(headers['last-modified']).toBe('Sun, 09 Sep 2001 01:46:40 GMT');
      const wrong = update(set(`<D:${name}>yesterday</D:${name}>`));
      expect(await stage.text('PROPPATCH', '/dav/a', {}, wrong)).toContain('409 Conflict');
    }
  });

  test('of what is not there, or the root, are not set; nor by a body that is none', () => {
    const stage = planted('/dav/a');
    const change = update(set('<x/>'));
    expect(stage.did('PROPPATCH', '/dav/x', {}, change)).toBe('404');
    expect(stage.did('PROPPATCH', '/dav/', {}, change)).toBe('403 fixed-root');
    for (const body of ['', '<x', '<x/>', update(''), '<!DOCTYPE a><a/>']) {
      expect(stage.did('PROPPATCH', '/dav/a', {}, body), body).toBe('400 bad-xml');
    }
    expect(stage.did('PROPFIND', '/dav/a', { depth: '0' }, '<D:propfind xmlns:D="DAV:"/>')).toBe(
      '400 bad-xml',
    );
    expect(stage.did('PROPFIND', '/dav/a')).toBe('403 infinite-depth');
    expect(stage.did('PROPFIND', '/dav/a', { depth: 'infinity' })).toBe('403 infinite-depth');
    expect(stage.did('PROPFIND', '/dav/x', { depth: '0' })).toBe('404');
  });

  test('are asked for and changed by names that an answer has room for, once for each resource', () => {
    const stage = planted('/dav/a');
    // Each quote takes six bytes in an answer.
    const named = (count: number) =>
      Array.from({ length: count }, (_, at) => `<p:n${at} xmlns:p='${'"'.repeat(100)}'/>`).join('');
    const include = (inner: string) =>
      `<D:propfind xmlns:D="DAV:"><D:allprop/><D:include>${inner}</D:include></D:propfind>`;
    for (const [count, status] of [
      [10, '207'],
      [100, '400 bad-xml'],
    ] as const) {
      const inner = named(count);
      expect(stage.did('PROPFIND', '/dav/a', { depth: '0' }, wanted(inner))).toBe(status);
      expect(stage.did('PROPFIND', '/dav/a', { depth: '0' }, include(inner))).toBe(status);
      expect(stage.did('PROPPATCH', '/dav/a', {}, update(remove(inner)))).toBe(status);
    }
  });

  test('are as many as a record keeps, and no more', async () => {
    const stage = planted('/dav/a');
    const some = (from: number, count: number) =>
      Array.from({ length: count }, (_, at) => `<x${from + at}/>`).join('');
    const put = (from: number, count: number) =>
      stage.text('PROPPATCH', '/dav/a', {}, update(set(some(from, count))));
    expect(await put(0, 1000)).toContain('200 OK');
    expect(await put(1000, 24)).toContain('200 OK');
    expect(await put(2000, 1)).toContain('507 Insufficient Storage');
    const instead = update(remove('<x0/>') + set('<y/>'));
    expect(await stage.text('PROPPATCH', '/dav/a', {}, instead)).toContain('200 OK');
  });

  test('are taken away before they count', async () => {
    const stage = planted('/dav/a');
    const long = (value: string) => `<x xmlns="urn:p">${value.repeat(30_000)}</x>`;
    for (const value of ['a', 'b', 'c']) {
      const text = await stage.text('PROPPATCH', '/dav/a', {}, update(set(long(value))));
      expect(text).toContain('200 OK');
    }
  });

  test('that somebody else sets at the same time are all kept', async () => {
    const stage = planted('/dav/a');
    const amend = stage.files.amend.bind(stage.files);
    stage.files.amend = (request, callback) => {
      stage.files.amend = amend;
      expect(stage.did('PROPPATCH', '/dav/a', {}, update(set('<other/>')))).toBe('207');
      amend(request, callback);
    };
    expect(stage.did('PROPPATCH', '/dav/a', {}, update(set('<mine/>')))).toBe('207');
    const all = await stage.text('PROPFIND', '/dav/a', { depth: '0' });
    expect(all).toContain('<mine/>');
    expect(all).toContain('<other/>');
  });
});

describe('COPY and MOVE', () => {
  test('of a file, over another one or not', async () => {
    const stage = planted('/dav/c/', '/dav/a', '/dav/b');
    expect(stage.did('COPY', '/dav/a', to('http://h:1/dav/c/x'))).toBe('201');
    expect(stage.did('COPY', '/dav/a', to('/dav/b', { overwrite: 'F' }))).toBe(
      '412 condition-failed',
    );
    expect(stage.did('COPY', '/dav/a', to('/dav/b'))).toBe('204');
    expect(await stage.text('GET', '/dav/b')).toBe('/dav/a');
    expect(stage.did('MOVE', '/dav/b', to('/dav/y'))).toBe('201');
    expect(stage.did('GET', '/dav/b')).toBe('404');
    expect(await stage.text('GET', '/dav/y')).toBe('/dav/a');
    expect(stage.did('MOVE', '/dav/y', to('/dav/c/x'))).toBe('204');
    expect(stage.did('MOVE', '/dav/y', to('/dav/z'))).toBe('404');
    expect(stage.did('COPY', '/dav/a', to('/dav/x/y'))).toBe('409 no-collection');
    expect(stage.did('COPY', '/dav/a')).toBe('400 bad-parameter');
    expect(stage.did('COPY', '/dav/a', to('http://other/dav/x'))).toBe('502 other-server');
    expect(stage.did('COPY', '/dav/a', to('/elsewhere'))).toBe('403 bad-destination');
    expect(stage.did('COPY', '/dav/a', to('/dav/x', { overwrite: 'x' }))).toBe('400 bad-parameter');
  });

  test('of a collection, with all that is in it or without', async () => {
    const stage = planted(
      '/dav/c/',
      '/dav/c/a',
      '/dav/c/d/',
      '/dav/c/d/e',
      '/dav/t/',
      '/dav/t/old',
    );
    expect(stage.did('COPY', '/dav/c/', to('/dav/flat', { depth: '0' }))).toBe('201');
    expect(await stage.hrefs('/dav/flat')).toEqual(['/dav/flat/']);
    expect(stage.did('COPY', '/dav/c', to('/dav/t/'))).toBe('204');
    expect(await stage.hrefs('/dav/t')).toEqual(['/dav/t/', '/dav/t/a', '/dav/t/d/']);
    expect(await stage.text('GET', '/dav/t/d/e')).toBe('/dav/c/d/e');
    expect(stage.did('MOVE', '/dav/c', to('/dav/m'))).toBe('201');
    expect(await stage.hrefs('/dav/')).toEqual(['/dav/', '/dav/flat/', '/dav/m/', '/dav/t/']);
    expect(await stage.text('GET', '/dav/m/d/e')).toBe('/dav/c/d/e');
    expect(stage.did('GET', '/dav/c/d/e')).toBe('404');
    expect(stage.did('MOVE', '/dav/m', to('/dav/c', { depth: '0' }))).toBe('400 bad-parameter');
    expect(stage.did('COPY', '/dav/m', to('/dav/c', { depth: '1' }))).toBe('400 bad-parameter');
  });

  test.each(['COPY', 'MOVE'])(
    '%s goes neither onto itself, nor into itself, nor over what it is in',
    (method) => {
      const stage = planted('/dav/c/', '/dav/c/d/', '/dav/c/d/e');
      const before = stage.files.names;
      for (const [from, destination] of [
        ['/dav/c/d/e', '/dav/c/d/e'],
        ['/dav/c/', '/dav/c'],
        ['/dav/c', '/dav/c/d/x'],
        ['/dav/c/d', '/dav/c/'],
        ['/dav/c/d/e', '/dav/'],
        ['/dav/', '/dav/x'],
      ] as const) {
        expect(stage.did(method, from, to(destination)), destination).toBe('403 bad-destination');
      }
      expect(stage.files.names).toEqual(before);
    },
  );

  test('to where a path would be too long says so of what is too long', async () => {
    const stage = planted('/dav/c/', `/dav/c/${'x'.repeat(255)}`);
    const text = await stage.text('COPY', '/dav/c', to(`/dav/${'y'.repeat(900)}`));
    expect(text).toContain('414 URI Too Long');
  });

  test('a MOVE moves what was written meanwhile as well, and loses neither', async () => {
    const stage = planted('/dav/a');
    const copy = stage.files.copy.bind(stage.files);
    stage.files.copy = (request, callback) => {
      stage.files.copy = copy;
      copy(request, (outcome) => {
        expect(stage.did('PUT', '/dav/a', {}, 'newer')).toBe('204');
        callback(outcome);
      });
    };
    expect(stage.did('MOVE', '/dav/a', to('/dav/b'))).toBe('201');
    expect(await stage.text('GET', '/dav/b')).toBe('newer');
    expect(stage.files.names).toHaveLength(1);
  });

  test('a MOVE ends though the old name is written each time, and both names stay', async () => {
    const stage = planted('/dav/a');
    const copy = stage.files.copy.bind(stage.files);
    let copies = 0;
    stage.files.copy = (request, callback) =>
      copy(request, (outcome) => {
        copies++;
        expect(stage.did('PUT', '/dav/a', {}, `newer ${copies}`)).toBe('204');
        callback(outcome);
      });
    const text = await stage.text('MOVE', '/dav/a', to('/dav/b'));
    expect(text).toMatch(/<D:href>\/dav\/a<\/D:href><D:status>HTTP\/1.1 503 /);
    expect(copies).toBe(8);
    expect(await stage.text('GET', '/dav/a')).toBe('newer 8');
    expect(await stage.text('GET', '/dav/b')).toBe('newer 7');
  });

  test.each([
    ['COPY', '/dav/c', '/dav/t/'],
    ['MOVE', '/dav/c/', '/dav/t'],
    ['MOVE', '/dav/a', '/dav/t'],
    ['COPY', '/dav/c', '/dav/b'],
    ['MOVE', '/dav/a', '/dav/b'],
  ])('%s of %s over %s, which is locked, keeps its lock', (method, from, destination) => {
    const stage = planted('/dav/c/', '/dav/c/x', '/dav/t/', '/dav/t/old', '/dav/a', '/dav/b');
    const held = stage.lock(destination);
    expect(stage.did(method, from, to(destination))).toBe('423 locked');
    const tagged = { if: `<http://h:1${destination}> ${held}` };
    expect(stage.did(method, from, to(destination, tagged))).toBe('204');
    const inside = from.startsWith('/dav/c') ? `${destination}/x` : destination;
    expect(stage.did('PUT', inside, {}, 'passed')).toBe('423 locked');
    const token = { 'lock-token': held.slice(1, -1) };
    expect(stage.did('UNLOCK', destination, token)).toBe('204');
    expect(stage.did('PUT', inside, {}, 'free')).toBe('204');
  });

  test.each([
    ['504 outcome-unknown', { kind: 'unknown', version: undefined }],
    ['503 unanswered', { kind: 'not-stored', code: 'unanswered', detail: 'nobody is there' }],
  ] as const)(
    'a MOVE whose copy may not be there is %s, and keeps the old name',
    async (told, outcome) => {
      const stage = planted('/dav/a');
      stage.files.copy = (_request, callback) => callback(outcome);
      expect(stage.did('MOVE', '/dav/a', to('/dav/b'))).toBe(told);
      expect(await stage.text('GET', '/dav/a')).toBe('/dav/a');
    },
  );

  test('a MOVE that stops after its copy leaves both names', async () => {
    const stage = planted('/dav/c/', '/dav/c/a');
    stage.files.delete = (_key, _condition, callback) =>
      callback({ kind: 'not-stored', code: 'unanswered', detail: 'nobody is there' });
    expect(await stage.text('MOVE', '/dav/c', to('/dav/t'))).toContain('503 Service Unavailable');
    expect(await stage.text('GET', '/dav/c/a')).toBe('/dav/c/a');
    expect(await stage.text('GET', '/dav/t/a')).toBe('/dav/c/a');
  });
});

describe('a lock', () => {
  test('lets only those change its file who know its token', async () => {
    const stage = planted('/dav/c/', '/dav/c/a', '/dav/b');
    const token = stage.lock('/dav/c/a');
    const held = { if: token };
    const wrong = { if: '(<urn:uuid:0>) (Not <DAV:no-lock>)' };
    for (const headers of [{}, wrong]) {
      expect(stage.did('PUT', '/dav/c/a', headers, 'x')).toBe('423 locked');
      expect(stage.did('DELETE', '/dav/c/a', headers)).toBe('423 locked');
      expect(stage.did('MOVE', '/dav/c/a', to('/dav/x', headers))).toBe('423 locked');
      expect(stage.did('COPY', '/dav/b', to('/dav/c/a', headers))).toBe('423 locked');
      expect(stage.did('MOVE', '/dav/b', to('/dav/c/a', headers))).toBe('423 locked');
      const patch =
        '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x/></D:prop></D:set></D:propertyupdate>';
      expect(stage.did('PROPPATCH', '/dav/c/a', headers, patch)).toBe('423 locked');
      const tree = await stage.text('DELETE', '/dav/c', headers);
      expect(tree).toContain('423 Locked');
      expect(tree).toContain('/dav/c/a');
    }
    expect(await stage.text('GET', '/dav/c/a')).toBe('/dav/c/a');
    expect(stage.did('PUT', '/dav/c/a', held, 'mine')).toBe('204');
    // It is still locked, and a copy of it is not.
    expect(stage.did('PUT', '/dav/c/a', {}, 'x')).toBe('423 locked');
    expect(stage.did('COPY', '/dav/c/a', to('/dav/copy'))).toBe('201');
    expect(stage.did('PUT', '/dav/copy', {}, 'x')).toBe('204');
    // What replaces the file stays locked; what is moved away does not take the lock along.
    // A list without a tag is about the resource of the request, which is the other file.
    expect(stage.did('COPY', '/dav/b', to('/dav/c/a', held))).toBe('412 condition-failed');
    const tagged = { if: `<http://h:1/dav/c/a> ${token}` };
    expect(stage.did('COPY', '/dav/b', to('/dav/c/a', tagged))).toBe('204');
    expect(stage.did('PUT', '/dav/c/a', {}, 'x')).toBe('423 locked');
    expect(stage.did('MOVE', '/dav/c/a', to('/dav/m', held))).toBe('201');
    expect(stage.did('PUT', '/dav/m', {}, 'x')).toBe('204');
  });

  test('is told, refreshed and taken away', async () => {
    const stage = planted('/dav/a');
    const reply = stage.ask('LOCK', '/dav/a', { timeout: 'Second-10', depth: '0' }, lockInfo());
    const token = replyHeader(reply, 'lock-token') ?? '';
    const text = bytesOf(reply).toString();
    expect(reply.status).toBe(200);
    expect(text).toContain('<D:timeout>Second-10</D:timeout>');
    expect(text).toContain('<D:owner xmlns:D="DAV:">me &amp; you</D:owner>');
    expect(text).toContain(`<D:href>${token.slice(1, -1)}</D:href>`);
    expect(text).toContain('<D:lockroot><D:href>/dav/a</D:href></D:lockroot>');
    stage.nowMs += 5000;
    expect(await stage.text('PROPFIND', '/dav/a', { depth: '0' })).toContain('Second-5<');
    const again = { if: `(${token})`, timeout: 'Second-20' };
    expect(await stage.text('LOCK', '/dav/a', again)).toContain('Second-20<');
    const deeper = { ...again, timeout: 'Second-30', depth: '1' };
    expect(await stage.text('LOCK', '/dav/a', deeper)).toContain('Second-30<');
    expect(stage.did('LOCK', '/dav/a')).toBe('412 condition-failed');
    expect(stage.did('LOCK', '/dav/a', {}, lockInfo())).toBe('423 locked');
    expect(stage.did('LOCK', '/dav/a', { depth: '1' }, lockInfo())).toBe('400 bad-parameter');
    expect(stage.did('UNLOCK', '/dav/a')).toBe('400 bad-parameter');
    expect(stage.did('UNLOCK', '/dav/a', { 'lock-token': '<urn:uuid:0>' })).toBe('409 other-lock');
    expect(stage.did('UNLOCK', '/dav/a', { 'lock-token': token })).toBe('204');
    expect(stage.did('PUT', '/dav/a', {}, 'x')).toBe('204');
  });

  test('that nobody releases ends by itself', () => {
    const stage = planted('/dav/a');
    const token = stage.lock('/dav/a', { timeout: 'Infinite' });
    stage.nowMs += 24 * 60 * 60 * 1000 - 1;
    expect(stage.did('PUT', '/dav/a', {}, 'x')).toBe('423 locked');
    stage.nowMs += 1;
    expect(stage.did('PUT', '/dav/a', {}, 'x')).toBe('204');
    expect(stage.did('PUT', '/dav/a', { if: token }, 'x')).toBe('412 condition-failed');
  });

  test('may be shared with others that are, and with no other', () => {
    const stage = planted('/dav/a');
    const one = stage.lock('/dav/a', {}, 'shared');
    const other = stage.lock('/dav/a', {}, 'shared');
    expect(stage.did('LOCK', '/dav/a', {}, lockInfo())).toBe('423 locked');
    expect(stage.did('PUT', '/dav/a', {}, 'x')).toBe('423 locked');
    expect(stage.did('PUT', '/dav/a', { if: one }, 'x')).toBe('204');
    expect(stage.did('PUT', '/dav/a', { if: other }, 'x')).toBe('204');
    for (let count = 2; count < 16; count++) stage.lock('/dav/a', {}, 'shared');
    expect(stage.did('LOCK', '/dav/a', {}, lockInfo('shared'))).toBe('423 locked');
  });

  test('of a name that nothing has makes an empty file there', async () => {
    const stage = planted('/dav/c/');
    const reply = stage.ask('LOCK', '/dav/c/new', {}, lockInfo());
    expect(reply.status).toBe(201);
    const token = replyHeader(reply, 'lock-token');
    expect(await stage.text('GET', '/dav/c/new')).toBe('');
    expect(stage.did('PUT', '/dav/c/new', {}, 'x')).toBe('423 locked');
    expect(stage.did('PUT', '/dav/c/new', { if: `(${token})` }, 'x')).toBe('204');
    expect(stage.did('LOCK', '/dav/x/new', {}, lockInfo())).toBe('409 no-collection');
    expect(stage.did('LOCK', '/dav/', {}, lockInfo())).toBe('403 fixed-root');
  });

  test('of a collection is over all that is in it, and over what comes', () => {
    const stage = planted('/dav/c/', '/dav/c/d/', '/dav/c/d/a', '/dav/b');
    const held = { if: stage.lock('/dav/c') };
    expect(stage.did('PUT', '/dav/c/d/a', {}, 'x')).toBe('423 locked');
    expect(stage.did('PUT', '/dav/c/d/new', {}, 'x')).toBe('423 locked');
    expect(stage.did('MKCOL', '/dav/c/d/new')).toBe('423 locked');
    expect(stage.did('COPY', '/dav/b', to('/dav/c/d/new'))).toBe('423 locked');
    expect(stage.did('MOVE', '/dav/c/d/a', to('/dav/x'))).toBe('423 locked');
    expect(stage.did('LOCK', '/dav/c/d/a', {}, lockInfo())).toBe('423 locked');
    expect(stage.did('LOCK', '/dav/c/d/new', {}, lockInfo())).toBe('423 locked');
    const tagged = { if: `<http://h:1/dav/c> ${held.if}` };
    expect(stage.did('PUT', '/dav/c/d/a', tagged, 'x')).toBe('204');
    expect(stage.did('PUT', '/dav/c/d/new', tagged, 'x')).toBe('201');
    expect(stage.did('UNLOCK', '/dav/c/d/a', { 'lock-token': held.if.slice(1, -1) })).toBe('204');
    expect(stage.did('PUT', '/dav/c/d/a', {}, 'x')).toBe('204');
  });

  test('of a collection alone is over what is in it by name only', () => {
    const stage = planted('/dav/c/', '/dav/c/a');
    stage.lock('/dav/c', { depth: '0' });
    expect(stage.did('PUT', '/dav/c/a', {}, 'x')).toBe('204');
    expect(stage.did('PUT', '/dav/c/b', {}, 'x')).toBe('423 locked');
    expect(stage.did('DELETE', '/dav/c/a')).toBe('423 locked');
  });

  test('of a collection is refused where one of its files is locked', () => {
    const stage = planted('/dav/c/', '/dav/c/d/', '/dav/c/d/a');
    stage.lock('/dav/c/d/a');
    const reply = stage.ask('LOCK', '/dav/c', {}, lockInfo());
    expect(reply.status).toBe(423);
    expect(bytesOf(reply).toString()).toContain('/dav/c/d/a');
    expect(stage.did('LOCK', '/dav/c', { depth: '0' }, lockInfo())).toBe('200');
  });

  test('that is set while a body comes is not passed by it', async () => {
    for (const locked of ['/dav/c', '/dav/c/a']) {
      const stage = planted('/dav/c/', '/dav/c/a');
      stage.beforePut(() => stage.lock(locked));
      expect(stage.did('PUT', '/dav/c/a', {}, 'x')).toBe('423 locked');
      expect(await stage.text('GET', '/dav/c/a')).toBe('/dav/c/a');
    }
  });

  const PATCH =
    '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x/></D:prop></D:set></D:propertyupdate>';
  /** What a change without a token makes of a tree, and how it is answered where no lock is in its way. */
  const WRITES: readonly (readonly [string, string, string, Headers, string])[] = [
    ['201', 'PUT', '/dav/c/new', {}, 'x'],
    ['204', 'PUT', '/dav/c/a', {}, 'x'],
    ['201', 'MKCOL', '/dav/c/new', {}, ''],
    ['207', 'PROPPATCH', '/dav/c/a', {}, PATCH],
    ['204', 'DELETE', '/dav/c/a', {}, ''],
    ['204', 'DELETE', '/dav/c/e/', {}, ''],
    ['201', 'COPY', '/dav/b', to('/dav/c/new'), ''],
    ['204', 'COPY', '/dav/b', to('/dav/c/a'), ''],
    ['201', 'COPY', '/dav/e/', to('/dav/c/new'), ''],
    ['201', 'MOVE', '/dav/b', to('/dav/c/new'), ''],
    ['204', 'MOVE', '/dav/b', to('/dav/c/a'), ''],
    ['201', 'MOVE', '/dav/e/', to('/dav/c/new'), ''],
    ['201', 'MOVE', '/dav/c/a', to('/dav/new'), ''],
    ['204', 'MOVE', '/dav/c/a', to('/dav/b'), ''],
    ['201', 'MOVE', '/dav/c/e/', to('/dav/new'), ''],
  ];
  const WRITTEN = ['/dav/c/', '/dav/c/a', '/dav/c/e/', '/dav/b', '/dav/e/'] as const;
  const printed = (name: string) => name.replaceAll('\0', '|');
  /** What is in the collection. */
  const inside = (stage: Stage): readonly string[] =>
    stage.files.names
      .filter((name) => name.includes('\0c\0'))
      .map((name) => {
        const key = keyOf('c', name.slice(name.lastIndexOf('\0') + 1));
        const found: string[] = [];
        stage.files.find(key, (outcome) => {
          if (outcome.kind !== 'found') return;
          const { sha512, attributes } = outcome.file.manifest;
          const { 'dav-origin': _mark, ...others } = attributes ?? {};
          found.push(`${printed(name)} ${sha512.slice(0, 8)} ${JSON.stringify(others)}`);
        });
        return found.join();
      })
      .sort();
  const outside = (stage: Stage) =>
    stage.files.names.filter((name) => !name.includes('\0c')).map(printed);

  test.each(WRITES)(
    'is not passed by what was judged before it, whenever it is given: %s, %s %s %o',
    (answer, method, path, headers, body) => {
      const answers = new Set<string>();
      // A collection whose MOVE was stopped stays at both names, for the next MOVE to go on with.
      const begun = path === '/dav/c/e/' ? printed(keyOf('', 'new').toString()) : undefined;
      // It is given before each step of the change: before a record is read, set or deleted.
      for (let step = 0; ; step++) {
        const stage = planted(...WRITTEN);
        const before = [inside(stage), outside(stage)];
        let left = step;
        let atLock: readonly string[] | undefined;
        stage.beforeStep(() => {
          if (left-- !== 0) return;
          stage.lock('/dav/c');
          atLock = inside(stage);
        });
        const answered = stage.did(method, path, headers, body);
        left = -1;
        if (answered === answer) {
          // What is acknowledged was there when the lock was.
          if (atLock !== undefined) expect(inside(stage), `step ${step}`).toEqual(atLock);
        } else {
          answers.add(answered);
          const after = [inside(stage), outside(stage).filter((name) => name !== begun)];
          expect(after, `step ${step}: ${answered}`).toEqual(before);
        }
        if (atLock === undefined) break;
      }
      expect(answers).toContain('423 locked');
      expect(['207', '423 locked']).toEqual(expect.arrayContaining([...answers]));
    },
  );

  test.each([
    ['/dav/c/a', '/dav/c/new'],
    ['/dav/c/a', '/dav/c/b'],
    ['/dav/c/a', '/dav/new'],
  ])(
    'is not passed by a MOVE during which it is given, released and given again: %s to %s',
    (from, destination) => {
      const paths = [...WRITTEN, '/dav/c/b'];
      let refused = 0;
      const play = (given: number, released: number, again: number): boolean => {
        const stage = planted(...paths);
        const before = [inside(stage), outside(stage)] as const;
        let step = 0;
        let token = '';
        stage.beforeStep(() => {
          if (step === given || step === again) token = stage.lock('/dav/c');
          if (step === released) {
            expect(stage.did('UNLOCK', '/dav/c', { 'lock-token': token.slice(1, -1) })).toBe('204');
          }
          step++;
        });
        const answered = stage.did('MOVE', from, to(destination));
        const isOver = step <= again;
        step = Number.NEGATIVE_INFINITY;
        if (answered === '201' || answered === '204') return isOver;
        refused++;
        const after = [inside(stage), outside(stage)] as const;
        const at = `steps ${given}, ${released}, ${again}: ${answered}`;
        // The new name is locked as well by then, and what is there stays: the answer says that the file has both.
        const [source] = before[0];
        const hasBoth = answered === '207' && destination.startsWith('/dav/c/');
        if (hasBoth) expect(after[0], at).toContain(source);
        else expect(after, at).toEqual(before);
        return isOver;
      };
      const LONG = 40;
      for (let given = 0; given < LONG; given++) {
        for (let released = given + 1; released < LONG; released++) {
          let again = released + 1;
          while (!play(given, released, again)) again++;
          // Nothing of it would come later either.
          if (again === released + 1) break;
        }
      }
      expect(refused).toBeGreaterThan(0);
    },
  );

  test('that nobody can look at once more may have been passed: 504', () => {
    for (const [method, path] of [
      ['PUT', '/dav/c/a'],
      ['PUT', '/dav/c/new'],
      ['MKCOL', '/dav/c/new'],
      ['DELETE', '/dav/c/a'],
    ] as const) {
      const stage = planted(...WRITTEN);
      const { find } = stage.files;
      const content = method === 'PUT' ? 'x' : '';
      // What the request is judged by is found, and then nobody answers any more.
      let finds = 0;
      stage.files.find = (key, callback) => {
        finds++;
        find.call(stage.files, key, callback);
      };
      expect(stage.did(method, path, {}, content)).toMatch(/^20[14]$/);
      const again = planted(...WRITTEN);
      again.files.find = (key, callback) =>
        --finds > 0
          ? find.call(again.files, key, callback)
          : callback({ kind: 'failed', code: 'unanswered', detail: 'nobody is there' });
      expect(again.did(method, path, {}, content)).toBe('504 outcome-unknown');
    }
  });

  test('a MOVE that is stopped takes back its own copy, and nothing that came in its place', async () => {
    const stage = planted(...WRITTEN);
    const copy = stage.files.copy.bind(stage.files);
    stage.files.copy = (request, callback) =>
      copy(request, (outcome) => {
        stage.lock('/dav/c');
        stage.files.copy = copy;
        expect(stage.did('PUT', '/dav/new', {}, 'theirs')).toBe('204');
        callback(outcome);
      });
    expect(stage.did('MOVE', '/dav/c/a', to('/dav/new'))).toBe('207');
    expect(await stage.text('GET', '/dav/new')).toBe('theirs');
    expect(await stage.text('GET', '/dav/c/a')).toBe('/dav/c/a');
  });

  test('a MOVE that is stopped leaves its copy where the new name is locked by then: whoever locked it has seen it', async () => {
    const stage = planted(...WRITTEN);
    const copy = stage.files.copy.bind(stage.files);
    stage.files.copy = (request, callback) =>
      copy(request, (outcome) => {
        stage.files.copy = copy;
        stage.lock('/dav/c');
        stage.lock('/dav/e');
        callback(outcome);
      });
    const remove = stage.files.delete.bind(stage.files);
    stage.files.delete = (key, ...asked) => {
      // Not even for the moment until a second look has undone it.
      expect(key.equals(keyOf('e', 'new'))).toBe(false);
      remove(key, ...asked);
    };
    const text = await stage.text('MOVE', '/dav/c/a', to('/dav/e/new'));
    expect(text).toContain('<D:href>/dav/e/new</D:href>');
    expect(await stage.text('GET', '/dav/e/new')).toBe('/dav/c/a');
    expect(await stage.text('GET', '/dav/c/a')).toBe('/dav/c/a');
  });

  test('is looked for before and behind a PUT, and once more where its body took long', () => {
    for (const [tookMs, looks] of [
      [0, 3],
      [1000, 5],
    ] as const) {
      const stage = planted('/dav/c/', '/dav/c/a');
      const find = stage.files.find.bind(stage.files);
      let finds = 0;
      stage.files.find = (key, callback) => {
        finds++;
        find(key, callback);
      };
      stage.beforePut(() => {
        stage.nowMs += tookMs;
      });
      expect(stage.did('PUT', '/dav/c/a', {}, 'x')).toBe('204');
      expect(finds, `${tookMs} ms`).toBe(looks);
    }
  });

  test('that is set in the last moment is not passed either, for it is in the record that is set (H39)', async () => {
    const stage = planted('/dav/a');
    stage.beforeSet(() => stage.lock('/dav/a'));
    expect(stage.did('PUT', '/dav/a', {}, 'x')).toBe('423 locked');
    expect(await stage.text('GET', '/dav/a')).toBe('/dav/a');
  });

  test('is refreshed, and properties are set, while its owner sends a file: all of it is kept', async () => {
    const setAuthor = (stage: Stage, headers: Headers) => {
      const author = '<D:set><D:prop><author xmlns="urn:p">me</author></D:prop></D:set>';
      const update = `<D:propertyupdate xmlns:D="DAV:">${author}</D:propertyupdate>`;
      expect(stage.did('PROPPATCH', '/dav/a', headers, update)).toBe('207');
    };
    for (const when of ['beforePut', 'beforeSet'] as const) {
      const stage = planted('/dav/a');
      const etag = replyHeader(stage.ask('HEAD', '/dav/a'), 'etag') ?? '';
      const held = { if: stage.lock('/dav/a', { timeout: 'Second-60' }) };
      stage[when](() => {
        expect(stage.did('LOCK', '/dav/a', { ...held, timeout: 'Second-600' })).toBe('200');
        setAuthor(stage, held);
      });
      expect(stage.did('PUT', '/dav/a', { ...held, 'if-match': etag }, 'sent')).toBe('204');
      expect(await stage.text('GET', '/dav/a')).toBe('sent');
      const found = await stage.text('PROPFIND', '/dav/a', { depth: '0' });
      expect(found).toMatch(/Second-600.*author|author.*Second-600/s);
      expect(stage.did('PUT', '/dav/a', {}, 'x')).toBe('423 locked');
    }
  });

  test.each<readonly [string, string, (stage: Stage, token: string) => void]>([
    ['204', 'another content', (stage, token) => stage.did('PUT', '/dav/a', { if: token }, 'x')],
    ['201', 'nothing', (stage, token) => stage.did('DELETE', '/dav/a', { if: token })],
    [
      '412 condition-failed',
      'what another lock is on',
      (stage, token) => {
        stage.did('UNLOCK', '/dav/a', { 'lock-token': token.slice(1, -1) });
        stage.lock('/dav/a');
      },
    ],
  ])('%s where a file that is sent is over %s by then', async (status, _, meanwhile) => {
    for (const when of ['beforePut', 'beforeSet'] as const) {
      const stage = planted('/dav/a');
      const token = stage.lock('/dav/a');
      stage[when](() => meanwhile(stage, token));
      const headers = { if: `${token} (Not <urn:x>)` };
      const isRefused = status.startsWith('412');
      expect(stage.did('PUT', '/dav/a', isRefused ? { if: token } : headers, 'sent')).toBe(status);
      expect((await stage.text('GET', '/dav/a')) === 'sent').toBe(!isRefused);
    }
  });

  test('of another content that came meanwhile counts where the client said which one it knows', async () => {
    for (const when of ['beforePut', 'beforeSet'] as const) {
      const stage = planted('/dav/a');
      const etag = `${stage.ask('GET', '/dav/a').headers.etag}`;
      stage[when](() => stage.did('PUT', '/dav/a', {}, 'other'));
      expect(stage.did('PUT', '/dav/a', { 'if-match': etag }, 'sent')).toBe('412 condition-failed');
      expect(await stage.text('GET', '/dav/a')).toBe('other');
    }
  });

  test('that others change for ever is not waited for', () => {
    const stage = planted('/dav/a');
    stage.beforeSet(() => {
      const author = '<D:set><D:prop><author/></D:prop></D:set>';
      const update = `<D:propertyupdate xmlns:D="DAV:">${author}</D:propertyupdate>`;
      stage.did('PROPPATCH', '/dav/a', {}, update);
    }, Infinity);
    expect(stage.did('PUT', '/dav/a', {}, 'sent')).toBe('503 not-stored');
  });

  test('of a file gives way to one of its collection that was set at the same time', () => {
    const stage = planted('/dav/c/', '/dav/c/a');
    const amend = stage.files.amend.bind(stage.files);
    stage.files.amend = (request, callback) => {
      stage.files.amend = amend;
      stage.lock('/dav/c');
      amend(request, callback);
    };
    expect(stage.did('LOCK', '/dav/c/a', {}, lockInfo())).toBe('423 locked');
    const fresh = planted('/dav/c/');
    const put = fresh.files.put.bind(fresh.files);
    fresh.files.put = (request, callback) => {
      fresh.files.put = put;
      fresh.lock('/dav/c');
      put(request, callback);
    };
    expect(fresh.did('LOCK', '/dav/c/new', {}, lockInfo())).toBe('423 locked');
    expect(fresh.did('GET', '/dav/c/new')).toBe('404');
  });

  test('of nothing gives way to one of its collection that its first look has not seen, and leaves no file', () => {
    const stage = planted('/dav/c/');
    const put = stage.files.put.bind(stage.files);
    const token = lockToken('0'.repeat(32));
    const theirs = {
      token,
      scope: 'exclusive',
      depth: 'infinity',
      owner: '',
      expiresAtMs: 1e15,
    } as const;
    const key = keyOf('', 'c');
    stage.files.put = (request, callback) =>
      put(request, (outcome) => {
        stage.files.find(key, (found) => {
          if (found.kind !== 'found') throw new Error('the collection is there');
          const change = { attributes: withLocks(undefined, [theirs]) };
          stage.files.amend({ key, file: found.file, change }, () => callback(outcome));
        });
      });
    expect(stage.did('LOCK', '/dav/c/new', {}, lockInfo())).toBe('423 locked');
    expect(stage.did('GET', '/dav/c/new')).toBe('404');
  });

  test.each([
    ['/dav/c', '/dav/c/a', 'the first'],
    ['/dav/c', '/dav/c/a', 'the second'],
    ['/dav/c/a', '/dav/c', 'the first'],
    ['/dav/c/a', '/dav/c', 'the second'],
    ['/dav/c/e', '/dav/c', 'the second'],
  ])('is given to one of two that are asked for at once: %s and %s, to %s', (one, other, given) => {
    const stage = planted('/dav/c/', '/dav/c/a', '/dav/c/e/');
    // Both find no other lock, then both are set, and then each of them looks once more.
    const amend = stage.files.amend.bind(stage.files);
    let second: HttpReply[] = [];
    let confirmSecond = () => {};
    stage.files.amend = (request, callback) => {
      stage.files.amend = (later, told) => {
        stage.files.amend = amend;
        amend(later, (outcome) => {
          confirmSecond = () => {
            confirmSecond = () => {};
            told(outcome);
          };
        });
      };
      if (given === 'the second') stage.tokens = 0;
      second = stage.begin('LOCK', other, {}, lockInfo());
      amend(request, callback);
    };
    stage.meanwhile = () => confirmSecond();
    stage.tokens = 100;
    const first = stage.begin('LOCK', one, {}, lockInfo());
    confirmSecond();
    const statuses = [first, second].map((replies) => replies.map(({ status }) => status));
    expect(statuses).toEqual(given === 'the first' ? [[200], [423]] : [[423], [200]]);
    const [locked, free] = given === 'the first' ? [first, second] : [second, first];
    expect(free.map((reply) => replyHeader(reply, 'lock-token'))).toEqual([undefined]);
    const token = locked.map((reply) => replyHeader(reply, 'lock-token')).join();
    const headers = { if: `<http://h:1${given === 'the first' ? one : other}> (${token})` };
    expect(stage.did('PUT', '/dav/c/a', headers, 'x')).toMatch(/^204|^412/);
  });

  test('of a collection gives way to one in it that was set at the same time', () => {
    const stage = planted('/dav/c/', '/dav/c/a');
    const amend = stage.files.amend.bind(stage.files);
    stage.files.amend = (request, callback) => {
      stage.files.amend = amend;
      stage.lock('/dav/c/a');
      amend(request, callback);
    };
    expect(stage.did('LOCK', '/dav/c', {}, lockInfo())).toBe('423 locked');
    expect(stage.did('PUT', '/dav/c/b', {}, 'x')).toBe('201');
  });
});

describe('a tree in which something is locked while it is worked through', () => {
  const ENTRIES = 40;
  /** The lock is given when the change of the 20th is about to be made, which is undone. */
  const LEFT = ENTRIES - 19;

  function withTree(...paths: readonly string[]): Stage {
    const stage = planted(...paths, '/dav/t/', '/dav/t/b/');
    for (let index = 0; index < ENTRIES; index++) {
      stage.files.keep(keyOf('t/b', `f${index}`), Buffer.from('x'));
    }
    return stage;
  }

  /**
   * Something that somebody does when the change with this number is about to be made, from 1 on.
   * @returns how many there were, the undoing of them not among these
   */
  function whenAbout(
    stage: Stage,
    change: 'copy' | 'delete',
    number: number,
    then: () => unknown,
  ): () => number {
    const { files } = stage;
    let changes = 0;
    const count = () => {
      if (++changes === number) then();
    };
    const { copy, delete: remove } = files;
    if (change === 'copy') {
      files.copy = (...asked) => {
        count();
        copy.apply(files, asked);
      };
    } else {
      files.delete = (...asked) => {
        count();
        remove.apply(files, asked);
      };
    }
    return () => changes;
  }
  const filesIn = (stage: Stage, directory: string) =>
    stage.files.names.filter((name) => name.includes(`${directory}\0f`)).length;

  test.each(['/dav/t/b', '/dav/t'])('is deleted no further: %s', async (locked) => {
    const stage = withTree();
    let token = '';
    const changes = whenAbout(stage, 'delete', 20, () => {
      token = stage.lock(locked);
    });
    const text = await stage.text('DELETE', '/dav/t/');
    // The others of the second 16 were under way, and no more are begun to be undone.
    expect(changes()).toBe(32);
    expect(text.match(/423 Locked/g)).toHaveLength(LEFT);
    expect(filesIn(stage, 't/b')).toBe(LEFT);
    const held = { if: `<http://h:1${locked}> ${token}` };
    expect(stage.did('PUT', '/dav/t/b/new', {}, 'x')).toBe('423 locked');
    expect(stage.did('PUT', '/dav/t/b/new', held, 'x')).toBe('201');
    expect(stage.did('DELETE', '/dav/t/', held)).toBe('204');
    expect(stage.files.names).toEqual([]);
  });

  test.each([
    ['/dav/t/', '/dav/t', '423 locked'],
    ['/dav/c/t', '/dav/c', '423 locked'],
    ['/dav/c/', '/dav/c/t', '207'],
  ])('keeps the collection whose last entry is gone: %s, %s', (deleted, locked, answer) => {
    const stage = planted('/dav/t/', '/dav/t/a', '/dav/c/', '/dav/c/t/', '/dav/c/t/a');
    const remove = stage.files.delete.bind(stage.files);
    let deletes = 0;
    stage.files.delete = (key, condition, callback) =>
      remove(key, condition, (outcome) => {
        if (++deletes === 1) stage.lock(locked);
        callback(outcome);
      });
    expect(stage.did('DELETE', deleted)).toBe(answer);
    expect(deletes).toBe(1);
    expect(stage.did('PROPFIND', locked, { depth: '0' })).toBe('207');
    expect(stage.did('PROPFIND', deleted, { depth: '0' })).toBe('207');
  });

  test.each(['/dav/t/b', '/dav/t'])('is moved away no further: %s', async (locked) => {
    const stage = withTree();
    whenAbout(stage, 'copy', 20, () => stage.lock(locked));
    expect(await stage.text('MOVE', '/dav/t', to('/dav/z'))).toContain('423 Locked');
    expect(filesIn(stage, 'z/b')).toBe(19);
    expect(filesIn(stage, 't/b')).toBe(LEFT);
    expect(stage.did('PROPFIND', '/dav/t/b', { depth: '0' })).toBe('207');
  });

  test.each([
    ['COPY', '/dav/c'],
    ['MOVE', '/dav/c'],
    ['COPY', '/dav/c/z/b'],
  ])('goes no further into what is locked: %s, %s', async (method, locked) => {
    const stage = withTree('/dav/c/');
    whenAbout(stage, 'copy', 20, () => stage.lock(locked));
    const text = await stage.text(method, '/dav/t', to('/dav/c/z'));
    expect(text.match(/423 Locked/g)).toHaveLength(LEFT);
    expect(filesIn(stage, 'c/z/b')).toBe(ENTRIES - LEFT);
    expect(filesIn(stage, 't/b')).toBe(method === 'COPY' ? ENTRIES : LEFT);
  });

  test.each([
    ['COPY', '/dav/c', '207'],
    ['MOVE', '/dav/c', '207'],
    ['MOVE', '/dav/s', '404'],
  ])('takes no place that was emptied for it: %s, %s', (method, locked, place) => {
    const stage = planted(
      '/dav/c/',
      '/dav/c/z/',
      '/dav/c/z/a',
      '/dav/s/',
      '/dav/s/t/',
      '/dav/s/t/a',
    );
    whenAbout(stage, 'delete', 2, () => stage.lock(locked));
    expect(stage.did(method, '/dav/s/t', to('/dav/c/z'))).toBe('423 locked');
    expect(stage.did('GET', '/dav/s/t/a')).toBe('200');
    expect(stage.did('PROPFIND', '/dav/c/z', { depth: '0' })).toBe(place);
  });

  test('goes no further into a collection that is deleted meanwhile', async () => {
    const stage = withTree();
    whenAbout(stage, 'copy', 20, () => stage.did('DELETE', '/dav/z/'));
    expect(await stage.text('COPY', '/dav/t', to('/dav/z'))).toContain('409 Conflict');
    expect(filesIn(stage, 't/b')).toBe(ENTRIES);
  });

  test.each(['DELETE', 'MOVE'])(
    '%s leaves the next collection of its name alone',
    async (method) => {
      const stage = planted('/dav/c/', '/dav/c/a');
      const remove = stage.files.delete.bind(stage.files);
      stage.files.delete = (key, condition, callback) =>
        remove(key, condition, (outcome) => {
          if (key.equals(keyOf('', 'c'))) {
            expect(stage.did('MKCOL', '/dav/c/')).toBe('201');
            expect(stage.did('PUT', '/dav/c/new', {}, 'x')).toBe('201');
          }
          callback(outcome);
        });
      expect(stage.did(method, '/dav/c', to('/dav/m'))).toMatch(/^20[14]$/);
      expect(await stage.hrefs('/dav/c')).toEqual(['/dav/c/', '/dav/c/new']);
    },
  );

  test('is judged again only as often as it must be: once for 16 entries', () => {
    const stage = withTree();
    const asked = new Map<string, number>();
    const find = stage.files.find.bind(stage.files);
    stage.files.find = (key, callback) => {
      asked.set(key.toString('latin1'), (asked.get(key.toString('latin1')) ?? 0) + 1);
      find(key, callback);
    };
    expect(stage.did('DELETE', '/dav/t/b/')).toBe('204');
    // When the request is judged, before each of three batches, and before the record of the collection goes; and behind each.
    expect([...asked.values()]).toEqual([5 + ENTRIES + 1, 5 + ENTRIES]);
  });
});

describe('a MOVE that ended half-way', () => {
  const TREE = ['/dav/a/', '/dav/a/s/', '/dav/a/1', '/dav/a/2', '/dav/a/s/3', '/dav/a/s/4'];
  const MOVED = ['/dav/b/', '/dav/b/1', '/dav/b/2', '/dav/b/s/'];

  test('goes on when it is sent again, as its frontend died', async () => {
    // So many of its files are copied before nobody answers any more.
    for (let copied = 0; copied <= 4; copied++) {
      for (const overwrite of ['T', 'F']) {
        const stage = planted(...TREE);
        const copy = stage.files.copy.bind(stage.files);
        let left = copied;
        stage.files.copy = (request, callback) => {
          if (left-- > 0) copy(request, callback);
        };
        const move = () => stage.did('MOVE', '/dav/a/', to('/dav/b/', { overwrite }));
        if (copied < 4) {
          expect(move).toThrow('it is answered once');
          stage.files.copy = copy;
          expect(move(), `${copied} copied`).toBe('204');
        } else expect(move()).toBe('201');
        expect(await stage.hrefs('/dav/b/')).toEqual(MOVED);
        expect(await stage.hrefs('/dav/b/s/')).toEqual(['/dav/b/s/', '/dav/b/s/3', '/dav/b/s/4']);
        expect(stage.did('GET', '/dav/a/')).toBe('404');
      }
    }
  });

  test('goes on when it is sent again with the token of what was locked', async () => {
    const stage = planted(...TREE);
    const token = stage.lock('/dav/a/s/3');
    expect(stage.did('MOVE', '/dav/a/', to('/dav/b/'))).toBe('207');
    const headers = to('/dav/b/', { if: `<http://h:1/dav/a/s/3> ${token}` });
    expect(stage.did('MOVE', '/dav/a/', headers)).toBe('204');
    expect(await stage.hrefs('/dav/b/')).toEqual(MOVED);
    expect(await stage.hrefs('/dav/b/s/')).toEqual(['/dav/b/s/', '/dav/b/s/3', '/dav/b/s/4']);
  });

  test('and was ended says nothing of what is moved to the same name later', async () => {
    const stage = planted(...TREE);
    expect(stage.did('MOVE', '/dav/a/', to('/dav/b/'))).toBe('201');
    // Though it was made at the same time.
    expect(stage.did('MKCOL', '/dav/a/')).toBe('201');
    expect(stage.did('MOVE', '/dav/a/', to('/dav/b/'))).toBe('204');
    expect(await stage.hrefs('/dav/b/')).toEqual(['/dav/b/']);
  });

  test('is not taken for a MOVE of another collection of the name', async () => {
    const stage = planted(...TREE);
    const copy = stage.files.copy.bind(stage.files);
    stage.files.copy = () => undefined;
    expect(() => stage.did('MOVE', '/dav/a/', to('/dav/b/'))).toThrow('it is answered once');
    stage.files.copy = copy;
    expect(stage.did('PUT', '/dav/b/other', {}, 'x')).toBe('201');
    expect(stage.did('DELETE', '/dav/a/')).toBe('204');
    stage.files.modifiedMs++;
    expect(stage.did('MKCOL', '/dav/a/')).toBe('201');
    expect(stage.did('MOVE', '/dav/a/', to('/dav/b/'))).toBe('204');
    expect(await stage.hrefs('/dav/b/')).toEqual(['/dav/b/']);
  });

  test('and was sent twice at once loses nothing, whenever the second one begins', async () => {
    // The second one begins before each of the steps of the first one, and is carried out as a whole.
    for (let step = 0; step < 60; step++) {
      const stage = planted(...TREE);
      const find = stage.files.find.bind(stage.files);
      let left = step;
      let second: string | undefined;
      stage.files.find = (key, callback) => {
        if (left-- === 0) {
          stage.files.find = find;
          second = stage.did('MOVE', '/dav/a/', to('/dav/b/'));
        }
        find(key, callback);
      };
      const first = stage.did('MOVE', '/dav/a/', to('/dav/b/'));
      stage.files.find = find;
      expect(await stage.hrefs('/dav/b/'), `${step}: ${first} ${second}`).toEqual(MOVED);
      expect(await stage.hrefs('/dav/b/s/')).toEqual(['/dav/b/s/', '/dav/b/s/3', '/dav/b/s/4']);
    }
  });

  test('leaves copies that nobody takes for it', async () => {
    const stage = planted(...TREE);
    const copy = stage.files.copy.bind(stage.files);
    stage.files.copy = () => undefined;
    expect(() => stage.did('MOVE', '/dav/a/', to('/dav/b/'))).toThrow('it is answered once');
    stage.files.copy = copy;
    expect(stage.did('COPY', '/dav/b/', to('/dav/c/'))).toBe('201');
    expect(stage.did('PUT', '/dav/c/other', {}, 'x')).toBe('201');
    expect(stage.did('MOVE', '/dav/a/', to('/dav/c/'))).toBe('204');
    expect(stage.did('GET', '/dav/c/other')).toBe('404');
  });
});

describe('what any request gets', () => {
  test('a PROPFIND without a Depth says which ones there are', async () => {
    const stage = planted('/dav/a');
    for (const headers of [{}, { depth: 'infinity' }]) {
      const reply = stage.ask('PROPFIND', '/dav/', headers);
      const text = bytesOf(reply).toString();
      expect(reply.status).toBe(403);
      expect(text).toMatch(
        /<D:propfind-finite-depth\/><m:message .*>PROPFIND takes Depth: 0 or Depth: 1,/,
      );
    }
  });

  test('OPTIONS says what there is, of the server and of each path', () => {
    const stage = new Stage();
    for (const path of ['/', '/dav', '/dav/', '/dav/x/y']) {
      const { status, headers } = stage.ask('OPTIONS', path);
      expect([status, headers.dav]).toEqual([200, '1, 2']);
      expect(headers.allow).toContain('PROPFIND');
    }
  });

  test('heads that are wrong are refused before a body is read', () => {
    const stage = new Stage();
    expect(stage.did('PUT', '/dav/a', { if: 'x' })).toBe('400 bad-parameter');
    expect(stage.did('PUT', '/dav/a', { 'if-match': 'x' })).toBe('400 bad-parameter');
    expect(stage.did('PUT', '/dav/a', { depth: '2' })).toBe('400 bad-parameter');
    expect(stage.did('PUT', '/dav/a%2Fb')).toBe('400 bad-parameter');
    expect(stage.did('PUT', `/dav/${'x'.repeat(2000)}`)).toBe('414 path-too-long');
    const request = requestOf('PUT', '/dav/a%00', undefined, {});
    expect(stage.routes.traits(request).judge?.(request)?.status).toBe(400);
    expect(metricsText(stage.metrics.read())).toContain('op="dav-put",code="400"');
  });

  test('where nobody answers it is 503, and nothing is taken for absent', () => {
    const stage = planted('/dav/a');
    stage.files.finds = { kind: 'failed', code: 'unanswered', detail: 'nobody is there' };
    for (const method of ['GET', 'PUT', 'DELETE', 'MKCOL']) {
      expect(stage.did(method, '/dav/a')).toBe('503 unanswered');
    }
    expect(stage.did('LOCK', '/dav/a', {}, lockInfo())).toBe('503 unanswered');
    expect(stage.did('COPY', '/dav/a', to('/dav/b'))).toBe('503 unanswered');
    expect(stage.did('PROPFIND', '/dav/a', { depth: '0' })).toBe('503 unanswered');
  });
});
