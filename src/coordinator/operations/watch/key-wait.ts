// Waits until a get of a key would be answered otherwise than before: a long poll. Follows the key (cluster-watch.ts), and
// gets it again whenever it may have changed, and when it expires, which no member tells; so the answer is that of a get,
// with all its guarantees.

import { recordExpiresAtMs } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { Cancel, Clock, Timers } from '../../../cluster/ports.ts';
import type { ReadCallback, ReadOutcome } from '../get/round.ts';
import type { UserReader, UserWatcher } from '../user-keys.ts';
import type { ClusterWatch } from './cluster-watch.ts';

export interface KeyWaitParts {
  readonly reader: Pick<UserReader, 'get'>;
  readonly watcher: UserWatcher;
  readonly timers: Timers;
  /** The time of the cluster, by which records expire (H31). */
  readonly clock: Pick<Clock, 'wallMs'>;
}

/** A key is asked for again so long after its value should have expired: the clock of the member may be a little late. */
const EXPIRED_MS = 50;

export interface AwaitedKey {
  readonly key: Buffer;
  /** As of Reader.get. */
  readonly minVersion: Version;
  readonly waitMs: number;
  /** @param outcome not a failure. @returns whether it is what the caller waits for */
  readonly isAwaited: (outcome: ReadOutcome) => boolean;
}

const NOBODY: ReadOutcome = {
  kind: 'failed',
  code: 'unanswered',
  detail: 'no storage node that could tell changes has answered in time',
};
const TOO_MANY: ReadOutcome = {
  kind: 'failed',
  code: 'overloaded',
  detail: 'too many watches are under way at this frontend',
};

export class KeyWait {
  readonly #parts: KeyWaitParts;
  readonly #awaited: AwaitedKey;
  readonly #cancel: Cancel;
  #cancelExpiry: Cancel | undefined;
  /** Undefined once the caller has its answer. */
  #callback: ReadCallback | undefined;
  #watch: ClusterWatch | undefined;
  /** The latest outcome, which is the answer when the time is over; undefined until the first get is answered. */
  #latest: ReadOutcome | undefined;
  /** Whether the caller waits for nothing but the first get. */
  #isTimeOver = false;

  /** @param callback called exactly once: with what was awaited, a failure, or after `waitMs` what there is */
  constructor(parts: KeyWaitParts, awaited: AwaitedKey, callback: ReadCallback) {
    this.#parts = parts;
    this.#awaited = awaited;
    this.#callback = callback;
    this.#cancel = parts.timers.after(awaited.waitMs, () => this.end());
  }

  start(): void {
    this.#get(() => this.#follow());
  }

  /**
   * Answers with what there is, as if the time were over; does nothing if the caller has its answer. What there is only
   * the first get says, which has a deadline of its own: until it has, the answer waits for it.
   */
  end(): void {
    this.#isTimeOver = true;
    if (this.#latest !== undefined) this.#end(this.#latest);
  }

  #get(unchanged: () => void): void {
    const { key, minVersion, isAwaited } = this.#awaited;
    this.#parts.reader.get(
      key,
      (outcome) => {
        if (this.#callback === undefined) return undefined;
        this.#latest = outcome;
        const isLast = this.#isTimeOver || outcome.kind === 'failed' || isAwaited(outcome);
        if (isLast) return this.#end(outcome);
        this.#getWhenExpired(outcome);
        return unchanged();
      },
      minVersion,
    );
  }

  #getWhenExpired(outcome: ReadOutcome): void {
    const { timers, clock } = this.#parts;
    this.#cancelExpiry?.();
    const expiresAtMs = outcome.kind === 'value' ? recordExpiresAtMs(outcome.record) : 0;
    const afterMs = expiresAtMs - clock.wallMs();
    if (expiresAtMs === 0 || afterMs > this.#awaited.waitMs) return;
    this.#cancelExpiry = timers.after(Math.max(0, afterMs) + EXPIRED_MS, () =>
      this.#get(() => undefined),
    );
  }

  #follow(): void {
    const { watcher } = this.#parts;
    const { digits } = watcher;
    if (watcher.isBusy) return this.#end(TOO_MANY);
    if (digits === undefined) return this.#end(NOBODY);
    const keys = { kind: 'key', bytes: this.#awaited.key } as const;
    const watch = watcher.watch({ keys, values: false, since: undefined }, digits);
    this.#watch = watch;
    return watch.start(() => {
      if (watch.followed === 0) return this.#end(NOBODY);
      // The key may have changed before it was followed.
      return this.#get(() => this.#next(watch));
    });
  }

  #next(watch: ClusterWatch): void {
    watch.next(() => this.#get(() => this.#next(watch)));
  }

  #end(outcome: ReadOutcome): void {
    const callback = this.#callback;
    this.#callback = undefined;
    this.#cancel();
    this.#cancelExpiry?.();
    this.#watch?.stop();
    callback?.(outcome);
  }
}
