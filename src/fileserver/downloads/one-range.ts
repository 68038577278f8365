// Reads the header Range of a request for a blob: one range of bytes. Of several, and of what is none, the whole blob is
// the answer (RFC 9110, 14.2): frontends answer several ranges themselves. Pure.

import type { ByteRange } from '../../files/outcomes.ts';

/** `bytes=A-B`, `bytes=A-` or `bytes=-LAST`; sixteen digits are more than any file has. */
const ONE_RANGE = /^bytes=[ \t]*(\d{0,16})-(\d{0,16})[ \t]*$/i;

/** @returns undefined where the whole blob is asked for */
export function rangeIn(
  header: string | undefined,
  size: number,
): ByteRange | 'beyond' | undefined {
  const [, first = '', last = ''] = ONE_RANGE.exec(header ?? '') ?? [];
  if (first === '') {
    if (last === '') return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? 'beyond' : { first: size - length, last: size - 1 };
  }
  if (last !== '' && Number(last) < Number(first)) return undefined;
  if (Number(first) >= size) return 'beyond';
  return { first: Number(first), last: Math.min(last === '' ? size - 1 : Number(last), size - 1) };
}
