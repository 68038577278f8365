// Where a browser goes once its form is stored: `redirect` in the query of a POST, at a broker and at the door of a file server.
// Pure.

import { queryOf } from '../../cluster/http/http.ts';
import { parsePairs } from '../../cluster/wire/query.ts';

const REDIRECT_CHARACTERS_MAX = 2048;

/** @returns an URL of the web, undefined where none is given */
export function readFormRedirect(
  target: string,
): { readonly url: string | undefined } | { readonly fault: string } {
  const given = parsePairs(queryOf(target))?.find(([name]) => name === 'redirect')?.[1];
  if (given === undefined) return { url: undefined };
  const isWeb = /^https?:\/\/[\x21-\x7e]+$/i.test(given) && URL.canParse(given);
  if (isWeb && given.length <= REDIRECT_CHARACTERS_MAX) return { url: given };
  const what = `redirect is no http:// or https:// URL of up to ${REDIRECT_CHARACTERS_MAX} characters`;
  return { fault: what };
}
