// What a run brought: what `--json` prints, and what the table and the page show. Names are stable, with units.

import type { RecordableHistogram } from 'node:perf_hooks';
import type { ArrivalKind } from './arrivals.ts';
import type { ChooserName } from './choosers.ts';
import type { ViolationKind } from './verification.ts';
import type { OperationKind, WorkloadName } from './workload.ts';

/** What a run was asked to do. */
export interface LoadParameters {
  readonly frontends: readonly string[];
  readonly workload: WorkloadName;
  readonly chooser: ChooserName;
  readonly records: number;
  readonly keyPrefix: string;
  readonly valueSize: string;
  readonly connections: number;
  /** Requests of an open loop; null of a closed one. */
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

/** How often which. */
export type Counts = Readonly<Record<string, number>>;

export interface OperationResult {
  /** Answered with 200 or 404, however late. */
  readonly count: number;
  /** Of those, per second of the measured time, without those that were answered after it. */
  readonly perSecond: number;
  /** Gets that were answered with 404; part of `count`. */
  readonly misses: number;
  readonly errors: Counts;
  /**
   * Of what was answered, and of what was waited for in vain (`timeout`, `unsent`), for as long as that was. From the
   * intended time of sending in an open loop. Null when there is nothing.
   */
  readonly latencyMs: Latency | null;
  /** From the actual time of sending. Null in a closed loop, where it is the same. */
  readonly serviceMs: Latency | null;
}

/** Of one second of the measured time. */
export interface Second {
  readonly second: number;
  /** Answered with 200 or 404 in it. */
  readonly count: number;
  readonly errors: number;
  /** Latency of what ended in it; null when nothing did. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface FillResult {
  readonly stored: number;
  readonly seconds: number;
  /** Of single tries. */
  readonly errors: Counts;
  /** Undefined when all records are there. */
  readonly problem: string | null;
}

/** [per cent, milliseconds], rising. */
export type Percentiles = readonly (readonly [number, number])[];

/** Where and when, which the machine knows. */
export interface Context {
  /** ISO 8601. */
  readonly startedAt: string;
  /** Of one core, over the whole run: near 100 the generator measured itself. */
  readonly generatorCpuPercent: number;
}

export interface LoadResult {
  readonly parameters: LoadParameters;
  /** Null when there was none. */
  readonly fill: FillResult | null;
  /** Of the measured time; less than asked for after a signal. */
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly all: OperationResult;
  readonly operations: Readonly<Partial<Record<OperationKind, OperationResult>>>;
  /** Intended and never sent, because all connections were taken; among the errors as `unsent`. */
  readonly unsent: number;
  /** Of all phases. */
  readonly violations: Readonly<Record<ViolationKind, number>>;
  /** The first ones, in words. */
  readonly violationExamples: readonly string[];
  readonly verifiedReads: number;
  readonly latencyPercentilesMs: Percentiles;
  /** Empty in a closed loop. */
  readonly servicePercentilesMs: Percentiles;
  /**
   * In an open loop: how late requests were sent though a connection was free, for a timer was late or the generator
   * busy. A part of the latency that is not the cluster's. Null in a closed loop.
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

/** Eight for each halving of what is left to 100 %, as far as there are so many; the last one is the maximum. */
export function percentilesOf(histogram: RecordableHistogram): Percentiles {
  const { count } = histogram;
  if (count === 0) return [];
  const points: [number, number][] = [];
  for (let step = 0; ; step++) {
    const left = 0.5 ** (step / 8);
    if (left * count < 1) break;
    const percent = 100 * (1 - left);
    // There is no percentile 0.
    points.push([percent, milliseconds(histogram.percentile(Math.max(percent, 1e-6)))]);
  }
  points.push([100, milliseconds(histogram.max)]);
  return points;
}

/** To the microsecond: finer is noise. */
function milliseconds(nanoseconds: number): number {
  return Math.round(nanoseconds / 1000) / (NANOSECONDS / 1000);
}
