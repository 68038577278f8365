// Measures what keeps this process from answering at once: how late its event loop serves what is due, and how long
// garbage collections stop it. Node measures both; this file decides over which time they are reported.

import {
  constants,
  type IntervalHistogram,
  monitorEventLoopDelay,
  PerformanceObserver,
} from 'node:perf_hooks';
import type { CollectionKind, Collections, Host } from '../../ports.ts';

/**
 * Every sample wakes the process, and an idle one does little else: sampling each 20 ms was half of what it cost. A
 * shorter pause is seen only if a sample happens to fall into it; people look for longer ones.
 */
const SAMPLE_MS = 50;
const WINDOW_MS = 60_000;
const NANOSECONDS = 1e9;

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
  const delays: Pair<IntervalHistogram> = { older: sampled(), younger: sampled() };
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
      const nanoseconds = quantile === 1 ? older.max : older.percentile(quantile * 100);
      // A sample is the time since the one before, so the interval is subtracted. Without samples, max is 0 or NaN.
      return Math.max(0, (nanoseconds || 0) / NANOSECONDS - SAMPLE_MS / 1000);
    },
    collections: (kind) => collections.get(kind)?.figures() ?? { count: 0, seconds: 0, longest: 0 },
  };
}

/** Both histograms start in one turn, so that the process wakes only once for the two of them. */
function sampled(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  histogram.enable();
  return histogram;
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
