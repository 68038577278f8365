// What all members of a partition hold of one key at one epoch, from their answers to peek; and whether all of them hold
// one record, from their answers to a set of it. Conditional writes settle a key by it (H39b), linearizable reads read by
// it (H21). Pure.

import { unreachable } from '../../cluster/assert.ts';
import {
  compareRecords,
  isExpired,
  isTombstone,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../cluster/model/version.ts';
import type { MemberAnswer } from '../../cluster/peers/storage-channel.ts';
import type { MemberVote } from './fan-out.ts';

export interface Sight {
  /** The greatest record that any member holds; undefined when none holds one. */
  readonly newest: StoredRecord | undefined;
  /** The highest floor of members that hold none: a delete of the key that was forgotten had no higher version. */
  readonly floor: Version;
}

/** @returns undefined unless every member said what it holds at the epoch of the question */
export function sightOf(votes: readonly MemberVote[]): Sight | undefined {
  let newest: StoredRecord | undefined;
  let floor = VERSION_ZERO;
  for (const { answer } of votes) {
    if (answer.kind === 'absent') {
      if (answer.version > floor) floor = answer.version;
      continue;
    }
    if (answer.kind !== 'held') return undefined;
    if (newest === undefined || compareRecords(answer.record, newest) > 0) newest = answer.record;
  }
  return { newest, floor };
}

/** Whether the member answered to a peek that it holds this very record. */
export function holdsSame(answer: MemberAnswer, record: StoredRecord): boolean {
  return answer.kind === 'held' && compareRecords(answer.record, record) === 0;
}

/** Whether the member answered to a peek that it holds this record, or a greater one of the key. */
export function holdsAtLeast(answer: MemberAnswer, record: StoredRecord): boolean {
  return answer.kind === 'held' && compareRecords(answer.record, record) >= 0;
}

export function isLiveAt(record: StoredRecord, wallMs: number): boolean {
  return !isTombstone(record) && !isExpired(record, wallMs);
}

export type Spread =
  /** Every member has the record or a greater one. */
  | 'everywhere'
  /** Some member did not take part: ask it again, at this epoch only. */
  | 'incomplete'
  /** Some member may have forgotten a newer delete of the key, and takes nothing so old (H25). */
  | 'below-floor';

/** @param votes of the members to whom the record was sent */
export function spreadOf(votes: readonly MemberVote[]): Spread {
  let spread: Spread = 'everywhere';
  for (const { answer } of votes) {
    switch (answer.kind) {
      case 'applied':
      case 'equal':
      case 'superseded':
        break;
      case 'floor':
        if (spread === 'everywhere') spread = 'below-floor';
        break;
      case 'stale':
      case 'behind':
      case 'not-serving':
      case 'refused':
      case 'unreachable':
      case 'unanswered':
      case 'overloaded':
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
        spread = 'incomplete';
        break;
      default:
        return unreachable(answer);
    }
  }
  return spread;
}

/** H39d: whether some member has what was judged without the record that was sent: that record takes no effect any more. */
export function isMissed(votes: readonly MemberVote[]): boolean {
  return votes.some(({ answer }) => answer.kind === 'superseded' && answer.isOutsideBase === true);
}
