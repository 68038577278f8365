// How a storage node takes over a map that it receives. The rights that the map takes away are gone at once
// (restrictions.ts). The rights that it gives count once it is on disk, before anything is answered under it (I2);
// and the map on disk is never older than the adopted one (I1): an incarnation that starts from an older map would
// wipe what it has joined. Which maps may be adopted is decided in replica.ts.

import type { ClusterMap } from '../../cluster/model/cluster-map.ts';
import { compareMapVersions } from '../../cluster/model/cluster-map.ts';
import type { Disk, Runtime } from '../../cluster/ports.ts';
import { explained } from '../../cluster/shortage.ts';
import { encodeAdoptedMap, MAP_FILE } from '../data-directory/recovery.ts';
import { STALLED_MS } from '../log/durability.ts';
import type { Adoption, Replica } from './replica.ts';

/** Only the controller may send a first map, because a map from a peer may be of any age (D3). */
export type ReplicaMapSource = 'controller' | 'peer';

export type AdoptionOutcome =
  | Adoption
  | 'not-durable'
  | 'not-from-controller'
  | 'not-over-this-map'
  | 'ended';

const STALLED = `the disk hangs: ${MAP_FILE} waits to be written`;

interface Offer {
  readonly map: ClusterMap;
  readonly done: (outcome: AdoptionOutcome) => void;
}

export class MapAdoption {
  readonly #runtime: Runtime;
  readonly #replica: Replica;
  readonly #adopted: (map: ClusterMap) => void;
  #writing = false;
  /** The newest map that arrived while another was being written; older ones are not needed any more. */
  #waiting: Offer | undefined;
  #stopped = false;
  #problem: string | undefined;
  #stalled = false;

  /** @param adopted called in the same step in which the replica adopts a map */
  constructor(runtime: Runtime, replica: Replica, adopted: (map: ClusterMap) => void) {
    this.#runtime = runtime;
    this.#replica = replica;
    this.#adopted = adopted;
  }

  offer(map: ClusterMap, source: ReplicaMapSource, done: (outcome: AdoptionOutcome) => void): void {
    const { disk } = this.#runtime;
    if (this.#stopped) return done('ended');
    const judgement = this.#replica.judge(map);
    if (judgement !== 'adopted') return done(judgement);
    if (this.#replica.map === undefined && source === 'peer') return done('not-from-controller');
    this.#replica.obey(map);
    if (disk === undefined) return done(this.now(map));
    if (this.#writing) return this.#wait({ map, done });
    return this.#write(disk, { map, done });
  }

  /** Adopts a map that is on disk, or that need not be. @returns whether it was adopted, or why not */
  now(map: ClusterMap): Adoption {
    const adoption = this.#replica.adopt(map);
    if (adoption === 'adopted') this.#adopted(map);
    return adoption;
  }

  /** H35: why maps cannot be made durable, or not in good time. */
  get problem(): string | undefined {
    if (this.#problem === undefined) return this.#stalled ? STALLED : undefined;
    return `${MAP_FILE} cannot be written: ${explained(this.#problem)}; it is tried again with each map`;
  }

  stop(): void {
    this.#stopped = true;
  }

  #wait(offer: Offer): void {
    const earlier = this.#waiting;
    if (earlier === undefined || compareMapVersions(offer.map.version, earlier.map.version) > 0) {
      this.#waiting = offer;
      earlier?.done('already-newer');
    } else offer.done('already-newer');
  }

  #write(disk: Disk, { map, done }: Offer): void {
    this.#writing = true;
    const cancelWatch = this.#runtime.timers.after(STALLED_MS, () => {
      this.#stalled = true;
    });
    disk.replace(MAP_FILE, encodeAdoptedMap(map), (written) => {
      cancelWatch();
      this.#stalled = false;
      this.#writing = false;
      this.#report(written.kind === 'done' ? undefined : written.detail);
      if (this.#stopped) done('ended');
      else done(written.kind === 'done' ? this.now(map) : 'not-durable');
      const next = this.#waiting;
      this.#waiting = undefined;
      if (next === undefined) return;
      if (this.#stopped) return next.done('ended');
      // Judge the map again: it may be older than the one just adopted, which it must not replace on disk.
      const judgement = this.#replica.judge(next.map);
      if (judgement === 'adopted') this.#write(disk, next);
      else next.done(judgement);
    });
  }

  /** Logs only when a problem begins, changes or ends, because maps are offered several times a second. */
  #report(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { logger } = this.#runtime;
    if (problem === undefined) logger.write('info', `${MAP_FILE} can be written again`);
    else logger.write('error', `${MAP_FILE} cannot be written`, { detail: explained(problem) });
  }
}
