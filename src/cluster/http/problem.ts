// The form of errors for programs, `application/problem+json` of RFC 9457: the server makes it of any error that has the
// one line for people, where the request asks for it. Pure.

import { ERROR_HEADER, ERRORS } from './errors.ts';
import type { WholeReply } from './http.ts';

const JSON_TYPES: readonly string[] = ['application/problem+json', 'application/json'];
/** The names of plain text in an Accept, the most exact one first, which counts (RFC 9110, 12.5.1). */
const TEXT_RANGES = ['text/plain', 'text/*', '*/*'] as const;

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
  if (accept === undefined || !isLine || !prefersJson(accept.toLowerCase())) return reply;
  const code = String(headers[ERROR_HEADER]);
  const kind = Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS] : undefined;
  const detail = body.replace(/\n$/, '');
  // RFC 9457, 4.2.1: a problem of this type means what its status means; what it is exactly says the code.
  const problem = { type: 'about:blank', title, status, detail, code, retryable: kind?.retryable };
  return {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
    body: `${JSON.stringify(problem)}\n`,
  };
}

/** Whether JSON is named, and wanted no less than text: whoever takes anything is a person at a prompt. */
function prefersJson(accept: string): boolean {
  if (!accept.includes('json')) return false;
  let json = 0;
  const text = new Map<string, number>();
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const quality = qualityOf(parameters);
    if (JSON_TYPES.includes(type)) json = Math.max(json, quality);
    text.set(type, quality);
  }
  const name = TEXT_RANGES.find((range) => text.has(range));
  return json > 0 && json >= (name === undefined ? 0 : (text.get(name) ?? 0));
}

function qualityOf(parameters: readonly string[]): number {
  const quality = parameters.find((parameter) => parameter.startsWith('q='));
  const value = quality === undefined ? 1 : Number(quality.slice(2));
  return value >= 0 && value <= 1 ? value : 1;
}
