// What every call of both clients has: one promise, a deadline, an AbortSignal, and an end when the client is closed.
// How a call is carried out, and what it came to, its starter says by callbacks.

import { type LinkedEntry, LinkedSet } from '../cluster/linked-set.ts';
import type { Cancel, Timers } from '../cluster/ports.ts';
import { checkOptions } from './arguments.ts';
import { AbortedError, VelourError } from './errors.ts';
import type { CommonOptions } from './velour.ts';

/** The codes of an outcome that nobody knows: sets may be sent again, `incr` and `append` may not. */
export type UnknownCode = 'outcome-unknown' | 'effect-unknown';

export interface Outcome<T> {
  done(value: T): void;
  failed(error: VelourError): void;
}

/** A call under way, whose outcome was not told yet. */
export interface UnderWay {
  /** Whom it was sent to so far, for people. */
  readonly asked?: string | undefined;
  /** Gives the call up: nothing more is told of it. @returns undefined where nothing of it can take effect any more */
  giveUp(): UnknownCode | undefined;
}

const NOBODY_KNOWS = 'it may or may not take effect';

export class Calls {
  readonly #timers: Timers;
  readonly #timeoutMs: number;
  /** What to call for each call under way when the client is closed. */
  readonly #open = new LinkedSet<Cancel>();
  #isClosed = false;

  /** @param timeoutMs of calls that do not have their own */
  constructor(timers: Timers, timeoutMs: number) {
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
  }

  /** @param begin may tell the outcome before it returns */
  run<T>(options: CommonOptions, begin: (outcome: Outcome<T>) => UnderWay): Promise<T> {
    return new Promise((resolve, reject) => {
      checkOptions(options);
      const { signal, timeoutMs = this.#timeoutMs } = options;
      if (this.#isClosed) throw new VelourError('closed', 'the client is closed');
      if (signal?.aborted) throw new AbortedError(signal.reason, false);
      if (!(timeoutMs > 0)) throw new TypeError('timeoutMs is a positive number of milliseconds');
      let isOver = false;
      let cancelDeadline: Cancel | undefined;
      let entry: LinkedEntry<Cancel> | undefined;
      const end = () => {
        isOver = true;
        cancelDeadline?.();
        signal?.removeEventListener('abort', abort);
        if (entry !== undefined) this.#open.delete(entry);
      };
      let underWay: UnderWay | undefined;
      const giveUp = (errorOf: (unknown: UnknownCode | undefined) => VelourError) => {
        end();
        reject(errorOf(underWay?.giveUp()));
      };
      const abort = () =>
        giveUp((unknown) => new AbortedError(signal?.reason, unknown !== undefined));
      const close = () => giveUp((unknown) => late('closed', 'the client was closed', unknown));
      underWay = begin({
        done: (value) => {
          end();
          resolve(value);
        },
        failed: (error) => {
          end();
          reject(error);
        },
      });
      if (isOver) return;
      cancelDeadline = this.#timers.after(timeoutMs, () => {
        const asked = underWay?.asked;
        const what = `there is no answer${asked === undefined ? '' : ` of ${asked}`} after ${Math.round(timeoutMs)} ms`;
        giveUp((unknown) => late('timeout', what, unknown));
      });
      signal?.addEventListener('abort', abort, { once: true });
      entry = this.#open.add(close);
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const close of this.#open.takeAll()) close();
  }
}

function late(code: 'timeout' | 'closed', what: string, unknown: UnknownCode | undefined) {
  return unknown === undefined
    ? new VelourError(code, what)
    : new VelourError(unknown, `${what}, and ${NOBODY_KNOWS}`);
}
