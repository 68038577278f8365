// Counts and times the operations of the measured time, per kind and per second. An operation that was due before it
// does not count; one that was due within it counts in the totals whenever it ends.

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

/** One hour in nanoseconds: above any wait, since deadlines are minutes at most. */
const LATENCY_MAX_NS = 3_600_000_000_000;
/** Answers can name any number of errors: beyond this many kinds they count as `other`. */
const ERROR_KINDS_MAX = 64;

export type Ending =
  | { readonly kind: 'done'; readonly missed: boolean }
  | {
      readonly kind: 'failed';
      readonly error: string;
      /** Whether the operation was waited for in vain: then the wait counts as latency. */
      readonly waited: boolean;
    };

export interface OperationTimes {
  /** The intended time of sending; the same as `sentMs` in a closed loop. */
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

  /** @param options.open whether the loop is open, so that intended and actual times of sending differ */
  constructor(options: { open: boolean; startMs: number; endMs: number }) {
    this.#open = options.open;
    this.#startMs = options.startMs;
    this.#endMs = options.endMs;
  }

  /** Ends the measured time: operations that end from now on do not count in it. */
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

  /** Records a delay of the generator: a connection was free when the request was due. */
  sentLate({ intendedMs, sentMs }: Pick<OperationTimes, 'intendedMs' | 'sentMs'>): void {
    if (this.#open && intendedMs >= this.#startMs) {
      this.#late.record(nanoseconds(sentMs - intendedMs));
    }
  }

  /** @returns the last second that is over; undefined before the first one is */
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
    // The last second may be cut short; it is listed if anything ended in it.
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

  /** Closes all seconds that end before or at this time. */
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

  /** @param earlier a closed second, whose histogram is used again: each takes 300 KB */
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

/** The error of a request that was never sent; it has no service time, only a wait for a connection. */
export const UNSENT = 'unsent';

function isUnsent(ending: Ending): boolean {
  return ending.kind === 'failed' && ending.error === UNSENT;
}

export function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: LATENCY_MAX_NS, figures: 3 });
}

export function nanoseconds(milliseconds: number): number {
  return Math.min(LATENCY_MAX_NS, Math.max(1, Math.round(milliseconds * 1e6)));
}

export function addTo(errors: Map<string, number>, error: string, times = 1): void {
  const isKnown = errors.has(error) || errors.size < ERROR_KINDS_MAX;
  const name = isKnown ? error : 'other';
  errors.set(name, (errors.get(name) ?? 0) + times);
}

/** @returns the counts, the most frequent error first */
export function sorted(errors: ReadonlyMap<string, number>): Counts {
  return Object.fromEntries([...errors].sort(([, a], [, b]) => b - a));
}
