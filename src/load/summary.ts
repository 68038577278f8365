// The result of a run as a table for a terminal, and its progress as one line.

import type { Progress } from './load.ts';
import {
  type Context,
  type Latency,
  type LoadResult,
  type OperationResult,
  total,
} from './result.ts';
import {
  describeLateness,
  describeParameters,
  describeVerification,
  notesOn,
  printCount,
  printMs,
  printSeconds,
} from './words.ts';

const HEAD = ['operation', 'count', 'per s', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max', 'errors'];

export function summaryOf(result: LoadResult, context: Context): string {
  const { parameters, fill, operations, all } = result;
  const parts = [
    describeParameters(parameters)
      .map(([name, what]) => pair(name, what))
      .join('\n'),
  ];
  if (fill !== null) {
    const speed = printCount(fill.stored / Math.max(fill.seconds, 0.001));
    const errors = errorText(fill.errors);
    const failed = errors === '' ? '' : `; failed tries: ${errors}`;
    parts[0] += `\n${pair('fill', `${printCount(fill.stored)} records in ${printSeconds(fill.seconds)}, ${speed}/s${failed}`)}`;
  }
  const kinds = Object.entries(operations);
  const rows = kinds.flatMap(([kind, operation]) => rowsOf(kind, operation));
  if (kinds.length > 1) rows.push(...rowsOf('all', all));
  if (rows.length > 0) parts.push(table([HEAD, ...rows]));
  const lateness = describeLateness(result);
  if (lateness !== undefined) parts.push(lateness);
  const errors = kinds
    .filter(([, operation]) => total(operation.errors) > 0)
    .map(([kind, operation]) => `${kind}: ${errorText(operation.errors)}`);
  if (errors.length > 0) parts.push(`errors of\n  ${errors.join('\n  ')}`);
  const notes = notesOn(result, context);
  if (notes.length > 0) parts.push(notes.join('\n'));
  const examples = result.violationExamples.map((example) => `\n  ${example}`).join('');
  parts.push(describeVerification(result) + examples);
  return parts.join('\n\n');
}

function pair(name: string, what: string): string {
  return `${name.padEnd(12)} ${what}`;
}

function rowsOf(name: string, operation: OperationResult): string[][] {
  const { count, perSecond, latencyMs, serviceMs, errors } = operation;
  const row = [name, printCount(count), printCount(perSecond), ...latencyCells(latencyMs)];
  const rows = [[...row, printCount(total(errors))]];
  // Service time counts from the actual sending: the difference to latency is the wait for a connection.
  if (serviceMs !== null) rows.push(['  service', '', '', ...latencyCells(serviceMs), '']);
  return rows;
}

function latencyCells(latency: Latency | null): string[] {
  const { mean, p50, p90, p99, p999, max } = latency ?? {};
  return [mean, p50, p90, p99, p999, max].map(printMs);
}

function errorText(errors: Readonly<Record<string, number>>): string {
  return Object.entries(errors)
    .map(([error, times]) => `${printCount(times)} ${error}`)
    .join(', ');
}

/** The first column is aligned left, numbers right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

export function progressLine(progress: Progress, durationSeconds: number): string {
  switch (progress.phase) {
    case 'start':
      return 'looking for the frontends';
    case 'fill':
      return `fill: ${printCount(progress.stored)} of ${printCount(progress.records)} records`;
    case 'warm-up':
      return `warm-up: ${Math.ceil(-progress.seconds)} s left`;
    case 'run': {
      const { last, seconds, waiting } = progress;
      const done = `${Math.floor(Math.min(seconds, durationSeconds))} of ${durationSeconds} s`;
      if (last === undefined) return done;
      const { count, errors, p50Ms, p99Ms } = last;
      const queue = waiting === 0 ? '' : `, ${printCount(waiting)} waiting`;
      return `${done}: ${printCount(count)}/s, p50 ${printMs(p50Ms)}, p99 ${printMs(p99Ms)}, ${printCount(errors)} errors/s${queue}`;
    }
  }
}
