// The second look of a change (src/files/second-look.ts): at the collections around a resource, once its record is set or deleted.
// A lock may have been given on one of them since they were judged, or the collection of something new may be gone, for a
// DELETE of it lists its entries, and what came after that would be in no collection, to appear again in the next one of its name:
//
//   1. PUT finds the collection   2. DELETE lists it, and deletes its record   3. PUT sets the record of the file
//
// A DELETE lists once more when the collection's record is gone, so what was set before that is deleted by it.

import type { SecondLook } from '../../../files/outcomes.ts';
import { isRoot, parentOf } from './dav-path.ts';
import { type Affected, lockRefusal } from './judgement.ts';
import { type DavParts, findWay, type Resource, wayInto } from './resources.ts';

interface LookedAt {
  readonly affected: Affected;
  readonly submitted: ReadonlySet<string>;
}

/** @param self as it was judged: its own locks are in the very record that was changed */
export function lookAround(
  parts: DavParts,
  self: Resource,
  { affected, submitted }: LookedAt,
): SecondLook {
  return (callback) => {
    const around = parentOf(self.path);
    // The root has no record: no lock is on it, and nobody deletes it.
    if (isRoot(around)) return callback('clear');
    return findWay(parts, around, (found) => {
      if (found.kind === 'failed') return callback('unclear');
      const { way } = found;
      const isPlaced = self.kind !== 'absent' || way.self.kind === 'collection';
      const isFree = lockRefusal(wayInto(way, self), affected, submitted) === undefined;
      return callback(isPlaced && isFree ? 'clear' : 'barred');
    });
  };
}
