// What a set is, and what the members' answers to one round of it mean (R4, H18, H25). Pure: answers in,
// decision out; sending and waiting is round.ts's.

import { unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { Member } from '../../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../../cluster/model/identity.ts';
import type { Attribute } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import { ANSWER_KINDS, type RefusalReason } from '../../../cluster/wire/answer-kinds.ts';

/** A delete is the set of a tombstone. */
export interface WriteRequest {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly tombstone: boolean;
  /** Milliseconds since 1970; 0 = never. */
  readonly expiresAtMs: number;
  readonly attributes: readonly Attribute[];
}

export type WriteOutcome =
  | { readonly kind: 'stored'; readonly version: Version }
  /** Certainly nowhere. */
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'unknown'; readonly version: Version };

export type WriteCallback = (outcome: WriteOutcome) => void;

/** One member's part in a round; `answer` is undefined while it is still out. */
export interface WriteVote {
  readonly member: Member;
  answer: MemberAnswer | undefined;
}

export type WriteDecision =
  | { readonly kind: 'pending' }
  | { readonly kind: 'acknowledged' }
  /** The same version again, at whatever epoch then holds (H19). */
  | { readonly kind: 'again'; readonly unwritable?: NodeId | undefined }
  /** Nobody keeps this version: a higher one is needed for the set to count. */
  | { readonly kind: 'again-newer' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason | 'overloaded' };

/** @param votes all members of the partition at the epoch of the round, asked with one record */
export function judgeWrite(votes: readonly WriteVote[]): WriteDecision {
  let kept = false;
  let floor = false;
  let again = false;
  let unwritable: NodeId | undefined;
  let refused: WriteDecision | undefined;
  for (const { member, answer } of votes) {
    switch (answer?.kind) {
      case undefined:
        return { kind: 'pending' };
      case 'applied':
      case 'equal':
        // H18: a joiner may not hold the older record yet, so its word that ours is newer counts for nothing.
        if (member.role === 'serving') kept = true;
        break;
      case 'superseded':
        break;
      case 'floor':
        floor = true;
        break;
      case 'refused':
        // A member that cannot write is about to be removed (H35); the last one is not.
        if (cannotWrite(answer.reason) && servesWithout(votes, member)) unwritable = member.node;
        else refused = { kind: 'refused', reason: answer.reason };
        break;
      case 'overloaded':
        refused = { kind: 'refused', reason: 'overloaded' };
        break;
      case 'stale':
      case 'behind':
      case 'not-serving':
      case 'unreachable':
      case 'unanswered':
      // Answers to other operations; a member that gives one to a set is as good as silent.
      case 'found':
      case 'absent':
      case 'records':
      case 'heads':
      case 'time':
        again = true;
        break;
      default:
        return unreachable(answer);
    }
  }
  if (refused !== undefined) return refused;
  if (again || unwritable !== undefined || votes.length === 0) return { kind: 'again', unwritable };
  // H25: a replica that answers `floor` holds nothing, so others' `applied` does not help. H18: if all
  // serving members say `superseded`, nobody could ever read this set; one `applied` proves it concurrent.
  if (floor || !kept) return { kind: 'again-newer' };
  return { kind: 'acknowledged' };
}

/** H35: its disk is full or has failed. */
export function cannotWrite(reason: RefusalReason): boolean {
  return reason === 'full' || reason === 'disk-failed';
}

/** What people are told whose set waits for a node that is about to be removed. */
export function notEverywhere(unwritable: NodeId | undefined): string {
  return unwritable === undefined
    ? 'not every storage node of its partition could be reached'
    : `storage node ${unwritable} cannot write to its disk, as its /readyz says, and was not replaced in time`;
}

/** Whether the partition can do without this member, which then gives it up (H35). */
export function servesWithout(votes: readonly WriteVote[], without: Member): boolean {
  return votes.some(({ member }) => member !== without && member.role === 'serving');
}

/** Whether the member has the very record, and keeps it while the epoch lasts: a joiner may drop it (H26). */
export function keeps({ member, answer }: WriteVote): boolean {
  if (answer === undefined) return false;
  return ANSWER_KINDS[answer.kind].holds === 'yes' && member.role !== 'joining';
}

/** Whether the record may be in this member now or later (D9: then the outcome is unknown). */
export function mayHold(answer: MemberAnswer | undefined): boolean {
  return answer === undefined || ANSWER_KINDS[answer.kind].holds !== 'no';
}
