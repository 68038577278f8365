// Measures what keeps this process from answering at once: how late its event loop serves what is due, and how long
// garbage collections stop it. Node measures both; this file decides over which time they are reported.

import {
  constants,
  createHistogram,
  type EventLoopUtilization,
  PerformanceObserver,
  performance,
  type RecordableHistogram,
} from 'node:perf_hooks';
import type { CollectionKind, Collections, Host } from '../../ports.ts';

/**
 * How often the event loop is sampled. A pause shorter than this is seen only if a sample happens to fall into it, but
 * only longer ones matter to people. At rest every sample wakes the process, and twenty a second were a third of the
 * work of an idle storage node, so there are four: an idle process is stopped only as a whole, and for longer.
 */
const SAMPLE_MS = { busy: 50, idle: 250 };
/** The share of time in which the event loop has work, above which the process counts as busy. */
const BUSY_SHARE = 0.1;
const WINDOW_MS = 60_000;
const NANOSECONDS = 1e6;

const KINDS: ReadonlyMap<number, CollectionKind> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

/** Two accumulators of one kind. The older one is read; each minute it is emptied and becomes the younger one. */
interface Pair<T> {
  older: T;
  younger: T;
}

/**
 * Starts measuring; that does not keep the process alive.
 * @param windowMs delays, and the longest collection, are reported for one to two times as long
 */
export function watchPauses(
  windowMs = WINDOW_MS,
): Pick<Host, 'eventLoopDelaySeconds' | 'collections'> {
  const delays: Pair<RecordableHistogram> = {
    older: createHistogram(),
    younger: createHistogram(),
  };
  sample(delays);
  const collections = new Map([...KINDS.values()].map((kind) => [kind, new Counted()]));
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as { readonly detail?: { readonly kind?: number } }).detail ?? {};
      const name = KINDS.get(kind ?? 0);
      if (name !== undefined) collections.get(name)?.add(entry.duration / 1000);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  setInterval(() => {
    swap(delays);
    delays.younger.reset();
    for (const { longest } of collections.values()) {
      swap(longest);
      longest.younger = 0;
    }
  }, windowMs).unref();
  return {
    eventLoopDelaySeconds(quantile) {
      const { older } = delays;
      // Before the first sample, max is 0 or NaN.
      const nanoseconds = quantile === 1 ? older.max : older.percentile(quantile * 100);
      return (nanoseconds || 0) / NANOSECONDS / 1000;
    },
    collections: (kind) => collections.get(kind)?.figures() ?? { count: 0, seconds: 0, longest: 0 },
  };
}

/** Notes again and again by how much later than due a timer came. */
function sample(delays: Pair<RecordableHistogram>): void {
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  let dueMs = performance.now() + SAMPLE_MS.busy;
  const next = () => {
    const nowMs = performance.now();
    // A histogram takes no 0, and a timer may come a fraction of a millisecond early.
    const nanoseconds = Math.max(1, Math.round((nowMs - dueMs) * NANOSECONDS));
    delays.older.record(nanoseconds);
    delays.younger.record(nanoseconds);
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    const waitMs = utilization > BUSY_SHARE ? SAMPLE_MS.busy : SAMPLE_MS.idle;
    dueMs = nowMs + waitMs;
    setTimeout(next, waitMs).unref();
  };
  setTimeout(next, SAMPLE_MS.busy).unref();
}

function swap<T>(pair: Pair<T>): void {
  [pair.older, pair.younger] = [pair.younger, pair.older];
}

class Counted {
  readonly longest: Pair<number> = { older: 0, younger: 0 };
  #count = 0;
  #seconds = 0;

  add(seconds: number): void {
    this.#count++;
    this.#seconds += seconds;
    this.longest.older = Math.max(this.longest.older, seconds);
    this.longest.younger = Math.max(this.longest.younger, seconds);
  }

  figures(): Collections {
    return { count: this.#count, seconds: this.#seconds, longest: this.longest.older };
  }
}
