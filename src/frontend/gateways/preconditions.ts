// Parses If-Match and If-None-Match (RFC 9110, 13.1), and judges them for reads; for writes the cluster judges them, in
// one step with the write (coordinator/operations/conditional). Pure.

import { type HttpRequest, hostHeader, type ReplyHeaders } from '../../cluster/http/http.ts';
import {
  type Condition,
  type ETag,
  NO_CONDITION,
  parseETag,
  printETag,
} from '../../cluster/model/condition.ts';
import { ETAGS_MAX } from '../../cluster/model/limits.ts';
import { printVersion } from '../../cluster/model/version.ts';

/** What may stand between two commas: a tag with its quotes, which may have commas in it, behind `W/` if it is weak. */
const TAG = /[\t ,]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?=,|$)/y;
const NOTHING_MORE = /[\t ,]*$/y;

type Tags = 'any' | readonly ETag[];

export interface WrongHead {
  /** One sentence without a full stop. */
  readonly what: string;
  readonly instead: string;
}

export type ParsedCondition = { readonly condition: Condition } | { readonly fault: WrongHead };

const NONE: ParsedCondition = { condition: NO_CONDITION };

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
  return { condition: { ifMatch, ifNoneMatch } };
}

/** The headers that tell which record an answer is about. */
export function tagHeaders(etag: ETag): ReplyHeaders {
  return { etag: printETag(etag), 'x-fog-version': printVersion(etag.version) };
}

export type ReadVerdict = 'send' | 'not-modified' | 'unmet';

/** @param present the ETag of the record that the read found */
export function judgeRead({ ifMatch, ifNoneMatch }: Condition, present: ETag): ReadVerdict {
  if (ifMatch !== undefined && !includes(ifMatch, present)) return 'unmet';
  if (ifNoneMatch !== undefined && includes(ifNoneMatch, present)) return 'not-modified';
  return 'send';
}

function includes(tags: Tags, { version, hash }: ETag): boolean {
  return tags === 'any' || tags.some((tag) => tag.version === version && tag.hash === hash);
}

/**
 * @returns a text that says what is wrong with the list. A tag that is no record's here matches nothing, so it is left
 *   out; a list of such tags alone is an empty one, which matches nothing either
 */
function tagsOf(header: 'If-Match' | 'If-None-Match', text: string): Tags | string {
  if (text.trim() === '*') return 'any';
  const tags: ETag[] = [];
  let count = 0;
  let at = 0;
  for (;;) {
    NOTHING_MORE.lastIndex = at;
    if (NOTHING_MORE.test(text)) break;
    TAG.lastIndex = at;
    const [whole, weak, quoted = ''] = TAG.exec(text) ?? [];
    if (whole === undefined) return `${header} is not * or a list of ETags, each in double quotes`;
    // Of If-None-Match the weak tag is the one that a proxy made of ours as it compressed the value.
    if (weak !== undefined && header === 'If-Match') {
      return 'If-Match has a weak ETag, W/"...", which never matches: take the one that this server sent';
    }
    if (++count > ETAGS_MAX) return `${header} has more than ${ETAGS_MAX} ETags`;
    const tag = parseETag(quoted);
    if (tag !== undefined) tags.push(tag);
    at += whole.length;
  }
  return count === 0 ? `${header} is empty` : tags;
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
