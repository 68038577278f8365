// What the headers of forms say, as clients write them.

import { describe, expect, test } from 'vitest';
import { boundaryOf, describePart, type PartDescription } from '../../src/files/form-headers.ts';

describe('the boundary', () => {
  test.each<readonly [string, string]>([
    [
      'multipart/form-data; boundary=------------------------d74496d66958873e',
      '------------------------d74496d66958873e',
    ],
    ['Multipart/Form-Data;boundary="a b:c"', 'a b:c'],
    ['multipart/form-data; charset=utf-8; boundary=x', 'x'],
    ['multipart/form-data ; BOUNDARY=x ; charset=utf-8', 'x'],
    ['multipart/form-data; boundary=x; boundary=y', 'x'],
    [`multipart/form-data; boundary=${'b'.repeat(70)}`, 'b'.repeat(70)],
    ["multipart/form-data; boundary='()+_,-./:=?'", "'()+_,-./:=?'"],
  ])('of %s', (contentType, boundary) => {
    expect(boundaryOf(contentType)).toEqual({ kind: 'boundary', boundary });
  });

  test.each([
    undefined,
    '',
    'application/x-www-form-urlencoded',
    'multipart/mixed; boundary=x',
    'text/plain; x=multipart/form-data; boundary=x',
    'multipart/form-datas; boundary=x',
  ])('there is none where the body is no form: %s', (contentType) => {
    expect(boundaryOf(contentType)).toEqual({ kind: 'none' });
  });

  test.each([
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    'multipart/form-data; boundary="a "',
    'multipart/form-data; boundary="a\r\nb"',
    'multipart/form-data; boundary=ä',
    'multipart/form-data; xboundary=x',
    `multipart/form-data; boundary=${'b'.repeat(71)}`,
  ])('is wrong in %j', (contentType) => {
    expect(boundaryOf(contentType)).toEqual({ kind: 'wrong' });
  });
});

describe('a part', () => {
  const plain: PartDescription = { name: undefined, fileName: undefined, isEncoded: false };

  test.each<readonly [string, Partial<PartDescription>]>([
    ['', {}],
    ['Content-Disposition: form-data; name="a"', { name: 'a' }],
    ['content-disposition:form-data;name=a', { name: 'a' }],
    ['Content-Disposition: form-data; name="a"; filename="f"', { name: 'a', fileName: 'f' }],
    [
      "Content-Disposition: form-data; name=a; filename*=utf-8''f",
      { name: 'a', fileName: "utf-8''f" },
    ],
    // The text of another parameter is none of its own.
    ['Content-Disposition: form-data; filename="; name=\\"b\\""', { fileName: '; name="b"' }],
    ['Content-Disposition: form-data; x="; name=b; "; name="a"', { name: 'a' }],
    ['Content-Disposition: form-data; name="a\\"b"', { name: 'a"b' }],
    ['Content-Disposition: form-data; name=a; name=b', { name: 'a' }],
    [
      'Content-Disposition: form-data;\r\n\tname="a";\r\n filename="f"',
      { name: 'a', fileName: 'f' },
    ],
    ['Content-Disposition: attachment; name="a"', {}],
    ['X: Content-Disposition: form-data; name="a"', {}],
    ['Content-Disposition', {}],
    ['Content-Type: text/plain\r\nContent-Disposition: form-data; name="a"', { name: 'a' }],
    ['Content-Transfer-Encoding: base64', { isEncoded: true }],
    ['Content-Transfer-Encoding: quoted-printable', { isEncoded: true }],
    ['Content-Transfer-Encoding: BINARY', {}],
    ['Content-Transfer-Encoding: 8bit', {}],
  ])('%j', (head, expected) => {
    expect(describePart(head)).toEqual({ ...plain, ...expected });
  });
});
