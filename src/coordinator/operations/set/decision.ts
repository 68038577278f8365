// What a set is, and what the members' answers to one round of it mean (R4, H18, H25). Pure: votes in, decision out.
// Sending and waiting is in round.ts.

import { unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { Member } from '../../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../../cluster/model/identity.ts';
import type { Attribute } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import { ANSWER_KINDS, type RefusalReason } from '../../../cluster/wire/answer-kinds.ts';

/** A set, or a delete, which is the set of a tombstone. */
export interface WriteRequest {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly tombstone: boolean;
  /** Milliseconds since 1970; 0 means never. */
  readonly expiresAtMs: number;
  readonly attributes: readonly Attribute[];
}

export type WriteOutcome =
  | { readonly kind: 'stored'; readonly version: Version }
  /** Certainly stored on no member. */
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'unknown'; readonly version: Version };

export type WriteCallback = (outcome: WriteOutcome) => void;

/** One member's part in a round; `answer` is undefined while it is outstanding. */
export interface WriteVote {
  readonly member: Member;
  answer: MemberAnswer | undefined;
}

export type WriteDecision =
  | { readonly kind: 'pending' }
  | { readonly kind: 'acknowledged' }
  /** Send the same version again, at whatever epoch then holds (H19); `unwritable` has a failed or full disk. */
  | { readonly kind: 'again'; readonly unwritable?: NodeId | undefined }
  /** This version takes no effect (H18), or not on all members (H25): the set needs a higher one. */
  | { readonly kind: 'again-newer' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason | 'overloaded' };

/** @param votes of all members of the partition at the epoch of the round, each sent the same record */
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
        // H18: a joiner may lack the older record still, so its `applied` does not prove that ours is newer.
        if (member.role === 'serving') kept = true;
        break;
      case 'superseded':
        break;
      case 'floor':
        floor = true;
        break;
      case 'refused':
        // H35: a member that cannot write is about to be removed, so try again; the last serving member is never
        // removed, so refuse.
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
      // Answers to other operations: a member that gives one to a set counts as silent.
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
  // H25: a replica that answers `floor` took nothing, so `applied` from others does not help. H18: if all serving
  // members answer `superseded`, nobody could ever read this set; one `applied` proves the two sets concurrent.
  if (floor || !kept) return { kind: 'again-newer' };
  return { kind: 'acknowledged' };
}

/** H35: the member's disk is full or has failed. */
export function cannotWrite(reason: RefusalReason): boolean {
  return reason === 'full' || reason === 'disk-failed';
}

/** Tells the client why a set is not on every member; `unwritable` is about to be removed from the partition. */
export function notEverywhere(unwritable: NodeId | undefined): string {
  return unwritable === undefined
    ? 'not every storage node of its partition could be reached'
    : `storage node ${unwritable} cannot write to its disk, as its /readyz says, and was not replaced in time`;
}

/** Whether another member serves too, so that the controller will remove this one (H35). */
export function servesWithout(votes: readonly WriteVote[], without: Member): boolean {
  return votes.some(({ member }) => member !== without && member.role === 'serving');
}

/** Whether the member holds this very record for the rest of the epoch; a joiner may still drop it (H26). */
export function keeps({ member, answer }: WriteVote): boolean {
  if (answer === undefined) return false;
  return ANSWER_KINDS[answer.kind].holds === 'yes' && member.role !== 'joining';
}

/** Whether the member may hold the record now or later; then the outcome of a set that fails is unknown (D9). */
export function mayHold(answer: MemberAnswer | undefined): boolean {
  return answer === undefined || ANSWER_KINDS[answer.kind].holds !== 'no';
}
