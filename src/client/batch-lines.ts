// Writes the lines of batches (/v1/mget, /v1/mset, /v1/mdelete), and reads those of their answers, and of scans. Pure.

import type { PoolAnswer, PoolRequest } from '../cluster/http/http-pool.ts';
import { bytesOfText, jsonOfBytes } from '../cluster/wire/key-text.ts';
import { ConditionFailedError, VelourError } from './errors.ts';
import { codeOf } from './http-answers.ts';
import type { SetResult, Stored } from './velour.ts';

export type ClientBatchVerb = 'mget' | 'mset' | 'mdelete';

const CONTENT_TYPE = 'application/x-ndjson';
const CREATED = 201;
const LINE_FEED = 0x0a;

/** One line of an answer; what a frontend says may be anything. */
export type AnswerLine = Readonly<Record<string, unknown>>;

export interface BatchedItem<T> {
  readonly line: string;
  /** @throws VelourError for what the frontend refused */
  read(answer: AnswerLine): T;
}

export function getItem(
  key: Buffer,
  minVersion: string | undefined,
): BatchedItem<Uint8Array | undefined> {
  const ending = minVersion === undefined ? '' : `,"minVersion":"${minVersion}"`;
  return {
    line: `{"key":${jsonOfBytes(key)}${ending}}\n`,
    read(answer) {
      if (answer.status === 404 && answer.error === undefined) return undefined;
      const value = bytesOfText(acceptedLine(answer).value);
      if (value === undefined) throw noLine();
      return new Uint8Array(value);
    },
  };
}

export function setItem(
  key: Buffer,
  value: Buffer,
  ttl: number | undefined,
): BatchedItem<SetResult> {
  const ending = ttl === undefined ? '' : `,"ttl":${ttl}`;
  return {
    line: `{"key":${jsonOfBytes(key)},"value":${shortJsonOf(value)}${ending}}\n`,
    read: (answer) => ({ ...storedIn(answer), created: answer.status === CREATED }),
  };
}

/** @returns base64 where text would take more than twice its bytes, as control characters do: frontends take no longer lines */
function shortJsonOf(value: Buffer): string {
  const json = jsonOfBytes(value);
  if (Buffer.byteLength(json) <= 2 * value.length + 2) return json;
  return JSON.stringify({ base64: value.toString('base64') });
}

export function deleteItem(key: Buffer): BatchedItem<Pick<Stored, 'version'>> {
  return {
    line: `{"key":${jsonOfBytes(key)}}\n`,
    read: (answer) => ({ version: storedIn(answer).version }),
  };
}

export function batchRequest(verb: ClientBatchVerb, lines: readonly string[]): PoolRequest {
  return {
    method: 'POST',
    path: `/v1/${verb}`,
    headers: { 'content-type': CONTENT_TYPE, accept: 'application/problem+json' },
    body: Buffer.from(lines.join(''), 'utf8'),
  };
}

/** An answer of lines has no version in its head: its content type tells it from that of another server. */
export function isOfLines(answer: PoolAnswer): boolean {
  const type = answer.header('content-type') ?? '';
  return codeOf(answer) !== undefined || (answer.status === 200 && type.startsWith(CONTENT_TYPE));
}

/** @throws VelourError where the body is no lines of JSON */
export function linesIn({ body }: PoolAnswer): readonly AnswerLine[] {
  const lines: AnswerLine[] = [];
  // Line by line: all of them together may be longer than a string can be.
  for (let from = 0; from < body.length; ) {
    const end = body.indexOf(LINE_FEED, from);
    const to = end < 0 ? body.length : end;
    if (to > from) lines.push(lineOf(body.toString('utf8', from, to)));
    from = to + 1;
  }
  return lines;
}

function lineOf(text: string): AnswerLine {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    throw noLine();
  }
  if (typeof line !== 'object' || line === null) throw noLine();
  return line as AnswerLine;
}

function storedIn(answer: AnswerLine): Stored {
  const { etag } = acceptedLine(answer);
  if (typeof etag !== 'string') throw noLine();
  return { etag, version: versionOfETag(etag) };
}

export function versionOfETag(etag: string): string {
  return etag.slice(1, etag.indexOf('-'));
}

/** @throws VelourError for what the frontend refused */
function acceptedLine(answer: AnswerLine): AnswerLine {
  const { status, error, detail, etag } = answer;
  if (typeof status !== 'number') throw noLine();
  if (status >= 200 && status < 300) return answer;
  const code = typeof error === 'string' ? error : 'internal';
  const text = typeof detail === 'string' ? detail : `status ${status}`;
  if (status === 412) {
    throw new ConditionFailedError(text, typeof etag === 'string' ? etag : undefined);
  }
  throw new VelourError(code, text, { status });
}

export function noLine(): VelourError {
  return new VelourError('not-a-frontend', 'what answers writes no lines as a frontend does');
}
