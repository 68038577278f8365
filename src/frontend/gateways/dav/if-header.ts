// The If header of WebDAV (RFC 4918, 10.4): lists of state tokens and ETags, of which one list must hold, each of the resource
// that it is tagged with, or of that of the request. Pure: who knows the resources says what holds of them.

/** What one list asks of its resource: all of its terms must hold. */
export interface IfList {
  /** The URL of the resource, as the client wrote it; undefined for the resource of the request. */
  readonly resource: string | undefined;
  readonly terms: readonly IfTerm[];
}

export interface IfTerm {
  readonly isNegated: boolean;
  readonly kind: 'token' | 'etag';
  /** The token without its angle brackets, the ETag with its quotes and its `W/`, if it has one. */
  readonly value: string;
}

export type ReadIfHeader = { readonly lists: readonly IfList[] } | { readonly fault: string };

/** What a list is judged by. */
export interface IfState {
  /** With its quotes; undefined where nothing is. */
  readonly etag: string | undefined;
  /** The tokens of all locks in whose scope the resource is. */
  readonly tokens: readonly string[];
}

/** Each resource that a header names has to be looked up. */
export const IF_RESOURCES_MAX = 16;

const SPACES = '[ \\t]*';
const RESOURCE = new RegExp(`${SPACES}<([^<>\\s]+)>${SPACES}(?=\\()`, 'y');
const LIST = new RegExp(`${SPACES}\\(([^()"]*(?:"[^"]*"[^()"]*)*)\\)${SPACES}`, 'y');
const TERM = new RegExp(
  `${SPACES}(?:(Not)(?=[ \\t<[])${SPACES})?(?:<([^<>\\s]+)>|\\[((?:W/)?"[^"]*")\\])${SPACES}`,
  'yi',
);

/** @returns no lists for a request without the header */
export function readIfHeader(text: string | undefined): ReadIfHeader {
  if (text === undefined) return { lists: [] };
  const lists: IfList[] = [];
  let resource: string | undefined;
  for (let at = 0; at < text.length; ) {
    const tag = matchAt(RESOURCE, text, at);
    if (tag !== undefined) {
      // Tagged and untagged lists do not go together, so nothing stands before the first tag.
      if (resource === undefined && lists.length > 0) return { fault: WRONG };
      resource = tag[1];
      at += tag[0].length;
    }
    const list = matchAt(LIST, text, at);
    const terms = list === undefined ? undefined : termsIn(list[1] ?? '');
    if (list === undefined || terms === undefined) return { fault: WRONG };
    lists.push({ resource, terms });
    at += list[0].length;
  }
  if (lists.length === 0) return { fault: WRONG };
  if (resourcesOf(lists).length > IF_RESOURCES_MAX) {
    return { fault: `If names more than ${IF_RESOURCES_MAX} resources` };
  }
  return { lists };
}

const WRONG =
  'If is no list of conditions such as (<urn:uuid:...> ["etag"]), which may have a <URL> before it';

function termsIn(text: string): readonly IfTerm[] | undefined {
  const terms: IfTerm[] = [];
  for (let at = 0; at < text.length; ) {
    const [whole, not, token, etag] = matchAt(TERM, text, at) ?? [];
    if (whole === undefined) return undefined;
    const isNegated = not !== undefined;
    if (token !== undefined) terms.push({ isNegated, kind: 'token', value: token });
    else terms.push({ isNegated, kind: 'etag', value: etag ?? '' });
    at += whole.length;
  }
  return terms.length === 0 ? undefined : terms;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

/** @returns the URLs of all resources that lists are tagged with, each once */
export function resourcesOf(lists: readonly IfList[]): readonly string[] {
  return [...new Set(lists.flatMap(({ resource }) => (resource === undefined ? [] : [resource])))];
}

/** @returns the tokens that the client has submitted: it knows of these locks, whether or not its lists hold */
export function tokensIn(lists: readonly IfList[]): ReadonlySet<string> {
  const terms = lists.flatMap((list) => list.terms);
  return new Set(terms.filter(({ kind }) => kind === 'token').map(({ value }) => value));
}

/**
 * @param stateOf says what is known of the resource of a list; undefined stands for that of the request
 * @returns whether one of the lists holds; no lists ask for nothing
 */
export function ifHolds(
  lists: readonly IfList[],
  stateOf: (resource: string | undefined) => IfState,
): boolean {
  if (lists.length === 0) return true;
  return lists.some(({ resource, terms }) => {
    const { etag, tokens } = stateOf(resource);
    return terms.every(({ isNegated, kind, value }) => {
      // A weak ETag equals none here, for those of this server are strong (RFC 9110, 8.8.3.2).
      const holds = kind === 'token' ? tokens.includes(value) : value === etag;
      return holds !== isNegated;
    });
  });
}
