// The registry of everything a client or a peer can be refused with: code, status, and whether the
// same request may succeed later. The code travels as `X-Fog-Error`; the text is for people, nobody
// parses it. docs/api.md lists the same codes, and a test compares the two.

import { type HttpReply, textReply } from './http.ts';

interface ErrorKind {
  readonly status: number;
  readonly retryable: boolean;
  /** When it is answered, as a sentence. */
  readonly when: string;
}

export const ERRORS = {
  'missing-key': { status: 501, retryable: false, when: 'The request names no key.' },
  'empty-key': { status: 501, retryable: false, when: 'The key has no bytes.' },
  'key-too-long': {
    status: 501,
    retryable: false,
    when: 'The key has more than 1,024 bytes after decoding.',
  },
  'missing-value': {
    status: 501,
    retryable: false,
    when: 'A set by GET has neither a value nor a body.',
  },
  'bad-ttl': {
    status: 501,
    retryable: false,
    when: 'The ttl is not a whole number of seconds from 1 to 315,360,000.',
  },
  'bad-query': {
    status: 501,
    retryable: false,
    when: 'The query has a broken percent-encoding or a parameter twice.',
  },
  'value-too-large': {
    status: 413,
    retryable: false,
    when: 'The value is longer than the cluster takes.',
  },
  'head-too-large': {
    status: 431,
    retryable: false,
    when: 'Request line and headers exceed 16 KiB; send the value as the body.',
  },
  'truncated-request': {
    status: 400,
    retryable: false,
    when: 'The connection was closed before the whole request had come; nothing was stored.',
  },
  'bad-parameter': {
    status: 400,
    retryable: false,
    when: 'A parameter of a health path is not understood; the text names it.',
  },
  'bad-request': { status: 400, retryable: false, when: 'The bytes are no HTTP request.' },
  'unknown-version': {
    status: 505,
    retryable: false,
    when: 'The request is of another version of HTTP than 1.1 and 1.0.',
  },
  'unknown-coding': {
    status: 501,
    retryable: false,
    when: 'The body has a Transfer-Encoding other than chunked.',
  },
  'unknown-expectation': {
    status: 417,
    retryable: false,
    when: 'The request has an Expect header other than 100-continue.',
  },
  'foreign-origin': {
    status: 403,
    retryable: false,
    when: 'A web page of another origin would change something.',
  },
  'link-refused': {
    status: 409,
    retryable: true,
    when: 'A storage node takes no stream of operations of this kind: another life, cluster or time scale.',
  },
  'slow-request': {
    status: 408,
    retryable: true,
    when: 'The request did not arrive within its time.',
  },
  'unknown-path': {
    status: 404,
    retryable: false,
    when: 'There is nothing at this path. Never said of a key.',
  },
  'method-not-allowed': {
    status: 405,
    retryable: false,
    when: 'The path takes other methods; Allow names them.',
  },
  'not-ready': { status: 503, retryable: true, when: 'The process has no cluster map yet.' },
  'partition-offline': {
    status: 503,
    retryable: true,
    when: 'No storage node that has all of the partition of the key is alive: it waits for one, or for accept-loss.',
  },
  unanswered: {
    status: 503,
    retryable: true,
    when: 'No storage node answered the get before its deadline.',
  },
  'not-stored': {
    status: 503,
    retryable: true,
    when: 'The set certainly was not stored anywhere.',
  },
  'outcome-unknown': {
    status: 504,
    retryable: true,
    when: 'The deadline came while the set was on its way: it may or may not take effect. X-Fog-Version names it.',
  },
  overloaded: {
    status: 503,
    retryable: true,
    when: 'More waits for a storage node of the partition than the frontend may hold, or for an earlier set of the key, or bodies of requests, or answers to clients that read slowly, take all the memory that they may.',
  },
  'storage-full': {
    status: 507,
    retryable: true,
    when: 'A storage node of the partition has no memory left, or the last one cannot write its log.',
  },
  'clock-ahead': {
    status: 503,
    retryable: true,
    when: 'The set is stamped over a day ahead of the time of the cluster by the clock of the frontend.',
  },
  internal: { status: 500, retryable: true, when: 'A bug; the log of the process has the stack.' },
  'malformed-message': {
    status: 400,
    retryable: false,
    when: 'A control message is not what its path takes.',
  },
  'other-cluster': {
    status: 409,
    retryable: false,
    when: 'A control message belongs to another cluster.',
  },
  'other-incarnation': {
    status: 409,
    retryable: false,
    when: 'A control message names an incarnation that is not the current one.',
  },
  'clock-off': {
    status: 409,
    retryable: true,
    when: 'The clock of a node that registers is over an hour off the time of the cluster.',
  },
  'other-time-scale': {
    status: 409,
    retryable: false,
    when: 'A node or frontend has another --time-scale than the one that it asks; the text names both.',
  },
  'unknown-node': {
    status: 409,
    retryable: true,
    when: 'The controller does not know the node; it must register.',
  },
  'node-needed': {
    status: 409,
    retryable: true,
    when: 'The node cannot be removed now; the text says what it is needed for.',
  },
  'epochs-spent': {
    status: 409,
    retryable: false,
    when: 'A partition has no epoch left for other members; the way out is a backup and a new cluster.',
  },
  'node-elsewhere': {
    status: 409,
    retryable: true,
    when: 'A node that registers has the name of one that lives at another address; the text names both.',
  },
  'too-many-nodes': {
    status: 409,
    retryable: true,
    when: 'The cluster has as many storage nodes as it can, 256; one must be removed first.',
  },
  'not-local': {
    status: 403,
    retryable: false,
    when: 'The message is taken from the same machine only.',
  },
  overruled: {
    status: 409,
    retryable: false,
    when: 'A map comes from a controller whose generation is over.',
  },
  'not-durable': {
    status: 503,
    retryable: true,
    when: 'A map or a promise could not be written, so it does not count.',
  },
} as const satisfies Readonly<Record<string, ErrorKind>>;

/** Carries the code of whatever was refused. */
export const ERROR_HEADER = 'x-fog-error';

export type ErrorCode = keyof typeof ERRORS;

/** Seconds; with a second at the most, a whole cluster's clients come back spread by their own latency. */
const RETRY_AFTER_SECONDS = '1';

export interface ErrorDetails {
  /** A request that would have worked, as a curl line. */
  readonly instead?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @param what one sentence without a full stop: what was wrong. */
export function errorReply(code: ErrorCode, what: string, details: ErrorDetails = {}): HttpReply {
  const { status } = ERRORS[code];
  const line = details.instead === undefined ? what : `${what}. Try: ${details.instead}`;
  return textReply(status, line, {
    [ERROR_HEADER]: code,
    ...(status === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : {}),
    ...details.headers,
  });
}

/** Why a process cannot start or go on: ends it with the exit code, and the message as its last line. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** DESIGN's exit codes; 64 to 78 are sysexits'. */
export const EXIT = { broken: 1, usage: 2, unavailable: 69, failure: 70, config: 78 } as const;
