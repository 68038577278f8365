// A random source that a seed determines: the same seed gives the same run. The simulator and `velour load` draw from
// it.

import type { Random } from './ports.ts';

export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    // Mixes the seed, so that neighbouring seeds do not give similar runs.
    this.#state = (Math.imul(seed, 2654435761) + 0x9e3779b9) >>> 0;
    for (let round = 0; round < 4; round++) this.#next();
  }

  /** mulberry32 (Ettinger): 32 bits of state, and even enough for choosing faults. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** @returns a number from 0 up to 1, excluding 1 */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  token(): string {
    return Array.from({ length: 4 }, () => this.#next().toString(16).padStart(8, '0')).join('');
  }

  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }
}
