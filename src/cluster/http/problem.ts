// The form of errors for programs, `application/problem+json` of RFC 9457: the server makes it of any error that has the
// one line for people, where the request asks for it. Pure.

import { prefersJson } from './accept.ts';
import { ERROR_HEADER, ERRORS } from './errors.ts';
import type { WholeReply } from './http.ts';
import { PROBLEM_TYPE } from './route-description.ts';

/**
 * @param accept the header of the request, its lines joined
 * @param reply carries an error code. One whose body is no text has a form of its own, as the answers to control
 *   messages have, and stays as it is
 * @param title the words of HTTP for its status
 */
export function problemFor(
  accept: string | undefined,
  reply: WholeReply,
  title: string,
): WholeReply {
  const { status, headers, body } = reply;
  const isLine = typeof body === 'string' && String(headers['content-type']).startsWith('text/');
  if (!isLine || !prefersJson(accept)) return reply;
  const code = String(headers[ERROR_HEADER]);
  const kind = Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS] : undefined;
  const detail = body.replace(/\n$/, '');
  // RFC 9457, 4.2.1: a problem of this type means what its status means; what it is exactly says the code.
  const problem = { type: 'about:blank', title, status, detail, code, retryable: kind?.retryable };
  return {
    status,
    headers: { ...headers, 'content-type': PROBLEM_TYPE },
    body: `${JSON.stringify(problem)}\n`,
  };
}
