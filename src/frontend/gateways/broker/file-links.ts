// What a redirect says of a file: where copies of it are, and what it must be once it is there (RFC 6249, Metalink/HTTP). Pure.
// Which file servers these are, the file layer says.

import type { WholeReply } from '../../../cluster/http/http.ts';
import { printHttpDate } from '../../../cluster/http/http-date.ts';
import type { TagHeaders } from '../../../cluster/http/preconditions.ts';
import { digestHeaders } from '../../../files/http/digest-headers.ts';
import type { FileFields } from '../../../files/manifest.ts';
import { xmlValue } from '../dav/xml/xml-writer.ts';

export const METALINK_TYPE = 'application/metalink4+xml';

/** A file with a blob, and the URLs at which clients get it, best first; at least one. */
export interface LinkedFile {
  readonly fields: FileFields;
  readonly tag: TagHeaders;
  readonly urls: readonly [string, ...string[]];
  /** That of the document that says all this as well. */
  readonly metalinkUrl: string;
}

/** Redirects to the first of the URLs; it is temporary, for copies move and tickets end. */
export function redirectReply(file: LinkedFile): WholeReply {
  const [url] = file.urls;
  return {
    status: 302,
    headers: {
      location: url,
      link: linksOf(file),
      ...digestHeaders(file.fields),
      ...file.tag,
      'last-modified': printHttpDate(file.fields.modifiedMs),
      ...PAGE_HEADERS,
    },
    body: pageTo(302, 'Found', url),
  };
}

/** The headers that redirects of all kinds have; nobody may remember a URL that ends. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
} as const;

export function pageTo(status: number, reason: string, url: string): string {
  return `<!doctype html>
<html><head><title>${status} ${reason}</title></head>
<body><h1>${status} ${reason}</h1><p>It goes on <a href="${xmlValue(url)}">there</a>.</p></body></html>
`;
}

/** Clients read from some copies at once, and the Metalink document has all of them. */
const DUPLICATES_MAX = 4;
/**
 * Of the location and the links together. With the other headers, that is less than the 4 KiB which nginx has for the head of an
 * answer, where its name fits at all; others take 8 or 16.
 */
const URL_BYTES_MAX = 3 * 1024;

/** One line each: clients of RFC 6249 read no list with commas. As many copies as there is room for are among them. */
function linksOf({ urls, metalinkUrl }: LinkedFile): readonly string[] {
  const [location] = urls;
  const described = `<${metalinkUrl}>; rel=describedby; type="${METALINK_TYPE}"`;
  const duplicates: string[] = [];
  let bytes = location.length + described.length;
  for (const url of urls.slice(0, DUPLICATES_MAX)) {
    const line = `<${url}>; rel=duplicate; pri=${duplicates.length + 1}`;
    bytes += line.length;
    if (bytes > URL_BYTES_MAX) break;
    duplicates.push(line);
  }
  return [...duplicates, described];
}
