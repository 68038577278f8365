// What a broker says of one file, as JSON. Pure.

import { isUtf8 } from 'node:buffer';
import { printHttpDate } from '../../../../cluster/http/http-date.ts';
import { encodeBytes } from '../../../../cluster/wire/query.ts';
import { contentTagOf } from '../../../../files/http/content-tag.ts';
import { servedHeaders } from '../../../../files/http/served-headers.ts';
import type { FileAttributes, FileFields } from '../../../../files/manifest.ts';
import type { DirectoryEntry, FilePlacesOutcome } from '../../../../files/outcomes.ts';
import type { PlacedServer } from '../../../../files/placement.ts';
import { type DavPath, directoryOf, nameTextOf } from '../../dav/dav-path.ts';
import { typeOf } from '../../dav/live-properties.ts';

/** What the names of attributes that clients of a broker set begin with, beside those of WebDAV. */
const OWN = 'broker:';

/** @returns those that clients of a broker have set */
export function ownAttributes(attributes: FileAttributes | undefined): FileAttributes {
  return Object.fromEntries(
    Object.entries(attributes ?? {})
      .filter(([name]) => name.startsWith(OWN))
      .map(([name, value]) => [name.slice(OWN.length), value]),
  );
}

/** @param changes null for one that goes; what is not named stays, and all that others keep beside the content */
export function withOwnAttributes(
  attributes: FileAttributes | undefined,
  changes: Readonly<Record<string, string | null | undefined>>,
): FileAttributes {
  const all = new Map(Object.entries(attributes ?? {}));
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined) all.delete(`${OWN}${name}`);
    else all.set(`${OWN}${name}`, value);
  }
  return Object.fromEntries(all);
}

export function describeFile(
  path: DavPath,
  { kind, fields }: Pick<DirectoryEntry, 'kind' | 'fields'>,
) {
  const { space } = path;
  const { modifiedMs, attributes } = fields;
  const modified = printHttpDate(modifiedMs);
  const isCollection = kind === 'directory';
  const inside = directoryOf(path);
  const basics = { domain: space.domain, ...pathView(inside), modified };
  const served = servedHeaders(attributes);
  if (isCollection) return { ...basics, kind: 'collection' };
  return {
    ...basics,
    kind: 'file',
    type: typeOf(fields, nameTextOf(path)),
    ...sumsOf(fields),
    cache_control: served['cache-control'] ?? null,
    content_disposition: served['content-disposition'] ?? null,
    class: fields.replicationClass,
    attributes: ownAttributes(attributes),
  };
}

function sumsOf({ size, md5, sha512 }: FileFields) {
  return { size, md5, sha512, etag: contentTagOf({ sha512 }) };
}

/**
 * The path as people write it, and as it stands in a URL. Only the second one tells all names apart: one that is no UTF-8 cannot
 * be written, for with escapes it would look as another one that has a % in it.
 * @param inside from the root on, without a slash at its beginning
 */
export function pathView(inside: Buffer): { readonly path: string | null; readonly href: string } {
  const href = `/${encodeBytes(inside).replaceAll('%2F', '/')}`;
  return { path: isUtf8(inside) ? `/${inside}` : null, href };
}

/** @param urlOf where clients get it from a server */
export function describePlaces(
  outcome: FilePlacesOutcome,
  urlOf: (server: PlacedServer) => string,
) {
  switch (outcome.kind) {
    case 'failed':
      return { state: 'unheard', detail: outcome.detail };
    case 'no-blob':
      return { state: 'in-record', locations: [] };
    case 'places': {
      const { copies, found } = outcome;
      const { state, holders, lacking, silent } = found;
      const ids = (servers: readonly PlacedServer[]) => servers.map(({ id }) => id);
      const locations = holders.map((server) => ({ server: server.id, url: urlOf(server) }));
      return { state, copies, locations, lacking: ids(lacking), silent: ids(silent) };
    }
  }
}
