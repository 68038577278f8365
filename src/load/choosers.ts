// Which record an operation is about, chosen in one of YCSB's three ways. Each draw gets the present number of records,
// because inserts add some.

import type { SeededRandom } from '../cluster/seeded-random.ts';
import { Zipfian } from './zipfian.ts';

export const CHOOSERS = ['zipfian', 'uniform', 'latest'] as const;
export type ChooserName = (typeof CHOOSERS)[number];

/** @returns the number of a record, from 0 to `count` - 1 */
export type Chooser = (count: number) => number;

/**
 * YCSB draws Zipfian ranks of so many items and folds them onto the existing records, so that the most popular record
 * gets the same share, 4 %, of ten thousand records and of ten million.
 */
export const FOLDED_ITEMS = 10_000_000_000;

export function chooserOf(name: ChooserName, random: SeededRandom): Chooser {
  switch (name) {
    case 'uniform':
      return (count) => random.below(count);
    case 'zipfian': {
      // A hash scatters the ranks, so that popular records are not neighbours.
      const ranks = new Zipfian(FOLDED_ITEMS);
      return (count) => scattered(ranks.next(random), count);
    }
    case 'latest': {
      const ages = new Zipfian(1);
      return (count) => {
        ages.grow(count);
        // The number of ranks never shrinks: a count below an earlier one must not give a negative record.
        return Math.max(0, count - 1 - ages.next(random));
      };
    }
  }
}

const WORD = 2 ** 32;
const FNV_PRIME_LOW = 0x1b3;

/** FNV-1a of the number's eight bytes, as YCSB takes it, modulo `count`: 64 bits in two words. */
export function scattered(rank: number, count: number): number {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  let rest = rank;
  for (let byte = 0; byte < 8; byte++) {
    low = (low ^ (rest & 0xff)) >>> 0;
    rest = Math.floor(rest / 256);
    // Multiply by the prime 2^40 + 0x1b3, modulo 2^64.
    const product = low * FNV_PRIME_LOW;
    high = (Math.imul(high, FNV_PRIME_LOW) + Math.floor(product / WORD) + (low << 8)) >>> 0;
    low = product % WORD;
  }
  if (high >= 2 ** 31) {
    // YCSB takes the absolute value of Java's signed number.
    low = -low >>> 0;
    high = (~high + (low === 0 ? 1 : 0)) >>> 0;
  }
  return ((high % count) * (WORD % count) + low) % count;
}
