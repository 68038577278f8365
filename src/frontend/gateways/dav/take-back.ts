// Takes a copy back that a MOVE has made, where a lock keeps the old name: what was at the Destination before is there again.
// Whatever somebody else has made of it since stays, and so does the copy where the Destination is locked by now: the file has
// both names then, and the answer says so.

import { etagOf } from '../../../cluster/model/condition.ts';
import type { FileFailure } from '../../../files/http/file-answer.ts';
import type { DeleteFileOutcome, FileVersion, SetFileOutcome } from '../../../files/outcomes.ts';
import { type DavPath, keyOf } from './dav-path.ts';
import { lockRefusal } from './judgement.ts';
import { lookAround } from './look-around.ts';
import type { RemovalContext } from './removal.ts';
import { type DavParts, findWay, resourceOf } from './resources.ts';

export interface CopyTakenBack {
  readonly to: DavPath;
  readonly copy: FileVersion;
  /** What the copy has replaced; undefined for nothing. */
  readonly former: FileVersion | undefined;
}

const LOCKED: FileFailure = {
  code: 'locked',
  detail: 'a copy stays here, as it was locked meanwhile',
};
const UNCLEAR: FileFailure = {
  code: 'outcome-unknown',
  detail: 'a copy may have stayed here: that it is taken back was not confirmed in time',
};

/** @param callback called exactly once; what could not be taken back is among the failures then */
export function takeBack(
  parts: DavParts,
  { to, copy, former }: CopyTakenBack,
  { submitted, failures, looks }: RemovalContext,
  callback: () => void,
): void {
  const stays = ({ code, detail }: FileFailure) => {
    failures.add({ path: to, kind: 'file' }, code, detail);
    callback();
  };
  const key = keyOf(to);
  if (key === undefined) return callback();
  const ended = (outcome: DeleteFileOutcome | SetFileOutcome) => {
    switch (outcome.kind) {
      case 'deleted':
      case 'stored':
        return callback();
      case 'unmet':
        // By a lock that was given meanwhile; else somebody has changed it, and it is his.
        return outcome.isUndone === true ? stays(LOCKED) : callback();
      case 'not-stored':
        return stays(outcome);
      case 'unknown':
        return stays(UNCLEAR);
    }
  };
  return findWay(parts, to, (found) => {
    if (found.kind === 'failed') return stays(found);
    if (lockRefusal(found.way, 'membership', submitted) !== undefined) return stays(LOCKED);
    const self = resourceOf(to, copy, parts.clock.wallMs());
    const lookAgain = lookAround(parts, self, { affected: 'membership', submitted, looks });
    const condition = { ifMatch: [etagOf(copy.record)], lookAgain };
    return former === undefined
      ? parts.files.delete(key, condition, ended)
      : parts.files.restore({ key, file: former, condition }, ended);
  });
}
