// Which paths WebDAV takes, and that a name is what it was, wherever it is written.

import { describe, expect, test } from 'vitest';
import { directoryFileKey } from '../../../../src/files/file-key.ts';
import {
  DAV_SPACE,
  type DavSpace,
  entryOf,
  hrefOf,
  isWithin,
  keyOf,
  parentOf,
  readDavPath,
  readDavUrl,
} from '../../../../src/frontend/gateways/dav/dav-path.ts';

function pathOf(raw: string) {
  const read = readDavPath(raw, DAV_SPACE);
  if ('fault' in read) throw new Error(read.fault.what);
  return read.path;
}
const faultOf = (raw: string) => {
  const read = readDavPath(raw, DAV_SPACE);
  return 'fault' in read ? `${read.fault.code}: ${read.fault.what}` : 'taken';
};

describe('a path', () => {
  test.each([
    ['/dav', [], true],
    ['/dav/', [], true],
    ['/dav//', [], true],
    ['/dav/a', ['a'], false],
    ['/dav/a/', ['a'], true],
    ['/dav//a//b', ['a', 'b'], false],
    ['/dav/a%20b+c', ['a b+c'], false],
    ['/dav/%C3%BC', ['\xc3\xbc'], false],
    ['/dav/u%CC%88', ['u\xcc\x88'], false],
    ['/dav/%FF%01', ['\xff\x01'], false],
    ['/dav/a%3Fb%23c', ['a?b#c'], false],
    ['/dav/a. ', ['a. '], false],
    ['/dav/a%2E', ['a.'], false],
    ['/dav/...', ['...'], false],
    [`/dav/${'x'.repeat(255)}`, ['x'.repeat(255)], false],
    [`/dav${'/a'.repeat(64)}`, Array.from({ length: 64 }, () => 'a'), false],
  ])('%s has the names %j', (raw, names, endsInSlash) => {
    const path = pathOf(raw);
    expect(path.segments.map((segment) => segment.toString('latin1'))).toEqual(names);
    expect(path.endsInSlash).toBe(endsInSlash);
    // Whoever takes the href that is told gets there again.
    expect(pathOf(hrefOf(path, path.endsInSlash)).segments).toEqual(path.segments);
  });

  test.each([
    ['/dav/a#b', 'bad-parameter: the path has a #'],
    ['/dav/a%', 'bad-parameter: a %'],
    ['/dav/a%00', 'bad-parameter: the path has a NUL'],
    ['/dav/a%2Fb', 'bad-parameter: a name in the path has a slash'],
    ['/dav/./a', 'bad-parameter: a name in the path is .'],
    ['/dav/a/..', 'bad-parameter: a name in the path is . or ..'],
    ['/dav/%2e%2E/a', 'bad-parameter: a name in the path is . or ..'],
    [`/dav/${'a/'.repeat(65)}`, 'path-too-long: the path has more than 64 names'],
    ['/davx/a', 'bad-destination: '],
    ['/', 'bad-destination: '],
  ])('%s is refused', (raw, fault) => {
    expect(faultOf(raw)).toContain(fault);
  });

  test('is as long as its key may be', () => {
    expect(faultOf(`/dav/${'x'.repeat(1012)}`)).toBe('taken');
    expect(faultOf(`/dav/${'x'.repeat(1013)}`)).toContain('path-too-long');
    const name = 'x'.repeat(100);
    expect(faultOf(`/dav/${`${name}/`.repeat(10)}xxx`)).toBe('taken');
    expect(faultOf(`/dav/${`${name}/`.repeat(10)}xxxx`)).toContain('path-too-long');
  });

  test('has the key of a directory and a name; the root has none', () => {
    expect(keyOf(pathOf('/dav/a/b/c'))).toEqual(
      directoryFileKey('default', Buffer.from('a/b'), Buffer.from('c')),
    );
    expect(keyOf(pathOf('/dav/'))).toBeUndefined();
    expect(hrefOf(parentOf(pathOf('/dav/a/b')), true)).toBe('/dav/a/');
    expect(hrefOf(entryOf(pathOf('/dav/a'), Buffer.from('b c')), false)).toBe('/dav/a/b%20c');
  });

  test('is within another by whole names', () => {
    const within = (inner: string, outer: string) => isWithin(pathOf(inner), pathOf(outer));
    expect(within('/dav/a/b', '/dav/a')).toBe(true);
    expect(within('/dav/a', '/dav/a/')).toBe(true);
    expect(within('/dav/a', '/dav')).toBe(true);
    expect(within('/dav/ab', '/dav/a')).toBe(false);
    expect(within('/dav/a', '/dav/a/b')).toBe(false);
  });
});

describe('a URL in a header', () => {
  const read = (url: string, host = 'h:1') => {
    const given = readDavUrl(
      url,
      { header: (name) => (name === 'host' ? host : undefined) },
      DAV_SPACE,
    );
    return 'fault' in given ? given.fault.code : hrefOf(given.path, false);
  };
  test.each([
    ['http://h:1/dav/a', '/dav/a'],
    ['https://H:1/dav/a?x', '/dav/a'],
    ['/dav/a%20b', '/dav/a%20b'],
    ['/dav/a?b', '/dav/a'],
    ['http://other/dav/a', 'other-server'],
    ['http://h:1/elsewhere', 'bad-destination'],
    ['http://h:1', 'bad-destination'],
    ['ftp://h:1/dav/a', 'bad-parameter'],
    ['dav/a', 'bad-parameter'],
    ['http://h:1/dav/a#b', 'bad-parameter'],
  ])('%s is %s', (url, expected) => {
    expect(read(url)).toBe(expected);
  });

  test.each([
    ['http://h/dav/a', 'h', '/dav/a'],
    ['http://H:80/dav/a', 'h', '/dav/a'],
    ['http://h:/dav/a', 'h', '/dav/a'],
    ['http://h/dav/a', 'h:80', '/dav/a'],
    // A proxy has taken TLS off.
    ['https://h/dav/a', 'h', '/dav/a'],
    ['HTTPS://h:443/dav/a', 'h', '/dav/a'],
    ['https://h/dav/a', 'h:443', '/dav/a'],
    ['http://me:secret@h:80/dav/a', 'H', '/dav/a'],
    ['http://[::1]:80/dav/a', '[::1]', '/dav/a'],
    ['http://[::1]:1/dav/a', '[::1]:1', '/dav/a'],
    ['http://h:443/dav/a', 'h', 'other-server'],
    ['https://h:80/dav/a', 'h', 'other-server'],
    ['https://h/dav/a', 'h:80', 'other-server'],
    ['http://h:1/dav/a', 'h', 'other-server'],
    ['http://h/dav/a', 'h:1', 'other-server'],
    ['http://h@other/dav/a', 'h', 'other-server'],
    ['http://h:80@other/dav/a', 'h', 'other-server'],
    ['http://[::1]/dav/a', '[::2]', 'other-server'],
    ['http://h:x/dav/a', 'h', 'other-server'],
    ['http:///dav/a', 'h', 'other-server'],
    ['http://HOST:PORT/dav/a', '', 'other-server'],
  ])('%s at %s is %s', (url, host, expected) => {
    expect(read(url, host)).toBe(expected);
  });
});

test('the tree of a whole server has its names from the first slash on, and keys of its domain', () => {
  const space: DavSpace = { ...DAV_SPACE, root: '', domain: 'www' };
  const at = (raw: string) => {
    const read = readDavPath(raw, space);
    if ('fault' in read) throw new Error(read.fault.what);
    return read.path;
  };
  expect(at('/').segments).toEqual([]);
  expect([hrefOf(at('/'), true), hrefOf(at('/dav/a%20b'), false)]).toEqual(['/', '/dav/a%20b']);
  expect(hrefOf(parentOf(at('/x/y')), true)).toBe('/x/');
  const [x, y] = [Buffer.from('x'), Buffer.from('y')];
  expect(keyOf(at('/x/y'))).toEqual(directoryFileKey('www', x, y));
  expect(keyOf(entryOf(at('/x'), y))).toEqual(directoryFileKey('www', x, y));
});
