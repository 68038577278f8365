// The time of one process that stands still now and then, as one does that is stopped, or gets no processor. When it
// goes on, all that was due meanwhile happens in one moment: its own timers in their order, and what came from
// outside in its order, but which of the two comes first nobody knows.

import type { Cancel, Clock, Timers } from '../../src/cluster/ports.ts';
import type { SeededRandom } from '../../src/cluster/seeded-random.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class PausableTime implements Clock, Timers {
  readonly #random: SeededRandom;
  #nowMs = 0;
  #order = 0;
  readonly #timers: Due[] = [];
  readonly #arrivals: Due[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_000_000 + this.#nowMs;
  }

  /** Nothing will happen any more. */
  get isIdle(): boolean {
    return this.#timers.length + this.#arrivals.length === 0;
  }

  after(milliseconds: number, run: () => void): Cancel {
    const timer = this.#add(this.#timers, milliseconds, run);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  /** Something from outside, such as an answer. */
  arrives(milliseconds: number, run: () => void): void {
    this.#add(this.#arrivals, milliseconds, run);
  }

  /** Up to then all happens when it is due. */
  runTo(untilMs: number): void {
    for (;;) {
      const [timer, arrival] = [this.#timers[0], this.#arrivals[0]];
      const isTimer = timer !== undefined && (arrival === undefined || isBefore(timer, arrival));
      const next = isTimer ? timer : arrival;
      if (next === undefined || next.atMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      (isTimer ? this.#timers : this.#arrivals).shift();
      next.run();
    }
    this.#nowMs = untilMs;
  }

  pause(milliseconds: number): void {
    this.#nowMs += milliseconds;
    const timersFirst = this.#random.pick([0, 0.5, 1]);
    for (;;) {
      const due = [this.#timers, this.#arrivals].filter(
        ([first]) => first !== undefined && first.atMs <= this.#nowMs,
      );
      const from = due.length > 1 && !this.#random.chance(timersFirst) ? due[1] : due[0];
      if (from === undefined) return;
      from.shift()?.run();
    }
  }

  #add(to: Due[], milliseconds: number, run: () => void): Due {
    const due = { atMs: this.#nowMs + Math.max(0, milliseconds), order: this.#order++, run };
    let at = to.length;
    while (at > 0 && isBefore(due, to[at - 1] ?? due)) at--;
    to.splice(at, 0, due);
    return due;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
