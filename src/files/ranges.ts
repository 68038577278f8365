// Parses the header Range for a file of a known size (RFC 9110, 14). Where the RFC leaves a choice it is nginx's, whose
// clients these are: what is wrong behind `bytes=` is 416, what goes the wrong way round is passed over, and many ranges
// that together are longer than the file are answered with the whole. Pure.

import type { ByteRange } from './outcomes.ts';

/** Of more ranges that are in the file the whole is sent, which costs less than their parts. */
export const RANGES_MAX = 16;

export type RequestedRanges =
  /** There is no range, none in bytes, or too many. */
  | { readonly kind: 'whole' }
  /** At least one, in the order asked, each within the file. */
  | { readonly kind: 'ranges'; readonly ranges: readonly [ByteRange, ...ByteRange[]] }
  /** No range of the header is in the file. */
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RequestedRanges = { kind: 'whole' };
const UNSATISFIABLE: RequestedRanges = { kind: 'unsatisfiable' };

const UNIT = /^bytes=./i;
/** Takes time in proportion to its text: no two of its parts can share a run of spaces. */
const RANGE = /^ *(?:(\d+) *-(?: *(\d+))? *|-(\d+) *)$/;
/** No position is higher, in nginx. */
const POSITION_MAX = 2 ** 63;

/** @param size of the file in bytes */
export function parseRanges(header: string | undefined, size: number): RequestedRanges {
  if (header === undefined || !UNIT.test(header)) return WHOLE;
  const ranges: ByteRange[] = [];
  let bytes = 0;
  for (const text of header.slice('bytes='.length).split(',')) {
    const range = rangeOf(text, size);
    if (range === 'malformed') return UNSATISFIABLE;
    if (range === 'beyond') continue;
    // An empty file has no range that begins within it, and is what was asked for.
    if (size === 0) return WHOLE;
    ranges.push(range);
    bytes += range.last - range.first + 1;
    if (ranges.length > RANGES_MAX) return WHOLE;
  }
  const [first, ...others] = ranges;
  if (first === undefined) return UNSATISFIABLE;
  return bytes > size ? WHOLE : { kind: 'ranges', ranges: [first, ...others] };
}

/** @returns `beyond` for a range without a byte of the file */
function rangeOf(text: string, size: number): ByteRange | 'beyond' | 'malformed' {
  const [whole, from, to, ofEnd] = RANGE.exec(text) ?? [];
  if (whole === undefined) return 'malformed';
  if ([from, to, ofEnd].some((digits) => Number(digits) > POSITION_MAX)) return 'malformed';
  const first = ofEnd === undefined ? Number(from) : Math.max(0, size - Number(ofEnd));
  const last = ofEnd !== undefined || to === undefined ? size - 1 : Math.min(Number(to), size - 1);
  // The first byte of an empty file is where it ends.
  const isEnd = size === 0 && first === 0;
  return first <= last || isEnd ? { first, last } : 'beyond';
}
