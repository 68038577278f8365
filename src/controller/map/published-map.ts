// The map that the controller has published. Changes are applied one after the other, and each map is durable before
// anybody sees it (R11, H33). Requests that wait for a newer map wait here.

import { assert } from '../../cluster/assert.ts';
import type { ClusterMap } from '../../cluster/model/cluster-map.ts';
import {
  compareGenerations,
  compareMapVersions,
  type MapVersion,
} from '../../cluster/model/cluster-map.ts';
import {
  deltaBetween,
  type MapAsker,
  type MapBase,
  type MapDelta,
  type MapNews,
} from '../../cluster/model/map-delta.ts';
import type { Runtime } from '../../cluster/ports.ts';
import { explained } from '../../cluster/shortage.ts';
import { isNewer } from '../../cluster/wire/map-exchange.ts';
import { encodeState, STATE_FILE } from './state-file.ts';

export type MapChange = (map: ClusterMap | undefined) => ClusterMap;
type Decided = (
  outcome:
    | { readonly kind: 'published' }
    | { readonly kind: 'not-durable'; readonly detail: string },
) => void;

/** Checks, once the map is durable, that the reasons for the change still hold. */
export type Holds = (map: ClusterMap, earlier: ClusterMap | undefined) => boolean;

interface Proposal {
  readonly change: MapChange;
  readonly decided: Decided;
  readonly holds: Holds;
}

interface MapWaiter {
  readonly since: MapVersion;
  readonly wake: () => void;
}

/** How many earlier maps are kept as bases of deltas; nodes further behind get the whole map. Maps share entries. */
const RECENT_MAPS = 32;

export class PublishedMap {
  readonly #runtime: Runtime;
  readonly #published: (map: ClusterMap, earlier: ClusterMap | undefined) => void;
  readonly #queue: Proposal[] = [];
  readonly #waiters = new Set<MapWaiter>();
  #map: ClusterMap | undefined;
  /** Earlier maps of this generation, oldest first, without the present one. */
  readonly #recent: MapBase[] = [];
  /** The delta from each earlier map to the present one, computed on first use: all nodes ask for the same one. */
  readonly #deltas = new Map<MapBase, MapDelta>();
  #writing = false;
  /** Size of the file as last written; a new object after each write, to tell writes apart (state-watch.ts). */
  #stored: { readonly bytes: number } | undefined;
  /** True when the file must be written although the map is unchanged: it has a discarded map, or was tampered with. */
  #mustRewrite = false;
  /** Why the last write failed; undefined when it succeeded. */
  #problem: string | undefined;

  /** @param published is called with every map, once it is durable */
  constructor(
    runtime: Runtime,
    published: (map: ClusterMap, earlier: ClusterMap | undefined) => void,
  ) {
    this.#runtime = runtime;
    this.#published = published;
  }

  get current(): ClusterMap | undefined {
    return this.#map;
  }

  /** Size of the file as last written; undefined before the first write and during each. */
  get stored(): { readonly bytes: number } | undefined {
    return this.#writing ? undefined : this.#stored;
  }

  /** Writes the present map again, because somebody else has changed or removed the file. */
  rewrite(): void {
    const map = this.#map;
    if (map === undefined) return;
    this.#mustRewrite = true;
    this.propose(
      (current) => current ?? map,
      () => undefined,
    );
  }

  /** Why the last map could not be written, as text for people; undefined when it was. */
  get problem(): string | undefined {
    if (this.#problem === undefined) return undefined;
    return `${STATE_FILE} cannot be written: ${explained(this.#problem)}; it is tried again and again`;
  }

  /** What a node with map `since` lacks: the whole map, a delta (H38), or nothing if it has the newest. */
  newsFor({ since, deltas }: MapAsker): MapNews {
    const map = this.#map;
    if (!isNewer(map, since)) return { map: undefined, delta: undefined };
    const base = this.#recent.find(({ version }) => compareMapVersions(version, since) === 0);
    return deltas && base !== undefined
      ? { map: undefined, delta: this.#deltaFrom(base, map) }
      : { map, delta: undefined };
  }

  #deltaFrom(base: MapBase, map: ClusterMap): MapDelta {
    const delta = this.#deltas.get(base) ?? deltaBetween(base, map);
    this.#deltas.set(base, delta);
    return delta;
  }

  /**
   * Queues a change. It gets the map as it is when its turn comes, so changes never overwrite each other. If `holds`
   * fails once the new map is durable, the change is applied again: a write may take seconds, and nobody has seen the
   * map yet.
   */
  propose(change: MapChange, decided: Decided, holds: Holds = () => true): void {
    this.#queue.push({ change, decided, holds });
    this.#next();
  }

  /** @param answer gets the news as soon as there are any, or none after `waitMs` */
  waitForNewer(asker: MapAsker, waitMs: number, answer: (news: MapNews) => void): void {
    const { since } = asker;
    if (isNewer(this.#map, since) || waitMs <= 0) return answer(this.newsFor(asker));
    const wake = () => {
      // The timer and a new map may both wake it; only the first one answers.
      if (!this.#waiters.delete(waiter)) return;
      cancel();
      answer(this.newsFor(asker));
    };
    const waiter: MapWaiter = { since, wake };
    const cancel = this.#runtime.timers.after(waitMs, wake);
    this.#waiters.add(waiter);
  }

  /** Answers all waiting requests with what there is, because the controller stops. */
  releaseWaiters(): void {
    for (const waiter of [...this.#waiters]) waiter.wake();
  }

  #next(): void {
    const first = this.#queue[0];
    if (this.#writing || first === undefined) return;
    this.#queue.shift();
    // The proposal is off the queue before it is called, so a change that throws does not block the ones behind it.
    const map = first.change(this.#map);
    this.#writing = true;
    const done = (failure: string | undefined) => {
      this.#writing = false;
      if (failure === undefined) this.#publish(map);
      first.decided(
        failure === undefined ? { kind: 'published' } : { kind: 'not-durable', detail: failure },
      );
      this.#next();
    };
    if (map === this.#map && !this.#mustRewrite) return done(undefined);
    const disk = this.#runtime.disk;
    if (disk === undefined) return done(undefined);
    const bytes = encodeState(map);
    disk.replace(STATE_FILE, bytes, (result) => {
      if (result.kind === 'done') this.#stored = { bytes: bytes.length };
      const failure = result.kind === 'done' ? undefined : result.detail;
      this.#report(failure);
      if (failure !== undefined) return done(failure);
      this.#mustRewrite = !first.holds(map, this.#map);
      if (!this.#mustRewrite) return done(undefined);
      this.#writing = false;
      this.#queue.unshift(first);
      return this.#next();
    });
  }

  /** Logs when a problem begins, changes or ends, not each time: decisions are retried many times a second. */
  #report(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { logger } = this.#runtime;
    if (problem === undefined) logger.write('info', `${STATE_FILE} can be written again`);
    else logger.write('error', `${STATE_FILE} cannot be written`, { detail: explained(problem) });
  }

  #publish(map: ClusterMap): void {
    if (map === this.#map) return;
    assert(
      this.#map === undefined || compareMapVersions(map.version, this.#map.version) > 0,
      'published versions rise (I1)',
    );
    const earlier = this.#map;
    this.#map = map;
    this.#deltas.clear();
    if (earlier !== undefined && compareGenerations(earlier.version, map.version) === 0) {
      const { version, partitions } = earlier;
      this.#recent.push({ version, partitions });
    }
    if (this.#recent.length > RECENT_MAPS) this.#recent.shift();
    for (const waiter of [...this.#waiters]) {
      if (isNewer(map, waiter.since)) waiter.wake();
    }
    this.#published(map, earlier);
  }
}
