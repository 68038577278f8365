// Checks the form of a request against RFC 9112, by whose sections the comments cite: refuses what node:http's parser
// accepts wrongly, and reads the target. Requests that the parser itself refuses are in refusals.ts.

import type { IncomingMessage } from 'node:http';
import { errorReply } from '../../http/errors.ts';
import type { HttpReply } from '../../http/http.ts';

/** The characters that RFC 3986 allows in a host and its port. */
const HOST = /^[A-Za-z0-9.:[\]_~!$&'()*+,;=%-]*$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)/i;

/** @returns the refusal, after which no more of the connection may be served; undefined when the form is right */
export function wrongForm(request: IncomingMessage): HttpReply | undefined {
  const { httpVersionMajor, httpVersionMinor, headers } = request;
  if (httpVersionMajor !== 1) {
    return errorReply(
      'unknown-version',
      `this server speaks HTTP/1.1, not HTTP/${request.httpVersion}`,
    );
  }
  const codings = headers['transfer-encoding'];
  if (codings !== undefined) {
    // 6.1: a proxy that forwards it may not know chunks, and may take other bytes for the start of the next request.
    if (httpVersionMinor === 0) {
      return errorReply('bad-request', 'a request of HTTP/1.0 has no Transfer-Encoding');
    }
    const [last, ...others] = codings.toLowerCase().split(',').reverse();
    if (last?.trim() !== 'chunked') {
      return errorReply(
        'bad-request',
        'the Transfer-Encoding does not end in chunked, so nobody knows where the body ends',
      );
    }
    if (others.length > 0) {
      return errorReply('unknown-coding', 'the only Transfer-Encoding that is taken is chunked');
    }
  }
  if (httpVersionMinor > 0 && headers.host === undefined) {
    return errorReply(
      'bad-request',
      'a request of HTTP/1.1 names the host that it is for: send a Host header',
    );
  }
  if (headers.host !== undefined) {
    // 3.2: with two Host headers, one request can be made to mean different things to two servers.
    if (!hasOneHost(request.rawHeaders)) {
      return errorReply('bad-request', 'the request has more than one Host header');
    }
    if (!HOST.test(headers.host)) {
      return errorReply('bad-request', 'the Host header is no host, with or without a port');
    }
  }
  return isTarget(request.url ?? '', request.method ?? '')
    ? undefined
    : errorReply('bad-request', 'the target of a request is a path that begins with /, or a URL');
}

/** @returns the path and query; the absolute form (3.2.2), which clients send to proxies, loses its scheme and host */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const rest = target.replace(ABSOLUTE, '');
  return rest === target || rest.startsWith('/') ? rest : `/${rest}`;
}

function isTarget(target: string, method: string): boolean {
  if (target.startsWith('/')) return true;
  return ABSOLUTE.test(target) || (target === '*' && method === 'OPTIONS');
}

/** @param headers names and values, alternating */
function hasOneHost(headers: readonly string[]): boolean {
  let hosts = 0;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts === 1;
}
