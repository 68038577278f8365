// The intended times of the requests of an open loop, which do not depend on the cluster. The backlog costs nothing:
// only the time of the oldest waiting request is stored, and the others follow from it.

import type { SeededRandom } from '../cluster/seeded-random.ts';

export const ARRIVAL_KINDS = ['constant', 'poisson'] as const;
export type ArrivalKind = (typeof ARRIVAL_KINDS)[number];

export interface ArrivalOptions {
  readonly kind: ArrivalKind;
  readonly perSecond: number;
  readonly startMs: number;
  /** No request is due at this time or later. */
  readonly endMs: number;
}

export class Arrivals {
  readonly #random: SeededRandom;
  readonly #kind: ArrivalKind;
  readonly #meanGapMs: number;
  readonly #startMs: number;
  readonly #endMs: number;
  #taken = 0;
  #nextMs: number;

  constructor(random: SeededRandom, { kind, perSecond, startMs, endMs }: ArrivalOptions) {
    this.#random = random;
    this.#kind = kind;
    this.#meanGapMs = 1000 / perSecond;
    this.#startMs = startMs;
    this.#endMs = endMs;
    this.#nextMs = startMs;
  }

  /** @returns the intended time of the oldest request not taken, in ms; undefined when there are no more */
  next(): number | undefined {
    return this.#nextMs < this.#endMs ? this.#nextMs : undefined;
  }

  /** Takes the oldest request, which was sent or given up. */
  take(): void {
    this.#taken++;
    this.#nextMs =
      this.#kind === 'constant'
        ? // Multiply instead of adding gaps up: their rounding errors would add up as well.
          this.#startMs + this.#taken * this.#meanGapMs
        : this.#nextMs - Math.log(1 - this.#random.fraction()) * this.#meanGapMs;
  }

  /** @returns about how many requests are due and not taken */
  waiting(nowMs: number): number {
    return Math.max(0, Math.ceil((Math.min(nowMs, this.#endMs) - this.#nextMs) / this.#meanGapMs));
  }
}
