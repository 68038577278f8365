// Carries out a conditional write (H39): has it judged by the partition's serialiser, and then sends exactly the record that
// was judged to the other members, at that epoch only. What the answers mean is in decision.ts and settling.ts.

import { unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import {
  isSameIncarnation,
  type Member,
  serialiserOf,
  whenFullOf,
} from '../../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../../cluster/model/partition.ts';
import { recordValue, recordVersion, type StoredRecord } from '../../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../cluster/model/version.ts';
import type { KeyPlace } from '../../router.ts';
import { bringEverywhere } from '../everywhere.ts';
import { fanOut, type MemberVote } from '../fan-out.ts';
import { OFFLINE } from '../get/round.ts';
import { learn } from '../learn.ts';
import type { OperationContext } from '../operation-context.ts';
import { REFUSALS } from '../refusals.ts';
import { lastRoundMs } from '../set/round.ts';
import { holdsSame, isLiveAt, sightOf, spreadOf } from '../settling.ts';
import { notEverywhere } from '../write-votes.ts';
import {
  afterChange,
  afterJudgement,
  type ConditionalCallback,
  type ConditionalOutcome,
  type ConditionalRequest,
  type JudgedAnswer,
  type UnmetAnswer,
} from './decision.ts';

/** The highest floor that a member of the partition answered. */
type Floors = Map<PartitionId, Version>;

export class ConditionalWriter {
  readonly #context: OperationContext;
  readonly #floors: Floors = new Map();

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /**
   * @param callback is called exactly once: no attempt begins that could not be judged before the deadline of sets, and
   *   what an attempt then still asks of members takes `tryMs` for each question at most
   * @param arrivedMs by the monotonic clock; the deadline counts from here
   */
  write(
    request: ConditionalRequest,
    callback: ConditionalCallback,
    arrivedMs = this.#context.runtime.clock.monotonicMs(),
  ): void {
    const asked = { request, callback, arrivedMs };
    new ConditionalOperation(this.#context, this.#floors, asked).begin();
  }
}

/** Where the key lived when an attempt began; a judgement counts at this epoch only. */
interface Attempt {
  readonly place: KeyPlace;
  readonly serialiser: Member;
}

class ConditionalOperation {
  readonly #context: OperationContext;
  readonly #floors: Floors;
  readonly #request: ConditionalRequest;
  /** Undefined once it was called. */
  #callback: ConditionalCallback | undefined;
  readonly #arrivedMs: number;
  /** Counts the attempts and rounds that failed. */
  #failed = 0;

  constructor(
    context: OperationContext,
    floors: Floors,
    {
      request,
      callback,
      arrivedMs,
    }: {
      readonly request: ConditionalRequest;
      readonly callback: ConditionalCallback;
      readonly arrivedMs: number;
    },
  ) {
    this.#context = context;
    this.#floors = floors;
    this.#request = request;
    this.#callback = callback;
    this.#arrivedMs = arrivedMs;
  }

  /** Begins an attempt: nothing has been judged, or certainly not stored, so it may begin as often as there is time. */
  begin(): void {
    const place = this.#context.router.locate(this.#request.key);
    if (place === undefined) {
      return this.#end({ kind: 'not-stored', code: 'not-ready', detail: 'no cluster map yet' });
    }
    const serialiser = serialiserOf(place.entry);
    if (serialiser === undefined || place.answering.length === 0) {
      this.#context.refresh.fetchFromAnyone();
      return this.#again('partition-offline', OFFLINE);
    }
    return this.#judge({ place, serialiser }, false, VERSION_ZERO);
  }

  /** @param settled whether all members were asked at the epoch of this attempt (H39b) */
  #judge(attempt: Attempt, settled: boolean, above: Version): void {
    const { place, serialiser } = attempt;
    const { router, versions } = this.#context;
    const floor = this.#floors.get(place.partition) ?? VERSION_ZERO;
    const operation = {
      kind: 'judge',
      partition: place.partition,
      epoch: place.entry.epoch,
      ...this.#request,
      above: [versions.next(), floor].reduce((a, b) => (a > b ? a : b), above),
      settled,
    } as const;
    router.send(serialiser, operation, (answer) => {
      learn(this.#context, serialiser, answer);
      const step = afterJudgement(answer);
      switch (step.kind) {
        case 'judged':
          versions.observe(recordVersion(step.record));
          return this.#spread(place, step, step.record, othersOf(attempt));
        case 'unmet':
          return this.#confirm(attempt, step);
        case 'settle':
          return this.#settle(attempt);
        case 'again':
          return this.#again('not-stored', notEverywhere(undefined));
        case 'refused':
          return this.#refused(attempt, step.reason);
        case 'unknown':
          return this.#end({ kind: 'unknown', version: undefined });
        default:
          return unreachable(step);
      }
    });
  }

  /**
   * H39b: asks all members what they hold at this epoch. From then on no record of an earlier epoch can reach any of
   * them from outside, so once the serialiser has the greatest one, nothing that was judged before is missed.
   */
  #settle(attempt: Attempt): void {
    const { partition, entry } = attempt.place;
    const { key } = this.#request;
    const peek = { kind: 'peek', partition, epoch: entry.epoch, key } as const;
    fanOut(this.#context, entry.members, peek, (votes) => {
      const sight = sightOf(votes);
      if (sight === undefined) return this.#again('not-stored', notEverywhere(undefined));
      const { newest } = sight;
      if (newest === undefined || isHeldBy(attempt.serialiser, votes, newest)) {
        return this.#judge(attempt, true, versionOf(newest));
      }
      return this.#bring(attempt, newest);
    });
  }

  /** Brings the serialiser a record that another member has. */
  #bring(attempt: Attempt, record: StoredRecord): void {
    fanOut(this.#context, [attempt.serialiser], setOf(attempt.place, record), (votes) => {
      const spread = spreadOf(votes);
      // A deleted or expired record that the serialiser has forgotten decides as an absent one does.
      const isGone = !isLiveAt(record, this.#context.runtime.clock.wallMs());
      const isThere = spread === 'everywhere' || (spread === 'below-floor' && isGone);
      if (isThere) return this.#judge(attempt, true, recordVersion(record));
      return this.#again('not-stored', notEverywhere(undefined));
    });
  }

  /**
   * H39c: sends a record to members until all have it, or a greater one: that one was judged on it, or is unconditional
   * and later.
   * @param record the judged one, or after a change of the epoch one that was judged on it
   * @param members those that do not have it yet
   */
  #spread(
    place: KeyPlace,
    judged: JudgedAnswer,
    record: StoredRecord,
    members: readonly Member[],
  ): void {
    fanOut(this.#context, members, setOf(place, record), (votes) => {
      const spread = spreadOf(votes);
      switch (spread) {
        case 'everywhere':
          return this.#stored(judged);
        case 'below-floor':
          // A cache raises floors all the time, and drops what it likes (H40).
          if (this.#isCache()) return this.#stored(judged);
          this.#noteFloors(place.partition, votes);
          return this.#unknown(judged);
        case 'incomplete': {
          // Who refused it by its floor is asked again as well: without it, the others alone would make it `everywhere`.
          const left = votes.filter((vote) => spreadOf([vote]) !== 'everywhere');
          return this.#later(judged, () => {
            const now = this.#context.router.locate(this.#request.key);
            if (now?.entry.epoch !== place.entry.epoch) return this.#lookForIt(judged);
            const members = left.map(({ member }) => member);
            return this.#spread(place, judged, record, members);
          });
        }
        default:
          return unreachable(spread);
      }
    });
  }

  /**
   * 1. All clocks were hours ahead. A delete was forgotten by a member that is not the serialiser, and they are set right.
   * 2. The serialiser judges below that member's floor, which it does not know: that member does not take it (H24).
   *
   * That would be so for hours. The next judgement is above what was heard here.
   */
  #noteFloors(partition: PartitionId, votes: readonly MemberVote[]): void {
    for (const { answer } of votes) {
      if (answer.kind !== 'floor') continue;
      const known = this.#floors.get(partition) ?? VERSION_ZERO;
      if (answer.version > known) this.#floors.set(partition, answer.version);
    }
  }

  /** H39f: the epoch of the judgement is over: looks what became of it at the present one. */
  #lookForIt(judged: JudgedAnswer): void {
    const place = this.#context.router.locate(this.#request.key);
    if (place === undefined) return this.#unknown(judged);
    const { partition, entry } = place;
    const peek = { kind: 'peek', partition, epoch: entry.epoch, key: this.#request.key } as const;
    return fanOut(this.#context, entry.members, peek, (votes) => {
      const step = afterChange(judged, votes);
      switch (step.kind) {
        case 'complete': {
          const lacking = votes.filter(({ answer }) => !holdsSame(answer, step.record));
          const members = lacking.map(({ member }) => member);
          return this.#spread(place, judged, step.record, members);
        }
        case 'afresh':
          return this.#again('not-stored', notEverywhere(undefined));
        case 'incomplete':
          return this.#later(judged, () => this.#lookForIt(judged));
        case 'unknown':
          return this.#unknown(judged);
        default:
          return unreachable(step);
      }
    });
  }

  /**
   * H39e: the client learns from the answer what is there, so all members must have it first, or a later reader could
   * see older.
   */
  #confirm(attempt: Attempt, unmet: UnmetAnswer): void {
    const { why, isLive, record } = unmet;
    const live = isLive ? record : undefined;
    const decided = () => this.#end({ kind: 'unmet', why, record: live });
    if (record === undefined) return decided();
    const others = othersOf(attempt);
    return bringEverywhere(this.#context, attempt.place, record, others, (spread) => {
      // A cache raises floors all the time, and drops what it likes (H40).
      if (spread === 'everywhere' || (spread === 'below-floor' && this.#isCache()))
        return decided();
      return this.#again('not-stored', notEverywhere(undefined));
    });
  }

  #refused({ place, serialiser }: Attempt, reason: keyof typeof REFUSALS): void {
    const { code, detail } = REFUSALS[reason];
    const others = place.entry.members.some(
      (member) => member !== serialiser && member.role === 'serving',
    );
    // H35: the controller is about to remove a member that cannot write, if another one serves.
    const isRemoved = (reason === 'full' || reason === 'disk-failed') && others;
    if (isRemoved) return this.#again(code, notEverywhere(serialiser.node));
    return this.#end({ kind: 'not-stored', code, detail });
  }

  /** Judges afresh after a pause: nothing was stored so far. */
  #again(code: ErrorCode, detail: string): void {
    const leftMs = this.#leftMs();
    if (leftMs <= 0) return this.#end({ kind: 'not-stored', code, detail });
    this.#failed++;
    return this.#context.router.laterRounds.add(this.#failed, leftMs, () => this.begin());
  }

  /** Goes on with a judged record after a pause. */
  #later(judged: JudgedAnswer, round: () => void): void {
    const leftMs = this.#leftMs();
    if (leftMs <= 0) return this.#unknown(judged);
    this.#failed++;
    return this.#context.router.laterRounds.add(this.#failed, leftMs, round);
  }

  #stored({ record, previous, created }: JudgedAnswer): void {
    this.#end({ kind: 'stored', record, previous, created });
  }

  #unknown({ record }: JudgedAnswer): void {
    this.#end({ kind: 'unknown', version: recordVersion(record) });
  }

  #end(outcome: ConditionalOutcome): void {
    const callback = this.#callback;
    this.#callback = undefined;
    if (outcome.kind === 'stored') {
      this.#context.hotKeys?.noteSet(this.#request.key, recordValue(outcome.record));
    }
    callback?.(outcome);
  }

  #isCache(): boolean {
    const { map } = this.#context.router;
    return map !== undefined && whenFullOf(map) === 'evict';
  }

  #leftMs(): number {
    const { runtime, times } = this.#context;
    return this.#arrivedMs + lastRoundMs(times) - runtime.clock.monotonicMs();
  }
}

function setOf({ partition, entry }: KeyPlace, record: StoredRecord) {
  return { kind: 'set', partition, epoch: entry.epoch, record, follows: true } as const;
}

function othersOf({ place, serialiser }: Attempt): readonly Member[] {
  return place.entry.members.filter((member) => !isSameIncarnation(member, serialiser));
}

function isHeldBy(member: Member, votes: readonly MemberVote[], record: StoredRecord): boolean {
  const answer = votes.find((vote) => isSameIncarnation(vote.member, member))?.answer;
  return answer !== undefined && holdsSame(answer, record);
}

function versionOf(record: StoredRecord | undefined): Version {
  return record === undefined ? VERSION_ZERO : recordVersion(record);
}
