// Recognises requests that a web page of another site made a browser send, by headers that only browsers add. routes.ts
// refuses them.

import type { RequestHead } from './http.ts';

/** Headers in which browsers, but not other programs, name the page that caused the request. */
const PAGES: readonly string[] = ['origin', 'referer'];
const SITES: readonly (string | undefined)[] = [undefined, 'same-origin', 'none'];

/**
 * Whether a web page of another site made a browser send this request. The person who opens such a page is inside the
 * trusted network, and the browser sends a plain-text POST to any server without asking first; an image is a GET that
 * has only a Referer. The paths of nodes and operators, /c/ and /s/, are closed to every page: a page whose host name
 * was made to resolve to a node's address passes the comparison with Host (DNS rebinding).
 */
export function isFromForeignPage(request: RequestHead): boolean {
  if (!SITES.includes(request.header('sec-fetch-site'))) return true;
  const isForPages = !/^\/[cs]\//.test(request.target);
  return PAGES.some((name) => {
    const page = request.header(name);
    if (page === undefined) return false;
    // Compared as parsed URLs, in which the letter case and a default port do not count: `Host: KV:80` is http://kv.
    const [scheme = ''] = /^https?:\/\//i.exec(page) ?? [];
    const host = hostIn(page);
    return (
      !isForPages ||
      host === undefined ||
      host !== hostIn(`${scheme}${request.header('host') ?? ''}`)
    );
  });
}

function hostIn(url: string): string | undefined {
  return /^https?:/i.test(url) && URL.canParse(url) ? new URL(url).host : undefined;
}
