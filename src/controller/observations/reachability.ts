// Nodes that the controller hears but frontends do not reach (H11): their links are cut. Such a node gives up its
// partitions as a drained one does: they are copied first, at the pace of all moves, and it must acknowledge. The only
// effect is that rebalancing.ts places nothing on it. Nothing here proves that a node is dead.

import {
  type ClusterMap,
  isGranted,
  isSameLife,
  type Life,
  nodeEntry,
  presentLives,
} from '../../cluster/model/cluster-map.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Frontends } from './frontends.ts';
import { LatestReport } from './pending.ts';

/** How many probe intervals a report counts: a frontend repeats it with every probe, and some may be lost. */
const FRESH_PROBES = 3;

interface SilenceReport {
  readonly atMs: number;
  readonly silent: readonly Life[];
}

export class Reachability {
  readonly #times: Times;
  readonly #frontends: Frontends;
  /** The latest report of each frontend. */
  readonly #reports = new Map<string, SilenceReport>();
  /** When at least half of the frontends last reported the node. */
  readonly #saidMs = new LatestReport<number>();
  #avoided: readonly Life[] = [];

  constructor(times: Times, frontends: Frontends) {
    this.#times = times;
    this.#frontends = frontends;
  }

  /**
   * Takes in a frontend's list of nodes that have not answered it for `unreachableMs`. Only frontends that poll for
   * maps count. The workers of a frontend share its address and count once, by their latest report: they run on one
   * machine, which is cut off or not.
   */
  reported(frontend: string, silent: readonly Life[], nowMs: number): void {
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
    const present = placeableLives(map);
    const isMinority = (lives: readonly Life[]) => 2 * lives.length < present.length;
    const said = present.filter((life) => this.#isSaidByHalf(life, nowMs));
    if (!isMinority(said)) return;
    for (const life of said) this.#saidMs.set(life, nowMs);
    const avoided = present.filter((life) => {
      const saidMs = this.#saidMs.of(life);
      return saidMs !== undefined && nowMs - saidMs < this.#times.rejoinBarMs;
    });
    if (isMinority(avoided)) this.#avoided = avoided;
  }

  /** Nothing is placed on the node, also for `rejoinBarMs` after it is reached again, so that replicas do not flap. */
  isAvoided(life: Life): boolean {
    return this.#avoided.some((other) => isSameLife(other, life));
  }

  #isSaidByHalf(life: Life, nowMs: number): boolean {
    const freshMs = FRESH_PROBES * this.#times.probeMs;
    const reports = [...this.#reports.values()].filter(
      ({ atMs, silent }) =>
        nowMs - atMs < freshMs && silent.some((other) => isSameLife(other, life)),
    );
    return reports.length > 0 && 2 * reports.length >= this.#frontends.addresses.length;
  }
}

function placeableLives(map: ClusterMap): readonly Life[] {
  return presentLives(map).filter(
    (life) => isGranted(map, life) && !nodeEntry(map, life.node)?.draining,
  );
}
