// Carries out the set of a record that keeps its version (D16): to all members at the partition's epoch,
// rounds until they agree or its time is over (R4). What the answers mean is decision.ts's.
//
// Members may differ in their floors, so that one takes the record and another answers `floor`. That is
// harmless: who took it has no delete at or above it and no floor, so no delete of it was ever acknowledged
// (I5 holds for deletes as for values, and a floor goes on to joiners with the copy). What it has is a set
// that was never acknowledged (H21): repair brings it to the others, past their floors (H27), or a newer one
// wins. It is not given a version above the floor, as a set is (H25): sets of others, which are newer than
// this record, could have come meanwhile and would lose to it.

import { assert, unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { Member } from '../../../cluster/model/cluster-map.ts';
import { recordKey, type StoredRecord } from '../../../cluster/model/record.ts';
import type { KeyPlace } from '../../router.ts';
import { OFFLINE } from '../get/round.ts';
import { learn } from '../learn.ts';
import type { OperationContext } from '../operation-context.ts';
import { notEverywhere, type WriteVote } from '../set/decision.ts';
import { REFUSALS } from '../set/round.ts';
import { judgeVersionedWrite, type Sight, sightOf } from './decision.ts';

export type VersionedWriteOutcome =
  /** Every member has it. */
  | { readonly kind: 'set' }
  /** Every member had it before. */
  | { readonly kind: 'there' }
  | { readonly kind: 'superseded' }
  /**
   * A delete of this key may be newer and forgotten, so a member does not take it. If another one did, it may
   * still come to all.
   */
  | { readonly kind: 'below-floor' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

export type VersionedWriteCallback = (outcome: VersionedWriteOutcome) => void;

export class VersionedWriter {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** @param record must not change until the callback came, exactly once */
  write(record: StoredRecord, callback: VersionedWriteCallback): void {
    new VersionedWriteOperation(this.#context, record, callback).round();
  }
}

class VersionedWriteOperation {
  readonly #context: OperationContext;
  readonly #record: StoredRecord;
  /** Undefined once it was called. */
  #callback: VersionedWriteCallback | undefined;
  readonly #startedMs: number;
  /** In this round or an earlier one. */
  #newly = false;
  #waitMs: number;

  constructor(context: OperationContext, record: StoredRecord, callback: VersionedWriteCallback) {
    this.#context = context;
    this.#record = record;
    this.#callback = callback;
    this.#startedMs = context.runtime.clock.monotonicMs();
    this.#waitMs = context.times.retryMs;
  }

  round(): void {
    const place = this.#context.router.locate(recordKey(this.#record));
    if (place === undefined) this.#again('not-ready', 'no cluster map yet');
    else if (place.answering.length === 0) this.#again('partition-offline', OFFLINE);
    else this.#send(place);
  }

  #send(place: KeyPlace): void {
    const { partition, entry } = place;
    const operation = {
      kind: 'set',
      partition,
      epoch: entry.epoch,
      record: this.#record,
    } as const;
    const votes: WriteVote[] = entry.members.map((member) => ({ member, answer: undefined }));
    for (const vote of votes) {
      this.#context.router.send(vote.member, operation, (answer) => {
        vote.answer = answer;
        if (answer.kind === 'applied') this.#newly = true;
        learn(this.#context, vote.member, answer);
        this.#decide(place, votes);
      });
    }
  }

  #decide(place: KeyPlace, votes: readonly WriteVote[]): void {
    const decision = judgeVersionedWrite(votes);
    switch (decision.kind) {
      case 'pending':
        return;
      case 'kept':
        return this.#answer({ kind: decision.newly || this.#newly ? 'set' : 'there' });
      case 'superseded':
        return this.#answer(decision);
      case 'look': {
        const below = votes.filter(({ answer }) => answer?.kind === 'floor');
        return this.#look(
          place,
          below.map(({ member }) => member),
        );
      }
      case 'again':
        return this.#again('not-stored', notEverywhere(decision.unwritable));
      case 'refused': {
        const { code, detail } = REFUSALS[decision.reason];
        // Room may come: deletes, the cleaner, and expiry make some.
        if (code === 'storage-full') return this.#again(code, detail);
        return this.#answer({ kind: 'failed', code, detail });
      }
      default:
        return unreachable(decision);
    }
  }

  /** Those that answered `floor` are asked what they have of the key; only who serves can say (R1). */
  #look({ partition }: KeyPlace, members: readonly Member[]): void {
    const serving = members.filter(({ role }) => role === 'serving');
    const sights: Sight[] = [];
    const key = Buffer.from(recordKey(this.#record));
    const seen = (sight: Sight) => {
      sights.push(sight);
      if (sights.length < serving.length) return;
      if (sights.includes('missing')) return this.#answer({ kind: 'below-floor' });
      // Who joins or leaves is what the others are, soon.
      if (sights.includes('unknown') || serving.length < members.length) return this.#askLater();
      if (sights.includes('newer')) return this.#answer({ kind: 'superseded' });
      return this.#answer({ kind: this.#newly ? 'set' : 'there' });
    };
    if (serving.length === 0) return this.#askLater();
    for (const member of serving) {
      this.#context.router.send(member, { kind: 'get', partition, key }, (answer) =>
        seen(sightOf(this.#record, answer)),
      );
    }
  }

  #askLater(): void {
    this.#again('unanswered', 'a storage node did not say whether it has the key');
  }

  /** As long as a frontend goes on with a set at all; ever less often, for many may wait at once. */
  #again(code: ErrorCode, detail: string): void {
    const { runtime, times } = this.#context;
    const elapsedMs = runtime.clock.monotonicMs() - this.#startedMs;
    if (elapsedMs > times.setDeadlineMs + times.setBackgroundMs) {
      return this.#answer({ kind: 'failed', code, detail });
    }
    const waitMs = this.#waitMs + runtime.random.below(this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, times.heartbeatMs);
    runtime.timers.after(waitMs, () => this.round());
    return undefined;
  }

  #answer(outcome: VersionedWriteOutcome): void {
    const callback = this.#callback;
    assert(callback !== undefined, 'a record is answered for once');
    this.#callback = undefined;
    callback(outcome);
  }
}
