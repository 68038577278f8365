// Everything the controller knows beyond the map, in one place: what the nodes said last, who is silent,
// alive or dead, and what is waited for. Gone with the controller.

import type { ClusterMap, Life, MapVersion } from '../cluster/cluster-map.ts';
import type { Times } from '../cluster/limits.ts';
import type { HeartbeatRequest } from '../cluster/messages.ts';
import type { Runtime } from '../cluster/runtime.ts';
import { FailureDetector } from './failure-detector.ts';
import { Frontends } from './frontends.ts';
import { NodeClocks } from './node-clocks.ts';
import { isAtLeast, LastWords, Pending } from './pending.ts';
import { Reachability } from './reachability.ts';
import { View } from './view.ts';

export class Knowledge {
  readonly times: Times;
  readonly detector: FailureDetector;
  readonly frontends: Frontends;
  readonly reachability: Reachability;
  readonly clocks: NodeClocks;
  readonly pending = new Pending();
  readonly heartbeats = new LastWords<HeartbeatRequest>();
  /** The newest map that each life said it has. */
  readonly adopted = new LastWords<MapVersion>();
  /** When a decision last changed the map. */
  decidedMs = Number.NEGATIVE_INFINITY;

  constructor(times: Times, { clock, log }: Pick<Runtime, 'clock' | 'log'>) {
    this.times = times;
    this.detector = new FailureDetector(times, clock.monotonicMs());
    this.frontends = new Frontends(times);
    this.reachability = new Reachability(times, this.frontends);
    this.clocks = new NodeClocks(clock, log, times);
  }

  tick(map: ClusterMap | undefined, nowMs: number): void {
    this.detector.tick(nowMs);
    this.clocks.tick(map);
  }

  /** A heartbeat of a life that the map names. */
  heard(message: HeartbeatRequest, nowMs: number): void {
    this.detector.heard(message, nowMs);
    this.clocks.heard(message);
    this.heartbeats.set(message, message);
    this.acknowledged(message, message.mapVersion);
    for (const { agoMs, ...life } of message.vouched) {
      this.detector.vouchedFor(life, nowMs - agoMs);
    }
  }

  acknowledged(life: Life, version: MapVersion): void {
    if (!isAtLeast(this.adopted.of(life), version)) this.adopted.set(life, version);
  }

  update(map: ClusterMap, nowMs: number): void {
    const evidence = {
      hasAdopted: (life: Life, version: MapVersion) => isAtLeast(this.adopted.of(life), version),
      isDead: (life: Life) => this.detector.death(life) !== undefined,
    };
    this.pending.update(map, evidence, nowMs);
    this.reachability.update(map, nowMs);
  }

  at(nowMs: number): View {
    return new View(this, nowMs);
  }
}
