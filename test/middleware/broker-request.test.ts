// Which file a request of an application is of, and that it reaches nothing else of a broker.

import { describe, expect, test } from 'vitest';
import { answerHeaders, headersFor, storePathOf } from '../../src/middleware/broker-request.ts';

const ALL = { folder: '', domain: undefined };
const INSIDE = { folder: 'site/media', domain: undefined };

describe('the path of a file', () => {
  test.each([
    ['/a/b.jpg', '/a/b.jpg'],
    ['http://any:80/a/b.jpg', '/a/b.jpg'],
    ['/a//b%20c.jpg?ticket=x&complete', '/a/b%20c.jpg'],
    ['/%C3%A9#x', '/%C3%A9'],
    ['/a/.broker', '/a/.broker'],
  ])('%s is at %s of the domain, and in the folder', (url, path) => {
    expect(storePathOf(url, ALL)).toBe(path);
    expect(storePathOf(url, INSIDE)).toBe(`/site/media${path}`);
  });

  test.each([
    '/',
    '',
    '/a/',
    '/?a',
    '/../a',
    '/a/%2e%2e/b',
    '/a/..',
    '/.',
    '/a%2Fb',
    '/a%5Cb',
    '/%',
    '/%FF',
  ])('%s is none', (url) => {
    expect(storePathOf(url, ALL)).toBeUndefined();
    expect(storePathOf(url, INSIDE)).toBeUndefined();
  });

  test.each([
    '/.broker/servers',
    '/%2Ebroker/files',
    '/metrics',
    '/livez',
    '/%6Civez',
    '/openapi.json',
  ])('%s is what a broker says of itself: no file, but in a folder', (url) => {
    expect(storePathOf(url, ALL)).toBeUndefined();
    expect(storePathOf(url, INSIDE)).toBeDefined();
  });
});

test('a broker gets what is of the file, and nothing of the application', () => {
  const given = {
    cookie: 'a',
    authorization: 'b',
    range: 'bytes=0-1',
    'content-type': 'text/plain',
    host: 'app',
  };
  expect(headersFor(ALL, given, 'read')).toEqual({ range: 'bytes=0-1' });
  expect(headersFor(ALL, given, 'write')).toEqual({ 'content-type': 'text/plain' });
  expect(headersFor({ folder: '', domain: 'd.com' }, given, 'redirect')).toEqual({
    'content-type': 'text/plain',
    host: 'd.com',
  });
});

test.each(['content-type', 'cache-control', 'content-disposition'])(
  'a broker gets %s of an upload, to keep it, and none of a read',
  (name) => {
    expect(headersFor(ALL, { [name]: 'x' }, 'write')).toEqual({ [name]: 'x' });
    expect(headersFor(ALL, { [name]: 'x' }, 'redirect')).toEqual({ [name]: 'x' });
    expect(headersFor(ALL, { [name]: 'x' }, 'read')).toEqual({});
  },
);

test.each([
  'content-range',
  'content-digest',
  'repr-digest',
  'content-md5',
  'oc-checksum',
  'if',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
])('a broker gets %s of a write, to judge it by', (name) => {
  expect(headersFor(ALL, { [name]: 'x' }, 'write')).toEqual({ [name]: 'x' });
});

test('a broker gets the tokens of locks for an upload that it redirects', () => {
  expect(headersFor(ALL, { if: '(<a>)' }, 'redirect')).toEqual({ if: '(<a>)' });
});

test('a client gets what is of the file, with the other places of it as lines of their own', () => {
  const headers: Readonly<Record<string, string>> = {
    etag: '"a"',
    'cache-control': 'max-age=9',
    'content-disposition': 'attachment',
    'content-security-policy': 'sandbox',
    'x-fog-version': '1',
    connection: 'close',
    link: '<http://a/t/1,2/x>; rel=duplicate; pri=1, <http://b/x>; rel=duplicate; pri=2, <http://c/x?metalink>; rel=describedby',
  };
  const head = { status: 302, header: (name: string) => headers[name] };
  expect([...answerHeaders(head)]).toEqual([
    ['etag', '"a"'],
    ['cache-control', 'max-age=9'],
    ['content-disposition', 'attachment'],
    ['content-security-policy', 'sandbox'],
    ['link', ['<http://a/t/1,2/x>; rel=duplicate; pri=1', '<http://b/x>; rel=duplicate; pri=2']],
  ]);
});
