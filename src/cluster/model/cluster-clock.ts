// The cluster time (H31): the median of the clocks that other processes report, carried on by the local monotonic
// clock. The local wall clock counts only until the first report, so a jump of it changes no expiry, no age and no
// version. After a suspend the cluster time is late until the next report. Who reports is not decided here:
// controller/observations/node-clocks.ts, coordinator/probes.ts.

import type { Metrics } from '../http/metrics.ts';
import type { Moment } from '../moment.ts';
import type { Cancel, Clock, Logger } from '../ports.ts';
import { OWN_CLOCK_OFF_MS_MAX } from './limits.ts';

/** A source that reported nothing for this long is left out of the median. */
const TOLD_MS_MAX = 60_000;
/** A slower answer is ignored: its time is uncertain by up to half of the round trip. */
const ROUND_TRIP_MS_MAX = 1000;
/** When the wall clock moves by more than this against the monotonic one, it was set, or the machine was suspended. */
export const OWN_JUMP_MS = 1000;

interface ToldTime {
  /**
   * The reported time less the local monotonic time of that moment: the sum of the two goes on with the monotonic
   * clock, whatever happens to the local wall clock.
   */
  readonly base: number;
  readonly atMs: number;
}

export class ClusterClock implements Clock {
  /**
   * Stamps versions: with the local clock while it is within OWN_CLOCK_OFF_MS_MAX of the cluster time, else with the
   * cluster time. Synchronised hosts agree better than the reports they exchange, so the later of two sets by two
   * frontends then seldom has the lower version.
   */
  readonly forVersions: Clock = {
    monotonicMs: () => this.monotonicMs(),
    wallMs: () => (this.#isFarOff() ? this.wallMs() : this.#own.wallMs()),
  };
  readonly #own: Clock;
  readonly #logger: Logger;
  /** The latest report of each source. */
  readonly #told = new Map<string, ToldTime>();
  /** The cluster time less the local monotonic time; undefined before the first report. */
  #base: number | undefined;
  #isOwnOff = false;
  /** The local wall clock less the local monotonic one, at the last comparison of the two. */
  #ownBase: number;
  /** The local clocks jumped and nobody has reported since: the cluster time may be late by the length of a suspend. */
  #isInDoubt = false;
  readonly #waiting = new Set<() => void>();

  constructor(own: Clock, logger: Logger) {
    this.#own = own;
    this.#logger = logger;
    this.#ownBase = baseOf(own);
  }

  /** Whether anybody has reported a time yet. */
  get isKnown(): boolean {
    return this.#base !== undefined;
  }

  monotonicMs(): number {
    return this.#own.monotonicMs();
  }

  /** Whole milliseconds since 1970, never negative, so that anything stamped with it can be stored. */
  wallMs(): number {
    const ms = this.#base === undefined ? this.#own.wallMs() : this.#base + this.#own.monotonicMs();
    return Math.max(0, Math.floor(ms));
  }

  /** By how much the local wall clock is ahead of the cluster time, in ms; negative when it is behind. */
  aheadMs(): number {
    return this.#base === undefined ? 0 : baseOf(this.#own) - this.#base;
  }

  /** Whether nobody has reported a time since the local clocks jumped against each other. */
  isInDoubt(): boolean {
    this.#look();
    return this.#isInDoubt;
  }

  /** Calls back at the next report. @returns a function that cancels the call */
  onceTold(callback: () => void): Cancel {
    this.#waiting.add(callback);
    return () => {
      this.#waiting.delete(callback);
    };
  }

  /**
   * Takes a time that `voice` reported.
   * @param asked when the request was sent, by the local clocks: the reported time is taken to be of half-way between
   * then and now
   */
  heard(voice: string, wallMs: number, asked: Moment): void {
    this.#look();
    const now = this.#own.monotonicMs();
    const askedMs = asked.monotonicMs;
    if (this.isKnown && now - askedMs > ROUND_TRIP_MS_MAX) return;
    // The machine slept since the request was sent: nobody can tell how much of that came before the answer.
    if (Math.abs(asked.wallMs - askedMs - this.#ownBase) > OWN_JUMP_MS) return;
    this.#told.set(voice, { base: wallMs - (askedMs + now) / 2, atMs: now });
    for (const [other, { atMs }] of this.#told) {
      if (now - atMs > TOLD_MS_MAX) this.#told.delete(other);
    }
    const bases = [...this.#told.values()].map(({ base }) => base);
    this.follow(medianOf(bases, baseOf(this.#own)));
  }

  /** @param base the cluster time less the local monotonic time */
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
   * When the local clocks jump against each other, the machine slept, and the cluster time is late by as long; or the
   * wall clock was set, and the cluster time is right. Only answers to requests sent from now on can tell the two
   * apart, so all earlier reports are dropped.
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

/** @param scale the factor of the protocol times (D12) */
export function addTimeMetrics(metrics: Metrics, clock: ClusterClock, scale: number): void {
  metrics.gauge('velourfog_time_scale', 'As --time-scale says.', () => scale);
  metrics.gauge(
    'velourfog_clock_ahead_seconds',
    'How far the own clock is ahead of the time of the cluster; negative when behind.',
    () => clock.aheadMs() / 1000,
  );
}

/** The wall clock less the monotonic one, in ms: constant until the wall clock is set or the machine is suspended. */
export function baseOf(clock: Clock): number {
  return clock.wallMs() - clock.monotonicMs();
}

/**
 * @param near with an even number of values everything between the two middle ones is a median, and the number
 * nearest to `near` is returned: of two clocks that differ nobody can tell which one is wrong
 * @returns `near` itself where there are no values
 */
export function medianOf(values: readonly number[], near: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1] ?? near;
  const high = sorted[sorted.length >> 1] ?? near;
  return Math.min(Math.max(near, low), high);
}
