// The time of the cluster (H31): the median of the storage nodes' clocks, as reported in heartbeats, and of the
// controller's own. Also which clocks are so far off that the node gets no replicas. No answer depends on the node's
// own clock, but a wrong clock is seldom the only fault, and the node could not register after a restart. All of this
// ends with the controller; the next one learns from the nodes which time they go by.

import { baseOf, ClusterClock, medianOf, OWN_JUMP_MS } from '../../cluster/model/cluster-clock.ts';
import {
  type ClusterMap,
  type IncarnationId,
  isGranted,
  presentIncarnations,
} from '../../cluster/model/cluster-map.ts';
import { NODE_CLOCK_OFF_MS_MAX, type Times } from '../../cluster/model/limits.ts';
import type { Clock, Logger } from '../../cluster/ports.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import { AWAY_HEARTBEATS } from './failure-detector.ts';
import { ageMs } from './lateness.ts';
import { LatestReport } from './pending.ts';

/**
 * Two times of a node, each less the controller's monotonic time when it was sent: `own` of its wall clock, `goesBy`
 * of the time of the cluster as it knows it.
 */
interface ClockReading {
  readonly own: number;
  readonly goesBy: number;
}

interface Verdict {
  readonly isOff: boolean;
  /** Since when the clock contradicts this verdict, monotonic; undefined while it does not. */
  readonly doubtedSinceMs: number | undefined;
}

const RIGHT: Verdict = { isOff: false, doubtedSinceMs: undefined };

export class NodeClocks {
  /** The time of the cluster; registering nodes are judged by it. */
  readonly time: ClusterClock;
  readonly #own: Clock;
  readonly #logger: Logger;
  readonly #times: Times;
  #told = new LatestReport<ClockReading>();
  readonly #verdicts = new LatestReport<Verdict>();
  /** Nodes whose clocks are off; empty when they are so many that the others may be the wrong ones. */
  #avoided: readonly IncarnationId[] = [];
  #isTold = false;
  #ownBase: number;
  #tickMs: number;
  #trustFromMs = Number.NEGATIVE_INFINITY;

  constructor(own: Clock, logger: Logger, times: Times) {
    this.time = new ClusterClock(own, logger);
    this.#own = own;
    this.#logger = logger;
    this.#times = times;
    this.#ownBase = baseOf(own);
    this.#tickMs = own.monotonicMs();
  }

  heard(message: HeartbeatRequest): void {
    const { wallMs, timeMs = wallMs } = message;
    const now = this.#own.monotonicMs();
    this.#lookAtOwn(now);
    // H10: messages that waited while this process was paused are old.
    if (wallMs === undefined || timeMs === undefined || now < this.#trustFromMs) return;
    const age = ageMs(message, now);
    if (age > AWAY_HEARTBEATS * this.#times.heartbeatMs) return;
    // Assume that half of the heartbeat's age passed before the node read its clock.
    const saidMs = now - age / 2;
    this.#told.set(message, { own: wallMs - saidMs, goesBy: timeMs - saidMs });
  }

  tick(map: ClusterMap | undefined): void {
    const now = this.#own.monotonicMs();
    this.#lookAtOwn(now);
    this.#tickMs = now;
    const incarnationIds = map === undefined ? [] : incarnationsThatCount(map);
    const told = incarnationIds.flatMap((incarnationId) => this.#told.of(incarnationId) ?? []);
    // Wait for a majority of the clocks, the controller's included: a minority may be the wrong ones.
    this.#isTold = told.length > 0 && 2 * (told.length + 1) > incarnationIds.length + 1;
    if (!this.#isTold) return;
    // An even number of clocks alone cannot show which half is wrong. The time that the nodes go by can: it was agreed
    // on earlier, and survives jumps of clocks and restarts of the controller.
    const near = medianOf(
      told.map(({ goesBy }) => goesBy),
      this.#ownBase,
    );
    this.time.follow(medianOf([...told.map(({ own }) => own), this.#ownBase], near));
    for (const incarnationId of incarnationIds) this.#judge(incarnationId, now);
    const off = incarnationIds.filter((incarnationId) => this.#verdictOn(incarnationId).isOff);
    this.#avoided = 2 * off.length < told.length + 1 ? off : [];
  }

  /** The time to send to nodes; undefined until most have reported theirs, as a node itself knows better by then. */
  get tellMs(): number | undefined {
    return this.#isTold && this.time.isKnown ? this.time.wallMs() : undefined;
  }

  /**
   * How far ahead a registering node's clock is, in milliseconds; negative when behind. While most nodes have
   * reported nothing, or none is granted leases, the last known time may be wrong: say all clocks were days ahead,
   * were set right, and all nodes restart. Then the controller's own clock is accepted as well, or no node could
   * register for days (H31; seeds 1 and 54001796).
   */
  aheadAtStartMs(wallMs: number): number {
    const aheadMs = wallMs - this.time.wallMs();
    const byOwnMs = wallMs - this.#own.wallMs();
    return !this.#isTold && Math.abs(byOwnMs) < Math.abs(aheadMs) ? byOwnMs : aheadMs;
  }

  /** By how many milliseconds the node's clock is ahead; negative when behind, undefined until it has reported. */
  aheadMs(incarnationId: IncarnationId): number | undefined {
    const told = this.#told.of(incarnationId);
    if (told === undefined || !this.time.isKnown) return undefined;
    return told.own - baseOf(this.time);
  }

  /** Whether the node gets no replicas because its clock has been too far off for `clockDoubtMs`. */
  isOff(incarnationId: IncarnationId): boolean {
    return this.#avoided.some(
      ({ node, incarnation }) =>
        node === incarnationId.node && incarnation === incarnationId.incarnation,
    );
  }

  #judge(incarnationId: IncarnationId, nowMs: number): void {
    const aheadMs = this.aheadMs(incarnationId);
    if (aheadMs === undefined) return;
    const { isOff, doubtedSinceMs = nowMs } = this.#verdictOn(incarnationId);
    const seemsOff = Math.abs(aheadMs) > NODE_CLOCK_OFF_MS_MAX;
    // Change a verdict only after `clockDoubtMs`: one late heartbeat proves nothing, and replicas must not move
    // whenever a clock jumps.
    if (seemsOff === isOff) this.#verdicts.set(incarnationId, { isOff, doubtedSinceMs: undefined });
    else if (nowMs - doubtedSinceMs < this.#times.clockDoubtMs) {
      this.#verdicts.set(incarnationId, { isOff, doubtedSinceMs });
    } else {
      this.#verdicts.set(incarnationId, { isOff: seemsOff, doubtedSinceMs: undefined });
      this.#report(incarnationId, seemsOff, aheadMs);
    }
  }

  #verdictOn(incarnationId: IncarnationId): Verdict {
    return this.#verdicts.of(incarnationId) ?? RIGHT;
  }

  #report({ node, incarnation }: IncarnationId, isOff: boolean, aheadMs: number): void {
    const fields = { node, incarnation, aheadMs: Math.round(aheadMs) };
    if (isOff)
      this.#logger.write('error', 'the clock of a storage node is off: set it right', fields);
    else this.#logger.write('info', 'the clock of a storage node is right again', fields);
  }

  #lookAtOwn(nowMs: number): void {
    const { heartbeatMs, controlCallMs } = this.#times;
    const wasAway = nowMs - this.#tickMs > AWAY_HEARTBEATS * heartbeatMs;
    if (wasAway) this.#trustFromMs = nowMs + controlCallMs;
    const base = baseOf(this.#own);
    if (Math.abs(base - this.#ownBase) > OWN_JUMP_MS) {
      // If the machine was suspended, every reported time is now late by that long.
      this.#told = new LatestReport();
      this.#isTold = false;
    }
    this.#ownBase = base;
  }
}

function incarnationsThatCount(map: ClusterMap): readonly IncarnationId[] {
  return presentIncarnations(map).filter((incarnationId) => isGranted(map, incarnationId));
}
