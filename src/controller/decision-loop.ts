// When the controller decides: every `decideMs` while something in the map is pending; at rest ten times a second,
// when something new is learned, and when a node falls silent. What it decides is in decisions/decide.ts.

import { assert } from '../cluster/assert.ts';
import { type ClusterMap, isFrozen, presentIncarnations } from '../cluster/model/cluster-map.ts';
import type { Cancel, Runtime } from '../cluster/ports.ts';
import { decide } from './decisions/decide.ts';
import { Rebalancing } from './decisions/rebalancing.ts';
import { stillHolds } from './decisions/safety.ts';
import type { PublishedMap } from './map/published-map.ts';
import type { MapRecovery } from './map/recovery.ts';
import type { Observations } from './observations/observations.ts';

export class DecisionLoop {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #map: PublishedMap;
  readonly #observations: Observations;
  readonly #recovery: () => MapRecovery | undefined;
  readonly #rebalancing = new Rebalancing();
  /** True while a decision is being made durable; the next decision starts from its outcome. */
  #deciding = false;
  /** True when the last decision left the map unchanged. */
  #isSettled = false;
  #dueMs = 0;
  #cancel: Cancel = () => undefined;

  constructor(
    runtime: Pick<Runtime, 'clock' | 'timers'>,
    map: PublishedMap,
    observations: Observations,
    recovery: () => MapRecovery | undefined,
  ) {
    this.#runtime = runtime;
    this.#map = map;
    this.#observations = observations;
    this.#recovery = recovery;
    observations.onNews = () => this.#tickWithin(observations.times.decideMs);
  }

  start(): void {
    this.#tick();
  }

  /** H38: everything that happened since the last tick goes into one map. */
  #tick(): void {
    const now = this.#runtime.clock.monotonicMs();
    const map = this.#map.current;
    this.#observations.tick(map, now);
    if (map !== undefined) {
      this.#observations.update(map, now);
      if (!this.#deciding) this.#decide();
    }
    this.#tickIn(this.#pauseMs(map, now));
  }

  /**
   * At rest most ticks would find nothing. The next one comes when a node would be silent for too long, so that a
   * death is noticed as early as in a busy cluster; and soon enough for the failure detector, which takes more than
   * two heartbeats without a tick for a pause of this process (H10).
   */
  #pauseMs(map: ClusterMap | undefined, now: number): number {
    const { decideMs, heartbeatMs } = this.#observations.times;
    const isAtRest = this.#isSettled && !this.#deciding && this.#observations.pending.isEmpty;
    if (map === undefined || !isAtRest || isFrozen(map)) return decideMs;
    const { detector } = this.#observations;
    const silentMs = Math.min(
      ...presentIncarnations(map).map((incarnationId) => detector.silentFromMs(incarnationId)),
    );
    // While a node is silent already, keep the normal pace.
    return silentMs <= now ? decideMs : Math.min(heartbeatMs / 2, silentMs - now + 1);
  }

  #tickIn(pauseMs: number): void {
    this.#cancel();
    this.#dueMs = this.#runtime.clock.monotonicMs() + pauseMs;
    this.#cancel = this.#runtime.timers.after(pauseMs, () => this.#tick());
  }

  #tickWithin(pauseMs: number): void {
    if (this.#dueMs - this.#runtime.clock.monotonicMs() > pauseMs) this.#tickIn(pauseMs);
  }

  #decide(): void {
    this.#deciding = true;
    const now = () => this.#runtime.clock.monotonicMs();
    this.#map.propose(
      (map) => {
        assert(map !== undefined, 'a map, once there, stays');
        const next = decide(map, this.#observations.at(now()), {
          rebalancing: this.#rebalancing,
          recovery: this.#recovery(),
        });
        this.#isSettled = next === map;
        if (next !== map) this.#observations.decidedMs = now();
        return next;
      },
      () => {
        // If the map could not be written, the next tick decides again.
        this.#deciding = false;
      },
      (next, earlier) =>
        earlier === undefined || stillHolds(next, earlier, this.#observations.at(now())),
    );
  }
}
