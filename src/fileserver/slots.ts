// Bounds how many things of a kind are under way at once: the others wait for their turn, and what comes when too many wait
// is refused. Each of them holds memory, or a place in the queue of the disk.

import type { Cancel } from '../cluster/ports.ts';

interface SlotLimits {
  readonly max: number;
  readonly waitingMax: number;
  readonly turnMs: number;
}

export class Slots {
  readonly #max: number;
  readonly #waitingMax: number;
  /** How long one should wait for a slot, in ms; whoever waits keeps the time. */
  readonly turnMs: number;
  #taken = 0;
  /** The first to come is the first to run. */
  readonly #waiting = new Set<() => void>();

  constructor({ max, waitingMax, turnMs }: SlotLimits) {
    this.#max = max;
    this.#waitingMax = waitingMax;
    this.turnMs = turnMs;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * @param run called once there is a slot, at once if there is; it gets what gives the slot back, to be called once
   * @returns what gives the place among those that wait up; undefined where too many wait, and nothing will be called
   */
  take(run: (release: () => void) => void): Cancel | undefined {
    if (this.#taken < this.#max) {
      this.#run(run);
      return () => undefined;
    }
    if (this.#waiting.size >= this.#waitingMax) return undefined;
    const begin = () => this.#run(run);
    this.#waiting.add(begin);
    return () => void this.#waiting.delete(begin);
  }

  #run(run: (release: () => void) => void): void {
    this.#taken++;
    let isReleased = false;
    run(() => {
      if (isReleased) return;
      isReleased = true;
      this.#taken--;
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      next();
    });
  }
}
