// When the controller decides: every `decideMs` while something in the map is pending; at rest when something new is
// learned, when a node falls silent, and now and then. What it decides is in decisions/decide.ts.

import { assert } from '../cluster/assert.ts';
import { type ClusterMap, isFrozen, presentIncarnations } from '../cluster/model/cluster-map.ts';
import type { Cancel, Runtime } from '../cluster/ports.ts';
import { decide } from './decisions/decide.ts';
import { Rebalancing } from './decisions/rebalancing.ts';
import { stillHolds } from './decisions/safety.ts';
import type { PublishedMap } from './map/published-map.ts';
import type { MapRecovery } from './map/recovery.ts';
import type { Observations } from './observations/observations.ts';

/** At rest a decision still comes now and then, for what nobody reported as news; it costs a walk over all partitions. */
const DECIDES_AT_REST_HEARTBEATS = 2;

export class DecisionLoop {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly #map: PublishedMap;
  readonly #observations: Observations;
  readonly #recovery: () => MapRecovery | undefined;
  readonly #rebalancing = new Rebalancing();
  /** True while a decision is being made durable; the next decision starts from its outcome. */
  #deciding = false;
  #decidedMs = Number.NEGATIVE_INFINITY;
  /** True when something was learned since the last decision. */
  #hasNews = false;
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
    observations.onNews = () => {
      this.#hasNews = true;
      this.#tickWithin(observations.times.decideMs);
    };
  }

  start(): void {
    this.#tick();
  }

  /** H38: everything that happened since the last tick goes into one map. */
  #tick(): void {
    const now = this.#runtime.clock.monotonicMs();
    const map = this.#map.current;
    const { heartbeatMs } = this.#observations.times;
    this.#observations.tick(map, now);
    const isDue = now - this.#decidedMs >= DECIDES_AT_REST_HEARTBEATS * heartbeatMs;
    if (map !== undefined && (isDue || this.#hasNews || this.#restsUntilMs(map) <= now)) {
      this.#hasNews = false;
      this.#decidedMs = now;
      this.#observations.update(map, now);
      if (!this.#deciding) this.#decide();
    }
    this.#tickIn(this.#pauseMs(map, now));
  }

  /**
   * At rest a decision would find nothing until a node is silent for too long; then it comes at once, so that a death is
   * noticed as early as in a busy cluster.
   * @returns until when nothing is to be decided, if nothing is learned; in the past while something is pending
   */
  #restsUntilMs(map: ClusterMap): number {
    const isAtRest = this.#isSettled && !this.#deciding && this.#observations.pending.isEmpty;
    if (!isAtRest || isFrozen(map)) return Number.NEGATIVE_INFINITY;
    const { detector } = this.#observations;
    return Math.min(
      ...presentIncarnations(map).map((incarnationId) => detector.silentFromMs(incarnationId)),
    );
  }

  /** A tick comes soon enough for the failure detector, which takes two heartbeats without one for a pause (H10). */
  #pauseMs(map: ClusterMap | undefined, now: number): number {
    const { decideMs, heartbeatMs } = this.#observations.times;
    const untilMs = map === undefined ? now : this.#restsUntilMs(map);
    // While a node is silent already, keep the normal pace.
    return untilMs <= now ? decideMs : Math.min(heartbeatMs / 2, untilMs - now + 1);
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
