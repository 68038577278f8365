// Carries out a set or delete (R4): one record to all members at the partition's epoch, rounds until
// they agree or the deadline comes, and in the background for a while after it (D9). What the answers
// mean is decision.ts's; when a set is sent at all is writer.ts's.

import { unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { isSameLife } from '../../../cluster/model/cluster-map.ts';
import type { Epoch } from '../../../cluster/model/identity.ts';
import type { Times } from '../../../cluster/model/limits.ts';
import { encodeRecord, type StoredRecord } from '../../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import type { RefusalReason } from '../../../cluster/wire/operations.ts';
import type { KeyEntry } from '../../key-table.ts';
import type { KeyPlace } from '../../router.ts';
import { OFFLINE } from '../get/round.ts';
import { learn } from '../learn.ts';
import type { OperationContext } from '../operation-context.ts';
import type { KeyQueue } from './coalescing.ts';
import {
  judgeWrite,
  keeps,
  mayHold,
  notEverywhere,
  type WriteOutcome,
  type WriteRequest,
  type WriteVote,
} from './decision.ts';
import type { PendingSet } from './pending-set.ts';

export const REFUSALS: Readonly<
  Record<RefusalReason | 'overloaded', { code: ErrorCode; detail: string }>
> = {
  'too-large': {
    code: 'value-too-large',
    detail: 'the value is longer than a storage node takes, see its --max-value',
  },
  full: {
    code: 'storage-full',
    detail:
      'the disk of the only storage node of this partition that serves is full, or too much waits for it; its /readyz says which, and it goes on by itself when there is room',
  },
  'disk-failed': {
    code: 'storage-full',
    detail:
      'the disk of the only storage node of this partition that serves has failed, as its /readyz says; it takes sets again when the disk is mended and it is started again',
  },
  'no-memory': {
    code: 'storage-full',
    detail:
      'a storage node of this partition has no memory left: delete what is not needed, which makes room within seconds, or add storage nodes',
  },
  overloaded: { code: 'overloaded', detail: 'too much waits for a storage node of this partition' },
  'version-too-far-ahead': {
    code: 'clock-ahead',
    detail: 'the set is stamped over a day ahead of the clock of a storage node',
  },
  malformed: { code: 'internal', detail: 'a storage node did not understand this frontend' },
};

const NO_MEMORY_FOR_A_DELETE =
  'a storage node of this partition has no memory left to remember this delete, and cannot forget earlier ones; deletes_kept_by in its /status says which other storage node must be back for that';

/** Of a set's time, from its arrival on. A round begun later could not end before the deadline. */
export function lastRoundMs({ setDeadlineMs, tryMs }: Times): number {
  return setDeadlineMs - tryMs;
}

const NONE: readonly WriteVote[] = [];

/** What was sent to the members of one epoch, and what they said. */
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
  /** Of its key; undefined as long as no other set came. */
  queue: KeyQueue | undefined;
  readonly #context: OperationContext;
  /** Undefined once the client has its answer; what goes on then goes on in the background. */
  #ended: EndCallback | undefined;
  /** The highest version, of this key or of its partition's floor, that a member refused this set for. */
  #above: Version = VERSION_ZERO;
  #version: Version;
  #record: StoredRecord;
  /** Whether any member may hold a record of this set, of this version or an earlier one. */
  #mayBeHeld = false;
  #lastRound: Round | undefined;
  /** At the epoch of the last round. */
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
      this.#again('partition-offline', OFFLINE);
    } else this.#send(place);
  }

  /**
   * To all at once who are not known to keep it; refused, unreachable and late all become votes, and one
   * function decides.
   */
  #send({ partition, entry: { epoch, members } }: KeyPlace): void {
    const { router, refresh } = this.#context;
    const follows = this.#above !== VERSION_ZERO;
    const operation = { kind: 'set', partition, epoch, record: this.#record, follows } as const;
    const before = this.#lastRound;
    const isSameOffer = before?.epoch === epoch && before.version === this.#version;
    const kept = isSameOffer ? before.votes.filter(keeps) : NONE;
    // R4: who keeps the record is not asked again, so a round that waits for another member costs it nothing.
    // At another epoch its word is worth nothing: it may have been a joiner meanwhile.
    const votes: WriteVote[] = members.map((member) => ({
      member,
      answer: kept.find((vote) => isSameLife(vote.member, member))?.answer,
    }));
    // Who did not take part in the epoch before may well do so now, or as soon as it has heard of it.
    if (before?.epoch !== epoch) this.#failedRounds = 0;
    this.#lastRound = { epoch, version: this.#version, votes };
    if (votes.every(({ answer }) => answer !== undefined)) return this.#decide(votes);
    // One of them may know that the epoch is over, and would have said so.
    for (const { member } of kept) refresh.fetchFrom(member.node);
    for (const vote of votes) {
      if (vote.answer !== undefined) continue;
      router.send(vote.member, operation, (answer) => {
        vote.answer = answer;
        if (!this.#mayBeHeld) this.#mayBeHeld = mayHold(answer);
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
        return this.#answer({ kind: 'stored', version: this.#version });
      case 'again':
        return this.#again('not-stored', notEverywhere(decision.unwritable));
      case 'again-newer':
        return this.#againNewer();
      case 'refused': {
        const { code, detail } = REFUSALS[decision.reason];
        // R10: the node forgets earlier deletes now, and has room for this one as soon as it did.
        if (decision.reason === 'no-memory' && this.set.request.tombstone) {
          return this.#again(code, NO_MEMORY_FOR_A_DELETE);
        }
        return this.#giveUp(code, detail);
      }
      default:
        return unreachable(decision);
    }
  }

  /** H18, H25: the next version is above what the members hold, as their answers say. */
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
      // Others may have it already; so that replicas do not differ, go on for a while (H21, D9).
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
   * Taken when it is sent, so above all that its key was seen to have until then. Those that it coalesces get
   * the ones just below it: in the order in which they came, and as far as can be above what was there before.
   */
  #nextVersion(): Version {
    const { versions } = this.#context;
    const coalesced = this.queue?.coalesced ?? 0;
    return coalesced === 0
      ? versions.next(this.#above)
      : versions.nextOf(coalesced + 1, this.#above);
  }

  /** H31: for this key only, for it may be far ahead of all clocks. */
  #raise(version: Version): void {
    if (version > this.#above) this.#above = version;
  }

  #elapsedMs(): number {
    return this.#context.runtime.clock.monotonicMs() - this.set.arrivedMs;
  }
}

/** Spelled out: a spread costs as much as the rest of it. */
function recordOf(request: WriteRequest, version: Version): StoredRecord {
  const { key, value, tombstone, expiresAtMs, attributes } = request;
  return encodeRecord({ key, version, tombstone, expiresAtMs, attributes, value });
}
