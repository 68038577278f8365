// The right to answer gets (R1, R5): a stretch of this process's own monotonic time, counted from the
// sending of the request that brought it (H4). Compared at every get, never a flag that a timer flips.

import type { Clock } from '../cluster/runtime.ts';

/** When a request was sent, on both clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

export class Lease {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  #sent: Moment | undefined;
  #ended = false;

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
  }

  extend(sent: Moment): void {
    if (this.#sent === undefined || sent.monotonicMs > this.#sent.monotonicMs) this.#sent = sent;
  }

  /** H5b: given up with the life that had it; no grant brings it back. */
  end(): void {
    this.#ended = true;
  }

  remainingMs(): number {
    const sent = this.#sent;
    if (sent === undefined || this.#ended) return 0;
    const elapsedMs = this.#clock.monotonicMs() - sent.monotonicMs;
    // The monotonic clock stands still while a virtual machine is suspended; the wall clock tells.
    const suspendedMs = Math.abs(this.#clock.wallMs() - sent.wallMs - elapsedMs);
    return suspendedMs > this.#leaseMs / 2 ? 0 : Math.max(0, this.#leaseMs - elapsedMs);
  }

  isLive(): boolean {
    return this.remainingMs() > 0;
  }
}
