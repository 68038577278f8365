// Carries out a versioned write: sends a record that keeps its version (D16) to all members at the partition's epoch,
// in rounds until they agree or the time is over (R4). What the answers mean is in decision.ts.
//
// Floors may differ between members, so that one takes the record and another answers `floor`. That is harmless. The
// member that took it has no delete and no floor at or above its version, so no such delete was ever acknowledged (I5
// holds for deletes as for values, and a floor travels to joiners with the copy). What it holds counts as a set that
// was never acknowledged (H21): anti-entropy brings it to the others, past their floors (H27), or a newer set wins.
// The record is not given a version above the floor, as a set is (H25): it would win over other clients' sets that
// came meanwhile and are newer than it.

import { assert, unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { Member } from '../../../cluster/model/cluster-map.ts';
import { recordKey, type StoredRecord } from '../../../cluster/model/record.ts';
import type { KeyPlace } from '../../router.ts';
import { fanOut } from '../fan-out.ts';
import { OFFLINE } from '../get/round.ts';
import { learn } from '../learn.ts';
import type { OperationContext } from '../operation-context.ts';
import { REFUSALS } from '../refusals.ts';
import { notEverywhere, type WriteVote } from '../write-votes.ts';
import { heldRecordOf, judgeVersionedWrite } from './decision.ts';

export type VersionedWriteOutcome =
  /** Every member has the record now. */
  | { readonly kind: 'set' }
  /** Every member had the record before. */
  | { readonly kind: 'already-stored' }
  | { readonly kind: 'superseded' }
  /**
   * A newer delete of this key may have been forgotten, so some member does not take the record. If another member
   * did, anti-entropy may still bring it to all.
   */
  | { readonly kind: 'below-floor' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

export type VersionedWriteCallback = (outcome: VersionedWriteOutcome) => void;

export class VersionedWriter {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /**
   * @param record must not change until the callback
   * @param callback is called exactly once
   */
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
  /** Whether any member stored the record, in this round or an earlier one. */
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
    else if (place.answering.length === 0) {
      this.#context.refresh.fetchFromAnyone();
      this.#again('partition-offline', OFFLINE);
    } else this.#send(place);
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
      case 'stored':
        return this.#answer({ kind: decision.newly || this.#newly ? 'set' : 'already-stored' });
      case 'superseded':
        return this.#answer(decision);
      case 'inspect': {
        const below = votes.filter(({ answer }) => answer?.kind === 'floor');
        return this.#inspect(
          place,
          below.map(({ member }) => member),
        );
      }
      case 'again':
        return this.#again('not-stored', notEverywhere(decision.unwritable));
      case 'refused': {
        const { code, detail } = REFUSALS[decision.reason];
        // Room may come: deletes, expiry and the cleaner free memory.
        if (code === 'storage-full') return this.#again(code, detail);
        return this.#answer({ kind: 'failed', code, detail });
      }
      default:
        return unreachable(decision);
    }
  }

  /** Asks the serving members that answered `floor` what they hold, deletes too. */
  #inspect({ partition, entry }: KeyPlace, members: readonly Member[]): void {
    const { runtime } = this.#context;
    const serving = members.filter(({ role }) => role === 'serving');
    const key = Buffer.from(recordKey(this.#record));
    const peek = { kind: 'peek', partition, epoch: entry.epoch, key } as const;
    fanOut(this.#context, serving, peek, (votes) => {
      const wallMs = runtime.clock.wallMs();
      const sights = votes.map(({ answer }) => heldRecordOf(this.#record, answer, wallMs));
      // One member that has it is enough, as it is where it answers `superseded` itself.
      if (sights.includes('newer')) return this.#answer({ kind: 'superseded' });
      if (sights.includes('missing')) return this.#answer({ kind: 'below-floor' });
      // A joining or leaving member is not asked: again once the map has changed its role or removed it.
      if (sights.includes('unknown') || serving.length < members.length) return this.#askLater();
      return this.#answer({ kind: this.#newly ? 'set' : 'already-stored' });
    });
  }

  #askLater(): void {
    this.#again('unanswered', 'a storage node did not say whether it has the key');
  }

  /** Starts another round, for as long as a frontend pursues any set. The wait doubles, as many writes may wait. */
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
