// The second look of a change (src/files/second-look.ts): at the collections around a resource, once its record is set or deleted.
// A lock may have been given on one of them since they were judged, or the collection of something new may be gone, for a
// DELETE of it lists its entries, and what came after that would be in no collection, to appear again in the next one of its name:
//
//   1. PUT finds the collection   2. DELETE lists it, and deletes its record   3. PUT sets the record of the file
//
// A DELETE lists once more when the collection's record is gone, so what was set before that is deleted by it. It may be any of
// the collections around, and that of something new be there still.

import type { SecondLook } from '../../../files/outcomes.ts';
import { type DavPath, hrefOf, isRoot, parentOf } from './dav-path.ts';
import { type Affected, lockRefusal } from './judgement.ts';
import {
  type DavParts,
  type FindWayOutcome,
  findWay,
  isUnbroken,
  type Resource,
  wayInto,
} from './resources.ts';

interface LookedAt {
  readonly affected: Affected;
  readonly submitted: ReadonlySet<string>;
  /** Of a request that changes many resources of one collection. */
  readonly looks?: SharedLooks;
}

type FoundCallback = (found: FindWayOutcome) => void;

/** Looks at collections for many changes at once: each look is for all that were made before it began. */
export class SharedLooks {
  readonly #parts: DavParts;
  /** By the href of the collection that is being looked at: who has come since that began. */
  readonly #waiting = new Map<string, FoundCallback[]>();

  constructor(parts: DavParts) {
    this.#parts = parts;
  }

  find(path: DavPath, callback: FoundCallback): void {
    const waiting = this.#waiting.get(hrefOf(path, true));
    if (waiting === undefined) this.#look(path, [callback]);
    else waiting.push(callback);
  }

  #look(path: DavPath, callbacks: readonly FoundCallback[]): void {
    const href = hrefOf(path, true);
    const waiting: FoundCallback[] = [];
    this.#waiting.set(href, waiting);
    findWay(this.#parts, path, (found) => {
      if (waiting.length === 0) this.#waiting.delete(href);
      else this.#look(path, waiting);
      for (const callback of callbacks) callback(found);
    });
  }
}

/** @param self as it was judged: its own locks are in the very record that was changed */
export function lookAround(
  parts: DavParts,
  self: Resource,
  { affected, submitted, looks = new SharedLooks(parts) }: LookedAt,
): SecondLook {
  return (callback) => {
    const around = parentOf(self.path);
    // The root has no record: no lock is on it, and nobody deletes it.
    if (isRoot(around)) return callback('clear');
    return looks.find(around, (found) => {
      if (found.kind === 'failed') return callback('unclear');
      const { way } = found;
      const isPlaced = self.kind !== 'absent' || isUnbroken(way);
      const isFree = lockRefusal(wayInto(way, self), affected, submitted) === undefined;
      return callback(isPlaced && isFree ? 'clear' : 'barred');
    });
  };
}
