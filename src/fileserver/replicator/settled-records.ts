// Gets of records by the word of all members (H21), where one get is no proof: what only some members have may vanish with them.
//
//   1. a file has a blob; an overwrite reaches one of three members, and nobody hears of its end
//   2. a get of this member says that the file has another blob, and the first one is unlinked
//   3. the member is lost: the record names the blob that is gone (F2)

import type { LinearizableReader } from '../../coordinator/operations/get/linearizable.ts';
import type { ManyReader } from '../../coordinator/operations/get/many.ts';
import { inParallel } from './parallel.ts';

/** Each get asks all members: so many at a time. */
const GETS_AT_ONCE = 16;

export function settledRecords(
  linearizable: Pick<LinearizableReader, 'get'>,
): Pick<ManyReader, 'get'> {
  return {
    get: (gets) =>
      inParallel(
        gets,
        GETS_AT_ONCE,
        ({ key, callback }, next) =>
          linearizable.get(key, (outcome) => {
            callback(outcome);
            next();
          }),
        () => undefined,
      ),
  };
}
