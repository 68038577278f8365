// The right to answer gets (R1, R5): a span of this process's own monotonic time, counted from the sending of the
// request that brought it (H4). It is compared at every get, and is never a flag that a timer flips. Who grants it is
// heartbeats.ts's.

import type { Times } from '../cluster/model/limits.ts';
import type { Moment } from '../cluster/moment.ts';
import type { Clock } from '../cluster/ports.ts';

export class Lease {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #suspendMs: number;
  #sent: Moment | undefined;
  #ended = false;

  /** @param clock the machine's own, not the cluster's: what matters is how its two times advance */
  constructor(clock: Clock, { leaseMs, suspendMs }: Pick<Times, 'leaseMs' | 'suspendMs'>) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#suspendMs = suspendMs;
  }

  extend(sent: Moment): void {
    if (this.#sent === undefined || sent.monotonicMs > this.#sent.monotonicMs) this.#sent = sent;
  }

  /** H5b: the lease ends with its incarnation; no grant brings it back. */
  end(): void {
    this.#ended = true;
  }

  remainingMs(): number {
    const sent = this.#sent;
    if (sent === undefined || this.#ended) return 0;
    const elapsedMs = this.#clock.monotonicMs() - sent.monotonicMs;
    // The monotonic clock stands still while the machine is suspended; the wall clock reveals that. A wall clock that
    // was set looks the same: it ends the lease until the next grant, which is measured with the new wall time.
    const apartMs = Math.abs(this.#clock.wallMs() - sent.wallMs - elapsedMs);
    return apartMs > this.#suspendMs ? 0 : Math.max(0, this.#leaseMs - elapsedMs);
  }

  isLive(): boolean {
    return this.remainingMs() > 0;
  }
}
