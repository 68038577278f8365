// The plots of the page: their numbers and texts. How a plot is drawn is plot.ts's.

import type { LoadResult, Percentiles, Second } from '../result.ts';
import { printCount, printMs } from '../words.ts';
import type { Plot, PlotSeries } from './plot.ts';
import { linearScale, logScale, percentileScale, timeScale } from './scales.ts';

/** The most points of a plot: more than its pixels show nothing, and make the page of a day's run too large. */
const POINTS_MAX = 400;

/** Several seconds of a run as one point of a plot. */
export interface Span {
  readonly fromSecond: number;
  readonly seconds: number;
  readonly countPerSecond: number;
  readonly errorsPerSecond: number;
  readonly p50Ms: number | null;
  /** The highest p99 of its seconds. */
  readonly p99Ms: number | null;
}

export function spansOf(timeline: readonly Second[]): readonly Span[] {
  const seconds = Math.max(1, Math.ceil(timeline.length / POINTS_MAX));
  const spans: Span[] = [];
  for (let from = 0; from < timeline.length; from += seconds) {
    const part = timeline.slice(from, from + seconds);
    const average = (numbers: readonly number[]) =>
      numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
    const p50s = part.flatMap(({ p50Ms }) => p50Ms ?? []);
    const p99s = part.flatMap(({ p99Ms }) => p99Ms ?? []);
    spans.push({
      fromSecond: from,
      seconds: part.length,
      countPerSecond: average(part.map(({ count }) => count)),
      errorsPerSecond: average(part.map(({ errors }) => errors)),
      p50Ms: p50s.length === 0 ? null : average(p50s),
      p99Ms: p99s.length === 0 ? null : Math.max(...p99s),
    });
  }
  return spans;
}

export function percentilePlot(result: LoadResult): Plot {
  const { latencyPercentilesMs, servicePercentilesMs } = result;
  const isOpen = servicePercentilesMs.length > 0;
  const all = [...latencyPercentilesMs, ...servicePercentilesMs];
  const series = (name: string, style: 'first' | 'second', points: Percentiles): PlotSeries => ({
    name,
    style,
    points,
  });
  const hints = latencyPercentilesMs.map(
    ([percent, ms]) => `${Number(percent.toFixed(4))} %: ${printMs(ms)}`,
  );
  return {
    id: 'percentiles',
    width: 'whole',
    title: 'Latency by percentile',
    description: `How slow the slowest requests are. ${hints.at(-1)} is the slowest one.`,
    x: percentileScale(all.map(([percent]) => percent)),
    y: logScale(all.map(([, ms]) => ms)),
    series: [
      series(isOpen ? 'from the intended time' : 'latency', 'first', latencyPercentilesMs),
      ...(isOpen ? [series('from the actual sending', 'second', servicePercentilesMs)] : []),
    ],
    hints,
  };
}

export function timePlots(
  spans: readonly Span[],
  seconds: number,
): Readonly<Record<'throughput' | 'latency' | 'errors', Plot>> {
  const x = timeScale(seconds);
  // A span is drawn in the middle of its seconds.
  const at = (span: Span) => Math.min(seconds, span.fromSecond + span.seconds / 2);
  const hint = (text: (span: Span) => string) =>
    spans.map((span) => `second ${span.fromSecond}: ${text(span)}`);
  const rate = ({ countPerSecond }: Span) => countPerSecond;
  const errors = ({ errorsPerSecond }: Span) => errorsPerSecond;
  const latencies = spans.flatMap(({ p50Ms, p99Ms }) => [p50Ms ?? [], p99Ms ?? []].flat());
  return {
    throughput: {
      id: 'throughput',
      width: 'half',
      title: 'Throughput',
      description: 'Operations that were answered, in each second of the measured time.',
      x,
      y: linearScale(Math.max(0, ...spans.map(rate))),
      series: [
        {
          name: 'operations/s',
          style: 'first',
          points: spans.map((span) => [at(span), rate(span)]),
        },
      ],
      filled: true,
      hints: hint((span) => `${printCount(rate(span))} operations/s`),
    },
    latency: {
      id: 'latency',
      width: 'half',
      title: 'Latency over time',
      description: 'Median and 99th percentile of what ended in each second.',
      x,
      y: logScale(latencies),
      series: [
        {
          name: 'p50',
          style: 'first',
          points: spans.map((span) => [at(span), span.p50Ms ?? undefined]),
        },
        {
          name: 'p99',
          style: 'second',
          points: spans.map((span) => [at(span), span.p99Ms ?? undefined]),
        },
      ],
      hints: hint(({ p50Ms, p99Ms }) => `p50 ${printMs(p50Ms)}, p99 ${printMs(p99Ms)}`),
    },
    errors: {
      id: 'errors',
      width: 'whole',
      title: 'Errors',
      description: 'Operations that failed or were never sent, in each second.',
      x,
      y: linearScale(Math.max(0, ...spans.map(errors))),
      series: [
        { name: 'errors/s', style: 'bad', points: spans.map((span) => [at(span), errors(span)]) },
      ],
      filled: true,
      hints: hint((span) => `${printCount(errors(span))} errors/s`),
    },
  };
}
