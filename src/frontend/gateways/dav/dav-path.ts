// The paths of WebDAV: from the target of a request, or a URL in one of its headers, to names and keys of files, and back to
// hrefs. Names are bytes of any kind but slash and NUL; no two forms of one letter are taken for the same. Pure.

import { type HttpRequest, hostHeader } from '../../../cluster/http/http.ts';
import { decodePath, encodeBytes } from '../../../cluster/wire/query.ts';
import {
  DEFAULT_CLASS,
  directoryFileKey,
  type FileKey,
  type ReplicationClass,
} from '../../../files/file-key.ts';

/** A tree of files, and where its URLs are. */
export interface DavSpace {
  /** What the paths of all its URLs begin with, without a slash at its end; empty where the whole server is the tree. */
  readonly root: string;
  /** The space of directories that it shows (FILES.md, Keys). */
  readonly domain: string;
  /**
   * @param segments the names of the path of a file that is stored there, from the root on
   * @param present the class of the file that is there, or of which it is a copy; undefined where there is none
   */
  ruleOf(segments: readonly Buffer[], present: ReplicationClass | undefined): StoringRule;
}

/** How a file that is stored is kept. */
export interface StoringRule {
  readonly replicationClass: ReplicationClass;
  /** Whether all copies are there before the upload is acknowledged. */
  readonly waitsForAll: boolean;
  /** Longer files have a blob, which clients can be redirected to; by default and at most INLINE_BYTES_MAX. */
  readonly inlineMax?: number | undefined;
}

/** Where WebDAV is on a frontend. */
export const DAV_ROOT = '/dav';
export const DAV_SPACE: DavSpace = {
  root: DAV_ROOT,
  domain: 'default',
  // It has no rules, so it takes none away that a broker has given.
  ruleOf: (_segments, present = DEFAULT_CLASS) => ({
    replicationClass: present,
    waitsForAll: false,
  }),
};

export interface DavPath {
  /** The tree that it is in; those of one request are all in one. */
  readonly space: DavSpace;
  /** The names from the root on; none for the root itself. */
  readonly segments: readonly Buffer[];
  /** Whether the client wrote it as that of a collection, with a slash at its end. */
  readonly endsInSlash: boolean;
}

export interface DavFault {
  readonly code: 'bad-parameter' | 'path-too-long' | 'bad-destination' | 'other-server';
  /** One sentence without a full stop. */
  readonly what: string;
}

export type ReadDavPath = { readonly path: DavPath } | { readonly fault: DavFault };

/** A resource may be in so many collections, itself included: the record of each is looked up for every request. */
export const SEGMENTS_MAX = 64;

const SLASH = '/';
const SLASH_BYTE = 0x2f;
const ABSOLUTE = /^(https?):\/\/([^/?#]*)(\/[^?]*)?/i;
/** User information, which means nothing here; a host, which is in brackets where it has colons; and a port. */
const AUTHORITY = /^(?:[^@]*@)?(\[[^\]]*\]|[^:@]+)(?::(\d{0,5}))?$/;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** @param raw a path as it is in a request, with its escapes */
export function readDavPath(raw: string, space: DavSpace): ReadDavPath {
  const { root } = space;
  // A client that sends the fragment of a URL means less than the whole resource, which it would lose.
  if (raw.includes('#')) return wrong('the path has a #, which must be written as %23');
  const inside = raw.startsWith(`${root}/`) || raw === root;
  if (!inside) {
    return {
      fault: { code: 'bad-destination', what: `the path is not one below ${root}/` },
    };
  }
  const segments: Buffer[] = [];
  // Clients join a base that ends in a slash to a path that begins with one: two slashes are one.
  for (const part of raw.slice(root.length).split(SLASH)) {
    if (part === '') continue;
    const segment = decodePath(part);
    if (segment === undefined) return wrong('a % in the path is not followed by two hex digits');
    if (segment.includes(0)) return wrong('the path has a NUL');
    if (segment.includes(SLASH_BYTE)) return wrong('a name in the path has a slash in it');
    const text = segment.toString('latin1');
    if (text === '.' || text === '..') return wrong('a name in the path is . or ..');
    segments.push(segment);
  }
  if (segments.length > SEGMENTS_MAX) {
    return {
      fault: { code: 'path-too-long', what: `the path has more than ${SEGMENTS_MAX} names` },
    };
  }
  const path = { space, segments, endsInSlash: raw.endsWith(SLASH) || segments.length === 0 };
  if (segments.length > 0 && keyOf(path) === undefined) {
    return {
      fault: { code: 'path-too-long', what: 'the path has more bytes than a key may have' },
    };
  }
  return { path };
}

/** Reads a URL that a header has, which must be one of this server. */
export function readDavUrl(
  url: string,
  request: Pick<HttpRequest, 'header'>,
  space: DavSpace,
): ReadDavPath {
  if (url.startsWith(SLASH)) return readDavPath(url.replace(/\?.*$/, ''), space);
  const [whole, scheme = '', authority = '', path = SLASH] = ABSOLUTE.exec(url) ?? [];
  if (whole === undefined) return wrong('a URL is neither absolute nor a path that begins with /');
  if (!isServer({ scheme, authority }, hostHeader(request))) {
    return {
      fault: {
        code: 'other-server',
        what: 'the URL is of another server than the Host of the request',
      },
    };
  }
  return readDavPath(path, space);
}

/**
 * Whether a URL is of the server that the Host of the request names (RFC 9110, 4.2.3). Without a port that is the default one of
 * the scheme of the request, which a proxy may have taken TLS off: the scheme of the URL stands for it.
 */
function isServer(
  { scheme, authority }: { readonly scheme: string; readonly authority: string },
  host: string,
): boolean {
  const [, name, port] = AUTHORITY.exec(authority) ?? [];
  const [, ownName, ownPort] = AUTHORITY.exec(host) ?? [];
  if (name === undefined || name.toLowerCase() !== ownName?.toLowerCase()) return false;
  const otherwise = DEFAULT_PORTS[scheme.toLowerCase()];
  return (port ? Number(port) : otherwise) === (ownPort ? Number(ownPort) : otherwise);
}

function wrong(what: string): ReadDavPath {
  return { fault: { code: 'bad-parameter', what } };
}

/** @returns the key of the record; undefined for the root, which has none, and for a path that is too long */
export function keyOf({ space, segments }: DavPath): FileKey | undefined {
  const name = segments.at(-1);
  if (name === undefined) return undefined;
  return directoryFileKey(space.domain, joined(segments.slice(0, -1)), name);
}

/** @returns the directory of the entries of this collection, as their keys have it */
export function directoryOf({ segments }: DavPath): Buffer {
  return joined(segments);
}

function joined(segments: readonly Buffer[]): Buffer {
  return Buffer.concat(
    segments.flatMap((segment, index) => (index === 0 ? [segment] : [Buffer.from(SLASH), segment])),
  );
}

/** @returns the path as `DAV:href` and links have it */
export function hrefOf({ space, segments }: DavPath, isCollection: boolean): string {
  const inner = segments.map(encodeBytes).join(SLASH);
  return `${space.root}/${inner}${isCollection && segments.length > 0 ? SLASH : ''}`;
}

export function isRoot({ segments }: DavPath): boolean {
  return segments.length === 0;
}

export function parentOf({ space, segments }: DavPath): DavPath {
  return { space, segments: segments.slice(0, -1), endsInSlash: true };
}

export function entryOf({ space, segments }: DavPath, name: Buffer): DavPath {
  return { space, segments: [...segments, name], endsInSlash: false };
}

/** Whether the path is that of `around`, or of something in it at any depth. */
export function isWithin({ segments }: DavPath, around: DavPath): boolean {
  return (
    segments.length >= around.segments.length &&
    around.segments.every((segment, index) => segments[index]?.equals(segment))
  );
}

/** @returns the last name, as far as it is text; empty for the root */
export function nameTextOf({ segments }: DavPath): string {
  return segments.at(-1)?.toString() ?? '';
}
