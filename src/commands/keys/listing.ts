// Lists records over HTTP, as the export of the API does: one long answer, which is asked for again from its last cursor
// where a frontend ends, hangs or fails. Lines behind that cursor come twice then. Memory holds what has come of the
// connection, and never a page.

import { VelourError } from '../../client/errors.ts';
import { VALUE_BYTES_MAX_CEILING } from '../../cluster/model/limits.ts';
import { linesOf } from './input.ts';
import { ask } from './streamed.ts';

/** So often it is begun at one cursor. */
const TRIES_MAX = 5;
const WAIT_MS = 250;
/** A value in base64, or with escapes, and what a line has besides. */
const LINE_BYTES_MAX = 2 * VALUE_BYTES_MAX_CEILING + 64 * 1024;
const RECORD_BEGINS = Buffer.from('{"key"');

export interface ListedPart {
  readonly records: readonly Buffer[];
  /** The cursor right behind these; undefined where none came yet. */
  readonly cursor: string | undefined;
}

export interface WhatToList {
  readonly endpoints: readonly string[];
  /** @param cursor undefined for the beginning */
  pathFrom(cursor: string | undefined): string;
  readonly from: string | undefined;
}

interface Told {
  readonly cursor?: unknown;
  readonly error?: unknown;
  readonly detail?: unknown;
}

/** @throws VelourError where no frontend gives what is left; an ending of the caller closes the connection */
export async function* listed(listing: WhatToList): AsyncGenerator<ListedPart> {
  let cursor = listing.from;
  let tries = 0;
  let hasBegun = false;
  for (;;) {
    let failure: VelourError;
    try {
      const endpoints = inTurn(listing.endpoints, tries);
      const path = listing.pathFrom(cursor);
      const answerType = 'application/x-ndjson';
      const answer = await ask(endpoints, { method: 'GET', path, answerType });
      hasBegun = true;
      try {
        let ending: Told | undefined;
        for await (const lines of linesOf(answer.body, LINE_BYTES_MAX)) {
          const told = partsOf(lines);
          ending = told.ending;
          for (const part of told.parts) {
            // Only a new cursor is progress: what breaks at one place always lists the same records again.
            if (part.cursor !== undefined && part.cursor !== cursor) tries = 0;
            cursor = part.cursor ?? cursor;
            yield part;
          }
        }
        if (ending?.error !== undefined) throw failureIn(ending);
        if (ending?.cursor === null) return;
        throw new VelourError('unreachable', 'the answer ended before its last line');
      } finally {
        answer.close();
      }
    } catch (error) {
      failure = failureOf(error);
    }
    // Before anything has come every frontend was asked once, and waiting would only delay the message.
    if (!hasBegun || !mayGoOn(failure) || ++tries >= TRIES_MAX) throw failure;
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS * 2 ** (tries - 1)));
  }
}

/** @returns the records up to each cursor and behind the last one, and what the last line says if it is no record */
function partsOf(lines: readonly Buffer[]) {
  const parts: ListedPart[] = [];
  let records: Buffer[] = [];
  let ending: Told | undefined;
  for (const line of lines) {
    if (line.length === 0) continue;
    // A record begins with its key; what a listing says of itself is short.
    const isRecord = line.subarray(0, RECORD_BEGINS.length).equals(RECORD_BEGINS);
    ending = isRecord ? undefined : toldIn(line);
    if (isRecord) records.push(line);
    if (typeof ending?.cursor !== 'string') continue;
    parts.push({ records, cursor: ending.cursor });
    records = [];
  }
  if (records.length > 0) parts.push({ records, cursor: undefined });
  return { parts, ending };
}

function toldIn(line: Buffer): Told {
  try {
    const told: unknown = JSON.parse(line.toString('utf8'));
    if (typeof told === 'object' && told !== null && ('cursor' in told || 'error' in told))
      return told;
  } catch {
    // Said below: what is no JSON is no line of a frontend either.
  }
  throw new VelourError('not-a-frontend', 'what answers lists no records as a frontend does');
}

function failureIn({ error, detail }: Told): VelourError {
  const text = typeof detail === 'string' ? detail : 'the frontend cannot go on';
  return new VelourError(typeof error === 'string' ? error : 'internal', text);
}

function failureOf(error: unknown): VelourError {
  if (error instanceof VelourError) return error;
  const isOfConnection = error instanceof Error && 'code' in error;
  if (!isOfConnection) throw error;
  return new VelourError('unreachable', `the connection broke: ${error.message}`, { cause: error });
}

/** A 503 and a broken connection may pass; what is refused otherwise stays so. */
function mayGoOn({ code, status, retryable }: VelourError): boolean {
  return code !== 'not-a-frontend' && (retryable || status === 0);
}

/** The endpoints beginning with another one at each try, for the first may take requests and hang in its answers. */
function inTurn(endpoints: readonly string[], tries: number): readonly string[] {
  const first = tries % endpoints.length;
  return [...endpoints.slice(first), ...endpoints.slice(0, first)];
}
