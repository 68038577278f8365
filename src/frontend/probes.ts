// Asks every storage node that the map names for its time, on the stream that its operations take (H31).
// What the times are good for is frontend-clock.ts's.

import type { ClusterMap } from '../cluster/cluster-map.ts';
import type { NodeId } from '../cluster/identity.ts';
import type { Times } from '../cluster/limits.ts';
import type { Runtime } from '../cluster/runtime.ts';
import type { FrontendClock } from './frontend-clock.ts';
import type { Router } from './router.ts';

export class Probes {
  readonly #runtime: Runtime;
  readonly #router: Router;
  readonly #clock: FrontendClock;
  readonly #times: Times;

  constructor(runtime: Runtime, router: Router, clock: FrontendClock, times: Times) {
    this.#runtime = runtime;
    this.#router = router;
    this.#clock = clock;
    this.#times = times;
  }

  start(): void {
    const { map } = this.#router;
    this.#runtime.timers.after(this.#waitMs(), () => this.start());
    if (map !== undefined) this.#ask(map);
  }

  /** Often at first: nodes may have the map a little later, and sets come soon after it. */
  #waitMs(): number {
    const { retryMs, heartbeatMs, probeMs } = this.#times;
    if (this.#router.map === undefined) return retryMs;
    return this.#clock.isChecked ? probeMs : heartbeatMs;
  }

  #ask(map: ClusterMap): void {
    for (const [name, { incarnation }] of Object.entries(map.nodes)) {
      const node = name as NodeId;
      this.#router.send({ node, incarnation }, { kind: 'time' }, (answer) => {
        if (answer.kind === 'time') this.#clock.heard(node, answer.wallMs);
      });
    }
  }
}
