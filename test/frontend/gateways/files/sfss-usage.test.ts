// Which requests the small file storage service takes, as the original took them (FILES.md, 4).

import { describe, expect, test } from 'vitest';
import { flatFileKey } from '../../../../src/files/file-key.ts';
import type { SfssVerb } from '../../../../src/frontend/gateways/files/sfss-routes.ts';
import { readSfssUsage } from '../../../../src/frontend/gateways/files/sfss-usage.ts';

const BYTES_MAX = 1000;

function read(verb: SfssVerb, target: string, headers: Readonly<Record<string, string>> = {}) {
  const request = { target, header: (name: string) => ({ host: 'h:1', ...headers })[name] };
  return readSfssUsage(verb, request, BYTES_MAX);
}

/** @returns the path that is asked for, one character per byte; or what is wrong */
function pathOf(query: string): string {
  const given = read('get', `/file${query}`);
  if ('fault' in given) return `${given.fault.code}: ${given.fault.what}`;
  const { key } = given.usage;
  const path = key.subarray('\xfffs\0'.length);
  expect(key).toEqual(flatFileKey('s', path));
  return path.toString('latin1');
}

describe('a path', () => {
  test.each([
    ['?path=a', 'a'],
    ['?path=folder/file.txt', 'folder/file.txt'],
    ['?path=folder%2Ffile.txt', 'folder/file.txt'],
    ['?path=a+b', 'a b'],
    ['?path=a%2Bb', 'a+b'],
    ['?path=a%20b', 'a b'],
    // Decoded once, where the original did it twice.
    ['?path=a%252Fb', 'a%2Fb'],
    ['?path=%252e%252e', '%2e%2e'],
    ['?path=caf%C3%A9', 'cafÃ©'],
    ['?path=cafÃ©', 'cafÃ©'],
    // Nothing walks through directories here: these are names as any other.
    ['?path=..', '..'],
    ['?path=../../etc/passwd', '../../etc/passwd'],
    ['?path=%2e%2e%2fa', '../a'],
    ['?path=a/../b', 'a/../b'],
    ['?path=a/', 'a/'],
    ['?path=.', '.'],
    ['?path=%C0%AE%C0%AE/a', '\xc0\xae\xc0\xae/a'],
    ['?path=%FF%FE', '\xff\xfe'],
    ['?path=%0D%0AX:1', '\r\nX:1'],
    ['?path=a%26b%3Dc', 'a&b=c'],
    ['?path=a=b', 'a=b'],
    ['?path=http:/x', 'http:/x'],
    ['?path=a&path=b', 'a'],
    ['?path=&path=b', 'b'],
    ['?path&path=b', 'b'],
    ['?x=1&path=a&y', 'a'],
    ['?%70ath=a', 'a'],
    ['?paths=b&path=a', 'a'],
  ])('in %s is %j', (query, path) => {
    expect(pathOf(query)).toBe(path);
  });

  test.each([
    ['', 'no path'],
    ['?', 'no path'],
    ['?path', 'no path'],
    ['?path=', 'no path'],
    ['?path=&path=', 'no path'],
    ['?PATH=a', 'no path'],
    ['?path=/a', 'begins with a slash'],
    ['?path=%2Fa', 'begins with a slash'],
    ['?path=/', 'begins with a slash'],
    ['?path=a//b', 'two slashes'],
    ['?path=a/%2Fb', 'two slashes'],
    ['?path=a//', 'two slashes'],
    ['?path=a%5Cb', 'a backslash'],
    ['?path=..\\b', 'a backslash'],
    ['?path=a%00', 'a NUL'],
    ['?path=%00', 'a NUL'],
    ['?path=a%', 'two hex digits'],
    ['?path=a%zz', 'two hex digits'],
    ['?path=a&x=%', 'two hex digits'],
    // The first one counts, whatever the second one is.
    ['?path=/a&path=b', 'begins with a slash'],
  ])('is refused in %s: %s', (query, what) => {
    const said = pathOf(query);
    expect(said).toMatch(/^bad-parameter: /);
    expect(said).toContain(what);
  });

  test('has up to 186 bytes, of which the base64 has 248 characters; 187 had 252', () => {
    const longest = 'x'.repeat(186);
    expect(pathOf(`?path=${longest}`)).toBe(longest);
    expect(pathOf(`?path=${longest}y`)).toContain('187 bytes, and 186 are the most');
    expect(Buffer.from(longest).toString('base64').length).toBeLessThanOrEqual(250);
    expect(Buffer.from(`${longest}y`).toString('base64').length).toBeGreaterThan(250);
    // Bytes count, not characters.
    expect(pathOf(`?path=${'%C3%A9'.repeat(93)}`)).toHaveLength(186);
    expect(pathOf(`?path=${'%C3%A9'.repeat(94)}`)).toContain('188 bytes');
  });

  test('that is wrong is answered with a line that works', () => {
    const lines = (['get', 'put', 'post'] as const).map((verb) => {
      const given = read(verb, '/x');
      return 'fault' in given ? given.fault.instead : undefined;
    });
    expect(lines).toEqual([
      "curl 'http://h:1/file?path=folder/file.txt'",
      "curl -T FILE 'http://h:1/file?path=folder/file.txt'",
      "curl -F upload_file=@FILE 'http://h:1/files?path=folder/file.txt'",
    ]);
  });
});

describe('a head', () => {
  const said = (verb: SfssVerb, headers: Readonly<Record<string, string>>) => {
    const given = read(verb, '/file?path=a', headers);
    return 'fault' in given ? `${given.fault.code}: ${given.fault.what}` : given.usage.boundary;
  };
  const form = 'multipart/form-data; boundary=x';

  test('says whether the body is a form', () => {
    expect(said('put', {})).toBeUndefined();
    expect(said('put', { 'content-type': 'text/plain' })).toBeUndefined();
    expect(said('post', { 'content-type': 'application/x-www-form-urlencoded' })).toBeUndefined();
    expect(said('post', { 'content-type': form })).toBe('x');
    expect(said('post', { 'content-type': 'multipart/form-data' })).toMatch(/^bad-form: /);
    // Of a GET it says nothing.
    expect(said('get', { 'content-type': 'multipart/form-data' })).toBeUndefined();
  });

  test('is refused with a length that is too much; that of a form is not of its file', () => {
    expect(said('put', { 'content-length': '1000' })).toBeUndefined();
    expect(said('put', { 'content-length': '1001' })).toContain('value-too-large: ');
    expect(said('put', { 'content-length': '1001' })).toContain('1000 bytes are the most');
    expect(said('post', { 'content-length': '1001', 'content-type': form })).toBe('x');
    expect(said('get', { 'content-length': '1001' })).toBeUndefined();
  });

  test('is refused with a part of a file, and with conditions that are none', () => {
    expect(said('put', { 'content-range': 'bytes 0-1/2' })).toContain('bad-parameter: ');
    expect(said('get', { 'content-range': 'bytes 0-1/2' })).toBeUndefined();
    for (const verb of ['get', 'put', 'post'] as const) {
      expect(said(verb, { 'if-match': 'x' })).toContain('bad-parameter: If-Match is not');
    }
    const given = read('put', '/file?path=a', { 'if-none-match': '*' });
    expect(given).toMatchObject({ usage: { condition: { ifNoneMatch: 'any' } } });
  });

  test('is judged by its path first', () => {
    const given = read('put', '/file?path=/a', { 'content-length': '1001', 'if-match': 'x' });
    expect(given).toMatchObject({ fault: { what: 'the path begins with a slash' } });
  });
});
