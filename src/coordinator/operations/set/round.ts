// Carries out a set or delete (R4): sends one record to all members at the partition's epoch, in rounds until they
// agree or the deadline comes, and then in the background for a while (D9). What the answers mean is in decision.ts;
// when a set is sent is in writer.ts.

import { unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { isSameIncarnation } from '../../../cluster/model/cluster-map.ts';
import type { Epoch } from '../../../cluster/model/identity.ts';
import type { Times } from '../../../cluster/model/limits.ts';
import type { StoredRecord } from '../../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import type { KeyEntry } from '../../key-table.ts';
import type { KeyPlace } from '../../router.ts';
import { OFFLINE } from '../get/round.ts';
import { learn } from '../learn.ts';
import type { OperationContext } from '../operation-context.ts';
import { REFUSALS } from '../refusals.ts';
import { keeps, mayHold, notEverywhere, type WriteVote } from '../write-votes.ts';
import type { KeyQueue } from './coalescing.ts';
import { judgeWrite, type WriteOutcome } from './decision.ts';
import type { PendingSet } from './pending-set.ts';
import { recordOf } from './set-record.ts';

const NO_MEMORY_FOR_A_DELETE =
  'a storage node of this partition has no memory left to remember this delete, and cannot forget earlier ones; deletes_kept_by in its /status says which other storage node must be back for that';

/** How long after its arrival a set may begin a round: a later round could not end before the deadline. */
export function lastRoundMs({ setDeadlineMs, tryMs }: Times): number {
  return setDeadlineMs - tryMs;
}

const NONE: readonly WriteVote[] = [];

/** The record's version and epoch in one round, and the members' answers. */
interface Round {
  readonly epoch: Epoch;
  readonly version: Version;
  readonly votes: readonly WriteVote[];
}

type EndCallback = (operation: SetOperation, outcome: WriteOutcome) => void;

export class SetOperation implements KeyEntry<SetOperation> {
  readonly hash: number;
  nextInSlot: SetOperation | undefined;
  readonly set: PendingSet;
  /** Sets of the same key that wait behind this one; undefined until the first one comes. */
  queue: KeyQueue | undefined;
  readonly #context: OperationContext;
  /** Undefined once the client has its answer; from then on the set continues in the background (D9). */
  #ended: EndCallback | undefined;
  /** The highest version in a `superseded` or `floor` answer to this set: the next version must be above it. */
  #above: Version = VERSION_ZERO;
  #version: Version;
  #record: StoredRecord;
  /** Whether any member may hold a record of this set, with this version or an earlier one. */
  #mayBeHeld = false;
  /**
   * What the first serving member said that applied this set. A later one of another round may have had this very set
   * with an earlier version. A joiner may lack what is there.
   */
  #created: boolean | undefined;
  #lastRound: Round | undefined;
  /** Counts the rounds that failed in a row at the epoch of the last round. */
  #failedRounds = 0;

  constructor(
    context: OperationContext,
    hash: number,
    set: PendingSet,
    queue: KeyQueue | undefined,
    ended: EndCallback,
  ) {
    this.#context = context;
    this.hash = hash;
    this.nextInSlot = undefined;
    this.set = set;
    this.queue = queue;
    this.#ended = ended;
    this.#version = this.#nextVersion();
    this.#record = recordOf(set.request, this.#version);
  }

  get key(): Buffer {
    return this.set.request.key;
  }

  round(): void {
    const place = this.#context.router.locate(this.key);
    if (place === undefined) {
      this.#answer({ kind: 'not-stored', code: 'not-ready', detail: 'no cluster map yet' });
    } else if (place.answering.length === 0) {
      this.#context.refresh.fetchFromAnyone();
      this.#again('partition-offline', OFFLINE);
    } else this.#send(place);
  }

  /**
   * Sends the record in parallel to all members that are not known to keep it. Refusals, failures and timeouts all
   * become votes, and `judgeWrite` alone decides.
   */
  #send({ partition, entry: { epoch, members } }: KeyPlace): void {
    const { router, refresh } = this.#context;
    const follows = this.#above !== VERSION_ZERO;
    const operation = { kind: 'set', partition, epoch, record: this.#record, follows } as const;
    const before = this.#lastRound;
    const isSameOffer = before?.epoch === epoch && before.version === this.#version;
    const kept = isSameOffer ? before.votes.filter(keeps) : NONE;
    // R4: a member that keeps the record is not asked again, so rounds that wait for another member cost it nothing.
    // Votes of another epoch do not count: the member may have been a joiner in between.
    const votes: WriteVote[] = members.map((member) => ({
      member,
      answer: kept.find((vote) => isSameIncarnation(vote.member, member))?.answer,
    }));
    // A member that could not take part at the old epoch may well do so at the new one: begin with short waits.
    if (before?.epoch !== epoch) this.#failedRounds = 0;
    this.#lastRound = { epoch, version: this.#version, votes };
    if (votes.every(({ answer }) => answer !== undefined)) return this.#decide(votes);
    // A member that is not asked cannot answer that the epoch is over, so ask it for its map instead.
    for (const { member } of kept) refresh.fetchFrom(member.node);
    for (const vote of votes) {
      if (vote.answer !== undefined) continue;
      router.send(vote.member, operation, (answer) => {
        vote.answer = answer;
        if (!this.#mayBeHeld) this.#mayBeHeld = mayHold(answer);
        if (answer.kind === 'applied' && vote.member.role === 'serving') {
          this.#created ??= answer.created === true;
        }
        if (answer.kind === 'superseded' || answer.kind === 'floor') this.#raise(answer.version);
        learn(this.#context, vote.member, answer);
        this.#decide(votes);
      });
    }
  }

  #decide(votes: readonly WriteVote[]): void {
    const decision = judgeWrite(votes);
    switch (decision.kind) {
      case 'pending':
        return;
      case 'acknowledged':
        return this.#answer({
          kind: 'stored',
          version: this.#version,
          created: this.#created === true,
          record: this.#record,
        });
      case 'again':
        return this.#again('not-stored', notEverywhere(decision.unwritable));
      case 'again-newer':
        return this.#againNewer();
      case 'refused': {
        const { code, detail } = REFUSALS[decision.reason];
        // R10: the member now starts to forget earlier deletes, and has room for this one once it has.
        if (decision.reason === 'no-memory' && this.set.request.tombstone) {
          return this.#again(code, NO_MEMORY_FOR_A_DELETE);
        }
        return this.#giveUp(code, detail);
      }
      default:
        return unreachable(decision);
    }
  }

  /** Starts a round with a version above all that the members reported (H18, H25). */
  #againNewer(): void {
    // D9: a set that was answered 504 is never given another version.
    if (this.#ended === undefined) return;
    if (this.#elapsedMs() > lastRoundMs(this.#context.times)) {
      this.#giveUp('not-stored', 'newer sets of this key came all the time');
      return;
    }
    this.#version = this.#nextVersion();
    this.#record = recordOf(this.set.request, this.#version);
    this.round();
  }

  #again(code: ErrorCode, detail: string): void {
    const { router, times } = this.#context;
    const lastMs = lastRoundMs(times);
    const elapsedMs = this.#elapsedMs();
    if (elapsedMs >= lastMs) {
      this.#giveUp(code, detail);
      // Some members may hold the record: go on for a while so that the replicas do not differ (H21, D9).
      if (!this.#mayBeHeld || elapsedMs > times.setDeadlineMs + times.setBackgroundMs) return;
    }
    this.#failedRounds++;
    const leftMs = elapsedMs < lastMs ? lastMs - elapsedMs : Number.POSITIVE_INFINITY;
    router.laterRounds.add(this.#failedRounds, leftMs, () => this.round());
  }

  #giveUp(code: ErrorCode, detail: string): void {
    this.#answer(
      this.#mayBeHeld
        ? { kind: 'unknown', version: this.#version }
        : { kind: 'not-stored', code, detail },
    );
  }

  #answer(outcome: WriteOutcome): void {
    const ended = this.#ended;
    this.#ended = undefined;
    ended?.(this, outcome);
  }

  /**
   * The version is minted when the set is sent, so it is above every version of the key that was seen until then. The
   * sets that it coalesces get the versions just below it, in their order of arrival, which as far as possible are
   * also above what was there before.
   */
  #nextVersion(): Version {
    const { versions } = this.#context;
    const coalesced = this.queue?.coalesced ?? 0;
    return coalesced === 0
      ? versions.next(this.#above)
      : versions.nextOf(coalesced + 1, this.#above);
  }

  /** H31: bounds this key only; the version may be far ahead of all clocks, and must not take other keys along. */
  #raise(version: Version): void {
    if (version > this.#above) this.#above = version;
  }

  #elapsedMs(): number {
    return this.#context.runtime.clock.monotonicMs() - this.set.arrivedMs;
  }
}
