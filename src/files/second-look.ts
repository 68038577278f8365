// The end of a change that depends on other records than its own: on the locks of the directories around a file, and on whether these
// are there. They are judged before the change, and may be others by the time it is made, however soon that is. So they are looked
// at once more behind it:
//
//   1. PUT judges the locks   2. LOCK of a directory is answered   3. PUT sets the record   4. PUT looks again, and undoes it
//
// A look that sees no lock began before that lock was acknowledged (R3), and the change was made before the look: whoever is
// told of a lock finds what is acknowledged without its token. What the look asks for is the gateway's.

import { unreachable } from '../cluster/assert.ts';
import { etagOf } from '../cluster/model/condition.ts';
import { recordValue, type StoredRecord } from '../cluster/model/record.ts';
import type { FileKey } from './file-key.ts';
import type { FileOperations } from './file-parts.ts';
import type { SecondLook } from './outcomes.ts';

interface MadeChange {
  readonly key: FileKey;
  /** The record that was set; undefined after a delete. */
  readonly own: StoredRecord | undefined;
  /** The live record that was there before; undefined where there was none. */
  readonly former: StoredRecord | undefined;
  /** Without one nothing else counts. */
  readonly lookAgain: SecondLook | undefined;
}

export type ChangeFate =
  | 'kept'
  /** It is as it was before. */
  | 'undone'
  /** Nobody can say whether it may stay, or somebody has changed the file again, or the undoing was not confirmed. */
  | 'unclear';

/** `restored`, of a change that was undone, has the value of `former`; undefined where nothing is there again. */
type FateCallback = (fate: ChangeFate, restored?: StoredRecord) => void;

/** @param callback called exactly once */
export function keepIfClear(
  conditional: FileOperations['conditional'],
  change: MadeChange,
  callback: FateCallback,
): void {
  const { lookAgain } = change;
  if (lookAgain === undefined) return callback('kept');
  return lookAgain((seen) => {
    switch (seen) {
      case 'clear':
        return callback('kept');
      case 'unclear':
        return callback('unclear');
      case 'barred':
        return undo(conditional, change, callback);
      default:
        return unreachable(seen);
    }
  });
}

/** Undoes the change where it is still there: what others have made of the file since is theirs. */
function undo(
  conditional: FileOperations['conditional'],
  { key, own, former }: MadeChange,
  callback: FateCallback,
): void {
  const condition = own === undefined ? NOTHING : { ifMatch: [etagOf(own)] };
  const change = former === undefined ? DELETE : { ...PUT, value: recordValue(former) };
  conditional.write({ key, condition, change }, (outcome) => {
    if (outcome.kind === 'stored') {
      return callback('undone', former === undefined ? undefined : outcome.record);
    }
    const isGone = outcome.kind === 'unmet' && outcome.record === undefined;
    return callback(isGone && former === undefined ? 'undone' : 'unclear');
  });
}

const NOTHING = { ifNoneMatch: 'any' } as const;
const DELETE = { kind: 'delete' } as const;
const PUT = { kind: 'put', attributes: [], expiresAtMs: 0 } as const;
