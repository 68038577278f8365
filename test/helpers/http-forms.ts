// The forms of requests that RFC 9112 and 9110 have, also those that attackers use, to make two servers see two requests
// in the same bytes; and how to say them to a server. What is served is scripted: `/set` takes a while, `/get` is
// answered at once, bodies may have 1,000 bytes.

import { once } from 'node:events';
import { connect } from 'node:net';

export const HOST = '127.0.0.1';
export const BODY_BYTES_MAX = 1000;

export const GET = 'GET /get?key=a HTTP/1.1\r\nHost: x\r\n\r\n';
export const set = (value: string) =>
  `POST /set?key=a HTTP/1.1\r\nHost: x\r\nContent-Length: ${value.length}\r\n\r\n${value}`;
export const get = (headers: string, line = 'GET /get?key=a HTTP/1.1') =>
  `${line}\r\n${headers}\r\n`;
export const H2C =
  'Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n';
const chunked = (chunks: string, line = 'POST /set?key=a HTTP/1.1', more = '') =>
  `${line}\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${more}\r\n${chunks}`;

/** RFC 9112 where no other is named. All end in a half-close: whatever is due must come before the end. */
export const FORMS: readonly (readonly [
  what: string,
  rfc: string,
  bytes: string,
  statuses: readonly number[],
])[] = [
  // Lines and targets
  ['origin form', '3.2.1', GET, [200]],
  ['absolute form', '3.2.2', get('Host: x\r\n', 'GET http://h:1/get?key=a HTTP/1.1'), [200]],
  [
    'absolute form, https, upper case',
    '3.2.2',
    get('Host: x\r\n', 'GET HTTPS://h/get?key=a HTTP/1.1'),
    [200],
  ],
  ['absolute form without a path', '3.2.2', get('Host: x\r\n', 'GET http://h HTTP/1.1'), [404]],
  [
    'absolute form with a query alone',
    '3.2.2',
    get('Host: x\r\n', 'GET http://h?key=a HTTP/1.1'),
    [404],
  ],
  ['authority form', '3.2.3', get('Host: x\r\n', 'CONNECT h:1 HTTP/1.1'), [405]],
  ['asterisk form', '3.2.4', get('Host: x\r\n', 'OPTIONS * HTTP/1.1'), [404]],
  ['asterisk form of GET', '3.2.4', get('Host: x\r\n', 'GET * HTTP/1.1'), [400]],
  ['a target that is none', '3.2', get('Host: x\r\n', 'GET get?key=a HTTP/1.1'), [400]],
  ['another scheme', '3.2.2', get('Host: x\r\n', 'GET ftp://h/get HTTP/1.1'), [400]],
  ['empty lines before it', '2.2', `\r\n\r\n${GET}`, [200]],
  ['a raw space in the target', '3.2', get('Host: x\r\n', 'GET /get?key=a b HTTP/1.1'), [400]],
  [
    'a control character in the target',
    '3.2',
    get('Host: x\r\n', 'GET /get?key=\x01 HTTP/1.1'),
    [400],
  ],
  [
    'bytes above 127 in the target',
    '3.2',
    get('Host: x\r\n', 'GET /get?key=\xc3\xa4 HTTP/1.1'),
    [400],
  ],
  // 3 lets a server bear more whitespace than there should be.
  ['two spaces', '3', get('Host: x\r\n', 'GET  /get?key=a HTTP/1.1'), [200]],
  ['a tab for a space', '3', get('Host: x\r\n', 'GET\t/get?key=a HTTP/1.1'), [400]],
  ['LF alone', '2.2', 'GET /get?key=a HTTP/1.1\nHost: x\n\n', [400]],
  ['a method in lower case', '9110 9.1', get('Host: x\r\n', 'get /get?key=a HTTP/1.1'), [400]],
  ['a method that nobody knows', '3.1', get('Host: x\r\n', 'BREW /get?key=a HTTP/1.1'), [400]],
  ['no HTTP at all', '3', 'hello\r\n\r\n', [400]],
  ['TLS', '3', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
  ['nothing', '9.5', '', []],
  // Versions
  ['HTTP/1.0', '2.5', get('', 'GET /get?key=a HTTP/1.0'), [200]],
  [
    'HTTP/1.0 that stays open',
    '9.3',
    get('Connection: keep-alive\r\n', 'GET /get?key=a HTTP/1.0') + GET,
    [200, 200],
  ],
  ['HTTP/1.0 that ends', '9.3', get('', 'GET /get?key=a HTTP/1.0') + GET, [200]],
  ['HTTP/0.9', '2.5', 'GET /get?key=a\r\n\r\n', [505]],
  ['HTTP/1.2', '2.3', get('Host: x\r\n', 'GET /get?key=a HTTP/1.2'), [400]],
  ['HTTP/2.0 as a line', '2.3', get('Host: x\r\n', 'GET /get?key=a HTTP/2.0'), [505]],
  ['the preface of HTTP/2', '9113 3.4', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [505]],
  ['a version in lower case', '2.3', get('Host: x\r\n', 'GET /get?key=a http/1.1'), [400]],
  // Host
  ['no Host', '3.2', get(''), [400]],
  ['two Hosts', '3.2', get('Host: x\r\nHost: x\r\n'), [400]],
  ['two Hosts in two cases', '3.2', get('Host: x\r\nHOST: y\r\n'), [400]],
  ['an empty Host', '3.2', get('Host:\r\n'), [200]],
  ['a Host that is none', '3.2', get('Host: x/y\r\n'), [400]],
  ['an IPv6 Host', '3.2', get('Host: [::1]:8000\r\n'), [200]],
  ['a space before the colon', '5.1', get('Host : x\r\n'), [400]],
  // Headers
  ['a folded header', '5.2', get('Host: x\r\nA: b\r\n c\r\n'), [400]],
  ['a line that is no header', '5', get('Host: x\r\nno header\r\n'), [400]],
  ['NUL in a header', '9110 5.5', get('Host: x\r\nA: b\0c\r\n'), [400]],
  ['a bare CR in a header', '2.2', get('Host: x\r\nA: b\rc\r\n'), [400]],
  ['an empty name', '5', get('Host: x\r\n: b\r\n'), [400]],
  ['bytes above 127 in a value', '9110 5.5', get('Host: x\r\nA: \xe4\r\n'), [200]],
  // node:http drops those beyond a number, and with them what says where the request ends.
  [
    'a second Host behind 1,100 headers',
    '3.2',
    get(`Host: x\r\n${'a:\r\n'.repeat(1100)}Host: y\r\n`),
    [400],
  ],
  [
    'an offer and a length behind 1,100 headers',
    '9110 7.8',
    get(
      `${H2C}${'a:\r\n'.repeat(1100)}Content-Length: ${GET.length}\r\n`,
      'POST /set?key=a HTTP/1.1',
    ) + GET,
    [200],
  ],
  ['headers of 20 KB', '9110 5.4', get(`Host: x\r\nA: ${'a'.repeat(20_000)}\r\n`), [431]],
  ['a URL of 20 KB', '3', get('Host: x\r\n', `GET /get?key=${'a'.repeat(20_000)} HTTP/1.1`), [431]],
  // Lengths and codings
  ['a Content-Length', '6.3', set('value') + GET, [200, 200]],
  ['none, of a POST', '6.3', get('Host: x\r\n', 'POST /set?key=a HTTP/1.1') + GET, [200, 200]],
  ['of a GET', '9110 9.3.1', `${get('Host: x\r\nContent-Length: 5\r\n')}hello${GET}`, [200, 200]],
  [
    'that is no number',
    '6.3',
    get('Host: x\r\nContent-Length: five\r\n', 'POST /set?key=a HTTP/1.1'),
    [400],
  ],
  [
    'below zero',
    '6.3',
    get('Host: x\r\nContent-Length: -5\r\n', 'POST /set?key=a HTTP/1.1'),
    [400],
  ],
  [
    'with a plus',
    '6.3',
    get('Host: x\r\nContent-Length: +5\r\n', 'POST /set?key=a HTTP/1.1'),
    [400],
  ],
  [
    'as a list',
    '6.3',
    get('Host: x\r\nContent-Length: 5, 5\r\n', 'POST /set?key=a HTTP/1.1'),
    [400],
  ],
  [
    'twice, alike',
    '6.3',
    get('Host: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n', 'POST /set?key=a HTTP/1.1'),
    [400],
  ],
  [
    'twice, not alike',
    '6.3',
    get('Host: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n', 'POST /set?key=a HTTP/1.1'),
    [400],
  ],
  [
    'beyond 2^64',
    '6.3',
    get(`Host: x\r\nContent-Length: 9${'0'.repeat(30)}\r\n`, 'POST /set?key=a HTTP/1.1'),
    [400],
  ],
  [
    'beyond what is taken',
    '9110 15.5.14',
    get('Host: x\r\nContent-Length: 1001\r\n', 'POST /set?key=a HTTP/1.1'),
    [413],
  ],
  ['beside chunks', '6.1', chunked('0\r\n\r\n', undefined, 'Content-Length: 5\r\n'), [400]],
  [
    'beside chunks, behind',
    '6.1',
    `${get('Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n', 'POST /set?key=a HTTP/1.1')}0\r\n\r\n`,
    [400],
  ],
  ['chunks', '7.1', chunked('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n') + GET, [200, 200]],
  [
    'chunks with extensions and trailers',
    '7.1.1',
    chunked('3;a=b;c="d"\r\nabc\r\n0\r\nA: b\r\n\r\n') + GET,
    [200, 200],
  ],
  [
    'chunks of a GET',
    '9110 9.3.1',
    chunked('1\r\na\r\n0\r\n\r\n', 'GET /get?key=a HTTP/1.1') + GET,
    [200, 200],
  ],
  [
    'chunks of more than is taken',
    '9110 15.5.14',
    chunked(`3e9\r\n${'a'.repeat(1001)}\r\n0\r\n\r\n`),
    [413],
  ],
  ['a chunk whose size is none', '7.1', chunked('zz\r\nabc\r\n0\r\n\r\n'), [400]],
  ['a chunk of 0x3 bytes', '7.1', chunked('0x3\r\nabc\r\n0\r\n\r\n'), [400]],
  ['a chunk that is longer than it says', '7.1', chunked('2\r\nabc\r\n0\r\n\r\n'), [400]],
  ['chunks that end too early', '8', chunked('3\r\nabc\r\n'), [400]],
  ['chunks twice', '6.1', chunked('0\r\n\r\n', undefined, 'Transfer-Encoding: chunked\r\n'), [400]],
  [
    'gzip and chunks',
    '6.1',
    chunked('0\r\n\r\n', undefined, 'A: b\r\n').replace('chunked', 'gzip, chunked'),
    [501],
  ],
  ['gzip alone', '6.1', chunked('').replace('chunked', 'gzip'), [400]],
  ['a coding that is misspelt', '6.1', chunked('0\r\n\r\n').replace('chunked', 'xchunked'), [400]],
  ['chunks of HTTP/1.0', '6.1', chunked('0\r\n\r\n', 'POST /set?key=a HTTP/1.0'), [400]],
  ['a body that ends too early', '8', set('value').slice(0, -2), [400]],
  // What is offered and expected
  ['an offer of h2c', '9110 7.8', get(H2C), [200]],
  ['an offer of h2c, pipelined', '9110 7.8', GET + get(H2C) + GET, [200, 200, 200]],
  [
    'an offer of h2c with a body',
    '9110 7.8',
    `${get(`${H2C}Content-Length: 5\r\n`, 'POST /set?key=a HTTP/1.1')}value${GET}`,
    [200, 200],
  ],
  [
    'an offer of a WebSocket',
    '9110 7.8',
    get('Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'),
    [200],
  ],
  [
    'an offer of our own, at another path',
    '9110 7.8',
    get('Host: x\r\nConnection: Upgrade\r\nUpgrade: velour-operations-3\r\n'),
    [200],
  ],
  [
    'a stream that is refused',
    '9110 7.8',
    get(
      'Host: x\r\nConnection: upgrade\r\nUpgrade: Velour-Operations-3\r\n',
      'GET /s/operations HTTP/1.1',
    ),
    [409],
  ],
  [
    'a stream of another version',
    '9110 7.8',
    get(
      'Host: x\r\nConnection: upgrade\r\nUpgrade: velour-operations-9\r\n',
      'GET /s/operations HTTP/1.1',
    ),
    [400],
  ],
  ['Upgrade that Connection does not name', '9110 7.8', get('Host: x\r\nUpgrade: h2c\r\n'), [200]],
  [
    'Expect: 100-continue',
    '9110 10.1.1',
    set('value').replace('Host: x', 'Host: x\r\nExpect: 100-continue') + GET,
    [100, 200, 200],
  ],
  [
    'Expect: 100-continue behind a set',
    '9110 10.1.1',
    set('v') + set('value').replace('Host: x', 'Host: x\r\nExpect: 100-continue'),
    [200, 100, 200],
  ],
  [
    'Expect: 100-continue of too much',
    '9110 10.1.1',
    get('Host: x\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n', 'POST /set?key=a HTTP/1.1'),
    [413],
  ],
  ['an Expect that is not known', '9110 10.1.1', get('Host: x\r\nExpect: wonders\r\n'), [417]],
  // One after the other
  ['gets, pipelined', '9.3.2', GET.repeat(5), [200, 200, 200, 200, 200]],
  ['the last one, and more', '9.6', get('Host: x\r\nConnection: close\r\n') + GET, [200]],
  ['a set, then bytes that are no request', '9.3.2', `${set('value')}GET /ge`, [200, 400]],
  [
    'a set, then a head that is too large',
    '9.3.2',
    `${set('value')}GET /${'a'.repeat(20_000)}`,
    [200, 431],
  ],
  [
    'a set, then no Host, then a set',
    '9.6',
    `${set('value')}${get('')}${set('other')}`,
    [200, 400],
  ],
  [
    'a set, then a body that ends too early',
    '9.3.2',
    `${set('value')}${set('other').slice(0, -1)}`,
    [200, 400],
  ],
  [
    'a set, then CONNECT',
    '9.3.2',
    `${set('value')}${get('Host: x\r\n', 'CONNECT h:1 HTTP/1.1')}`,
    [200, 405],
  ],
  [
    'a request in the body of another one',
    '11.2',
    `${get(`Host: x\r\nContent-Length: ${GET.length}\r\n`, 'POST /get?key=a HTTP/1.1')}${GET}`,
    [200],
  ],
];

export interface Said {
  readonly statuses: readonly number[];
  readonly text: string;
}

/** Sends the bytes, and then, unless it is to close its side at once, waits until so many answers are here. */
export async function sayTo(
  port: number,
  bytes: string,
  end: 'half-close' | number,
): Promise<Said> {
  const socket = connect({ port, host: HOST, allowHalfOpen: true });
  await once(socket, 'connect');
  let text = '';
  const statuses = () => [...text.matchAll(/^HTTP\/1\.1 (\d+) /gm)].map(([, code]) => Number(code));
  const enough = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (typeof end === 'number' && statuses().length >= end) resolve();
    });
    socket.on('end', () => resolve()).on('error', reject);
  });
  socket.write(Buffer.from(bytes, 'latin1'));
  if (end === 'half-close') socket.end();
  await enough;
  socket.destroy();
  return { statuses: statuses(), text };
}
