// Decides what a member's answer means for one page of a scan, as a pure function. Asking members is in page.ts.

import { unreachable } from '../../../cluster/assert.ts';
import type { RecordHead } from '../../../cluster/model/record.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';
import type { Cursor } from '../../../cluster/wire/operations.ts';

export type PageStep =
  | {
      readonly kind: 'page';
      /** Whole records if values were asked for. */
      readonly heads: readonly RecordHead[];
      /** Where the partition goes on; undefined after its last records. */
      readonly next: Cursor | undefined;
    }
  /** This member could not answer; another one may. */
  | { readonly kind: 'ask-another' };

const ASK_ANOTHER: PageStep = { kind: 'ask-another' };

export function judgePage(answer: MemberAnswer): PageStep {
  switch (answer.kind) {
    case 'records':
      return { kind: 'page', heads: answer.records, next: answer.next };
    case 'heads':
      return { kind: 'page', heads: answer.heads, next: answer.next };
    case 'not-serving':
    // A member of an earlier version takes a scan for malformed.
    case 'refused':
    case 'unreachable':
    case 'unanswered':
    case 'overloaded':
    // Answers to other operations: a member that gives one to a scan counts as silent.
    case 'found':
    case 'absent':
    case 'applied':
    case 'equal':
    case 'superseded':
    case 'floor':
    case 'stale':
    case 'behind':
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
