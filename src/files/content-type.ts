// The content type of a file by its path, as Python's `mimetypes.guess_type(path)[0]` has it, which sfss answered with. Pure;
// the tables are in mime-types.ts.

import { ENCODINGS, MIME_TYPES, SUFFIXES } from './mime-types.ts';

/** Python takes a path for a URL, as whose scheme it drops what stands before a colon. */
const URL = /^([^/:]+):([\s\S]*)$/;

/** @returns undefined where nothing is known of the ending, or there is none */
export function contentTypeOf(path: string): string | undefined {
  const [, scheme, rest = ''] = URL.exec(path) ?? [];
  if (scheme?.toLowerCase() === 'data') return typeInDataUrl(rest);
  let [base, ending] = splitEnding(scheme === undefined ? path : rest);
  for (;;) {
    const suffix = SUFFIXES.get(ending.toLowerCase());
    if (suffix === undefined) break;
    [base, ending] = splitEnding(base + suffix);
  }
  if (ENCODINGS.has(ending)) [, ending] = splitEnding(base);
  return MIME_TYPES.get(ending.toLowerCase());
}

/** `data:text/html;charset=utf-8,...` names its own type. */
function typeInDataUrl(rest: string): string | undefined {
  const comma = rest.indexOf(',');
  if (comma < 0) return undefined;
  const [type = ''] = rest.slice(0, comma).split(';', 1);
  return type.includes('=') || !type.includes('/') ? 'text/plain' : type;
}

/** @returns the path up to its last dot, and the rest; dots at the beginning of a name begin no ending */
function splitEnding(path: string): readonly [base: string, ending: string] {
  const dot = path.lastIndexOf('.');
  const slash = path.lastIndexOf('/');
  const hasEnding = dot > slash && /[^.]/.test(path.slice(slash + 1, dot));
  return hasEnding ? [path.slice(0, dot), path.slice(dot)] : [path, ''];
}
