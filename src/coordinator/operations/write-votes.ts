// Combines the members' answers to one round of a write into a tally, for sets and versioned writes alike (R4). Pure.
// The decision that follows from a tally differs, and is in set/decision.ts and restore/decision.ts.

import { unreachable } from '../../cluster/assert.ts';
import type { Member } from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import type { MemberAnswer } from '../../cluster/peers/storage-channel.ts';
import { ANSWER_KINDS, type RefusalReason } from '../../cluster/wire/answer-kinds.ts';

/** One member's part in a round; `answer` is undefined until the member answers or counts as failed. */
export interface WriteVote {
  readonly member: Member;
  answer: MemberAnswer | undefined;
}

export type WriteTally =
  /** At least one member has not answered yet. */
  | { readonly kind: 'pending' }
  /** A member refused the record, and the controller will not remove that member for it. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason }
  /** Too much waits in this process for a member, so the record was not sent to it. */
  | { readonly kind: 'overloaded' }
  /**
   * Not every member took part: the round must be repeated, with the same version at the epoch then valid (R4, H19).
   * `unwritable` is a member whose disk takes no writes, which the controller is about to remove (H35).
   */
  | { readonly kind: 'incomplete'; readonly unwritable?: NodeId | undefined }
  /** Every member compared the record with its own. */
  | {
      readonly kind: 'compared';
      /** Whether a member stored the record in this round. */
      readonly isApplied: boolean;
      /** Whether a serving member holds the record now; a joiner may lack older records, so it proves nothing (H18). */
      readonly isServed: boolean;
      /** Whether a serving member has a newer record. A joiner copies from such a member, whose answer counts. */
      readonly isSuperseded: boolean;
      /** Whether a member took nothing, because it has forgotten deletes that may be newer (H25). */
      readonly isBelowFloor: boolean;
      /** Whether a member has a conditional record that was judged without this one (H39d). */
      readonly isOutsideBase: boolean;
    };

const PENDING: WriteTally = { kind: 'pending' };

/** @param votes one for each member of the partition at the round's epoch, all about the same record */
export function tallyOf(votes: readonly WriteVote[]): WriteTally {
  let isApplied = false;
  let isServed = false;
  let isSuperseded = false;
  let isBelowFloor = false;
  let isOutsideBase = false;
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
        if (answer.isOutsideBase === true) isOutsideBase = true;
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
      case 'many':
      case 'judged':
      case 'unmet':
      case 'unsettled':
      case 'held':
        isIncomplete = true;
        break;
      default:
        return unreachable(answer);
    }
  }
  if (refused !== undefined) return { kind: 'refused', reason: refused };
  if (isOverloaded) return { kind: 'overloaded' };
  if (isIncomplete || unwritable !== undefined) return { kind: 'incomplete', unwritable };
  return { kind: 'compared', isApplied, isServed, isSuperseded, isBelowFloor, isOutsideBase };
}

/** H35: whether the refusal means that the member's disk is full or has failed. */
function cannotWrite(reason: RefusalReason): boolean {
  return reason === 'full' || reason === 'disk-failed';
}

/** Whether another member serves as well, so that the controller will remove this one (H35). */
function servesWithout(votes: readonly WriteVote[], without: Member): boolean {
  return votes.some(({ member }) => member !== without && member.role === 'serving');
}

/** @returns why the record is not on every member, for the client; `unwritable` is about to be removed */
export function notEverywhere(unwritable: NodeId | undefined): string {
  return unwritable === undefined
    ? 'not every storage node of its partition could be reached'
    : `storage node ${unwritable} cannot write to its disk, as its /readyz says, and was not replaced in time`;
}

/** Whether the member holds this record until the epoch ends; a joiner may still drop it (H26). */
export function keeps({ member, answer }: WriteVote): boolean {
  if (answer === undefined) return false;
  return ANSWER_KINDS[answer.kind].holds === 'yes' && member.role !== 'joining';
}

/** Whether the member may hold the record now or later: if so, a failing set has an unknown outcome (D9). */
export function mayHold(answer: MemberAnswer | undefined): boolean {
  return answer === undefined || ANSWER_KINDS[answer.kind].holds !== 'no';
}
