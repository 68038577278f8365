// Defines a conditional write, and decides what the answers of its serialiser and of the other members mean (H39).
// Pure: answers in, decision out. Sending and waiting is in round.ts.

import { unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { type Change, type Condition, etagOf } from '../../../cluster/model/condition.ts';
import { markOf } from '../../../cluster/model/conditional-mark.ts';
import { compareRecords, recordVersion, type StoredRecord } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import type { RefusalReason, UnmetReason } from '../../../cluster/wire/answer-kinds.ts';
import type { Answer } from '../../../cluster/wire/operations.ts';
import type { MemberVote } from '../fan-out.ts';
import { sightOf } from '../settling.ts';

export interface ConditionalRequest {
  readonly key: Buffer;
  readonly condition: Condition;
  readonly change: Change;
}

export type ConditionalOutcome =
  | {
      readonly kind: 'stored';
      /** The record that was stored: a tombstone after a delete, the new number after incr. */
      readonly record: StoredRecord;
      /** The live record that it replaced: undefined if there was none; only `getset` fills it in. */
      readonly previous: StoredRecord | undefined;
      /** Whether no live record was there before. */
      readonly created: boolean;
    }
  /** The condition does not hold, or a change that needs a live record or a number found none; nothing was stored. */
  | {
      readonly kind: 'unmet';
      readonly why: UnmetReason;
      /** The live record that decided; undefined when the key is absent. */
      readonly record: StoredRecord | undefined;
    }
  /** Certainly stored on no member. */
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  /** May or may not take effect; a client must not repeat incr or append (H39g). */
  | { readonly kind: 'unknown'; readonly version: Version | undefined };

export type ConditionalCallback = (outcome: ConditionalOutcome) => void;

export type JudgedAnswer = Extract<Answer, { kind: 'judged' }>;
export type UnmetAnswer = Extract<Answer, { kind: 'unmet' }>;

/** What follows from the serialiser's answer. */
export type JudgementStep =
  /** It holds the new record: the other members must have it too, at this epoch. */
  | JudgedAnswer
  /** Nothing was stored; the record that decided must be on all members before the client may know (H39e). */
  | UnmetAnswer
  | { readonly kind: 'settle' }
  /** Certainly not judged (H39f): judge afresh, at whatever epoch then holds. */
  | { readonly kind: 'again' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason | 'overloaded' }
  /** It may have judged (H39a): nobody may ask again. */
  | { readonly kind: 'unknown' };

export function afterJudgement(answer: MemberAnswer): JudgementStep {
  switch (answer.kind) {
    case 'judged':
    case 'unmet':
      return answer;
    case 'unsettled':
      return { kind: 'settle' };
    case 'stale':
    case 'behind':
    case 'not-serving':
    case 'unreachable':
      return { kind: 'again' };
    case 'overloaded':
      return { kind: 'refused', reason: 'overloaded' };
    case 'refused':
      return answer;
    case 'unanswered':
    // Answers to other operations: who gives one to a judgement may have judged.
    case 'found':
    case 'absent':
    case 'applied':
    case 'equal':
    case 'superseded':
    case 'floor':
    case 'records':
    case 'heads':
    case 'time':
    case 'many':
    case 'held':
      return { kind: 'unknown' };
    default:
      return unreachable(answer);
  }
}

/** H39f: what to do about a judged record whose epoch ended before all members had it. */
export type ChangeStep =
  /**
   * A member holds it, or a greater one that was judged on it, and nothing greater is anywhere: whoever settles the key
   * at the new epoch sees that too, so it is in effect, and is brought to the others.
   */
  | { readonly kind: 'complete'; readonly record: StoredRecord }
  /**
   * Nobody has it, or can have forgotten it, and what it was judged on is still the greatest: it never took effect, and
   * is judged afresh.
   */
  | { readonly kind: 'afresh' }
  | { readonly kind: 'incomplete' }
  /** What came since may have been judged on it. */
  | { readonly kind: 'unknown' };

/** @param votes of all members at the present epoch, answers to peek */
export function afterChange(
  { record, predecessor }: Pick<JudgedAnswer, 'record' | 'predecessor'>,
  votes: readonly MemberVote[],
): ChangeStep {
  const sight = sightOf(votes);
  if (sight === undefined) return { kind: 'incomplete' };
  const { newest } = sight;
  if (newest !== undefined && includes(newest, record)) return { kind: 'complete', record: newest };
  const tag = newest === undefined ? undefined : etagOf(newest);
  const isUnchanged = tag?.version === predecessor?.version && tag?.hash === predecessor?.hash;
  return { kind: isUnchanged && !mayBeForgotten(record, votes) ? 'afresh' : 'unknown' };
}

/**
 * Whether the record may have been in effect, be deleted since, and forgotten together with the delete: the floor of a
 * member that forgot the delete is above it.
 */
function mayBeForgotten(record: StoredRecord, votes: readonly MemberVote[]): boolean {
  const version = recordVersion(record);
  return votes.some(({ answer }) => answer.kind === 'absent' && answer.version >= version);
}

/** Whether `held` is the judged record, or was judged on it, by the same serialiser at the same epoch. */
function includes(held: StoredRecord, judged: StoredRecord): boolean {
  const order = compareRecords(held, judged);
  if (order <= 0) return order === 0;
  const [own, other] = [markOf(judged), markOf(held)];
  return own !== undefined && own.epoch === other?.epoch && own.incarnation === other.incarnation;
}
