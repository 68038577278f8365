// Numbers, parameters and counts in words: shared by the table, the progress line and the page.

import type { Context, LoadParameters, LoadResult } from './result.ts';
import { VIOLATION_KINDS } from './verification.ts';
import { WORKLOADS } from './workload.ts';

/** From this CPU share on, answers also wait for the generator. */
const CPU_PERCENT_HIGH = 90;
const THOUSANDS = /\B(?=(?:\d{3})+$)/g;

export function printCount(count: number): string {
  return Math.round(count).toString().replace(THOUSANDS, ',');
}

/**
 * Prints three significant digits with the unit.
 * @param milliseconds null prints as a dash
 */
export function printMs(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined) return '-';
  if (milliseconds >= 1000) {
    return `${(milliseconds / 1000).toFixed(milliseconds >= 10_000 ? 1 : 2)} s`;
  }
  const digits = milliseconds >= 100 ? 0 : milliseconds >= 10 ? 1 : milliseconds >= 1 ? 2 : 3;
  return `${milliseconds.toFixed(digits)} ms`;
}

export function printSeconds(seconds: number): string {
  return `${Number(seconds.toFixed(1))} s`;
}

/** @returns pairs of name and value, in the order in which people ask for them */
export function describeParameters(
  parameters: LoadParameters,
): readonly (readonly [string, string])[] {
  const { workload, chooser, records, valueSize, keyPrefix, connections, frontends } = parameters;
  const { ratePerSecond, arrivals, warmUpSeconds, durationSeconds, timeoutSeconds } = parameters;
  const mix = Object.entries(WORKLOADS[workload].mix)
    .map(([kind, share]) => `${share * 100} % ${kind}`)
    .join(', ');
  const loop =
    ratePerSecond === null
      ? 'closed: each connection sends when its last answer has come'
      : `open: ${printCount(ratePerSecond)} requests/s, ${arrivals} arrivals`;
  return [
    ['workload', `${workload.toUpperCase()}: ${mix}`],
    ['keys', `${chooser} among ${printCount(records)} records, ${keyPrefix}0 and up`],
    ['value size', /^\d+$/.test(valueSize) ? `${printCount(Number(valueSize))} bytes` : valueSize],
    ['loop', loop],
    ['connections', `${connections} to ${frontends.join(', ')}`],
    ['time', `${durationSeconds} s measured after ${warmUpSeconds} s of warm-up`],
    ['deadline', `${timeoutSeconds} s a request`],
    ['seed', `${parameters.seed}`],
  ];
}

/** @returns undefined in a closed loop */
export function describeLateness({ generatorLateMs }: LoadResult): string | undefined {
  if (generatorLateMs === null) return undefined;
  const { p50, p99, max } = generatorLateMs;
  return `The generator itself was late by p50 ${printMs(p50)}, p99 ${printMs(p99)}, max ${printMs(max)}: a part of the latency, not of the service time.`;
}

export function describeVerification(result: LoadResult): string {
  if (!result.parameters.verify) return 'not verified (--skip-verify)';
  const reads = printCount(result.verifiedReads);
  if (result.verifiedReads === 0) return 'nothing was read, so nothing was verified';
  const found = VIOLATION_KINDS.filter((kind) => result.violations[kind] > 0).map(
    (kind) => `${printCount(result.violations[kind])} ${kind}`,
  );
  return found.length === 0
    ? `verified: ${reads} gets, none corrupt, stale or lost`
    : `BROKEN PROMISES: ${found.join(', ')}; ${reads} gets were verified`;
}

/** @returns sentences that the reader must know to judge the figures */
export function notesOn(result: LoadResult, { generatorCpuPercent }: Context): readonly string[] {
  const { all, fill, unsent, parameters, interrupted, seconds } = result;
  const notes: string[] = [];
  if (interrupted) {
    notes.push(
      `Interrupted: ${printSeconds(seconds)} of ${parameters.durationSeconds} s measured.`,
    );
  }
  if (fill !== null && fill.problem !== null) {
    const stored = `${printCount(fill.stored)} of ${printCount(parameters.records)} records stored`;
    notes.push(`The fill ended early, so nothing was measured: ${fill.problem}; ${stored}.`);
  }
  if (unsent > 0) {
    notes.push(
      `${printCount(unsent)} requests were never sent: no connection was free for ${parameters.timeoutSeconds} s. The cluster did not keep up with the rate, was gone, or ${parameters.connections} connections are too few.`,
    );
  }
  if (generatorCpuPercent >= CPU_PERCENT_HIGH) {
    notes.push(
      `The generator itself used ${generatorCpuPercent} % of its core, so it may be what limits: run several, with seeds of their own.`,
    );
  }
  if (all.misses > 0) {
    notes.push(
      `${printCount(all.misses)} gets found no value (404): of records that this run did not set.`,
    );
  }
  return notes;
}
