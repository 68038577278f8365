// Determines for which partitions this frontend can serve gets, from the storage nodes that answer its probes: the map
// shows only what others believe. The frontend is ready if it can serve any partition. Missing ones are a warning,
// because all frontends may lack the same ones.

import type { HealthCheck } from '../cluster/http/health.ts';
import type { Metrics } from '../cluster/http/metrics.ts';
import type { Routes } from '../cluster/http/routes.ts';
import {
  answeringMembers,
  type ClusterMap,
  presentIncarnations,
} from '../cluster/model/cluster-map.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { Runtime } from '../cluster/ports.ts';
import type { Probes } from '../coordinator/probes.ts';
import type { Router } from '../coordinator/router.ts';

interface ServedPartitions {
  readonly partitions: number;
  readonly unserved: number;
  /** The addresses of the nodes that do not answer. */
  readonly silent: readonly string[];
}

/** How many silent nodes a message names at most. */
const SILENT_NAMED_MAX = 8;
/** Why there is no map is said by the check `map`. */
const NO_MAP_TO_JUDGE_BY = { unknown: 'without a cluster map nobody can say' } as const;

export class Coverage {
  readonly #runtime: Runtime;
  readonly #router: Router;
  readonly #probes: Pick<Probes, 'answers'>;
  readonly #times: Times;
  /** Since when a partition cannot be served, monotonic; undefined while all can be. */
  #sinceMs: number | undefined;
  #isLogged = false;

  constructor(runtime: Runtime, times: Times, router: Router, probes: Pick<Probes, 'answers'>) {
    this.#runtime = runtime;
    this.#times = times;
    this.#router = router;
    this.#probes = probes;
  }

  addTo(routes: Routes, metrics: Metrics): void {
    routes.addCheck('storage', () => this.#nothingServed());
    routes.addWarning('partitions', () => this.#missing());
    metrics.gauge(
      'velourfog_unserved_partitions',
      'Partitions of which no storage node that may answer gets answers this frontend.',
      () => this.#served()?.unserved ?? 0,
    );
  }

  /** Called before each round of probes. Logs unserved partitions once they last, unlike a start or short pause. */
  look(): void {
    const served = this.#served();
    if (served === undefined) return;
    if (served.unserved === 0) {
      if (this.#isLogged) this.#runtime.logger.write('info', 'all partitions can be served again');
      this.#isLogged = false;
      this.#sinceMs = undefined;
      return;
    }
    const nowMs = this.#runtime.clock.monotonicMs();
    this.#sinceMs ??= nowMs;
    if (this.#isLogged || nowMs - this.#sinceMs < this.#times.unreachableMs) return;
    this.#isLogged = true;
    this.#runtime.logger.write('warn', 'partitions cannot be served from here', {
      partitions: served.unserved,
      of: served.partitions,
      silent: named(served.silent),
    });
  }

  #nothingServed(): ReturnType<HealthCheck> {
    const served = this.#served();
    if (served === undefined) return NO_MAP_TO_JUDGE_BY;
    if (served.unserved < served.partitions) return undefined;
    return served.silent.length === 0
      ? 'no partition has a storage node that may answer for it'
      : `no storage node that may answer gets answers this frontend; silent: ${named(served.silent)}`;
  }

  #missing(): ReturnType<HealthCheck> {
    const served = this.#served();
    if (served === undefined) return NO_MAP_TO_JUDGE_BY;
    if (served.unserved === 0) return undefined;
    const { unserved, partitions, silent } = served;
    const what = `${unserved} of ${partitions} partitions have no storage node that may answer for them and answers this frontend`;
    return silent.length === 0 ? what : `${what}; silent: ${named(silent)}`;
  }

  #served(): ServedPartitions | undefined {
    const { map } = this.#router;
    return map === undefined ? undefined : this.#servedOf(map);
  }

  #servedOf(map: ClusterMap): ServedPartitions {
    const incarnationIds = presentIncarnations(map);
    const answering = new Set(
      incarnationIds
        .filter((incarnationId) => this.#probes.answers(incarnationId))
        .map(({ node }) => node),
    );
    const isServed = (entry: ClusterMap['partitions'][number]) =>
      answeringMembers(map, entry).some(({ node }) => answering.has(node));
    return {
      partitions: map.partitions.length,
      unserved: map.partitions.filter((entry) => !isServed(entry)).length,
      silent: incarnationIds.flatMap(({ node }) =>
        answering.has(node) ? [] : [map.nodes[node]?.address ?? node],
      ),
    };
  }
}

function named(addresses: readonly string[]): string {
  const first = addresses.slice(0, SILENT_NAMED_MAX).join(', ');
  const more = addresses.length - SILENT_NAMED_MAX;
  return more > 0 ? `${first} and ${more} more` : first;
}
