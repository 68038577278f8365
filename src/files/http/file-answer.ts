// What a GET or HEAD of a file is answered, whichever gateway it comes through: the conditions and ranges of RFC 9110 on one
// version of a file (F3). All but the bytes follows from the manifest, and a HEAD reads none.

import type { ByteStream } from '../../cluster/http/byte-stream.ts';
import { typeHeaders } from '../../cluster/http/content-types.ts';
import { type ErrorCode, errorReply } from '../../cluster/http/errors.ts';
import type { HttpReply, HttpRequest, WholeReply } from '../../cluster/http/http.ts';
import { printHttpDate } from '../../cluster/http/http-date.ts';
import {
  dateIn,
  isModifiedSince,
  isUnmodified,
  judgeRead,
  type ReadVerdict,
  type TextCondition,
} from '../../cluster/http/preconditions.ts';
import type { ByteRange } from '../outcomes.ts';
import { parseRanges, type RequestedRanges } from '../ranges.ts';
import {
  type AnsweredFile,
  type OpensFiles,
  partsReply,
  type ReplyHead,
  rangeText,
} from './byteranges.ts';
import { servedHeaders } from './served-headers.ts';

export interface FileAnswer {
  readonly file: AnsweredFile;
  /** As the gateway has it of the file. */
  readonly contentType: string | undefined;
  /** If-Match and If-None-Match of the request. */
  readonly condition: TextCondition;
  /** The ETag by which the clients of the gateway know this content: it is another one for other bytes (F3). */
  readonly tag: FileTag;
}

/** The headers that say which content an answer is about. */
export type FileTag = Readonly<Record<string, string>> & { readonly etag: string };

type ReadRequest = Pick<HttpRequest, 'method' | 'header'>;

export interface FileFailure {
  readonly code: ErrorCode;
  readonly detail: string;
}

export type FileAnswerOutcome =
  | { readonly kind: 'reply'; readonly reply: HttpReply }
  /** Nobody can give the content now; which status that is, the gateway says. */
  | ({ readonly kind: 'failed' } & FileFailure);

/** @param callback called exactly once */
export function answerFile(
  files: OpensFiles,
  request: ReadRequest,
  answer: FileAnswer,
  callback: (outcome: FileAnswerOutcome) => void,
): void {
  const judged = judge(request, answer);
  if ('reply' in judged) return callback({ kind: 'reply', ...judged });
  const { head, ranges } = judged;
  const { file } = answer;
  const [range, ...others] = ranges;
  return files.open(file, range, (opened) => {
    if (opened.kind === 'failed') return callback(opened);
    const { body } = opened;
    const reply =
      range === undefined || others.length === 0
        ? { ...head, body }
        : partsReply(files, file, head, { body, range, others });
    return callback({ kind: 'reply', reply });
  });
}

/** @returns the reply, or the head of one and the ranges that are to follow: none for the whole file */
function judge(
  request: ReadRequest,
  { file, contentType, condition, tag }: FileAnswer,
):
  | { readonly reply: HttpReply }
  | { readonly head: ReplyHead; readonly ranges: readonly ByteRange[] } {
  const { size, modifiedMs, attributes } = file.manifest;
  const { etag } = tag;
  const headers = {
    'last-modified': printHttpDate(modifiedMs),
    'cache-control': 'no-cache',
    'accept-ranges': 'bytes',
    ...servedHeaders(attributes),
    ...tag,
  };
  switch (verdictOn(request, condition, { etag, modifiedMs })) {
    case 'unmet':
      return { reply: unmetReply(tag) };
    case 'not-modified':
      return { reply: { status: 304, headers, body: '' } };
    case 'send':
      break;
  }
  const typed = { ...typeHeaders(contentType), ...headers };
  // RFC 9110, 14.2: ranges are of GET alone.
  if (request.method === 'HEAD') {
    return { reply: { status: 200, headers: typed, body: unread(size) } };
  }
  const asked = rangesOf(request, size, etag);
  switch (asked.kind) {
    case 'whole':
      return { head: { status: 200, headers: typed }, ranges: [] };
    case 'unsatisfiable': {
      const detail = `no range is within the ${size} bytes of the file`;
      const whole = { 'content-range': `bytes */${size}`, ...tag };
      return { reply: errorReply('bad-range', detail, { headers: whole }) };
    }
    case 'ranges': {
      const { ranges } = asked;
      const of = ranges.length > 1 ? {} : { 'content-range': rangeText(ranges[0], size) };
      return { head: { status: 206, headers: { ...typed, ...of } }, ranges };
    }
  }
}

/** @param tag of what is there; undefined where nothing is */
export function unmetReply(tag: FileTag | undefined): WholeReply {
  const there = tag === undefined ? 'no file is there' : `the file there has the ETag ${tag.etag}`;
  return errorReply('condition-failed', `the condition does not hold: ${there}`, {
    headers: tag ?? {},
  });
}

/** RFC 9110, 13.2.2: a date counts only where no ETag is given. */
function verdictOn(
  request: ReadRequest,
  condition: TextCondition,
  present: { readonly etag: string; readonly modifiedMs: number },
): ReadVerdict {
  const { modifiedMs } = present;
  const sinceMs = dateIn(request, 'if-unmodified-since');
  if (!isUnmodified(condition, { sinceMs, modifiedMs })) return 'unmet';
  const verdict = judgeRead(condition, (tag) => tag === present.etag);
  if (verdict !== 'send' || condition.ifNoneMatch !== undefined) return verdict;
  const cachedMs = dateIn(request, 'if-modified-since');
  return cachedMs === undefined || isModifiedSince(modifiedMs, cachedMs) ? 'send' : 'not-modified';
}

/**
 * RFC 9110, 13.1.5: a range of another version is none of this file, so If-Range asks for the whole then. A date never
 * counts: a file may change twice within its second, and who goes on by it could join two versions (F3).
 */
function rangesOf(request: ReadRequest, size: number, etag: string): RequestedRanges {
  const ifRange = request.header('if-range');
  const holds = ifRange === undefined || ifRange.trim() === etag;
  return parseRanges(holds ? request.header('range') : undefined, size);
}

/** The body of a HEAD, of which only the length is sent. */
function unread(length: number): ByteStream {
  return {
    length,
    read: (callback) => callback({ kind: 'broken', why: 'failed' }),
    discard: () => undefined,
  };
}
