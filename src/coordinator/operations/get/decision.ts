// Decides what a member's answer means for a get (R3), as a pure function. Asking members is in round.ts; what an
// answer implies about maps and unreachable members is in learn.ts.

import { unreachable } from '../../../cluster/assert.ts';
import type { StoredRecord } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';

export type ReadStep =
  | { readonly kind: 'value'; readonly record: StoredRecord }
  /** Proven by a serving member. */
  | { readonly kind: 'absent'; readonly version: Version }
  /** This member could not answer; another one may. */
  | { readonly kind: 'ask-another' };

const ASK_ANOTHER: ReadStep = { kind: 'ask-another' };

export function judgeRead(answer: MemberAnswer): ReadStep {
  switch (answer.kind) {
    case 'found':
      return { kind: 'value', record: answer.record };
    case 'absent':
      return { kind: 'absent', version: answer.version };
    case 'not-serving':
    case 'refused':
    case 'unreachable':
    case 'unanswered':
    case 'overloaded':
    // Answers to other operations: a member that gives one to a get counts as silent.
    case 'applied':
    case 'equal':
    case 'superseded':
    case 'floor':
    case 'stale':
    case 'behind':
    case 'records':
    case 'heads':
    case 'time':
    case 'many':
    case 'judged':
    case 'unmet':
    case 'unsettled':
    case 'held':
      return ASK_ANOTHER;
    default:
      return unreachable(answer);
  }
}
