// Decides what the members' answers mean for a versioned write: a record that keeps its own version (D16), in an import
// or a restore. Where an ordinary set would take a higher version and try again, a versioned write ends: the newer
// record stays. Pure; sending and waiting is in round.ts.

import { unreachable } from '../../../cluster/assert.ts';
import type { NodeId } from '../../../cluster/model/identity.ts';
import { compareRecords, isTombstone, type StoredRecord } from '../../../cluster/model/record.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import type { RefusalReason } from '../../../cluster/wire/operations.ts';
import { isLiveAt } from '../settling.ts';
import { tallyOf, type WriteVote } from '../write-votes.ts';

export type VersionedWriteDecision =
  | { readonly kind: 'pending' }
  /** Every member has this record or a newer one (R4); `newly`: in this round at least one member stored it. */
  | { readonly kind: 'stored'; readonly newly: boolean }
  /** A serving member has a newer record, which stays. */
  | { readonly kind: 'superseded' }
  /** Some members answered `floor`, which does not say whether they have the key: ask them by a peek. */
  | { readonly kind: 'inspect' }
  /** Send the same record again, at whatever epoch then holds; `unwritable` is a member whose disk takes no writes. */
  | { readonly kind: 'again'; readonly unwritable?: NodeId | undefined }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** @param votes of all members of the partition at the epoch of the round, each sent the same record */
export function judgeVersionedWrite(votes: readonly WriteVote[]): VersionedWriteDecision {
  const tally = tallyOf(votes);
  switch (tally.kind) {
    case 'pending':
      return tally;
    case 'refused':
      return tally;
    case 'overloaded':
      return { kind: 'again' };
    case 'incomplete':
      return { kind: 'again', unwritable: tally.unwritable };
    case 'compared':
      if (tally.isSuperseded) return { kind: 'superseded' };
      return tally.isBelowFloor ? { kind: 'inspect' } : { kind: 'stored', newly: tally.isApplied };
    default:
      return unreachable(tally);
  }
}

/** How the record of a member that answered `floor` compares with the written one, according to a peek. */
export type HeldRecord = 'same' | 'newer' | 'missing' | 'unknown';

/**
 * @param record whose version is not above the floor of the member
 * @param answer of that member to a peek at the record's key: a get would not tell a delete from nothing
 */
export function heldRecordOf(
  record: StoredRecord,
  answer: MemberAnswer,
  wallMs: number,
): HeldRecord {
  switch (answer.kind) {
    case 'held': {
      const order = compareRecords(answer.record, record);
      if (order === 0) return 'same';
      if (order > 0) return 'newer';
      return isTombstone(record) && !isLiveAt(answer.record, wallMs) ? 'same' : 'missing';
    }
    case 'absent':
      // The member has nothing of the key. That is all that a delete asks for. A value may have been deleted later and
      // the delete forgotten, as its version is not above the floor; that cannot be known any more.
      return isTombstone(record) ? 'same' : 'missing';
    case 'not-serving':
    case 'refused':
    case 'unreachable':
    case 'unanswered':
    case 'overloaded':
    case 'stale':
    case 'behind':
    // Answers to other operations: a member that gives one to a peek counts as silent.
    case 'found':
    case 'applied':
    case 'equal':
    case 'superseded':
    case 'floor':
    case 'records':
    case 'heads':
    case 'time':
    case 'many':
    case 'judged':
    case 'unmet':
    case 'unsettled':
      return 'unknown';
    default:
      return unreachable(answer);
  }
}
