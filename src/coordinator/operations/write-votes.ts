// What the members' answers to one round of a write say together, for sets and versioned writes alike (R4). Pure. What
// follows from it differs: set/decision.ts and restore/decision.ts.

import { unreachable } from '../../cluster/assert.ts';
import type { Member } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { MemberAnswer } from '../../cluster/peers/storage-channel.ts';
import { ANSWER_KINDS, type RefusalReason } from '../../cluster/wire/answer-kinds.ts';

/** One member's part in a round; `answer` is undefined until the member answers, or is known not to. */
export interface WriteVote {
  readonly member: Member;
  answer: MemberAnswer | undefined;
}

export type WriteTally =
  /** An answer is still out. */
  | { readonly kind: 'pending' }
  /** A member that stays will not take the record. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason }
  /** This frontend has too much waiting for a member, and sent it nothing. */
  | { readonly kind: 'overloaded' }
  /**
   * Not every member took part: the round is to be repeated, at whatever epoch then holds (H19). `unwritable` is a
   * member whose disk takes no writes, and which the controller is about to remove (H35).
   */
  | { readonly kind: 'incomplete'; readonly unwritable?: NodeId | undefined }
  /** Every member compared the record with what it has. */
  | {
      readonly kind: 'compared';
      /** A member stored it in this round. */
      readonly isApplied: boolean;
      /** A serving member holds it now; a joiner may lack an older record still, and so proves nothing (H18). */
      readonly isServed: boolean;
      /** A serving member has a newer record. A joiner copies from one, whose own answer counts. */
      readonly isSuperseded: boolean;
      /** A member has forgotten deletes that may be newer, and took nothing (H25). */
      readonly isBelowFloor: boolean;
    };

const PENDING: WriteTally = { kind: 'pending' };

/** @param votes of all members of the partition at the epoch of the round, each sent the same record */
export function tallyOf(votes: readonly WriteVote[]): WriteTally {
  let isApplied = false;
  let isServed = false;
  let isSuperseded = false;
  let isBelowFloor = false;
  let isIncomplete = votes.length === 0;
  let isOverloaded = false;
  let unwritable: NodeId | undefined;
  let refused: RefusalReason | undefined;
  for (const { member, answer } of votes) {
    switch (answer?.kind) {
      case undefined:
        return PENDING;
      case 'applied':
        isApplied = true;
        if (member.role === 'serving') isServed = true;
        break;
      case 'equal':
        if (member.role === 'serving') isServed = true;
        break;
      case 'superseded':
        if (member.role === 'serving') isSuperseded = true;
        break;
      case 'floor':
        isBelowFloor = true;
        break;
      case 'refused':
        // H35: a member that cannot write is about to be removed, so the round is repeated; the last serving member is
        // never removed, so its refusal counts.
        if (cannotWrite(answer.reason) && servesWithout(votes, member)) unwritable = member.node;
        else refused = answer.reason;
        break;
      case 'overloaded':
        isOverloaded = true;
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
        isIncomplete = true;
        break;
      default:
        return unreachable(answer);
    }
  }
  if (refused !== undefined) return { kind: 'refused', reason: refused };
  if (isOverloaded) return { kind: 'overloaded' };
  if (isIncomplete || unwritable !== undefined) return { kind: 'incomplete', unwritable };
  return { kind: 'compared', isApplied, isServed, isSuperseded, isBelowFloor };
}

/** H35: the member's disk is full or has failed. */
function cannotWrite(reason: RefusalReason): boolean {
  return reason === 'full' || reason === 'disk-failed';
}

/** Whether another member serves too, so that the controller will remove this one (H35). */
function servesWithout(votes: readonly WriteVote[], without: Member): boolean {
  return votes.some(({ member }) => member !== without && member.role === 'serving');
}

/** Tells the client why a set is not on every member; `unwritable` is about to be removed from the partition. */
export function notEverywhere(unwritable: NodeId | undefined): string {
  return unwritable === undefined
    ? 'not every storage node of its partition could be reached'
    : `storage node ${unwritable} cannot write to its disk, as its /readyz says, and was not replaced in time`;
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
