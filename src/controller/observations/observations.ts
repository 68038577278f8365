// Everything the controller knows beyond the map, in one place: what the nodes said last, who is silent,
// alive or dead, and what is waited for. Gone with the controller.

import {
  type ClusterMap,
  type Life,
  type MapVersion,
  presentLives,
} from '../../cluster/model/cluster-map.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Logger, Runtime } from '../../cluster/ports.ts';
import type { HeartbeatReply, HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import { FailureDetector } from './failure-detector.ts';
import { Frontends } from './frontends.ts';
import { NodeClocks } from './node-clocks.ts';
import { isAtLeast, LatestReport, Pending } from './pending.ts';
import { Reachability } from './reachability.ts';
import { View } from './view.ts';

/** What a life says of the maps that it has. Software without `obeyedVersion` obeys what it adopted. */
export type Acknowledgement = Pick<HeartbeatRequest, 'mapVersion' | 'obeyedVersion'>;

export class Observations {
  readonly #logger: Logger;
  readonly times: Times;
  readonly detector: FailureDetector;
  readonly frontends: Frontends;
  readonly reachability: Reachability;
  readonly clocks: NodeClocks;
  readonly pending = new Pending();
  readonly heartbeats = new LatestReport<HeartbeatRequest>();
  /** The newest map that each life said it has. */
  readonly adopted = new LatestReport<MapVersion>();
  /** The newest one that each life said it obeys: what that takes from it, it does no more. */
  readonly obeyed = new LatestReport<MapVersion>();
  /** When a decision last changed the map. */
  decidedMs = Number.NEGATIVE_INFINITY;
  /** Called when something was learned that a decision may follow from; time alone brings the rest. */
  onNews: () => void = () => undefined;

  constructor(times: Times, { clock, logger }: Pick<Runtime, 'clock' | 'logger'>) {
    this.times = times;
    this.#logger = logger;
    this.detector = new FailureDetector(times, clock.monotonicMs(), () => this.onNews());
    this.frontends = new Frontends(times);
    this.reachability = new Reachability(times, this.frontends);
    this.clocks = new NodeClocks(clock, logger, times);
  }

  tick(map: ClusterMap | undefined, nowMs: number): void {
    this.detector.tick(nowMs);
    this.clocks.tick(map);
  }

  /** A heartbeat of a life that the map names. */
  heard(message: HeartbeatRequest, nowMs: number): void {
    this.detector.heard(message, nowMs);
    this.clocks.heard(message);
    const before = this.heartbeats.of(message);
    this.#reportDisk(message, before);
    this.heartbeats.set(message, message);
    if (message.writable !== before?.writable) this.onNews();
    this.acknowledged(message, message);
    for (const { agoMs, ...life } of message.vouched) {
      this.detector.vouchedFor(life, nowMs - agoMs);
    }
  }

  /** H35: when a node says first that it cannot write, something else of it, or that it can again. */
  #reportDisk(
    { node, writable, diskProblem }: HeartbeatRequest,
    before: HeartbeatRequest | undefined,
  ): void {
    if (writable === (before?.writable ?? true) && diskProblem === before?.diskProblem) return;
    if (writable) this.#logger.write('info', 'a storage node can write again', { node });
    else {
      const detail = diskProblem;
      this.#logger.write('warn', 'a storage node cannot write, and gives up what others have', {
        node,
        detail,
      });
    }
  }

  acknowledged(life: Life, { mapVersion, obeyedVersion }: Acknowledgement): void {
    if (!isAtLeast(this.adopted.of(life), mapVersion)) this.adopted.set(life, mapVersion);
    for (const version of [mapVersion, obeyedVersion ?? mapVersion]) {
      if (!isAtLeast(this.obeyed.of(life), version)) this.obeyed.set(life, version);
    }
  }

  /** What each life of the map said that it has; those that have said nothing are left out. */
  adoptedBy(map: ClusterMap | undefined): NonNullable<HeartbeatReply['adopted']> {
    return (map === undefined ? [] : presentLives(map)).flatMap((life) => {
      const mapVersion = this.adopted.of(life);
      return mapVersion === undefined ? [] : [{ ...life, mapVersion }];
    });
  }

  update(map: ClusterMap, nowMs: number): void {
    const evidence = {
      obeys: (life: Life, version: MapVersion) => isAtLeast(this.obeyed.of(life), version),
      isDead: (life: Life) => this.detector.death(life) !== undefined,
    };
    this.pending.update(map, evidence, nowMs);
    this.reachability.update(map, nowMs);
  }

  at(nowMs: number): View {
    return new View(this, nowMs);
  }
}
