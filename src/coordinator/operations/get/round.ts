// Carries out a get (R3): asks one random serving member, the next one when the first cannot answer, is slow, or has
// something older than the client demands (H21), and starts new rounds until the deadline. What an answer means is in
// decision.ts.

import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { Member } from '../../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../../cluster/model/partition.ts';
import { recordVersion, type StoredRecord } from '../../../cluster/model/record.ts';
import { printVersion, VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import { NOT_NAMED } from '../../../cluster/peers/storage-channels.ts';
import type { ReachableMember } from '../../router.ts';
import { learn } from '../learn.ts';
import type { OperationContext } from '../operation-context.ts';
import { judgeRead } from './decision.ts';

export type ReadOutcome =
  | { readonly kind: 'value'; readonly record: StoredRecord }
  /** `version` is that of the tombstone or the expired record, or the floor; zero when the member knows of none. */
  | { readonly kind: 'absent'; readonly version: Version }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

export type ReadCallback = (outcome: ReadOutcome) => void;

/** Says that nobody who could be asked has what the client knows of already (H21). */
export function olderThan(minVersion: Version): ReadOutcome {
  return {
    kind: 'failed',
    code: 'older-version',
    detail: `no storage node that answered in time has version ${printVersion(minVersion)} of the key, or a newer one`,
  };
}

/** The last-copy rule (D8): a partition without a complete copy is offline, and never answered as if it were empty. */
export const OFFLINE =
  'no storage node that has all of this partition is alive: start those that had it, or, where that is gone for good, give it up with velour accept-loss';

const UNANSWERED: ReadOutcome = {
  kind: 'failed',
  code: 'unanswered',
  detail: 'no storage node answered in time',
};

export class Reader {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /**
   * @param callback is called exactly once
   * @param minVersion nothing older is answered (H21). It comes from a client, who may have made it up: no clock takes it
   */
  get(key: Buffer, callback: ReadCallback, minVersion: Version = VERSION_ZERO): void {
    const { runtime, times } = this.#context;
    const now = runtime.clock.monotonicMs();
    // A try that starts later than this could not end before the deadline.
    const lastTryMs = now + times.getDeadlineMs - times.tryMs;
    new Get(this.#context, key, { lastTryMs, minVersion }, callback).round();
  }
}

const NOBODY: readonly ReachableMember[] = [];

class Get {
  readonly #context: OperationContext;
  readonly #key: Buffer;
  readonly #lastTryMs: number;
  readonly #minVersion: Version;
  /** Undefined once the client has its answer; later answers are ignored. */
  #callback: ReadCallback | undefined;
  #partition = 0 as PartitionId;
  /** The members that this round asks, one after the other from `#next` on, wrapping around. */
  #answering = NOBODY;
  #next = 0;
  #left = 0;
  #roundScheduled = false;
  /** How many members have answered, but older than it has to be. */
  #older = 0;

  constructor(
    context: OperationContext,
    key: Buffer,
    { lastTryMs, minVersion }: { readonly lastTryMs: number; readonly minVersion: Version },
    callback: ReadCallback,
  ) {
    this.#context = context;
    this.#key = key;
    this.#lastTryMs = lastTryMs;
    this.#minVersion = minVersion;
    this.#callback = callback;
  }

  round(): void {
    this.#roundScheduled = false;
    const { router } = this.#context;
    const place = router.locate(this.#key);
    if (place === undefined) {
      this.#answer({ kind: 'failed', code: 'not-ready', detail: 'no cluster map yet' });
      return;
    }
    const { answering, partition } = place;
    this.#partition = partition;
    this.#answering = answering;
    this.#left = answering.length;
    if (answering.length === 0) {
      this.#context.refresh.fetchFromAnyone();
      return this.#again({ kind: 'failed', code: 'partition-offline', detail: OFFLINE });
    }
    this.#next = router.first(answering);
    return this.#askNext();
  }

  /** Asks the next member. A slow member is not given up: the next one is asked in parallel. */
  #askNext(): void {
    const reach = this.#answering[this.#next];
    if (this.#callback === undefined || this.#left === 0 || reach === undefined) return;
    this.#left--;
    this.#next = this.#next + 1 === this.#answering.length ? 0 : this.#next + 1;
    const { member, channel } = reach;
    if (channel === undefined) return this.#judge(member, NOT_NAMED);
    channel.send(
      { kind: 'get', partition: this.#partition, key: this.#key },
      (answer) => this.#judge(member, answer),
      this.#left === 0 ? undefined : () => this.#askNext(),
    );
  }

  #judge(member: Member, answer: MemberAnswer): void {
    if (this.#callback === undefined) return;
    const { versions } = this.#context;
    const step = judgeRead(answer);
    switch (step.kind) {
      case 'value':
      case 'absent': {
        const version = step.kind === 'value' ? recordVersion(step.record) : step.version;
        versions.observe(version);
        if (version >= this.#minVersion) return this.#answer(step);
        this.#older++;
        return this.#askOn();
      }
      case 'ask-another':
        learn(this.#context, member, answer);
        return this.#askOn();
    }
  }

  #askOn(): void {
    if (this.#left > 0) return this.#askNext();
    return this.#again(this.#older > 0 ? olderThan(this.#minVersion) : UNANSWERED);
  }

  /** Starts another round after a pause, even if a slow member of this one may still answer: the first answer wins. */
  #again(failure: ReadOutcome): void {
    if (this.#roundScheduled) return;
    const { runtime, times, router } = this.#context;
    const leftMs = this.#lastTryMs - runtime.clock.monotonicMs();
    if (leftMs <= 0) return this.#answer(failure);
    this.#roundScheduled = true;
    const round = () => {
      if (this.#callback !== undefined) this.round();
    };
    // The version that is demanded may be one that nobody has, and all say so at once: so these pauses grow.
    if (this.#older > 0) return router.laterRounds.add(this.#older, leftMs, round);
    runtime.timers.after(times.retryMs + runtime.random.below(times.retryMs), round);
  }

  #answer(outcome: ReadOutcome): void {
    const callback = this.#callback;
    this.#callback = undefined;
    const found = outcome.kind === 'value' ? outcome.record : undefined;
    this.#context.hotKeys?.noteGet(this.#key, found);
    callback?.(outcome);
  }
}
