// Carries out a get (R3): one random serving member, the next one when it cannot say, rounds until the
// deadline. What an answer means is read.ts's.

import { type Member, servingMembers } from '../cluster/cluster-map.ts';
import type { ErrorCode } from '../cluster/errors.ts';
import type { Times } from '../cluster/limits.ts';
import type { PartitionId } from '../cluster/partition.ts';
import { recordVersion, type StoredRecord } from '../cluster/record.ts';
import type { Runtime } from '../cluster/runtime.ts';
import type { HybridClock, Version } from '../cluster/version.ts';
import { judgeRead } from './read.ts';
import type { MapRefresh, Router } from './router.ts';

export type ReadOutcome =
  | { readonly kind: 'value'; readonly record: StoredRecord }
  /** `version` of what took the key away; zero when nothing is known to. */
  | { readonly kind: 'absent'; readonly version: Version }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

export type ReadCallback = (outcome: ReadOutcome) => void;

export interface OperationContext {
  readonly runtime: Runtime;
  readonly router: Router;
  readonly refresh: MapRefresh;
  readonly versions: HybridClock;
  readonly times: Times;
}

export class Reader {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  get(key: Buffer, callback: ReadCallback): void {
    const { runtime, times } = this.#context;
    const now = runtime.clock.monotonicMs();
    // A try begun later than this could not end before the deadline.
    new Get(this.#context, key, now + times.getDeadlineMs - times.tryMs, callback).round();
  }
}

class Get {
  readonly #context: OperationContext;
  readonly #key: Buffer;
  readonly #lastTryMs: number;
  readonly #callback: ReadCallback;

  constructor(context: OperationContext, key: Buffer, lastTryMs: number, callback: ReadCallback) {
    this.#context = context;
    this.#key = key;
    this.#lastTryMs = lastTryMs;
    this.#callback = callback;
  }

  round(): void {
    const { router, runtime } = this.#context;
    const place = router.locate(this.#key);
    if (place === undefined) {
      this.#callback({ kind: 'failed', code: 'not-ready', detail: 'no cluster map yet' });
      return;
    }
    const serving = servingMembers(place.entry);
    if (serving.length === 0) {
      this.#again('no-serving-member', 'no storage node may answer for this key now');
    } else {
      const first = runtime.random.below(serving.length);
      this.#ask(place.partition, [...serving.slice(first), ...serving.slice(0, first)]);
    }
  }

  /** @param members those that this round has not asked yet */
  #ask(partition: PartitionId, [member, ...others]: readonly Member[]): void {
    const { router, refresh, versions } = this.#context;
    if (member === undefined) {
      this.#again('unanswered', 'no storage node answered in time');
      return;
    }
    router.send(member, { kind: 'get', partition, key: this.#key }, (answer) => {
      const step = judgeRead(answer);
      switch (step.kind) {
        case 'value':
          versions.observe(recordVersion(step.record));
          return this.#callback(step);
        case 'absent':
          versions.observe(step.version);
          return this.#callback(step);
        case 'ask-another':
          if (step.mapDiffers) refresh.fetchFrom(member.node);
          return this.#ask(partition, others);
      }
    });
  }

  #again(code: ErrorCode, detail: string): void {
    const { runtime, times } = this.#context;
    if (runtime.clock.monotonicMs() >= this.#lastTryMs) {
      this.#callback({ kind: 'failed', code, detail });
      return;
    }
    runtime.timers.after(times.retryMs + runtime.random.below(times.retryMs), () => this.round());
  }
}
