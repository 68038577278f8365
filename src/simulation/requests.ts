// Makes requests of simulated clients as services see them, and reads the replies. Which requests are sent, and when,
// is decided in clients.ts.

import { assert } from '../cluster/assert.ts';
import { type Body, type HttpReply, type HttpRequest, isWhole } from '../cluster/http/http.ts';

const NO_BODY: Body = { kind: 'none' };

/** @param headers by their lower-case names */
export function requestOf(
  method: string,
  target: string,
  body: Body = NO_BODY,
  headers: Readonly<Record<string, string>> = {},
): HttpRequest {
  const headerOf = (name: string) => headers[name.toLowerCase()];
  return {
    method,
    target,
    header: headerOf,
    headerLines: (name) => [headerOf(name) ?? []].flat(),
    body,
    clientAddress: '',
    fromLoopback: false,
    onceLeft: () => () => undefined,
  };
}

export function plainGet(target: string): HttpRequest {
  return requestOf('GET', target);
}

/** @returns the body of a reply that is no stream; empty where nobody replied */
export function bytesOf(reply: HttpReply | undefined): Buffer {
  if (reply === undefined) return Buffer.alloc(0);
  assert(isWhole(reply), 'what is asked here is answered whole');
  return Buffer.from(reply.body);
}
