// Which requests a web page of another site made a browser send, by the headers that only browsers add. What is done
// about them is routes.ts's.

import type { HttpRequest } from './http.ts';

/** Headers that no program sends, and that browsers send of themselves: where the page is that made them ask. */
const PAGES: readonly string[] = ['origin', 'referer'];
const SITES: readonly (string | undefined)[] = [undefined, 'same-origin', 'none'];

/**
 * Whether the page of another site made a browser send this request. Whoever opens such a page is inside of the network
 * that is trusted here, and a browser sends a POST of plain text anywhere without asking; an image is a GET with a
 * Referer alone. What nodes and operators say under /c/ and /s/ is for no page at all: one whose name is made to stand
 * for a node's address has the right Host (DNS rebinding).
 */
export function isFromForeignPage(request: HttpRequest): boolean {
  if (!SITES.includes(request.header('sec-fetch-site'))) return true;
  const isForPages = !/^\/[cs]\//.test(request.target);
  return PAGES.some((name) => {
    const page = request.header(name);
    if (page === undefined) return false;
    // Both are compared as URLs, which have no letter case and no default port: `Host: kv:80` is what http://kv is.
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
