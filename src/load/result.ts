// The result of a run: what `--json` prints, and what the table and the page show. The names are stable, with units.

import type { RecordableHistogram } from 'node:perf_hooks';
import type { ArrivalKind } from './arrivals.ts';
import type { ChooserName } from './choosers.ts';
import type { ViolationKind } from './verification.ts';
import type { OperationKind, WorkloadName } from './workload.ts';

/** The parameters of a run. */
export interface LoadParameters {
  readonly frontends: readonly string[];
  readonly workload: WorkloadName;
  readonly chooser: ChooserName;
  readonly records: number;
  readonly keyPrefix: string;
  readonly valueSize: string;
  readonly connections: number;
  /** Requests per second of an open loop; null in a closed one. */
  readonly ratePerSecond: number | null;
  readonly arrivals: ArrivalKind | null;
  readonly warmUpSeconds: number;
  readonly durationSeconds: number;
  readonly timeoutSeconds: number;
  readonly verify: boolean;
  readonly allowMisses: boolean;
  readonly seed: number;
}

export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Counts by name. */
export type Counts = Readonly<Record<string, number>>;

export interface OperationResult {
  /** Answered with 200 or 404, however late. */
  readonly count: number;
  /** Per second of the measured time, without operations that were answered after it. */
  readonly perSecond: number;
  /** Gets answered with 404; they are part of `count`. */
  readonly misses: number;
  readonly errors: Counts;
  /**
   * Latency of answered operations, and of those waited for in vain (`timeout`, `unsent`) for as long as the wait. In
   * an open loop it counts from the intended time of sending. Null when there was no such operation.
   */
  readonly latencyMs: Latency | null;
  /** Latency from the actual time of sending. Null in a closed loop, where both are the same. */
  readonly serviceMs: Latency | null;
}

/** One second of the measured time. */
export interface Second {
  readonly second: number;
  /** Operations answered with 200 or 404 in this second. */
  readonly count: number;
  readonly errors: number;
  /** Latency of operations that ended in this second; null when none did. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface FillResult {
  readonly stored: number;
  readonly seconds: number;
  /** Errors of single attempts, which are repeated. */
  readonly errors: Counts;
  /** Why the fill ended early; null when all records are stored. */
  readonly problem: string | null;
}

/** Points [per cent, milliseconds], in rising order. */
export type Percentiles = readonly (readonly [number, number])[];

/** Facts about a run that only the generator's process knows. */
export interface Context {
  /** ISO 8601. */
  readonly startedAt: string;
  /** CPU use of the generator in per cent of one core, over the whole run: near 100 it measured itself. */
  readonly generatorCpuPercent: number;
}

export interface LoadResult {
  readonly parameters: LoadParameters;
  /** Null when the run filled nothing. */
  readonly fill: FillResult | null;
  /** The measured time; shorter than the asked duration after a signal. */
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly all: OperationResult;
  readonly operations: Readonly<Partial<Record<OperationKind, OperationResult>>>;
  /** Requests that were due and never sent, because no connection was free; in `errors` they are `unsent`. */
  readonly unsent: number;
  /** Broken promises in all phases. */
  readonly violations: Readonly<Record<ViolationKind, number>>;
  /** The first violations, in words. */
  readonly violationExamples: readonly string[];
  readonly verifiedReads: number;
  readonly latencyPercentilesMs: Percentiles;
  /** Empty in a closed loop. */
  readonly servicePercentilesMs: Percentiles;
  /**
   * In an open loop: how late requests were sent although a connection was free, because a timer was late or the
   * generator busy. This part of the latency is not the cluster's. Null in a closed loop.
   */
  readonly generatorLateMs: Latency | null;
  readonly timeline: readonly Second[];
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

const NANOSECONDS = 1e6;

export function latencyOf(histogram: RecordableHistogram): Latency | null {
  if (histogram.count === 0) return null;
  const at = (percentile: number) => milliseconds(histogram.percentile(percentile));
  return {
    mean: milliseconds(histogram.mean),
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: milliseconds(histogram.max),
  };
}

/**
 * @returns eight points for each halving of the distance to 100 %, as long as a point stands for a value; last the
 *   maximum
 */
export function percentilesOf(histogram: RecordableHistogram): Percentiles {
  const { count } = histogram;
  if (count === 0) return [];
  const points: [number, number][] = [];
  for (let step = 0; ; step++) {
    const left = 0.5 ** (step / 8);
    if (left * count < 1) break;
    const percent = 100 * (1 - left);
    // The histogram has no percentile 0.
    points.push([percent, milliseconds(histogram.percentile(Math.max(percent, 1e-6)))]);
  }
  points.push([100, milliseconds(histogram.max)]);
  return points;
}

/** Rounds to the microsecond: finer is noise. */
function milliseconds(nanoseconds: number): number {
  return Math.round(nanoseconds / 1000) / (NANOSECONDS / 1000);
}
