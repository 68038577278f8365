// What a member's answer means for a get (R3). Pure; asking is round.ts's.

import { unreachable } from '../../../cluster/assert.ts';
import type { StoredRecord } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { MemberAnswer } from '../../../cluster/peers/storage-channel.ts';

export type ReadStep =
  | { readonly kind: 'value'; readonly record: StoredRecord }
  /** Proven by a member that may say so. */
  | { readonly kind: 'absent'; readonly version: Version }
  /** This member could not say; another one may. */
  | {
      readonly kind: 'ask-another';
      /** Its map and ours are not the same. */
      readonly mapDiffers: boolean;
      /** It may be gone. */
      readonly unreachable: boolean;
    };

const askAnother = (mapDiffers: boolean, unreachable: boolean): ReadStep => ({
  kind: 'ask-another',
  mapDiffers,
  unreachable,
});
const ASK_ANOTHER = askAnother(false, false);
const ASK_ANOTHER_MAP_DIFFERS = askAnother(true, false);
const ASK_ANOTHER_UNREACHABLE = askAnother(false, true);

export function judgeRead(answer: MemberAnswer): ReadStep {
  switch (answer.kind) {
    case 'found':
      return { kind: 'value', record: answer.record };
    case 'absent':
      return { kind: 'absent', version: answer.version };
    case 'not-serving':
      return ASK_ANOTHER_MAP_DIFFERS;
    case 'unreachable':
    case 'unanswered':
      return ASK_ANOTHER_UNREACHABLE;
    case 'overloaded':
    case 'refused':
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
      return ASK_ANOTHER;
    default:
      return unreachable(answer);
  }
}
