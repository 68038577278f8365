// Reads the answers of frontends to requests of /v1/keys. Pure.

import { ERROR_HEADER } from '../cluster/http/errors.ts';
import type { PoolAnswer } from '../cluster/http/http-pool.ts';
import { JSON_TYPE } from '../cluster/http/route-description.ts';
import type { Explanation } from '../coordinator/operations/get/explanation.ts';
import { ConditionFailedError, VelourError } from './errors.ts';
import type { Stored, StoredEntry, Valued } from './velour.ts';

const VERSION_HEADER = 'x-fog-version';
const TYPE_DEFAULT = 'application/octet-stream';

/** Every answer about a key has a version or an error code; what has neither came from something else. */
export function isOfFrontend(answer: PoolAnswer): boolean {
  return answer.header(VERSION_HEADER) !== undefined || codeOf(answer) !== undefined;
}

/** A controller or a storage node does not have the paths of a frontend, nor has an earlier one those of a later. */
export function isElsewhere(answer: PoolAnswer): boolean {
  return codeOf(answer) === 'unknown-path';
}

export function codeOf(answer: PoolAnswer): string | undefined {
  return answer.header(ERROR_HEADER);
}

/** A 404 with a code is of a path that this frontend does not have, and says nothing of the key. */
export function isAbsence(answer: PoolAnswer): boolean {
  return answer.status === 404 && codeOf(answer) === undefined;
}

/** @throws VelourError for what the frontend refused */
export function accepted(answer: PoolAnswer): PoolAnswer {
  if (answer.status >= 200 && answer.status < 300 && codeOf(answer) === undefined) return answer;
  throw refusalIn(answer);
}

export function refusalIn(answer: PoolAnswer): VelourError {
  const { status } = answer;
  const code = codeOf(answer) ?? 'internal';
  const problem = problemIn(answer);
  if (code === 'condition-failed') {
    return new ConditionFailedError(problem.detail, answer.header('etag'));
  }
  return new VelourError(code, problem.detail, { status, ...problem.fields });
}

/** Whether it says how a read came to its answer, also to one that failed; one with another error explains nothing. */
export function isExplanation(answer: PoolAnswer): boolean {
  return isOfFrontend(answer) && answer.header('content-type') === JSON_TYPE;
}

/** @throws VelourError for what the frontend refused, and for what is no explanation */
export function explanationIn(answer: PoolAnswer): Explanation {
  if (!isExplanation(answer)) throw refusalIn(answer);
  try {
    return JSON.parse(answer.body.toString('utf8')) as Explanation;
  } catch {
    throw new VelourError('not-a-frontend', 'what answers explains nothing as a frontend does');
  }
}

export function entryIn(answer: PoolAnswer, nowMs: number): StoredEntry {
  return {
    ...valuedIn(answer),
    contentType: answer.header('content-type') ?? TYPE_DEFAULT,
    expiresAtMs: expiryIn(answer.header('cache-control'), nowMs),
  };
}

export function valuedIn(answer: PoolAnswer): Valued {
  return { value: valueIn(answer), ...storedIn(answer) };
}

/** @returns a view on bytes that nobody else has */
export function valueIn({ body }: PoolAnswer): Uint8Array {
  return new Uint8Array(body.buffer, body.byteOffset, body.length);
}

export function storedIn(answer: PoolAnswer): Stored {
  return { etag: answer.header('etag') ?? '', version: versionIn(answer) };
}

export function versionIn(answer: PoolAnswer): string {
  return answer.header(VERSION_HEADER) ?? '';
}

function expiryIn(cacheControl: string | undefined, nowMs: number): number | undefined {
  const seconds = /^max-age=(\d+)$/.exec(cacheControl ?? '')?.[1];
  return seconds === undefined ? undefined : nowMs + 1000 * Number(seconds);
}

interface Problem {
  readonly detail: string;
  /** A later frontend may have codes that this client does not know, and says itself whether they are retryable. */
  readonly fields: { readonly retryable?: boolean };
}

function problemIn({ status, body }: PoolAnswer): Problem {
  const text = body.toString('utf8').trim();
  const line = { detail: text || `status ${status}`, fields: {} };
  if (!text.startsWith('{')) return line;
  try {
    const { detail, retryable } = JSON.parse(text) as { detail?: unknown; retryable?: unknown };
    return {
      detail: typeof detail === 'string' ? detail : line.detail,
      fields: typeof retryable === 'boolean' ? { retryable } : {},
    };
  } catch {
    return line;
  }
}
