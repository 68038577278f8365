// The registry of all errors that a client or peer can get: code, status, and whether the same request may succeed
// later. The code travels as `X-Fog-Error`; the text is for people, and no program parses it. docs/api.md describes
// when each code is sent, and a test compares the two.

import type { BreakReason } from './byte-stream.ts';
import { type ReplyHeaders, textReply, type WholeReply } from './http.ts';

interface ErrorKind {
  readonly status: number;
  readonly retryable: boolean;
}

export const ERRORS = {
  'missing-key': { status: 501, retryable: false },
  'empty-key': { status: 501, retryable: false },
  'key-too-long': { status: 501, retryable: false },
  'missing-value': { status: 501, retryable: false },
  'bad-ttl': { status: 501, retryable: false },
  'bad-query': { status: 501, retryable: false },
  'value-too-large': { status: 413, retryable: false },
  'head-too-large': { status: 431, retryable: false },
  'truncated-request': { status: 400, retryable: false },
  'bad-parameter': { status: 400, retryable: false },
  'bad-cursor': { status: 400, retryable: false },
  'bad-line': { status: 400, retryable: false },
  'bad-request': { status: 400, retryable: false },
  'bad-item': { status: 400, retryable: false },
  'bad-form': { status: 400, retryable: false },
  'bad-xml': { status: 400, retryable: false },
  'path-too-long': { status: 414, retryable: false },
  'bad-destination': { status: 403, retryable: false },
  'other-server': { status: 502, retryable: false },
  'infinite-depth': { status: 403, retryable: false },
  'fixed-root': { status: 403, retryable: false },
  'no-collection': { status: 409, retryable: false },
  'other-lock': { status: 409, retryable: false },
  locked: { status: 423, retryable: true },
  'unsupported-body': { status: 415, retryable: false },
  'unknown-version': { status: 505, retryable: false },
  'unknown-coding': { status: 501, retryable: false },
  'unknown-expectation': { status: 417, retryable: false },
  'condition-failed': { status: 412, retryable: false },
  'bad-range': { status: 416, retryable: false },
  'not-a-number': { status: 409, retryable: false },
  overflow: { status: 409, retryable: false },
  'forged-ticket': { status: 403, retryable: false },
  'expired-ticket': { status: 410, retryable: false },
  'used-ticket': { status: 409, retryable: false },
  'unused-ticket': { status: 409, retryable: true },
  'digest-differs': { status: 409, retryable: false },
  'unknown-domain': { status: 421, retryable: false },
  'foreign-origin': { status: 403, retryable: false },
  'too-many-requests': { status: 429, retryable: true },
  'no-ffprobe': { status: 501, retryable: false },
  'no-media': { status: 422, retryable: false },
  loading: { status: 503, retryable: true },
  denied: { status: 403, retryable: false },
  'link-refused': { status: 409, retryable: true },
  'slow-request': { status: 408, retryable: true },
  'unknown-path': { status: 404, retryable: false },
  'method-not-allowed': { status: 405, retryable: false },
  'not-ready': { status: 503, retryable: true },
  'partition-offline': { status: 503, retryable: true },
  unanswered: { status: 503, retryable: true },
  'no-file-server': { status: 503, retryable: true },
  'file-unreadable': { status: 503, retryable: true },
  'cache-has-no-files': { status: 501, retryable: false },
  'older-version': { status: 503, retryable: true },
  'not-stored': { status: 503, retryable: true },
  'outcome-unknown': { status: 504, retryable: true },
  'effect-unknown': { status: 504, retryable: false },
  'no-storage': { status: 504, retryable: true },
  overloaded: { status: 503, retryable: true },
  'storage-full': { status: 507, retryable: true },
  'clock-ahead': { status: 503, retryable: true },
  internal: { status: 500, retryable: true },
  'malformed-message': { status: 400, retryable: false },
  'other-cluster': { status: 409, retryable: false },
  'other-incarnation': { status: 409, retryable: false },
  'clock-off': { status: 409, retryable: true },
  'other-time-scale': { status: 409, retryable: false },
  'unknown-node': { status: 409, retryable: true },
  'node-needed': { status: 409, retryable: true },
  'epochs-spent': { status: 409, retryable: false },
  'node-elsewhere': { status: 409, retryable: true },
  'too-many-nodes': { status: 409, retryable: true },
  'not-local': { status: 403, retryable: false },
  overruled: { status: 409, retryable: false },
  'not-durable': { status: 503, retryable: true },
  'blob-taken': { status: 409, retryable: false },
  'blob-differs': { status: 409, retryable: false },
  'disk-failed': { status: 503, retryable: true },
  'pull-failed': { status: 502, retryable: true },
} as const satisfies Readonly<Record<string, ErrorKind>>;

/** The header that carries the error code. */
export const ERROR_HEADER = 'x-fog-error';

export type ErrorCode = keyof typeof ERRORS;

/** In seconds. With no more than one, the clients of a whole cluster return spread by their own latencies. */
const RETRY_AFTER_SECONDS = '1';

export interface ErrorDetails {
  /** A request that would have worked, as a curl line. */
  readonly instead?: string;
  readonly headers?: ReplyHeaders;
}

/** @param what says what was wrong, in one sentence without a full stop */
export function errorReply(code: ErrorCode, what: string, details: ErrorDetails = {}): WholeReply {
  const { status } = ERRORS[code];
  const line = details.instead === undefined ? what : `${what}. Try: ${details.instead}`;
  return textReply(status, line, {
    [ERROR_HEADER]: code,
    ...(status === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : {}),
    ...details.headers,
  });
}

const BROKEN_BODIES: Readonly<Record<BreakReason, readonly [ErrorCode, string]>> = {
  gone: ['truncated-request', 'the connection was closed before the whole body had come'],
  'too-large': ['value-too-large', 'the body is longer than this path takes'],
  slow: ['slow-request', 'the body came too slowly'],
  malformed: [
    'bad-form',
    'the body is no whole form: its last boundary is missing, or one is wrong',
  ],
  failed: ['internal', 'the body could not be read'],
};

/**
 * @param bytesMax the longest body that the path takes, where the caller knows it
 * @returns the reply to a request whose body broke off; the service must have undone what it had begun
 */
export function brokenBodyReply(why: BreakReason, bytesMax?: number): WholeReply {
  const [code, what] = BROKEN_BODIES[why];
  const limit =
    why === 'too-large' && bytesMax !== undefined ? `: ${bytesMax} bytes are the most` : '';
  return errorReply(code, `${what}${limit}; nothing of it was stored`);
}

/** The process cannot start or go on: it ends with the exit code, and the message is its last line. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The exit codes of all commands; those from 64 to 78 are from sysexits.h. */
export const EXIT = { broken: 1, usage: 2, unavailable: 69, failure: 70, config: 78 } as const;
