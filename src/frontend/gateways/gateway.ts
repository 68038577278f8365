// The interface of a gateway: one API for clients, as thin as possible on top of the coordinator. The frontend (frontend.ts)
// gives every gateway the same context and serves the routes of all of them; kv/ is the first gateway.

import type { Metrics } from '../../cluster/http/metrics.ts';
import type { Routes } from '../../cluster/http/routes.ts';
import type { ClusterClock } from '../../cluster/model/cluster-clock.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Random, Timers } from '../../cluster/ports.ts';
import type {
  UserConditionalWriter,
  UserExplainedReader,
  UserManyReader,
  UserReader,
  UserScanner,
  UserVersionedWriter,
  UserWatcher,
  UserWriter,
} from '../../coordinator/operations/user-keys.ts';
import type { FileLayer } from '../../files/outcomes.ts';

export interface Gateway {
  /** Adds the gateway's routes and metrics; called once, before the first request. */
  addTo(routes: Routes, metrics: Metrics): void;
  /** Ends the replies that would go on as long as their clients like: the process stops. */
  drain?(): void;
}

/** The parts of a frontend that its gateways work with; its operations take users' keys. */
export interface GatewayContext {
  readonly reader: Pick<UserReader, 'get'>;
  /** Carries out many gets in few messages. */
  readonly manyReader: Pick<UserManyReader, 'get'>;
  /** Answers with what every member has (H21). */
  readonly linearizable: Pick<UserReader, 'get'>;
  /** The same, and tells how it came to its answer. */
  readonly explained: Pick<UserExplainedReader, 'explain'>;
  readonly writer: Pick<UserWriter, 'set'>;
  readonly conditional: Pick<UserConditionalWriter, 'write'>;
  readonly versionedWriter: Pick<UserVersionedWriter, 'write'>;
  readonly scanner: UserScanner;
  readonly watcher: UserWatcher;
  readonly files: FileLayer;
  readonly timers: Timers;
  readonly random: Pick<Random, 'token'>;
  readonly times: Times;
  /** The longest value that this frontend takes. */
  readonly valueBytesMax: number;
  /** The longest file of the small file storage service. */
  readonly sfssBytesMax: number;
  /** The time of the cluster, by which records expire (H31). */
  readonly clock: ClusterClock;
  /** Whether this frontend has a cluster map; without one it can ask no storage node, not even for the time. */
  hasMap(): boolean;
  /** @returns what a 404 says: in a cache nobody can tell what was never there from what was evicted (H40) */
  absence(): string;
}
