// Lives that the controller hears and frontends do not reach (H11): their links are cut, not they. Such a
// node gives its partitions up as a drained one does, copied first, at the pace of all moves, with its
// acknowledgement; rebalancing.ts merely places nothing on it. Nothing here is a proof of anything.

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

/** A frontend repeats itself with every probe; so many of its reports may be lost. */
const FRESH_PROBES = 3;

interface SilenceReport {
  readonly atMs: number;
  readonly silent: readonly Life[];
}

export class Reachability {
  readonly #times: Times;
  readonly #frontends: Frontends;
  /** The latest of each frontend. */
  readonly #reports = new Map<string, SilenceReport>();
  /** When half of the frontends said so last. */
  readonly #saidMs = new LatestReport<number>();
  #avoided: readonly Life[] = [];

  constructor(times: Times, frontends: Frontends) {
    this.#times = times;
    this.#frontends = frontends;
  }

  /**
   * These have answered a frontend nothing for `unreachableMs`; who is no frontend that polls has no say. The
   * workers of a frontend have its address and one voice, the latest of theirs: one machine is cut off, or not.
   */
  reported(frontend: string, silent: readonly Life[], nowMs: number): void {
    const { addresses } = this.#frontends;
    this.#reports.set(frontend, { atMs: nowMs, silent });
    for (const other of this.#reports.keys()) {
      if (!addresses.includes(other)) this.#reports.delete(other);
    }
  }

  /**
   * While half of the nodes or more are out of reach it is the frontends that are cut off, or two parts of
   * the cluster from each other. No place is better than another then, and nothing moves because of it.
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

  /** Nothing is placed on it now, nor for a while after it is reached again, so that nothing flaps. */
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
