// The interface of a gateway: one API for clients, as thin as possible on top of the coordinator. The frontend (frontend.ts)
// gives every gateway the same context and serves the routes of all of them; kv/ is the first gateway.

import type { Metrics } from '../../cluster/http/metrics.ts';
import type { Routes } from '../../cluster/http/routes.ts';
import type { ClusterClock } from '../../cluster/model/cluster-clock.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Timers } from '../../cluster/ports.ts';
import type { ConditionalWriter } from '../../coordinator/operations/conditional/round.ts';
import type { Reader } from '../../coordinator/operations/get/round.ts';
import type { Writer } from '../../coordinator/operations/set/writer.ts';

export interface Gateway {
  /** Adds the gateway's routes and metrics; called once, before the first request. */
  addTo(routes: Routes, metrics: Metrics): void;
}

/** The parts of a frontend that its gateways work with. */
export interface GatewayContext {
  readonly reader: Reader;
  readonly writer: Writer;
  readonly conditional: ConditionalWriter;
  readonly timers: Timers;
  readonly times: Times;
  /** No value is longer. */
  readonly valueBytesMax: number;
  /** The time of the cluster, by which records expire (H31). */
  readonly clock: ClusterClock;
  /** Whether this frontend has a cluster map; without one it can ask no storage node, not even for the time. */
  hasMap(): boolean;
  /** @returns what a 404 says: in a cache nobody can tell what was never there from what was evicted (H40) */
  absence(): string;
}
