// The time of the cluster (H31): the median of the clocks of the storage nodes, as their heartbeats tell them, and
// of the controller's own, one voice each. And whose clock is so far off that the node gets no replicas, though
// nothing that it answers depends on it: a wrong clock seldom is all that is wrong, and its next life would not
// be registered. Gone with the controller; what the nodes go by meanwhile they tell the next one.

import { baseOf, ClusterClock, medianOf, OWN_JUMP_MS } from '../../cluster/model/cluster-clock.ts';
import {
  type ClusterMap,
  isGranted,
  type Life,
  presentLives,
} from '../../cluster/model/cluster-map.ts';
import { NODE_CLOCK_OFF_MS_MAX, type Times } from '../../cluster/model/limits.ts';
import type { Clock, Logger } from '../../cluster/ports.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import { AWAY_HEARTBEATS } from './failure-detector.ts';
import { ageMs } from './lateness.ts';
import { LatestReport } from './pending.ts';

/** Times less the controller's monotonic time of then. */
interface ClockReading {
  readonly own: number;
  readonly goesBy: number;
}

interface Verdict {
  readonly isOff: boolean;
  /** Since when its clock says otherwise. */
  readonly doubtedSinceMs: number | undefined;
}

const RIGHT: Verdict = { isOff: false, doubtedSinceMs: undefined };

export class NodeClocks {
  /** By which this controller judges whoever registers. */
  readonly time: ClusterClock;
  readonly #own: Clock;
  readonly #logger: Logger;
  readonly #times: Times;
  #told = new LatestReport<ClockReading>();
  readonly #verdicts = new LatestReport<Verdict>();
  /** Those whose clocks are off, while they are few enough to be the wrong ones. */
  #avoided: readonly Life[] = [];
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
    // H10: what waited while this process got no time was said long ago.
    if (wallMs === undefined || timeMs === undefined || now < this.#trustFromMs) return;
    const age = ageMs(message, now);
    if (age > AWAY_HEARTBEATS * this.#times.heartbeatMs) return;
    // Half-way: it was on its way for some of that time.
    const saidMs = now - age / 2;
    this.#told.set(message, { own: wallMs - saidMs, goesBy: timeMs - saidMs });
  }

  tick(map: ClusterMap | undefined): void {
    const now = this.#own.monotonicMs();
    this.#lookAtOwn(now);
    this.#tickMs = now;
    const lives = map === undefined ? [] : livesThatCount(map);
    const told = lives.flatMap((life) => this.#told.of(life) ?? []);
    // Some are enough, if they are most of those that there are: the others may be the right ones.
    this.#isTold = told.length > 0 && 2 * (told.length + 1) > lives.length + 1;
    if (!this.#isTold) return;
    // Of an even number the clocks alone do not say which half is wrong. What the nodes go by does: that came
    // about before, and goes on through a jump of a clock, and a new start of the controller.
    const near = medianOf(
      told.map(({ goesBy }) => goesBy),
      this.#ownBase,
    );
    this.time.follow(medianOf([...told.map(({ own }) => own), this.#ownBase], near));
    for (const life of lives) this.#judge(life, now);
    const off = lives.filter((life) => this.#verdictOn(life).isOff);
    this.#avoided = 2 * off.length < told.length + 1 ? off : [];
  }

  /** For a node; undefined before most of the nodes have told theirs: it knows better by itself then. */
  get tellMs(): number | undefined {
    return this.#isTold && this.time.isKnown ? this.time.wallMs() : undefined;
  }

  /**
   * How far ahead the clock is of a node that registers; negative when it is behind. While most nodes have told nothing,
   * or none is left that is granted leases, the time that was told last may be wrong: all clocks were days ahead, were
   * set right, and all nodes start anew. Then the own clock is as good, or nobody could register until that time has
   * come (H31; seeds 1 and 54001796).
   */
  aheadAtStartMs(wallMs: number): number {
    const aheadMs = wallMs - this.time.wallMs();
    const byOwnMs = wallMs - this.#own.wallMs();
    return !this.#isTold && Math.abs(byOwnMs) < Math.abs(aheadMs) ? byOwnMs : aheadMs;
  }

  /** Negative when it is behind; undefined for one that has not told its time. */
  aheadMs(life: Life): number | undefined {
    const told = this.#told.of(life);
    if (told === undefined || !this.time.isKnown) return undefined;
    return told.own - baseOf(this.time);
  }

  /** No replicas are placed on it: its clock has been too far off for a while. */
  isOff(life: Life): boolean {
    return this.#avoided.some(
      ({ node, incarnation }) => node === life.node && incarnation === life.incarnation,
    );
  }

  #judge(life: Life, nowMs: number): void {
    const aheadMs = this.aheadMs(life);
    if (aheadMs === undefined) return;
    const { isOff, doubtedSinceMs = nowMs } = this.#verdictOn(life);
    const seemsOff = Math.abs(aheadMs) > NODE_CLOCK_OFF_MS_MAX;
    // One heartbeat that came late proves nothing, and nothing is to move each time that a clock jumps.
    if (seemsOff === isOff) this.#verdicts.set(life, { isOff, doubtedSinceMs: undefined });
    else if (nowMs - doubtedSinceMs < this.#times.clockDoubtMs) {
      this.#verdicts.set(life, { isOff, doubtedSinceMs });
    } else {
      this.#verdicts.set(life, { isOff: seemsOff, doubtedSinceMs: undefined });
      this.#report(life, seemsOff, aheadMs);
    }
  }

  #verdictOn(life: Life): Verdict {
    return this.#verdicts.of(life) ?? RIGHT;
  }

  #report({ node, incarnation }: Life, isOff: boolean, aheadMs: number): void {
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
      // If the machine was suspended, all that was told is late by as much.
      this.#told = new LatestReport();
      this.#isTold = false;
    }
    this.#ownBase = base;
  }
}

function livesThatCount(map: ClusterMap): readonly Life[] {
  return presentLives(map).filter((life) => isGranted(map, life));
}
