// Long requests to frontends: the first of the endpoints that takes one, and its answer piece by piece.

import type { Readable } from 'node:stream';
import { VelourError } from '../../client/errors.ts';
import { ERROR_HEADER } from '../../cluster/http/errors.ts';
import {
  callStreamed,
  type StreamedAnswer,
  type StreamedRequest,
} from '../../cluster/io/network/streamed-call.ts';

/** Longer than a frontend waits for the storage nodes of a page. */
const SILENCE_MS = 30_000;
/** An error is a line of text, or a little JSON. */
const ERROR_BYTES_MAX = 64 * 1024;
const NOT_READY = 503;

export interface LongRequest {
  readonly method: StreamedRequest['method'];
  readonly path: string;
  /** Of a request that can be made only once: it goes to the first endpoint that proves to be a frontend. */
  readonly body?: Readable | undefined;
  /** The content type of the answer; what has another one, and no error code, is no frontend's. */
  readonly answerType: string;
  /** Statuses, besides 200, with an answer of that type. */
  readonly alsoTaken?: readonly number[];
}

/**
 * @returns the answer, and where it comes from; the caller closes it
 * @throws VelourError where none of the endpoints gives one
 */
export async function ask(
  endpoints: readonly string[],
  request: LongRequest,
): Promise<StreamedAnswer> {
  let failure: VelourError | undefined;
  for (const endpoint of request.body === undefined ? endpoints : [await firstWell(endpoints)]) {
    try {
      return await askOne(endpoint, request);
    } catch (error) {
      if (!(error instanceof VelourError)) throw error;
      const isElsewhere = error.status === NOT_READY || error.status === 0;
      if (!isElsewhere && error.code !== 'not-a-frontend') throw error;
      // What a frontend says tells more than that another one was not there.
      if (failure?.status !== NOT_READY) failure = error;
    }
  }
  throw failure ?? new VelourError('unreachable', 'no frontend answered');
}

async function askOne(endpoint: string, request: LongRequest): Promise<StreamedAnswer> {
  const { method, path, body, answerType, alsoTaken = [] } = request;
  const { origin, pathname } = new URL(endpoint);
  const prefix = pathname.replace(/\/+$/, '');
  const headers = {
    accept: `${answerType}, application/problem+json`,
    ...(body === undefined ? {} : { 'content-type': 'application/x-ndjson' }),
  };
  // An import answers when all is done.
  const silenceMs = method === 'GET' ? SILENCE_MS : 0;
  const call = { method, path: `${prefix}${path}`, headers, body, silenceMs };
  const answer = await callStreamed(origin, call).catch((error: Error) => {
    throw unreachable(endpoint, error);
  });
  const isOfType = (answer.header('content-type') ?? '').startsWith(answerType);
  if (isOfType && [200, ...alsoTaken].includes(answer.status)) return answer;
  try {
    throw await refusalOf(endpoint, answer);
  } finally {
    answer.close();
  }
}

export function unreachable(endpoint: string, error: Error): VelourError {
  // An attempt to connect to each address of a host fails with one error for all, which has no message.
  const why = error.message || String((error as NodeJS.ErrnoException).code ?? error.name);
  return new VelourError('unreachable', `${endpoint}: ${why.trim()}`, { cause: error });
}

async function refusalOf(endpoint: string, answer: StreamedAnswer): Promise<VelourError> {
  const { status } = answer;
  const code = answer.header(ERROR_HEADER);
  if (code === undefined || code === 'unknown-path') {
    const what = `${endpoint} answers ${status}, and not as velour-fog does here: it is no frontend`;
    return new VelourError('not-a-frontend', what, { status });
  }
  const text = await wholeText(answer).catch(() => '');
  return new VelourError(code, detailIn(text) ?? `status ${status}`, { status });
}

function detailIn(text: string): string | undefined {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return typeof detail === 'string' ? detail : undefined;
  } catch {
    return text.trim() || undefined;
  }
}

/** @returns the body of an answer that is short, or its beginning */
export async function wholeText(answer: StreamedAnswer): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer.body) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > ERROR_BYTES_MAX) break;
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** @throws VelourError where none of them answers as a process of velour-fog that lives */
async function firstWell(endpoints: readonly string[]): Promise<string> {
  const probe = {
    method: 'GET',
    path: '/v1/scan?limit=1',
    answerType: 'application/x-ndjson',
  } as const;
  let failure: VelourError | undefined;
  for (const endpoint of endpoints) {
    try {
      const answer = await askOne(endpoint, probe);
      answer.close();
      return endpoint;
    } catch (error) {
      if (!(error instanceof VelourError)) throw error;
      failure = error;
    }
  }
  throw failure ?? new VelourError('unreachable', 'no frontend answered');
}
