// Parses the head of a WebDAV request: what it asks for, or what is wrong with it. Pure, and looks at nothing but the head, so that
// a request can be refused before its body is sent; bodies are read in property-requests.ts and lock-requests.ts.

import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { type HttpRequest, rawPathOf } from '../../../cluster/http/http.ts';
import { conditionOf, dateIn, type TextCondition } from '../../../cluster/http/preconditions.ts';
import { type DavPath, type DavSpace, readDavPath, readDavUrl } from './dav-path.ts';
import { type IfList, readIfHeader, resourcesOf, tokensIn } from './if-header.ts';

export type Depth = '0' | '1' | 'infinity';

/** A resource that the If header names, with its URL as it stands there. */
export interface TaggedResource {
  readonly url: string;
  /** Undefined for a URL that is none of this server: nothing is known of it. */
  readonly path: DavPath | undefined;
}

/** If-Match and If-None-Match. */
export interface DavCondition extends TextCondition {
  /** If-Unmodified-Since, in ms since 1970. */
  readonly sinceMs?: number | undefined;
}

export interface DavUsage {
  readonly path: DavPath;
  readonly condition: DavCondition;
  /** The lists of the If header; none where there is no such header. */
  readonly lists: readonly IfList[];
  readonly tagged: readonly TaggedResource[];
  /** The tokens in the If header. */
  readonly submitted: ReadonlySet<string>;
  readonly depth: Depth | undefined;
  /** Undefined for methods without one. */
  readonly destination: DavPath | undefined;
  /** Whether COPY and MOVE may replace what is there. */
  readonly overwrites: boolean;
}

export interface DavUsageFault {
  readonly code: ErrorCode;
  /** One sentence without a full stop. */
  readonly what: string;
}

type RequestOfDav = Pick<HttpRequest, 'method' | 'target' | 'header'>;

const NEED_DESTINATION: readonly string[] = ['COPY', 'MOVE'];

export function readDavUsage(
  request: RequestOfDav,
  space: DavSpace,
): { readonly usage: DavUsage } | { readonly fault: DavUsageFault } {
  const read = readDavPath(rawPathOf(request.target), space);
  if ('fault' in read) return read;
  const { path } = read;
  const conditional = conditionOf(request, (target) => target);
  if ('fault' in conditional) return wrong(conditional.fault.what);
  const sinceMs = dateIn(request, 'if-unmodified-since');
  const condition = { ...conditional.texts, sinceMs };
  const lists = readIfHeader(request.header('if'));
  if ('fault' in lists) return wrong(lists.fault);
  const depth = request.header('depth')?.trim().toLowerCase();
  if (depth !== undefined && !isDepth(depth)) return wrong('Depth is not 0, 1 or infinity');
  const overwrite = request.header('overwrite')?.trim().toUpperCase() ?? 'T';
  if (overwrite !== 'T' && overwrite !== 'F') return wrong('Overwrite is not T or F');
  if (request.method === 'PUT' && request.header('content-range') !== undefined) {
    return wrong('a file is stored whole, and Content-Range is of a part');
  }
  const asked = destinationOf(request, space);
  if ('fault' in asked) return asked;
  const tagged = resourcesOf(lists.lists).map((url): TaggedResource => {
    const named = readDavUrl(url, request, space);
    return { url, path: 'path' in named ? named.path : undefined };
  });
  return {
    usage: {
      path,
      condition,
      lists: lists.lists,
      tagged,
      submitted: tokensIn(lists.lists),
      depth,
      destination: asked.destination,
      overwrites: overwrite === 'T',
    },
  };
}

function destinationOf(
  request: RequestOfDav,
  space: DavSpace,
): { readonly destination: DavPath | undefined } | { readonly fault: DavUsageFault } {
  if (!NEED_DESTINATION.includes(request.method)) return { destination: undefined };
  const url = request.header('destination')?.trim();
  if (url === undefined) return wrong(`${request.method} needs a Destination: the URL to go to`);
  const read = readDavUrl(url, request, space);
  if ('path' in read) return { destination: read.path };
  return { fault: { ...read.fault, what: `Destination: ${read.fault.what}` } };
}

function isDepth(text: string): text is Depth {
  return text === '0' || text === '1' || text === 'infinity';
}

function wrong(what: string): { readonly fault: DavUsageFault } {
  return { fault: { code: 'bad-parameter', what } };
}
