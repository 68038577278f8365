// Nodes that the controller hears but frontends do not reach (H11): their links are cut. Such a node gives up its
// partitions as a drained one does: they are copied first, at the pace of all moves, and it must acknowledge. The only
// effect is that rebalancing.ts places nothing on it. Nothing here proves that a node is dead.

import {
  type ClusterMap,
  type IncarnationId,
  isGranted,
  isSameIncarnation,
  nodeEntry,
  presentIncarnations,
} from '../../cluster/model/cluster-map.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Frontends } from './frontends.ts';
import { LatestReport } from './pending.ts';

/** How many probe intervals a report counts: a frontend repeats it with every probe, and some may be lost. */
const FRESH_PROBES = 3;

interface SilenceReport {
  readonly atMs: number;
  readonly silent: readonly IncarnationId[];
}

export class Reachability {
  readonly #times: Times;
  readonly #frontends: Frontends;
  /** The latest report of each frontend. */
  readonly #reports = new Map<string, SilenceReport>();
  /** When at least half of the frontends last reported the node. */
  readonly #saidMs = new LatestReport<number>();
  #avoided: readonly IncarnationId[] = [];

  constructor(times: Times, frontends: Frontends) {
    this.#times = times;
    this.#frontends = frontends;
  }

  /**
   * Takes in a frontend's list of nodes that have not answered it for `unreachableMs`. Only frontends that poll for
   * maps count. The workers of a frontend share its address and count once, by their latest report: they run on one
   * machine, which is cut off or not.
   */
  reported(frontend: string, silent: readonly IncarnationId[], nowMs: number): void {
    const { addresses } = this.#frontends;
    this.#reports.set(frontend, { atMs: nowMs, silent });
    for (const other of this.#reports.keys()) {
      if (!addresses.includes(other)) this.#reports.delete(other);
    }
  }

  /**
   * Nothing changes while half of the nodes or more are unreachable: then the frontends are cut off, or two parts of
   * the cluster from each other. No node is a better place than another, so nothing should move.
   */
  update(map: ClusterMap, nowMs: number): void {
    const present = placeableIncarnations(map);
    const isMinority = (incarnationIds: readonly IncarnationId[]) =>
      2 * incarnationIds.length < present.length;
    const said = present.filter((incarnationId) => this.#isSaidByHalf(incarnationId, nowMs));
    if (!isMinority(said)) return;
    for (const incarnationId of said) this.#saidMs.set(incarnationId, nowMs);
    const avoided = present.filter((incarnationId) => {
      const saidMs = this.#saidMs.of(incarnationId);
      return saidMs !== undefined && nowMs - saidMs < this.#times.rejoinBarMs;
    });
    if (isMinority(avoided)) this.#avoided = avoided;
  }

  /** Nothing is placed on the node, also for `rejoinBarMs` after it is reached again, so that replicas do not flap. */
  isAvoided(incarnationId: IncarnationId): boolean {
    return this.#avoided.some((other) => isSameIncarnation(other, incarnationId));
  }

  #isSaidByHalf(incarnationId: IncarnationId, nowMs: number): boolean {
    const freshMs = FRESH_PROBES * this.#times.probeMs;
    const reports = [...this.#reports.values()].filter(
      ({ atMs, silent }) =>
        nowMs - atMs < freshMs && silent.some((other) => isSameIncarnation(other, incarnationId)),
    );
    return reports.length > 0 && 2 * reports.length >= this.#frontends.addresses.length;
  }
}

function placeableIncarnations(map: ClusterMap): readonly IncarnationId[] {
  return presentIncarnations(map).filter(
    (incarnationId) =>
      isGranted(map, incarnationId) && !nodeEntry(map, incarnationId.node)?.draining,
  );
}
