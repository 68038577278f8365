// Parses the conditional headers of RFC 9110, 13.1: If-Match and If-None-Match, which it judges for reads, and dates; for writes the cluster judges them, in
// one step with the write (coordinator/operations/conditional). An ETag is that of a record, but where a gateway has its own,
// which is a text here. Pure.

import {
  type Condition,
  type ETag,
  NO_CONDITION,
  parseETag,
  printETag,
} from '../model/condition.ts';
import { ETAGS_MAX } from '../model/limits.ts';
import { printVersion } from '../model/version.ts';
import { type HttpRequest, hostHeader } from './http.ts';
import { parseHttpDate } from './http-date.ts';

/** What may stand between two commas: a tag with its quotes, which may have commas in it, behind `W/` if it is weak. */
const TAG = /[\t ,]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?=,|$)/y;
const NOTHING_MORE = /[\t ,]*$/y;

type Tags<Tag> = 'any' | readonly Tag[];

/** What the headers of a request demand. `Condition` is that of records. */
export interface TagLists<Tag> {
  readonly ifMatch?: Tags<Tag> | undefined;
  readonly ifNoneMatch?: Tags<Tag> | undefined;
}

/** Its ETags as they stand in the headers, with their quotes and without `W/`. */
export type TextCondition = TagLists<string>;

export interface WrongHead {
  /** One sentence without a full stop. */
  readonly what: string;
  readonly instead: string;
}

export type ParsedCondition =
  /** A text that is no record's ETag matches none, so it is not in `condition`. */
  { readonly condition: Condition; readonly texts: TextCondition } | { readonly fault: WrongHead };

const NONE: ParsedCondition = { condition: NO_CONDITION, texts: {} };

type Conditional = Pick<HttpRequest, 'header' | 'target'>;

/** @param shown what stands for the target of the request in the line that shows the right form */
export function conditionOf(
  request: Conditional,
  shown: (target: string) => string,
): ParsedCondition {
  const match = request.header('if-match');
  const noneMatch = request.header('if-none-match');
  if (match === undefined && noneMatch === undefined) return NONE;
  const ifMatch = match === undefined ? undefined : tagsOf('If-Match', match);
  if (typeof ifMatch === 'string' && ifMatch !== 'any') return wrong(ifMatch, request, shown);
  const ifNoneMatch = noneMatch === undefined ? undefined : tagsOf('If-None-Match', noneMatch);
  if (typeof ifNoneMatch === 'string' && ifNoneMatch !== 'any') {
    return wrong(ifNoneMatch, request, shown);
  }
  return {
    condition: { ifMatch: ofRecords(ifMatch), ifNoneMatch: ofRecords(ifNoneMatch) },
    texts: { ifMatch, ifNoneMatch },
  };
}

/** The headers that tell which record an answer is about, and what its ETag is for the client. */
export type TagHeaders = Readonly<Record<'etag' | 'x-fog-version', string>>;

export function tagHeaders(etag: ETag): TagHeaders {
  return { etag: printETag(etag), 'x-fog-version': printVersion(etag.version) };
}

export type ReadVerdict = 'send' | 'not-modified' | 'unmet';

/** @param isPresent whether an ETag is that of what the read found */
export function judgeRead<Tag>(
  { ifMatch, ifNoneMatch }: TagLists<Tag>,
  isPresent: (tag: Tag) => boolean,
): ReadVerdict {
  if (ifMatch !== undefined && !includes(ifMatch, isPresent)) return 'unmet';
  if (ifNoneMatch !== undefined && includes(ifNoneMatch, isPresent)) return 'not-modified';
  return 'send';
}

/** @returns the date in a header, in ms since 1970; undefined where there is none, or none that is a date */
export function dateIn(request: Pick<HttpRequest, 'header'>, name: string): number | undefined {
  const text = request.header(name);
  return text === undefined ? undefined : parseHttpDate(text);
}

/** Whether something was modified after a date, which has whole seconds. Both in ms since 1970. */
export function isModifiedSince(modifiedMs: number, dateMs: number): boolean {
  return Math.floor(modifiedMs / 1000) * 1000 > dateMs;
}

/**
 * RFC 9110, 13.2.2: If-Unmodified-Since counts only where there is no If-Match.
 * @param dates the date in it, and when what is there was modified, in ms since 1970; undefined where there is none
 */
export function isUnmodified(
  { ifMatch }: TagLists<unknown>,
  dates: { readonly sinceMs: number | undefined; readonly modifiedMs: number | undefined },
): boolean {
  const { sinceMs, modifiedMs } = dates;
  if (ifMatch !== undefined || sinceMs === undefined || modifiedMs === undefined) return true;
  return !isModifiedSince(modifiedMs, sinceMs);
}

/** @returns whether an ETag is that of the record that `present` is of */
export function isRecordTag(present: ETag): (tag: ETag) => boolean {
  return ({ version, hash }) => version === present.version && hash === present.hash;
}

function includes<Tag>(tags: Tags<Tag>, isPresent: (tag: Tag) => boolean): boolean {
  return tags === 'any' || tags.some(isPresent);
}

/** @returns a list of the tags that are a record's: one of no such tags is empty, and matches nothing either */
function ofRecords(tags: Tags<string> | undefined): Tags<ETag> | undefined {
  if (tags === undefined || tags === 'any') return tags;
  return tags.map(parseETag).filter((tag) => tag !== undefined);
}

/** @returns a text that says what is wrong with the list */
function tagsOf(header: 'If-Match' | 'If-None-Match', text: string): Tags<string> | string {
  if (text.trim() === '*') return 'any';
  const tags: string[] = [];
  let given = 0;
  let at = 0;
  for (;;) {
    NOTHING_MORE.lastIndex = at;
    if (NOTHING_MORE.test(text)) break;
    TAG.lastIndex = at;
    const [whole, weak, quoted = ''] = TAG.exec(text) ?? [];
    if (whole === undefined) return `${header} is not * or a list of ETags, each in double quotes`;
    if (given >= ETAGS_MAX) return `${header} has more than ${ETAGS_MAX} ETags`;
    given++;
    // RFC 9110, 13.1: for If-Match a weak tag equals none. Of If-None-Match it is the one that a proxy made of ours as it
    // compressed the value.
    if (weak === undefined || header === 'If-None-Match') tags.push(quoted);
    at += whole.length;
  }
  return given === 0 ? `${header} is empty` : tags;
}

function wrong(
  what: string,
  request: Conditional,
  shown: (target: string) => string,
): ParsedCondition {
  const header = what.startsWith('If-Match') ? 'If-Match' : 'If-None-Match';
  const url = `http://${hostHeader(request)}${shown(request.target)}`;
  return {
    fault: { what, instead: `curl -H '${header}: "0196c6f1f2c40000-1c291ca3"' '${url}'` },
  };
}
