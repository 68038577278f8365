// Draws ranks by Zipf's law, few of them often and most seldom, with the algorithm of Gray et al., "Quickly generating
// billion-record synthetic databases" (SIGMOD 1994, section 3.2), which YCSB uses as well. It is exact for the two most
// frequent ranks, and close for the others.

import type { SeededRandom } from '../cluster/seeded-random.ts';

/** YCSB's exponent. At 1, the harmonic law, the algorithm fails; 0 would be uniform. */
export const ZIPFIAN_CONSTANT = 0.99;
/** How many terms of a long sum are added one by one; an integral approximates the rest. */
const SUMMED_TERMS = 10_000;
const ALPHA = 1 / (1 - ZIPFIAN_CONSTANT);
const HALF_POWER = 0.5 ** ZIPFIAN_CONSTANT;

export class Zipfian {
  #count = 0;
  #zeta = 0;
  #eta = 0;

  constructor(count: number) {
    this.grow(count);
  }

  /** Draws among `count` ranks from now on; a smaller count changes nothing. */
  grow(count: number): void {
    if (count <= this.#count) return;
    const oneMore = count === this.#count + 1;
    this.#zeta = oneMore ? this.#zeta + count ** -ZIPFIAN_CONSTANT : zeta(count);
    this.#count = count;
    this.#eta = (1 - (2 / count) ** (1 - ZIPFIAN_CONSTANT)) / (1 - (1 + HALF_POWER) / this.#zeta);
  }

  /** @returns a rank from 0, the most frequent, to `count` - 1 */
  next(random: SeededRandom): number {
    const share = random.fraction();
    const scaled = share * this.#zeta;
    if (scaled < 1) return 0;
    if (scaled < 1 + HALF_POWER) return Math.min(1, this.#count - 1);
    const rank = Math.floor(this.#count * (this.#eta * share - this.#eta + 1) ** ALPHA);
    return Math.min(rank, this.#count - 1);
  }
}

/** The sum of 1 / i^constant for i from 1 to count, by Euler and Maclaurin: to eight decimals. */
export function zeta(count: number): number {
  let sum = 0;
  const summed = Math.min(count, SUMMED_TERMS);
  for (let term = 1; term <= summed; term++) sum += term ** -ZIPFIAN_CONSTANT;
  if (count === summed) return sum;
  const integralTo = (bound: number) => bound ** (1 - ZIPFIAN_CONSTANT) / (1 - ZIPFIAN_CONSTANT);
  const ends = (count ** -ZIPFIAN_CONSTANT - summed ** -ZIPFIAN_CONSTANT) / 2;
  return sum + integralTo(count) - integralTo(summed) + ends;
}
