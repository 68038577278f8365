// Everything that the controller knows beyond the map: the nodes' latest reports, who is silent, alive or dead, and
// what is pending. Nothing here is stored; a restarted controller learns it anew.

import {
  type ClusterMap,
  type IncarnationId,
  isSameIncarnation,
  type MapVersion,
  nodeEntry,
  presentIncarnations,
} from '../../cluster/model/cluster-map.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Logger, Runtime } from '../../cluster/ports.ts';
import type { HeartbeatReply, HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import { incarnationsOf } from '../decisions/membership.ts';
import { FailureDetector } from './failure-detector.ts';
import { Frontends } from './frontends.ts';
import { NodeClocks } from './node-clocks.ts';
import { isAtLeast, LatestReport, Pending } from './pending.ts';
import { Reachability } from './reachability.ts';
import { View } from './view.ts';

/** The map versions that a node reports. Software without `obeyedVersion` obeys the map that it adopted. */
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
  /** The newest map that each node reported to have on disk. */
  readonly adopted = new LatestReport<MapVersion>();
  /** The newest map that each node reported to obey: it has given up what that map takes from it. */
  readonly obeyed = new LatestReport<MapVersion>();
  /** When each node last said that it has no memory for a copy, monotonic. */
  readonly shortMs = new LatestReport<number>();
  /** When a decision last changed the map, monotonic. */
  decidedMs = Number.NEGATIVE_INFINITY;
  /** Called when something was learned that may lead to a decision; what time alone brings is left to the ticks. */
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

  /** Takes in a heartbeat of an incarnation that the map names. */
  heard(message: HeartbeatRequest, nowMs: number): void {
    this.detector.heard(message, nowMs);
    this.clocks.heard(message);
    const before = this.heartbeats.of(message);
    this.#reportDisk(message, before);
    this.heartbeats.set(message, message);
    if (message.writable !== before?.writable) this.onNews();
    if ((message.withoutMemory ?? []).length > 0) this.#lacksMemory(message, before, nowMs);
    for (const each of message.copying ?? []) this.pending.copied(message, each, nowMs);
    this.acknowledged(message, message);
    for (const { agoMs, ...incarnationId } of message.vouched) {
      this.detector.vouchedFor(incarnationId, nowMs - agoMs);
    }
  }

  /** H35: logs when a node first reports that it cannot write, when the reason changes, and when it can write again. */
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

  #lacksMemory(
    message: HeartbeatRequest,
    before: HeartbeatRequest | undefined,
    nowMs: number,
  ): void {
    this.shortMs.set(message, nowMs);
    if ((before?.withoutMemory ?? []).length > 0) return;
    this.#logger.write('warn', 'a storage node has no memory for a copy: none is placed on it', {
      node: message.node,
      seconds: this.times.rejoinBarMs / 1000,
    });
    this.onNews();
  }

  acknowledged(incarnationId: IncarnationId, { mapVersion, obeyedVersion }: Acknowledgement): void {
    if (!isAtLeast(this.adopted.of(incarnationId), mapVersion))
      this.adopted.set(incarnationId, mapVersion);
    for (const version of [mapVersion, obeyedVersion ?? mapVersion]) {
      if (!isAtLeast(this.obeyed.of(incarnationId), version))
        this.obeyed.set(incarnationId, version);
    }
  }

  /** The map that each node reported to have; nodes that have not reported are left out. */
  adoptedBy(map: ClusterMap | undefined): NonNullable<HeartbeatReply['adopted']> {
    return (map === undefined ? [] : presentIncarnations(map)).flatMap((incarnationId) => {
      const mapVersion = this.adopted.of(incarnationId);
      return mapVersion === undefined ? [] : [{ ...incarnationId, mapVersion }];
    });
  }

  update(map: ClusterMap, nowMs: number): void {
    const evidence = {
      obeys: (incarnationId: IncarnationId, version: MapVersion) =>
        isAtLeast(this.obeyed.of(incarnationId), version),
      isDead: (incarnationId: IncarnationId) => this.detector.death(incarnationId) !== undefined,
    };
    this.pending.update(map, evidence, nowMs);
    this.reachability.update(map, nowMs);
  }

  /**
   * Call after each publication. Forgets what was learned of incarnations and nodes that left the map: decisions are
   * about those that it names, and an incarnation does not come back to it (I10). What is known of a node that the map
   * does not name yet stays: it is being admitted.
   */
  published(map: ClusterMap, earlier: ClusterMap | undefined): void {
    this.detector.forgetDeaths((incarnationId) =>
      incarnationsOf(map, incarnationId.node).some((named) =>
        isSameIncarnation(named, incarnationId),
      ),
    );
    for (const { node } of earlier === undefined ? [] : presentIncarnations(earlier)) {
      if (nodeEntry(map, node) !== undefined || incarnationsOf(map, node).length > 0) continue;
      const reports = [this.heartbeats, this.adopted, this.obeyed, this.shortMs];
      for (const report of reports) report.forget(node);
    }
  }

  at(nowMs: number): View {
    return new View(this, nowMs);
  }
}
