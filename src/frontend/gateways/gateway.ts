// What a gateway is: one way in for clients, as thin as possible on top of the coordinator. The first is kv/; a frontend
// (frontend.ts) gives each the same context and serves the routes of all.

import type { Metrics } from '../../cluster/http/metrics.ts';
import type { Routes } from '../../cluster/http/routes.ts';
import type { ClusterClock } from '../../cluster/model/cluster-clock.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Timers } from '../../cluster/ports.ts';
import type { Reader } from '../../coordinator/operations/get/round.ts';
import type { Writer } from '../../coordinator/operations/set/writer.ts';

export interface Gateway {
  /** Called once, before the first request. */
  addTo(routes: Routes, metrics: Metrics): void;
}

/** What a frontend has for its gateways. */
export interface GatewayContext {
  readonly reader: Reader;
  readonly writer: Writer;
  readonly timers: Timers;
  readonly times: Times;
  /** The time of the cluster, by which records expire (H31). */
  readonly clock: ClusterClock;
  /** Whether there is a cluster map: without one nobody is asked for anything, the time included. */
  hasMap(): boolean;
  /** @returns what a 404 says: in a cache nobody can tell what was never there from what was evicted (H40) */
  absence(): string;
}
