// DELETE: a resource, and all that is in it, entry by entry. Each record is deleted on the condition that it is still the one
// whose locks were judged (H39), and the locks of the collections around it are judged before each few entries, and looked at
// once more behind each (look-around.ts).

import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import type { DeleteFileOutcome } from '../../../files/outcomes.ts';
import { isRoot, keyOf } from './dav-path.ts';
import { absentReply } from './dav-replies.ts';
import type { DavUsage } from './dav-usage.ts';
import { asJudged, attemptChange, lockRefusal } from './judgement.ts';
import { lookAround, SharedLooks } from './look-around.ts';
import { type DavParts, findWay, isThere, type Way } from './resources.ts';
import { mayLeave, standingOfSource } from './standing.ts';
import { eachEntry, TreeFailures } from './tree.ts';

/** So often others may change one entry of a tree before it is left where it is. */
const ENTRY_ATTEMPTS_MAX = 8;

export function deleteResource(
  parts: DavParts,
  usage: DavUsage,
  reply: (reply: HttpReply) => void,
): void {
  attemptChange(
    parts,
    usage,
    (way, done) => {
      const answer = (given: HttpReply) => done({ kind: 'reply', reply: given });
      const { self } = way;
      const refuse = (refusal: HttpReply) => done({ kind: 'refused', reply: refusal });
      if (!isThere(self)) return refuse(absentReply());
      if (isRoot(self.path)) return answer(errorReply('fixed-root', 'the root stays'));
      if (self.kind === 'collection' && !isWhole(usage)) {
        return answer(
          errorReply('bad-parameter', 'a collection is deleted with all that is in it'),
        );
      }
      const refusal = lockRefusal(way, 'membership', usage.submitted);
      if (refusal !== undefined) return refuse(refusal);
      const failures = new TreeFailures();
      const looks = new SharedLooks(parts);
      return removeTree(parts, way, { submitted: usage.submitted, failures, looks }, (outcome) => {
        switch (outcome) {
          case 'removed':
            return answer({ status: 204, headers: {}, body: '' });
          case 'overtaken':
            return done({ kind: 'overtaken' });
          case 'failed':
            return answer(failures.reply(self));
        }
      });
    },
    reply,
  );
}

/** Whether the request is for a collection with all that is in it, as DELETE and MOVE are. */
export function isWhole({ depth }: DavUsage): boolean {
  return depth === undefined || depth === 'infinity';
}

export interface RemovalContext {
  readonly submitted: ReadonlySet<string>;
  readonly failures: TreeFailures;
  readonly looks: SharedLooks;
}

export type RemovalOutcome =
  | 'removed'
  /** The record of the resource itself is another one than was judged, or was set again, as a lock is around it by now. */
  | 'overtaken'
  /** Something is still there; the failures say what. */
  | 'failed';

/**
 * Deletes a resource whose locks were judged, and what is in it, whose locks are judged here.
 * @param callback called exactly once
 */
export function removeTree(
  parts: DavParts,
  way: Way,
  context: RemovalContext,
  callback: (outcome: RemovalOutcome) => void,
): void {
  if (way.self.kind !== 'collection') return removeRecord(parts, way, context, callback);
  const { path } = way.self;
  const { failures, submitted } = context;
  const removeEntries = (isDeleted: boolean, done: (areDone: boolean) => void) =>
    eachEntry(
      parts,
      {
        collection: way,
        failures,
        check: standingOfSource(parts, { path, submitted, isDeleted }),
        work: (entry, ended) => removeEntry(parts, entry, context, ended),
      },
      done,
    );
  removeEntries(false, (areDone) => {
    if (!areDone) return callback('failed');
    return removeEmptied(parts, way, context, (outcome) => {
      if (outcome !== 'removed') return callback(outcome);
      // Entries that came while the first listing went on: whoever makes one from now on finds no collection for it
      // (look-around.ts).
      return removeEntries(true, () => callback('removed'));
    });
  });
}

/** Deletes the record of a collection whose entries are gone, which took its time: the locks around it are judged again. */
export function removeEmptied(
  parts: DavParts,
  way: Way,
  context: RemovalContext,
  callback: (outcome: RemovalOutcome) => void,
): void {
  const { path } = way.self;
  mayLeave(parts, { path, submitted: context.submitted }, (obstacle) => {
    if (obstacle === undefined) return removeRecord(parts, way, context, callback);
    context.failures.add(way.self, obstacle.code, obstacle.detail);
    return callback('failed');
  });
}

function removeEntry(
  parts: DavParts,
  entry: Way,
  context: RemovalContext,
  done: (isDone: boolean) => void,
  attempts = ENTRY_ATTEMPTS_MAX,
): void {
  const { self } = entry;
  if (lockRefusal(entry, 'membership', context.submitted) !== undefined) {
    context.failures.add(self, 'locked', 'it is locked');
    return done(false);
  }
  return removeTree(parts, entry, context, (outcome) => {
    if (outcome !== 'overtaken') return done(outcome === 'removed');
    return findWay(parts, self.path, (found) => {
      if (found.kind === 'failed') {
        context.failures.add(self, found.code, found.detail);
        return done(false);
      }
      if (found.way.self.kind === 'absent') return done(true);
      if (attempts > 1) return removeEntry(parts, found.way, context, done, attempts - 1);
      context.failures.add(self, 'not-stored', 'others change it at the same time');
      return done(false);
    });
  });
}

/** Deletes the record of the resource, and nothing else. */
export function removeRecord(
  parts: DavParts,
  { self }: Way,
  { failures, submitted, looks }: RemovalContext,
  callback: (outcome: RemovalOutcome) => void,
): void {
  const key = keyOf(self.path);
  if (key === undefined) return callback('failed');
  const lookAgain = lookAround(parts, self, { affected: 'membership', submitted, looks });
  return parts.files.delete(key, { ...asJudged(self), lookAgain }, (outcome: DeleteFileOutcome) => {
    switch (outcome.kind) {
      case 'deleted':
        return callback('removed');
      case 'unmet':
        return callback(outcome.file === undefined ? 'removed' : 'overtaken');
      case 'not-stored':
        failures.add(self, outcome.code, outcome.detail);
        return callback('failed');
      case 'unknown':
        failures.add(self, 'outcome-unknown', 'not everybody confirmed in time');
        return callback('failed');
    }
  });
}
