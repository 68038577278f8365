// The metrics that every role reports about its process: memory, CPU time, lost log lines, and the pauses that delay
// its replies. The figures come from the port Host.

import { COLLECTION_KINDS, type Host, type ProcessUsage } from '../ports.ts';
import type { Metrics } from './metrics.ts';

/** Separate gauges with prom-client's names: only a summary may have a label `quantile`. */
const LAGS = [
  ['nodejs_eventloop_lag_p50_seconds', 0.5],
  ['nodejs_eventloop_lag_p99_seconds', 0.99],
  ['nodejs_eventloop_lag_p999_seconds', 0.999],
  ['nodejs_eventloop_lag_max_seconds', 1],
] as const;

export function addUsageMetrics(metrics: Metrics, usage: () => ProcessUsage): void {
  metrics.gauge(
    'process_resident_memory_bytes',
    'Resident memory.',
    () => usage().residentBytes,
    {},
    'sum',
  );
  metrics.gauge(
    'nodejs_heap_size_used_bytes',
    'JavaScript heap in use.',
    () => usage().heapUsedBytes,
    {},
    'sum',
  );
  metrics.countedElsewhere(
    'process_cpu_seconds_total',
    'User and system CPU time.',
    () => usage().userCpuSeconds + usage().systemCpuSeconds,
  );
  metrics.countedElsewhere(
    'velourfog_log_lines_dropped_total',
    'Lines of the log that could not be written to stderr.',
    () => usage().logLinesDropped,
  );
}

export function addProcessMetrics(metrics: Metrics, host: Host): void {
  addUsageMetrics(metrics, () => host.usage());
  for (const [name, quantile] of LAGS) {
    metrics.gauge(
      name,
      'By how much later than due the event loop came to a timer, over the last one to two minutes.',
      () => host.eventLoopDelaySeconds(quantile),
    );
  }
  for (const kind of COLLECTION_KINDS) {
    metrics.countedElsewhere(
      'nodejs_gc_pauses_total',
      'Pauses for the collection of garbage.',
      () => host.collections(kind).count,
      { kind },
    );
    metrics.countedElsewhere(
      'nodejs_gc_pause_seconds_total',
      'What these pauses took together.',
      () => host.collections(kind).seconds,
      { kind },
    );
    metrics.gauge(
      'nodejs_gc_pause_max_seconds',
      'The longest of the last one to two minutes.',
      () => host.collections(kind).longest,
      { kind },
    );
  }
}
