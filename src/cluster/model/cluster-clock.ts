// The time of the cluster (H31): what its clocks agree on, as others tell it, carried on by the own monotonic
// clock. So the own wall clock counts only until somebody has told the time, and a jump of it moves nothing that
// is judged or stamped by this one. A machine that was suspended is late until it is told the time again.

import type { Metrics } from '../http/metrics.ts';
import type { Moment } from '../moment.ts';
import type { Cancel, Clock, Logger } from '../ports.ts';
import { OWN_CLOCK_OFF_MS_MAX } from './limits.ts';

/** Who has told nothing for so long does not count beside others that have. */
const TOLD_MS_MAX = 60_000;
/** An answer that took longer says too little: it is wrong by up to half of that. */
const ROUND_TRIP_MS_MAX = 1000;
/** The own wall clock was set, or the machine suspended, when it moves by so much against the monotonic one. */
export const OWN_JUMP_MS = 1000;

interface ToldTime {
  /**
   * The time that was told, less the own monotonic time of then: so it goes on with the monotonic clock, and a
   * jump of the own wall clock does not move it.
   */
  readonly base: number;
  readonly atMs: number;
}

export class ClusterClock implements Clock {
  /**
   * For versions: the own clock while it is about right. Hosts that keep time agree better than what they tell
   * each other over a network, and the later of two sets, by two frontends, so seldom has the lower version.
   */
  readonly forVersions: Clock = {
    monotonicMs: () => this.monotonicMs(),
    wallMs: () => (this.#isFarOff() ? this.wallMs() : this.#own.wallMs()),
  };
  readonly #own: Clock;
  readonly #logger: Logger;
  /** The latest of each. */
  readonly #told = new Map<string, ToldTime>();
  /** The time of the cluster, less the own monotonic time; undefined before anybody told it. */
  #base: number | undefined;
  #isOwnOff = false;
  /** Of the own clock, when it was looked at last. */
  #ownBase: number;
  /** The time may be late by as long as the machine slept. */
  #isInDoubt = false;
  readonly #waiting = new Set<() => void>();

  constructor(own: Clock, logger: Logger) {
    this.#own = own;
    this.#logger = logger;
    this.#ownBase = baseOf(own);
  }

  /** Whether anybody has told the time yet. */
  get isKnown(): boolean {
    return this.#base !== undefined;
  }

  monotonicMs(): number {
    return this.#own.monotonicMs();
  }

  /** Whole, and never before 1970, so that whatever is stamped with it can be stored. */
  wallMs(): number {
    const ms = this.#base === undefined ? this.#own.wallMs() : this.#base + this.#own.monotonicMs();
    return Math.max(0, Math.floor(ms));
  }

  /** How far the own clock is ahead of the time of the cluster; negative when it is behind. */
  aheadMs(): number {
    return this.#base === undefined ? 0 : baseOf(this.#own) - this.#base;
  }

  /** Whether nobody has told the time since the own clocks went apart. */
  isInDoubt(): boolean {
    this.#look();
    return this.#isInDoubt;
  }

  /** Calls back as soon as somebody has. @returns how to wait no longer */
  onceTold(callback: () => void): Cancel {
    this.#waiting.add(callback);
    return () => {
      this.#waiting.delete(callback);
    };
  }

  /**
   * One voice of several, or the only one.
   * @param asked when it was asked, by the own clocks: its answer is of half-way between then and now
   */
  heard(voice: string, wallMs: number, asked: Moment): void {
    this.#look();
    const now = this.#own.monotonicMs();
    const askedMs = asked.monotonicMs;
    if (this.isKnown && now - askedMs > ROUND_TRIP_MS_MAX) return;
    // The machine slept since: nobody knows how much of that was before the answer.
    if (Math.abs(asked.wallMs - askedMs - this.#ownBase) > OWN_JUMP_MS) return;
    this.#told.set(voice, { base: wallMs - (askedMs + now) / 2, atMs: now });
    for (const [other, { atMs }] of this.#told) {
      if (now - atMs > TOLD_MS_MAX) this.#told.delete(other);
    }
    const bases = [...this.#told.values()].map(({ base }) => base);
    this.follow(medianOf(bases, baseOf(this.#own)));
  }

  /** @param base the time of the cluster, less the own monotonic time */
  follow(base: number): void {
    this.#base = base;
    this.#isInDoubt = false;
    for (const callback of this.#waiting) callback();
    this.#waiting.clear();
    const isOwnOff = this.#isFarOff();
    if (isOwnOff === this.#isOwnOff) return;
    this.#isOwnOff = isOwnOff;
    if (!isOwnOff) this.#logger.write('info', 'the own clock is right again');
    else {
      this.#logger.write('warn', 'the own clock is off; the time of the cluster counts instead', {
        aheadMs: Math.round(this.aheadMs()),
      });
    }
  }

  /**
   * The own clocks went apart: the machine slept, and the time is late by as long; or its wall clock was set, and the
   * time is right. Only who is asked from now on can tell, so all that was told before is nothing.
   */
  #look(): void {
    const base = baseOf(this.#own);
    if (Math.abs(base - this.#ownBase) > OWN_JUMP_MS && this.isKnown) {
      this.#isInDoubt = true;
      this.#told.clear();
    }
    this.#ownBase = base;
  }

  #isFarOff(): boolean {
    return this.#base === undefined || Math.abs(this.aheadMs()) > OWN_CLOCK_OFF_MS_MAX;
  }
}

/** @param scale of the protocol times (D12) */
export function addTimeMetrics(metrics: Metrics, clock: ClusterClock, scale: number): void {
  metrics.gauge('velourfog_time_scale', 'As --time-scale says.', () => scale);
  metrics.gauge(
    'velourfog_clock_ahead_seconds',
    'How far the own clock is ahead of the time of the cluster; negative when behind.',
    () => clock.aheadMs() / 1000,
  );
}

/** What a clock shows, less the monotonic time: the same at any time, until the clock is set. */
export function baseOf(clock: Clock): number {
  return clock.wallMs() - clock.monotonicMs();
}

/**
 * @param near of an even number of values any between the middle ones is a median, and the nearest to this one is
 * taken: of two clocks that differ nobody can tell by themselves which one is wrong
 */
export function medianOf(values: readonly number[], near: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1] ?? near;
  const high = sorted[sorted.length >> 1] ?? near;
  return Math.min(Math.max(near, low), high);
}
