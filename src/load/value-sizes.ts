// The lengths of values: the text of `--value-size`, and the sizes that are drawn by it.
//
//   SPEC  = SIZE[:SHARE%] {, SIZE:SHARE%}        all shares add up to 100 %
//   SIZE  = BYTES | uniform:MIN-MAX | zipfian:MIN-MAX      zipfian: the shortest is the most frequent
//
// Examples: `100`, `uniform:10-1000`, `zipfian:1-4096`, `100:95%,uniform:5000-10000:5%`.

import { VALUE_BYTES_MAX_CEILING } from '../cluster/model/limits.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import { Zipfian } from './zipfian.ts';

/** @returns the length of the next value in bytes */
export type ValueSizes = (random: SeededRandom) => number;

const PART = /^(?:(\d{1,9})|(uniform|zipfian):(\d{1,9})-(\d{1,9}))(?::(\d{1,3}(?:\.\d{1,6})?)%)?$/;

interface Part {
  readonly sizes: ValueSizes;
  /** The share in per cent; undefined if none is given. */
  readonly percent: number | undefined;
}

/** @returns the function that draws sizes; or what is wrong with the text, as a sentence without its subject */
export function parseValueSizes(spec: string): ValueSizes | { readonly wrong: string } {
  const parts: Part[] = [];
  for (const text of spec.split(',')) {
    const part = parsePart(text);
    if ('wrong' in part) return part;
    parts.push(part);
  }
  const [first] = parts;
  if (first !== undefined && parts.length === 1 && (first.percent ?? 100) === 100) {
    return first.sizes;
  }
  const percents = parts.map(({ percent }) => percent ?? 0);
  const total = percents.reduce((sum, percent) => sum + percent, 0);
  if (parts.some(({ percent }) => percent === undefined)) {
    return { wrong: 'gives some sizes no share; several sizes need one each, such as 100:95%' };
  }
  if (Math.abs(total - 100) > 1e-9) return { wrong: `has shares of ${total} %, not of 100 %` };
  return (random) => {
    let left = random.fraction() * 100;
    for (const [index, part] of parts.entries()) {
      left -= percents[index] ?? 0;
      if (left < 0 || index === parts.length - 1) return part.sizes(random);
    }
    return 1;
  };
}

function parsePart(text: string): Part | { readonly wrong: string } {
  const match = PART.exec(text);
  if (match === null) {
    return { wrong: `has "${text}", which is no BYTES, uniform:MIN-MAX or zipfian:MIN-MAX` };
  }
  const [, exact, distribution, from, to, share] = match;
  const min = Number(exact ?? from);
  const max = Number(exact ?? to);
  if (min < 1 || max < min || max > VALUE_BYTES_MAX_CEILING) {
    return { wrong: `has "${text}", and sizes go from 1 to ${VALUE_BYTES_MAX_CEILING} bytes` };
  }
  const percent = share === undefined ? undefined : Number(share);
  if (exact !== undefined) return { sizes: () => min, percent };
  const count = max - min + 1;
  if (distribution === 'uniform') return { sizes: (random) => min + random.below(count), percent };
  const ranks = new Zipfian(count);
  return { sizes: (random) => min + ranks.next(random), percent };
}
