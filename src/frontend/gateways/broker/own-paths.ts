// The paths at which a broker says how it is, on all domains: no file is stored at them or below, in whatever way it would come
// there, for nobody would get it again. Pure. WebDAV at /dav/ of a frontend has no such paths.

import { COMMON_ROUTES } from '../../../cluster/http/common-routes.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import { type RequestHead, rawPathOf, type WholeReply } from '../../../cluster/http/http.ts';
import { type DavPath, readDavUrl } from '../dav/dav-path.ts';
import { BROKER_REST_ROUTES } from './rest/rest-routes.ts';

/** Below it is what the broker says of files; no file of a domain is there. */
export const OWN_FOLDER = '.broker';

const OWN_NAMES: ReadonlySet<string> = new Set([
  OWN_FOLDER,
  ...Object.values(COMMON_ROUTES)
    .map(({ path }) => path.slice(1))
    .filter((name) => name !== ''),
]);

/** What below the folder takes which methods, as the start of a path or as a whole one. */
const OWN_ROUTES = Object.values(BROKER_REST_ROUTES).map(({ path, methods }) => ({
  begin: path.replace(/\{.*/, ''),
  isWhole: !path.includes('{'),
  methods: (methods as readonly string[]).flatMap((each) =>
    each === 'GET' ? ['GET', 'HEAD'] : [each],
  ),
}));

/** Where people mean to send a method that is for files themselves. */
const AT_ITS_OWN_PATH: Readonly<Record<string, string>> = {
  DELETE: '; a file is deleted at its own path, such as /notes/b.txt',
  PUT: '; a file is stored at its own path, such as /notes/b.txt',
  POST: '; a form with a file goes to the path of that, such as /notes/b.txt',
};

/** @returns the refusal of what is below the folder, and is none of its paths, or no method for it */
export function ownFolderRefusal({ method, target }: RequestHead): WholeReply {
  const path = rawPathOf(target);
  const routes = OWN_ROUTES.filter(({ begin, isWhole }) =>
    isWhole ? path === begin : path.startsWith(begin) && !path.slice(begin.length).includes('/'),
  );
  if (routes.length === 0) {
    const what = `below /${OWN_FOLDER}/ is what the broker says, and no file: / lists it`;
    return errorReply('unknown-path', what);
  }
  const allow = routes.flatMap(({ methods }) => methods).join(', ');
  const what = `this path takes ${allow}${AT_ITS_OWN_PATH[method] ?? ''}`;
  return errorReply('method-not-allowed', what, { headers: { allow } });
}

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
