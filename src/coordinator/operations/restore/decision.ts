// What the members' answers to a record mean that keeps its own version (D16): an import or a restore. Where
// a set would take a higher version, this one is content: whoever has something newer keeps it. Pure; sending
// and waiting is round.ts's.

import { unreachable } from '../../../cluster/assert.ts';
import type { NodeId } from '../../../cluster/model/identity.ts';
import { compareRecords, isTombstone, type StoredRecord } from '../../../cluster/model/record.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import type { RefusalReason } from '../../../cluster/wire/operations.ts';
import { cannotWrite, servesWithout, type WriteVote } from '../set/decision.ts';

export type VersionedWriteDecision =
  | { readonly kind: 'pending' }
  /** Every member has this record or a newer one (R4). */
  | { readonly kind: 'kept'; readonly newly: boolean }
  /** A member that serves has a newer one, which stays. */
  | { readonly kind: 'superseded' }
  /** Some answered `floor`, which says nothing of what they have: they are to be looked at. */
  | { readonly kind: 'look' }
  /** The same again, at whatever epoch then holds. */
  | { readonly kind: 'again'; readonly unwritable?: NodeId | undefined }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** @param votes all members of the partition at the epoch of the round, asked with one record */
export function judgeVersionedWrite(votes: readonly WriteVote[]): VersionedWriteDecision {
  let newly = false;
  let newer = false;
  let floor = false;
  let again = votes.length === 0;
  let unwritable: NodeId | undefined;
  let refused: VersionedWriteDecision | undefined;
  for (const { member, answer } of votes) {
    switch (answer?.kind) {
      case undefined:
        return { kind: 'pending' };
      case 'applied':
        newly = true;
        break;
      case 'equal':
        break;
      case 'superseded':
        // A joiner's is no other word than that of the member that it copies from.
        if (member.role === 'serving') newer = true;
        break;
      case 'floor':
        floor = true;
        break;
      case 'refused':
        if (cannotWrite(answer.reason) && servesWithout(votes, member)) unwritable = member.node;
        else refused = { kind: 'refused', reason: answer.reason };
        break;
      case 'stale':
      case 'behind':
      case 'not-serving':
      case 'unreachable':
      case 'unanswered':
      case 'overloaded':
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
  if (again || unwritable !== undefined) return { kind: 'again', unwritable };
  if (newer) return { kind: 'superseded' };
  return floor ? { kind: 'look' } : { kind: 'kept', newly };
}

/** Of a member that answered `floor`: the same key, asked for by a get. */
export type Sight = 'same' | 'newer' | 'missing' | 'unknown';

/** @param record has a version that is not above the floor of who answered */
export function sightOf(record: StoredRecord, answer: MemberAnswer): Sight {
  switch (answer.kind) {
    case 'found': {
      const order = compareRecords(answer.record, record);
      if (order === 0) return 'same';
      return order > 0 ? 'newer' : 'missing';
    }
    case 'absent':
      // The version of the answer, a delete's or the floor, is not below the record's: of a delete that is
      // all there is to have; a value may have been deleted after it was set, and nobody knows any more.
      return isTombstone(record) ? 'same' : 'missing';
    case 'not-serving':
    case 'refused':
    case 'unreachable':
    case 'unanswered':
    case 'overloaded':
    // Answers to other operations; a member that gives one to a get is as good as silent.
    case 'applied':
    case 'equal':
    case 'superseded':
    case 'floor':
    case 'stale':
    case 'behind':
    case 'records':
    case 'heads':
    case 'time':
      return 'unknown';
    default:
      return unreachable(answer);
  }
}
