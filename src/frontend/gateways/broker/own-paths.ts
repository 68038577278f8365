// The paths at which a broker says how it is, on all domains: no file is stored at them or below, in whatever way it would come
// there, for nobody would get it again. Pure. WebDAV at /dav/ of a frontend has no such paths.

import { COMMON_ROUTES } from '../../../cluster/http/common-routes.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import type { RequestHead, WholeReply } from '../../../cluster/http/http.ts';
import { type DavPath, readDavUrl } from '../dav/dav-path.ts';

/** Below it is what the broker says of files; no file of a domain is there. */
export const OWN_FOLDER = '.broker';

const OWN_NAMES: ReadonlySet<string> = new Set([
  OWN_FOLDER,
  ...Object.values(COMMON_ROUTES)
    .map(({ path }) => path.slice(1))
    .filter((name) => name !== ''),
]);

const MAKE_THEIR_PATH: readonly string[] = ['PUT', 'POST', 'MKCOL', 'LOCK'];
const MAKE_ANOTHER: readonly string[] = ['COPY', 'MOVE'];

/** @returns the refusal of a file, or a collection, that is to be at one of the broker's own paths */
export function ownPathRefusal({ segments }: DavPath): WholeReply | undefined {
  const name = segments[0]?.toString();
  if (name === undefined || !OWN_NAMES.has(name)) return undefined;
  const what = `/${name} is where the broker says how it is, and no file can be there: store it at another path`;
  return errorReply('method-not-allowed', what, { headers: { allow: 'GET, HEAD' } });
}

/** @param path that of the request @returns the same, where the request would make anything there */
export function ownTargetRefusal(request: RequestHead, path: DavPath): WholeReply | undefined {
  const { method } = request;
  if (MAKE_THEIR_PATH.includes(method)) return ownPathRefusal(path);
  const url = request.header('destination')?.trim();
  if (!MAKE_ANOTHER.includes(method) || url === undefined) return undefined;
  const read = readDavUrl(url, request, path.space);
  return 'path' in read ? ownPathRefusal(read.path) : undefined;
}
