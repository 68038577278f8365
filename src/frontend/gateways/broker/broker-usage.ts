// Parses what a request to a broker asks of a file, beyond its method and path: whether it goes through the broker, what an upload
// wishes, and what a completion says of one. Pure.

import { type HttpRequest, queryOf } from '../../../cluster/http/http.ts';
import { parseQuery } from '../../../cluster/wire/query.ts';
import { COPIES_MAX } from '../../../files/classes.ts';
import { readToldSums } from '../../../files/http/upload-sums.ts';
import { FILE_BYTES_MAX } from '../../../files/manifest.ts';
import { unknownWord } from './known-words.ts';

export interface UploadWishes {
  /** How many copies this file is to have, whatever its type. */
  readonly replicate: number | undefined;
  readonly waitsForAll: boolean | undefined;
}

/** What a client says of an upload that it takes for done. */
export interface ToldCompletion {
  /** The token of the ticket. */
  readonly ticket: string;
  readonly size: number | undefined;
  /** In lower hexadecimal, as the other. */
  readonly md5: string | undefined;
  readonly sha512: string | undefined;
}

export type BrokerAsk =
  /** The bytes pass through the broker: for clients that follow no redirect. */
  | { readonly kind: 'proxied'; readonly wishes: UploadWishes }
  /** The document that says where copies of the file are. */
  | { readonly kind: 'metalink' }
  | { readonly kind: 'complete'; readonly told: ToldCompletion }
  | { readonly kind: 'redirected'; readonly wishes: UploadWishes };

export interface BrokerFault {
  /** One sentence without a full stop. */
  readonly fault: string;
}

const HEXADECIMAL = { md5: /^[0-9a-f]{32}$/i, sha512: /^[0-9a-f]{128}$/i } as const;
const TRUE: readonly string[] = ['', '1', 'true', 'yes', 'on'];
const FALSE: readonly string[] = ['0', 'false', 'no', 'off'];

/** What may stand in the query of an upload, of the message that one is complete, and of all other changes. */
const UPLOAD_WORDS: readonly string[] = ['proxy', 'replicate', 'client_wait_to_finish', 'redirect'];
const COMPLETION_WORDS: readonly string[] = ['ticket', 'complete', 'size', 'md5', 'sha512'];
/** Nothing else has one of these. */
const COMPLETION_MARKS: readonly string[] = ['ticket', 'complete'];
const OTHER_WORDS: readonly string[] = ['proxy'];
/** Pages have links to files with parameters of their own, as `?v=2`, which mean nothing. */
const TAKE_ANY_WORD: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** @returns what it asks */
export function readBrokerAsk(
  request: Pick<HttpRequest, 'method' | 'target' | 'header'>,
): BrokerAsk | BrokerFault {
  const { method } = request;
  const query = parseQuery(queryOf(request.target));
  if (query.kind === 'malformed') return { fault: query.reason };
  const given = (name: string) => query.parameters.get(name)?.toString();
  const mark = COMPLETION_MARKS.find((name) => given(name) !== undefined);
  const completes = method === 'POST' && mark !== undefined;
  const unknown = TAKE_ANY_WORD.includes(method)
    ? undefined
    : unknownWord('parameter', query.parameters.keys(), wordsOf(method, completes));
  if (method === 'PUT' && mark !== undefined) {
    return {
      fault: `${mark} belongs to the message that an upload is complete, which is a POST; the file itself is PUT to the URL upload that came with the ticket`,
    };
  }
  if (unknown !== undefined) {
    return { fault: `${unknown}; a ? in the name of a file is written %3F` };
  }
  if (completes) return completionIn(request, given);
  const proxied = truth('proxy', given('proxy'));
  if (typeof proxied === 'object') return proxied;
  const replicate = wholeNumber('replicate', given('replicate'), { min: 1, max: COPIES_MAX });
  if (typeof replicate === 'object') return replicate;
  const waitsForAll = truth('client_wait_to_finish', given('client_wait_to_finish'));
  if (typeof waitsForAll === 'object') return waitsForAll;
  const wishes = { replicate, waitsForAll };
  if (proxied === true) return { kind: 'proxied', wishes };
  return given('metalink') !== undefined ? { kind: 'metalink' } : { kind: 'redirected', wishes };
}

function wordsOf(method: string, completes: boolean): readonly string[] {
  if (completes) return COMPLETION_WORDS;
  return method === 'PUT' || method === 'POST' ? UPLOAD_WORDS : OTHER_WORDS;
}

function completionIn(
  request: Pick<HttpRequest, 'header'>,
  given: (name: string) => string | undefined,
): BrokerAsk | BrokerFault {
  const ticket = given('ticket');
  if (given('complete') === undefined) {
    return { fault: 'complete is missing beside the ticket: ?ticket=TICKET&complete' };
  }
  if (ticket === undefined || ticket === '') {
    return { fault: 'complete needs the ticket of the upload: ?ticket=TICKET&complete' };
  }
  const size = wholeNumber('size', given('size'), { min: 0, max: FILE_BYTES_MAX });
  if (typeof size === 'object') return size;
  const headers = readToldSums(request);
  if ('fault' in headers) return headers;
  const sums: { md5?: string; sha512?: string } = {};
  for (const name of ['md5', 'sha512'] as const) {
    const text = given(name);
    if (text !== undefined && !HEXADECIMAL[name].test(text)) {
      return { fault: `${name} is no ${name.toUpperCase()} in hexadecimal digits` };
    }
    const sum = text?.toLowerCase() ?? headers.sums[name];
    if (sum !== undefined) sums[name] = sum;
  }
  return { kind: 'complete', told: { ticket, size, md5: sums.md5, sha512: sums.sha512 } };
}

function truth(name: string, text: string | undefined): boolean | undefined | BrokerFault {
  if (text === undefined) return undefined;
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  return { fault: `${name} is ${TRUE[1]} or ${FALSE[0]}` };
}

function wholeNumber(
  name: string,
  text: string | undefined,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined | BrokerFault {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  return { fault: `${name} is no whole number from ${min} to ${max}` };
}
