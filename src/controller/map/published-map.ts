// The map that the controller has published: changes one after the other, each durable before anybody
// sees it (R11, H33), and those who wait for a newer one.

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

/** Whether what a change was decided on is so still, now that the map could be published. */
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

/** Who is further behind gets the whole map. They share the entries that did not change. */
const RECENT_MAPS = 32;

export class PublishedMap {
  readonly #runtime: Runtime;
  readonly #published: (map: ClusterMap, earlier: ClusterMap | undefined) => void;
  readonly #queue: Proposal[] = [];
  readonly #waiters = new Set<MapWaiter>();
  #map: ClusterMap | undefined;
  /** Of this process, the oldest first, without the present one. */
  readonly #recent: MapBase[] = [];
  /** From each of them to the present one, as they are asked for: every node asks for the same. */
  readonly #deltas = new Map<MapBase, MapDelta>();
  #writing = false;
  /** What the file has; another object after each write. */
  #stored: { readonly bytes: number } | undefined;
  /** The disk has a map that was given up, in place of the published one. */
  #mustRewrite = false;
  /** Why the last write failed. */
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

  /** Undefined before the first write, and during each. */
  get stored(): { readonly bytes: number } | undefined {
    return this.#writing ? undefined : this.#stored;
  }

  /** The file is not what was written any more. */
  rewrite(): void {
    const map = this.#map;
    if (map === undefined) return;
    this.#mustRewrite = true;
    this.propose(
      (current) => current ?? map,
      () => undefined,
    );
  }

  /** Why the last map could not be written, if it could not. */
  get problem(): string | undefined {
    if (this.#problem === undefined) return undefined;
    return `${STATE_FILE} cannot be written: ${explained(this.#problem)}; it is tried again and again`;
  }

  /** What somebody with an older map does not know (H38); nothing for all others. */
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
   * The change gets the map as it is when its turn comes, so changes never overwrite each other. One that does not
   * hold any more when it is durable gets it again: a write may take seconds, and nobody has seen the map yet.
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
      // Whoever takes it from here answers it: its time may be over in the moment in which a map comes.
      if (!this.#waiters.delete(waiter)) return;
      cancel();
      answer(this.newsFor(asker));
    };
    const waiter: MapWaiter = { since, wake };
    const cancel = this.#runtime.timers.after(waitMs, wake);
    this.#waiters.add(waiter);
  }

  /** Lets everybody who waits go home with what there is: the controller stops. */
  releaseWaiters(): void {
    for (const waiter of [...this.#waiters]) waiter.wake();
  }

  #next(): void {
    const first = this.#queue[0];
    if (this.#writing || first === undefined) return;
    this.#queue.shift();
    // A change that throws must not hold up all that come after it.
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

  /** When a problem begins, changes or ends: decisions are tried again many times a second. */
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
