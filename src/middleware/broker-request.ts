// Which request to a broker a request of an application becomes, and what of the answer its client gets. Pure.

import { COMMON_ROUTES } from '../cluster/http/common-routes.ts';
import { ROLE_HEADER } from '../cluster/http/http.ts';
import type { PoolHead, PoolRequest } from '../cluster/http/http-pool.ts';

/** Headers by their names in lower case, as Node.js has them. */
export type GivenHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What a client asks of a file, and sends of one; cookies and credentials of the application are none of it. */
const READ_HEADERS = [
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
];
/** Of the file, and kept with it. */
const KEPT_HEADERS = ['content-type', 'cache-control', 'content-disposition'];
/** All that a broker judges a write by: one that it does not get would be a condition that is not obeyed. */
const WRITE_HEADERS = [
  ...KEPT_HEADERS,
  'content-length',
  // Of a part, which the broker refuses: it must not be taken for the whole file.
  'content-range',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'if',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'x-oc-mtime',
  'oc-checksum',
];
/** What the ticket has of the upload that it is for; the rest is for the file server that gets the body. */
const REDIRECT_HEADERS = [...KEPT_HEADERS, 'if'];
const ANSWER_HEADERS = [
  'content-type',
  'content-length',
  'content-range',
  'accept-ranges',
  'etag',
  'last-modified',
  'repr-digest',
  'digest',
  'location',
  'cache-control',
  'content-disposition',
  // What users have stored runs no scripts at the origin of the application.
  'content-security-policy',
  'retry-after',
  'x-fog-ticket',
];

/** What a broker says of itself, and no file: it must not be reached through an application. */
const OWN_PATHS: readonly string[] = Object.values(COMMON_ROUTES).map(({ path }) => path);
const OWN_FOLDER = '.broker';

export interface StorePlace {
  /** The folder of the store that the handlers are of, without slashes at its ends; empty for all of the domain. */
  readonly folder: string;
  /** The `Host` of the domain; undefined for that of the broker's address. */
  readonly domain: string | undefined;
}

/**
 * @param url of the request, below the path at which the handler is
 * @returns the path of the file, with its escapes; undefined for what no file has
 */
export function storePathOf(url: string, { folder }: StorePlace): string | undefined {
  // A proxy may send the whole URL (RFC 9112, 3.2.2), and Express keeps its beginning.
  const [given = ''] = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split(/[?#]/, 1);
  const names = given.split('/').filter((name) => name !== '');
  if (names.length === 0 || given.endsWith('/')) return undefined;
  const decoded = names.map(decodedOf);
  // The broker refuses these; here they must not lead out of the folder either.
  if (
    decoded.some(
      (name) => name === undefined || name === '.' || name === '..' || /[/\\]/.test(name),
    )
  ) {
    return undefined;
  }
  const path = `/${[...(folder === '' ? [] : folder.split('/').map(encodeURIComponent)), ...names].join('/')}`;
  const isOwn = folder === '' && isOwnName(decoded[0] ?? '');
  return isOwn ? undefined : path;
}

/** @param name the first one of a path */
export function isOwnName(name: string): boolean {
  return name === OWN_FOLDER || OWN_PATHS.includes(`/${name}`);
}

/** @returns undefined for what is no UTF-8, or has a % without two digits */
function decodedOf(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

export function headersFor(
  { domain }: StorePlace,
  given: GivenHeaders,
  kind: 'read' | 'write' | 'redirect',
): PoolRequest['headers'] {
  const headers: Record<string, string> = domain === undefined ? {} : { host: domain };
  const names = { read: READ_HEADERS, write: WRITE_HEADERS, redirect: REDIRECT_HEADERS }[kind];
  for (const name of names) {
    const value = given[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}

/**
 * Whether it comes from something else, such as a frontend at its own port, or that of its blobs, where a `PUT` of a file
 * succeeds as well. What fails may be a proxy before a broker that is away.
 */
export function isNoBroker(head: PoolHead): boolean {
  return head.status < 500 && head.header(ROLE_HEADER) !== 'broker';
}

/** @returns the headers of an answer that are of the file; several lines `Link` stay several */
export function answerHeaders(head: PoolHead): ReadonlyMap<string, string | readonly string[]> {
  const headers = new Map<string, string | readonly string[]>();
  for (const name of ANSWER_HEADERS) {
    const value = head.header(name);
    if (value !== undefined) headers.set(name, value);
  }
  // The document about the file is at the broker, which clients of the application need not reach.
  const links = (head.header('link') ?? '').split(/,\s*(?=<)/);
  const duplicates = links.filter((link) => /;\s*rel=duplicate/.test(link));
  if (duplicates.length > 0) headers.set('link', duplicates);
  return headers;
}
