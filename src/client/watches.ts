// Watches, as an iteration over events, and the wait for one key that is made of them. Who tells the events is in
// http-watch.ts and direct-watch.ts.

import { KEY_BYTES_MAX } from '../cluster/model/limits.ts';
import type { Cancel, Clock, Timers } from '../cluster/ports.ts';
import { checkOptions, textBytes } from './arguments.ts';
import type { Calls, Outcome } from './calls.ts';
import { VelourError } from './errors.ts';
import type {
  Awaited,
  AwaitOptions,
  Bytes,
  StoredEntry,
  Velour,
  Watch,
  WatchEvent,
  WatchOptions,
} from './velour.ts';

/** For all practical purposes no limit: the longest time of a timer in Node, in ms. */
const NO_LIMIT_MS = 2 ** 31 - 1;
const WAIT_MS_DEFAULT = 30_000;
const EXPIRY_STEP_MS = 100;

export interface CheckedWatch {
  readonly prefix: Buffer;
  readonly values: boolean;
  readonly since: string | undefined;
}

export interface PlacedEvent {
  readonly event: WatchEvent;
  /** Where a later watch goes on that has taken the events up to this one; undefined where only a later event says so. */
  readonly place: string | undefined;
}

/** A watch under way. */
export interface WatchSource {
  /** Tells the next events, at least one, or the failure with which it ends; one call at a time. */
  next(outcome: Outcome<readonly PlacedEvent[]>): void;
  /** Ends the watch, also one that is over; nothing more is told. */
  stop(): void;
}

export class EventWatch implements Watch {
  readonly #options: WatchOptions;
  readonly #calls: Calls;
  readonly #begin: (watch: CheckedWatch) => WatchSource;
  #place: string | undefined;

  /** @param begin is called when the first event is asked for */
  constructor(options: WatchOptions, calls: Calls, begin: (watch: CheckedWatch) => WatchSource) {
    this.#options = options;
    this.#calls = calls;
    this.#begin = begin;
    this.#place = options.since;
  }

  get place(): string | undefined {
    return this.#place;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent, void, undefined> {
    checkOptions(this.#options);
    const { signal } = this.#options;
    const source = this.#begin(checkedWatch(this.#options));
    try {
      for (;;) {
        const told = await this.#calls.run<readonly PlacedEvent[]>(
          { signal, timeoutMs: NO_LIMIT_MS },
          (outcome) => {
            source.next(outcome);
            return { giveUp: () => undefined };
          },
        );
        for (const { event, place } of told) {
          yield event;
          // Only now it was taken: who goes on behind an event that he was about to handle would miss it.
          this.#place = place ?? this.#place;
        }
      }
    } finally {
      source.stop();
    }
  }
}

/**
 * Follows the key, and gets it whenever it may have changed, or has expired, which nobody tells: so the answer is that of a
 * get.
 */
export async function waitFor(
  velour: Pick<Velour, 'entry' | 'watch'>,
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
  key: Bytes,
  { newerThan, waitMs = WAIT_MS_DEFAULT, signal, ...get }: AwaitOptions,
): Promise<Awaited> {
  checkOptions({ signal });
  if (!(waitMs >= 0)) throw new TypeError('waitMs is a number of milliseconds, and not below 0');
  const untilMs = clock.monotonicMs() + waitMs;
  const ends = new AbortController();
  // Not AbortSignal.any: a signal that lives long keeps a little of each that was made of it.
  const abort = () => ends.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const watch = velour.watch({ ...get, prefix: key, signal: ends.signal });
  const events = watch[Symbol.asyncIterator]();
  let change: Promise<void> | undefined;
  try {
    for (;;) {
      const entry = await velour.entry(key, { ...get, signal });
      const changed =
        entry === undefined ? newerThan !== undefined : isOther(entry.etag, newerThan);
      const leftMs = untilMs - clock.monotonicMs();
      if (changed || leftMs <= 0) return { changed, entry };
      change ??= nextOf(events, textBytes(key, 'a key')).then(() => {
        change = undefined;
      });
      await within(timers, Math.min(leftMs, expiresInMs(entry, clock)), change);
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    ends.abort();
    change?.catch(() => undefined);
    // A signal ends a watch only while an event is asked for; after the last change none is.
    await events.return?.();
  }
}

/** @returns once there is an event that may concern the key */
async function nextOf(events: AsyncIterator<WatchEvent>, key: Buffer): Promise<void> {
  for (;;) {
    const { done, value } = await events.next();
    if (done === true || !('key' in value) || key.equals(value.key)) return;
  }
}

function expiresInMs(entry: StoredEntry | undefined, clock: Clock): number {
  const { expiresAtMs } = entry ?? {};
  if (expiresAtMs === undefined) return Number.POSITIVE_INFINITY;
  // Over HTTP the time is known to a second, and clocks differ: it may have to be looked at more than once.
  return Math.max(EXPIRY_STEP_MS, expiresAtMs - clock.wallMs());
}

/** Waits for the promise, but not for longer than this. */
async function within(timers: Timers, ms: number, promise: Promise<void>): Promise<void> {
  let cancel: Cancel = () => undefined;
  const isOver = new Promise<void>((resolve) => {
    cancel = timers.after(Math.min(ms, NO_LIMIT_MS), resolve);
  });
  try {
    await Promise.race([promise, isOver]);
  } finally {
    cancel();
  }
}

/** An ETag begins with the version. One that is older is of a set that was not acknowledged (H21), and nothing to tell. */
function isOther(etag: string, known: string | undefined): boolean {
  return known === undefined || (etag !== known && etag.slice(0, 17) >= known.slice(0, 17));
}

/** @throws VelourError, TypeError */
function checkedWatch({ prefix = '', values = false, since }: WatchOptions): CheckedWatch {
  const bytes = textBytes(prefix, 'a prefix');
  if (bytes.length > KEY_BYTES_MAX) {
    const what = `the prefix has ${bytes.length} bytes, and a key ${KEY_BYTES_MAX} at most`;
    throw new VelourError('bad-parameter', what);
  }
  return { prefix: bytes, values, since };
}
