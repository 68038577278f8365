// The frontends that are there (D14): whoever polled for a map lately. They are shown to people, and
// reachability.ts asks how many are half of them.

import type { Times } from '../../cluster/model/limits.ts';

/** `host:port` of a process, as long as a name of a host may be. */
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
