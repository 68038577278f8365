// Judges the locks around a tree again while it is worked through: the record of an entry tells of the locks on it (H39), but those
// of the collections around it are in other records, and may have been given since the work began.

import type { FileFailure } from '../../../files/http/file-answer.ts';
import { locksOver, mayChange } from '../../../files/locks.ts';
import type { DavPath } from './dav-path.ts';
import { lockRefusal } from './judgement.ts';
import {
  type DavParts,
  findWay,
  isUnbroken,
  resourcesOn,
  type Way,
  wayAbove,
} from './resources.ts';
import type { Standing, StandingCheck } from './tree.ts';

const LOCKED_MEANWHILE: FileFailure = {
  code: 'locked',
  detail: 'it, or a collection around it, was locked meanwhile',
};
const COLLECTION_GONE: FileFailure = {
  code: 'no-collection',
  detail: 'the collection that it would be in was deleted meanwhile',
};

export interface CollectionAgain {
  readonly path: DavPath;
  readonly submitted: ReadonlySet<string>;
  /** Whether its record is deleted already, and what is left in it is being cleared away. */
  readonly isDeleted: boolean;
}

/** @returns the check of a collection whose entries are deleted or moved away */
export function standingOfSource(
  parts: DavParts,
  { path, submitted, isDeleted }: CollectionAgain,
): StandingCheck {
  return (callback) =>
    findWay(parts, path, (found) => {
      if (found.kind === 'failed') return callback({ ...found, kind: 'barred' });
      const { way } = found;
      if (isDeleted && way.self.kind === 'collection') return callback({ kind: 'replaced' });
      return callback(standingOf(way, submitted));
    });
}

/** @returns the check of a collection in which entries are made */
function standingOfTarget(
  parts: DavParts,
  { path, submitted }: Omit<CollectionAgain, 'isDeleted'>,
): StandingCheck {
  return (callback) =>
    findWay(parts, path, (found) => {
      if (found.kind === 'failed') return callback({ ...found, kind: 'barred' });
      const { way } = found;
      if (way.self.kind === 'collection') return callback(standingOf(way, submitted));
      return callback({ ...COLLECTION_GONE, kind: 'barred' });
    });
}

/** @returns the check of the collection that entries go into, and of the one that they leave, if they do */
export function standingOfBoth(
  parts: DavParts,
  collection: Way,
  { to, isDeleted }: { readonly to: DavPath; readonly isDeleted: boolean },
  { submitted, moves }: { readonly submitted: ReadonlySet<string>; readonly moves: boolean },
): StandingCheck {
  const { path } = collection.self;
  const ofSource = standingOfSource(parts, { path, submitted, isDeleted });
  const ofTarget = standingOfTarget(parts, { path: to, submitted });
  return (callback) =>
    ofTarget((standing) => {
      if (standing.kind !== 'free') return callback(standing);
      return moves ? ofSource(callback) : callback({ kind: 'free', collection });
    });
}

/**
 * Judges the locks over a resource that is about to leave its collection, after what was in it has left.
 * @param callback called exactly once, with what is in the way; undefined where nothing is
 */
export function mayLeave(
  parts: DavParts,
  { path, submitted }: Omit<CollectionAgain, 'isDeleted'>,
  callback: (obstacle: FileFailure | undefined) => void,
): void {
  findWay(parts, path, (found) => {
    if (found.kind === 'failed') return callback(found);
    const isRefused = lockRefusal(found.way, 'membership', submitted) !== undefined;
    return callback(isRefused ? LOCKED_MEANWHILE : undefined);
  });
}

/** @returns what is in the way of a resource that is made, replaced or deleted; undefined where nothing is */
export function obstacleAt(way: Way, submitted: ReadonlySet<string>): FileFailure | undefined {
  const above = wayAbove(way);
  const isPlaced = way.self.kind !== 'absent' || (above !== undefined && isUnbroken(above));
  if (!isPlaced) return COLLECTION_GONE;
  return lockRefusal(way, 'membership', submitted) && LOCKED_MEANWHILE;
}

function standingOf(way: Way, submitted: ReadonlySet<string>): Standing {
  const isFree = mayChange(locksOver(resourcesOn(way)), submitted);
  return isFree ? { kind: 'free', collection: way } : { kind: 'barred', ...LOCKED_MEANWHILE };
}
