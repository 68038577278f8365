// The frontends that polled for a map lately (D14): shown in `/status`, and counted by reachability.ts.

import type { Times } from '../../cluster/model/limits.ts';

/** Longest `host:port` that a host name allows. */
const ADDRESS_MAX = 262;

export class Frontends {
  readonly #times: Times;
  readonly #polledMs = new Map<string, number>();

  constructor(times: Times) {
    this.#times = times;
  }

  get addresses(): readonly string[] {
    return [...this.#polledMs.keys()];
  }

  polled(address: string, nowMs: number): void {
    if (address.length > ADDRESS_MAX) return;
    this.#polledMs.set(address, nowMs);
    for (const [other, polledMs] of this.#polledMs) {
      if (polledMs < nowMs - 4 * this.#times.mapPollMs) this.#polledMs.delete(other);
    }
  }
}
