// Counts and times what ended in the measured time: per kind of operation, and per second. What was begun before it
// does not count; what was begun within it counts whenever it ends.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import {
  type Counts,
  type Latency,
  latencyOf,
  type OperationResult,
  percentilesOf,
  type Second,
} from './result.ts';
import { OPERATION_KINDS, type OperationKind } from './workload.ts';

/** An hour, in nanoseconds: above any wait, with deadlines of minutes at the most. */
const LATENCY_MAX_NS = 3_600_000_000_000;
/** Kinds of errors come from answers, too: what is beyond is `other`. */
const ERROR_KINDS_MAX = 64;

export type Ending =
  | { readonly kind: 'done'; readonly missed: boolean }
  | {
      readonly kind: 'failed';
      readonly error: string;
      /** It was waited for in vain, so how long is a part of the latency. */
      readonly waited: boolean;
    };

export interface OperationTimes {
  /** When it was to be sent; the same as `sentMs` in a closed loop. */
  readonly intendedMs: number;
  readonly sentMs: number;
  readonly endedMs: number;
}

export class Recorder {
  readonly #open: boolean;
  readonly #startMs: number;
  #endMs: number;
  readonly #kinds = new Map<OperationKind, Tally>();
  readonly #seconds: Second[] = [];
  readonly #late = newHistogram();
  #second = new SecondTally();

  /** @param options.open whether there are intended times */
  constructor(options: { open: boolean; startMs: number; endMs: number }) {
    this.#open = options.open;
    this.#startMs = options.startMs;
    this.#endMs = options.endMs;
  }

  /** What ends from now on no longer counts as of the measured time. */
  cut(nowMs: number): void {
    this.#endMs = Math.min(this.#endMs, nowMs);
  }

  get measuredSeconds(): number {
    return (this.#endMs - this.#startMs) / 1000;
  }

  record(kind: OperationKind, ending: Ending, times: OperationTimes): void {
    if (times.intendedMs < this.#startMs) return;
    let tally = this.#kinds.get(kind);
    if (tally === undefined) {
      tally = new Tally();
      this.#kinds.set(kind, tally);
    }
    const latencyNs = nanoseconds(times.endedMs - times.intendedMs);
    const isInTime = times.endedMs < this.#endMs;
    const isTimed = ending.kind === 'done' || ending.waited;
    if (isTimed) {
      tally.latency.record(latencyNs);
      if (this.#open && !isUnsent(ending)) {
        tally.service.record(nanoseconds(times.endedMs - times.sentMs));
      }
    }
    if (ending.kind === 'done') {
      tally.count++;
      if (isInTime) tally.inTime++;
      if (ending.missed) tally.misses++;
    } else addTo(tally.errors, ending.error);
    if (!isInTime) return;
    this.#reach(times.endedMs);
    this.#second.add(ending, isTimed ? latencyNs : undefined);
  }

  /** By the generator itself: a connection was free when it was due. */
  sentLate({ intendedMs, sentMs }: Pick<OperationTimes, 'intendedMs' | 'sentMs'>): void {
    if (this.#open && intendedMs >= this.#startMs) {
      this.#late.record(nanoseconds(sentMs - intendedMs));
    }
  }

  /** The last whole second of those that were reached. */
  lastSecond(nowMs: number): Second | undefined {
    this.#reach(Math.min(nowMs, this.#endMs));
    return this.#seconds.at(-1);
  }

  results(): {
    readonly all: OperationResult;
    readonly operations: Readonly<Partial<Record<OperationKind, OperationResult>>>;
    readonly percentiles: ReturnType<typeof percentilesOf>;
    readonly servicePercentiles: ReturnType<typeof percentilesOf>;
    readonly generatorLateMs: Latency | null;
    readonly timeline: readonly Second[];
  } {
    this.#reach(this.#endMs);
    const timeline = [...this.#seconds];
    // A second that was begun is one only where there is no whole one.
    const hasRest = this.#endMs - this.#startMs > timeline.length * 1000;
    if (hasRest && this.#second.isUsed) timeline.push(this.#second.close(timeline.length));
    const all = new Tally();
    const operations: Partial<Record<OperationKind, OperationResult>> = {};
    for (const kind of OPERATION_KINDS) {
      const tally = this.#kinds.get(kind);
      if (tally === undefined) continue;
      all.add(tally);
      operations[kind] = this.#resultOf(tally);
    }
    return {
      all: this.#resultOf(all),
      operations,
      percentiles: percentilesOf(all.latency),
      servicePercentiles: percentilesOf(all.service),
      generatorLateMs: latencyOf(this.#late),
      timeline,
    };
  }

  #resultOf(tally: Tally): OperationResult {
    const { count, inTime, misses, errors, latency, service } = tally;
    const seconds = this.measuredSeconds;
    return {
      count,
      perSecond: seconds > 0 ? Math.round((inTime / seconds) * 10) / 10 : 0,
      misses,
      errors: sorted(errors),
      latencyMs: latencyOf(latency),
      serviceMs: this.#open ? latencyOf(service) : null,
    };
  }

  /** Closes the seconds before the one that this time is in. */
  #reach(nowMs: number): void {
    const whole = Math.floor((nowMs - this.#startMs) / 1000);
    while (this.#seconds.length < whole) {
      this.#seconds.push(this.#second.close(this.#seconds.length));
      this.#second = new SecondTally(this.#second);
    }
  }
}

class Tally {
  count = 0;
  inTime = 0;
  misses = 0;
  readonly errors = new Map<string, number>();
  readonly latency = newHistogram();
  readonly service = newHistogram();

  add(other: Tally): void {
    this.count += other.count;
    this.inTime += other.inTime;
    this.misses += other.misses;
    for (const [error, times] of other.errors) addTo(this.errors, error, times);
    if (other.latency.count > 0) this.latency.add(other.latency);
    if (other.service.count > 0) this.service.add(other.service);
  }
}

class SecondTally {
  readonly #latency: RecordableHistogram;
  #count = 0;
  #errors = 0;

  /** @param earlier is closed, and lends its histogram: one has 300 KB. */
  constructor(earlier?: SecondTally) {
    this.#latency = earlier === undefined ? newHistogram() : earlier.#latency;
    this.#latency.reset();
  }

  get isUsed(): boolean {
    return this.#count + this.#errors > 0;
  }

  add(ending: Ending, latencyNs: number | undefined): void {
    if (ending.kind === 'done') this.#count++;
    else this.#errors++;
    if (latencyNs !== undefined) this.#latency.record(latencyNs);
  }

  close(second: number): Second {
    const latency = latencyOf(this.#latency);
    return {
      second,
      count: this.#count,
      errors: this.#errors,
      p50Ms: latency?.p50 ?? null,
      p99Ms: latency?.p99 ?? null,
    };
  }
}

/** One that stands for none of its own: waiting for a connection is no service. */
export const UNSENT = 'unsent';

function isUnsent(ending: Ending): boolean {
  return ending.kind === 'failed' && ending.error === UNSENT;
}

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: LATENCY_MAX_NS, figures: 3 });
}

function nanoseconds(milliseconds: number): number {
  return Math.min(LATENCY_MAX_NS, Math.max(1, Math.round(milliseconds * 1e6)));
}

export function addTo(errors: Map<string, number>, error: string, times = 1): void {
  const isKnown = errors.has(error) || errors.size < ERROR_KINDS_MAX;
  const name = isKnown ? error : 'other';
  errors.set(name, (errors.get(name) ?? 0) + times);
}

/** The most frequent first. */
export function sorted(errors: ReadonlyMap<string, number>): Counts {
  return Object.fromEntries([...errors].sort(([, a], [, b]) => b - a));
}
