// COPY and MOVE (RFC 4918, 9.8 and 9.9): a resource, and all that is in it, entry by entry, under another name. The bytes stay
// where they are (FILES.md, COPY, MOVE). What is moved is deleted at its old name only as the very record that was copied, so
// that a MOVE that is cut anywhere leaves both names, and never neither.

import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import type { FileFailure } from '../../../files/http/file-answer.ts';
import { type DavLock, withLocks } from '../../../files/locks.ts';
import type { FileVersion, SetFileOutcome } from '../../../files/outcomes.ts';
import { type DavPath, entryOf, keyOf } from './dav-path.ts';
import { absentReply, failedReply } from './dav-replies.ts';
import type { DavUsage } from './dav-usage.ts';
import {
  type AttemptOutcome,
  asJudged,
  attemptChange,
  isSameRecord,
  lockRefusal,
} from './judgement.ts';
import { lookAround, SharedLooks } from './look-around.ts';
import { forgetOrigin, isMovedFrom, withOrigin, withoutOrigin } from './moved-from.ts';
import {
  type RemovalContext,
  type RemovalOutcome,
  removeEmptied,
  removeRecord,
  removeTree,
} from './removal.ts';
import { type DavParts, findWay, resourceOf, type Way } from './resources.ts';
import { mayLeave, obstacleAt, standingOfBoth } from './standing.ts';
import { placeRefusal } from './store.ts';
import { takeBack } from './take-back.ts';
import { refusalOfTransfer } from './transfer-refusal.ts';
import { eachEntry, TreeFailures } from './tree.ts';

/** So often others may change one entry of a tree before it is left where it is. */
const ENTRY_ATTEMPTS_MAX = 8;

const LOCKED_MEANWHILE = 'it was locked meanwhile';
const OTHERS: FileFailure = {
  code: 'not-stored',
  detail: 'others change it at the same time',
};

interface TransferContext extends RemovalContext {
  /** Whether the resources leave their old names. */
  readonly moves: boolean;
  /** Whether what is in collections goes along. */
  readonly goesDeep: boolean;
}

type TransferOutcome = 'transferred' | 'overtaken' | 'failed';

/** @param moves whether it is a MOVE */
export function transferResource(
  parts: DavParts,
  usage: DavUsage,
  moves: boolean,
  reply: (reply: HttpReply) => void,
): void {
  attemptChange(
    parts,
    usage,
    (way, done) => {
      const answer = (given: HttpReply) => done({ kind: 'reply', reply: given });
      const { destination } = usage;
      const refusal = refusalOfTransfer(way, usage, moves);
      if (refusal !== undefined) return done({ kind: 'refused', reply: refusal });
      if (destination === undefined) return answer(absentReply());
      return findWay(parts, destination, (found) => {
        if (found.kind === 'failed') return answer(failedReply(found));
        return transferTo(parts, { way, target: found.way, usage, moves }, done);
      });
    },
    reply,
  );
}

interface PlannedTransfer {
  readonly way: Way;
  readonly target: Way;
  readonly usage: DavUsage;
  readonly moves: boolean;
}

function transferTo(
  parts: DavParts,
  { way, target, usage, moves }: PlannedTransfer,
  done: (outcome: AttemptOutcome) => void,
): void {
  const answer = (reply: HttpReply) => done({ kind: 'reply', reply });
  const refuse = (reply: HttpReply) => done({ kind: 'refused', reply });
  const { submitted, depth } = usage;
  const isNew = target.self.kind === 'absent';
  const goesOn = moves && isMovedFrom(target.self, way.self);
  if (!isNew && !goesOn && !usage.overwrites) {
    const what = 'something is at the Destination, and Overwrite is F';
    return refuse(errorReply('condition-failed', what));
  }
  const refusal = isNew
    ? placeRefusal(target, submitted)
    : lockRefusal(target, 'membership', submitted);
  if (refusal !== undefined) return refuse(refusal);
  const failures = new TreeFailures();
  const looks = new SharedLooks(parts);
  const context = { submitted, failures, looks, moves, goesDeep: depth !== '0' };
  const transfer = (present: FileVersion | undefined) => {
    const { path: to, locks } = target.self;
    return transferTree(parts, way, { to, present, locks }, context, (outcome) => {
      switch (outcome) {
        case 'transferred':
          return answer({ status: isNew ? 201 : 204, headers: {}, body: '' });
        case 'overtaken':
          return done({ kind: 'overtaken' });
        case 'failed':
          return answer(failures.reply(target.self));
      }
    });
  };
  if (goesOn) return transfer(target.self.file);
  // A file takes the place of a file in one record. Whatever has entries is deleted first, as RFC 4918 wants it.
  if (way.self.kind === 'file' && target.self.kind === 'file') return transfer(target.self.file);
  if (isNew) return transfer(undefined);
  return removeTarget(parts, { way, target, usage, moves }, context, (outcome) => {
    switch (outcome) {
      case 'removed':
        return refusalMeanwhile(parts, { way, target, usage, moves }, (late) =>
          late === undefined ? transfer(undefined) : answer(late),
        );
      case 'overtaken':
        return done({ kind: 'overtaken' });
      case 'failed':
        return answer(failures.reply(target.self));
    }
  });
}

/**
 * Deletes what is at the Destination, unless the source is another one by now: the very same MOVE, which somebody has sent twice,
 * may have brought it there just now.
 */
function removeTarget(
  parts: DavParts,
  { way, target }: PlannedTransfer,
  context: RemovalContext,
  callback: (outcome: RemovalOutcome) => void,
): void {
  findWay(parts, way.self.path, (found) => {
    if (found.kind === 'failed') {
      context.failures.add(way.self, found.code, found.detail);
      return callback('failed');
    }
    if (!isSameRecord(found.way.self, way.self)) return callback('overtaken');
    return removeTree(parts, target, context, callback);
  });
}

/** Judges the locks again after the Destination was emptied, which took its time. */
function refusalMeanwhile(
  parts: DavParts,
  { way, target, usage: { submitted }, moves }: PlannedTransfer,
  callback: (refusal: HttpReply | undefined) => void,
): void {
  findWay(parts, target.self.path, (there) => {
    if (there.kind === 'failed') return callback(failedReply(there));
    const refusal = placeRefusal(there.way, submitted);
    if (refusal !== undefined || !moves) return callback(refusal);
    return mayLeave(parts, { path: way.self.path, submitted }, (obstacle) =>
      callback(obstacle && errorReply(obstacle.code, obstacle.detail)),
    );
  });
}

interface TransferTarget {
  readonly to: DavPath;
  /** The file that is there, and is to be replaced; or the collection to which this one is being moved already. */
  readonly present: FileVersion | undefined;
  /** Those of what was there, which stay with the name (RFC 4918, 7.6): a collection, whose place a new record takes. */
  readonly locks?: readonly DavLock[];
  /** What was there before the first attempt, which `present` is from then on; by default that is the same. */
  readonly former?: { readonly file: FileVersion | undefined };
  /** How often others may still write the old name before it is left as it is. */
  readonly attempts?: number;
}

function transferTree(
  parts: DavParts,
  way: Way,
  {
    to,
    present,
    locks: kept = [],
    former = { file: present },
    attempts = ENTRY_ATTEMPTS_MAX,
  }: TransferTarget,
  context: TransferContext,
  callback: (outcome: TransferOutcome) => void,
): void {
  const { self } = way;
  const key = keyOf(to);
  const fromKey = keyOf(self.path);
  const fail = ({ code, detail }: FileFailure) => {
    context.failures.add({ path: to, kind: self.kind }, code, detail);
    callback('failed');
  };
  if (key === undefined) {
    return fail({ code: 'path-too-long', detail: 'the path there would be too long' });
  }
  if (fromKey === undefined) return fail({ code: 'not-stored', detail: 'the root stays' });
  const attributes = self.fields?.attributes;
  const there = resourceOf(to, present, parts.clock.wallMs());
  const { submitted, looks } = context;
  const lookAgain = lookAround(parts, there, { affected: 'membership', submitted, looks });
  const condition = { ...asJudged(there), lookAgain };
  const stored = (outcome: SetFileOutcome, then: (file: FileVersion) => void) => {
    switch (outcome.kind) {
      case 'stored':
        return then(outcome.file);
      case 'unmet': {
        const { isUndone = false, file: copy } = outcome;
        // A lock undoes this copy, and what is there again is that of an earlier attempt.
        if (!isUndone || copy === undefined || former.file === present)
          return callback('overtaken');
        context.failures.add({ path: to, kind: self.kind }, 'locked', LOCKED_MEANWHILE);
        return takeBack(parts, { to, copy, former: former.file }, context, () =>
          callback('failed'),
        );
      }
      case 'not-stored':
      case 'unknown': {
        const code = outcome.kind === 'unknown' ? 'outcome-unknown' : outcome.code;
        const detail = outcome.kind === 'unknown' ? 'not confirmed in time' : outcome.detail;
        context.failures.add({ path: to, kind: self.kind }, code, detail);
        return callback('failed');
      }
    }
  };
  if (self.kind === 'collection') {
    if (present !== undefined) return transferEntries(parts, way, to, context, callback);
    const own = withLocks(withoutOrigin(attributes), kept);
    const made = { key, attributes: context.moves ? withOrigin(own, self) : own, condition };
    return parts.files.makeDirectory(made, (outcome) =>
      stored(outcome, () => transferEntries(parts, way, to, context, callback)),
    );
  }
  const { file: from } = self;
  if (from === undefined) return fail({ code: 'not-stored', detail: 'it is gone' });
  const locks = present === undefined ? kept : there.locks;
  const { replicationClass } = to.space.ruleOf(to.segments, from.manifest.replicationClass);
  return parts.files.copy(
    { from, to: key, attributes: withLocks(attributes, locks), replicationClass, condition },
    (outcome) =>
      stored(outcome, (file) => {
        if (!context.moves) return callback('transferred');
        return removeRecord(parts, way, context, (removed) => {
          if (removed !== 'overtaken') {
            return callback(removed === 'removed' ? 'transferred' : 'failed');
          }
          // Somebody has written the old name meanwhile: what is there now is moved after what was there.
          return findWay(parts, self.path, (found) =>
            found.kind === 'failed'
              ? fail(found)
              : moveAgain(
                  parts,
                  found.way,
                  { to, present: file, former, attempts },
                  context,
                  callback,
                ),
          );
        });
      }),
  );
}

function moveAgain(
  parts: DavParts,
  again: Way,
  target: TransferTarget,
  context: TransferContext,
  callback: (outcome: TransferOutcome) => void,
): void {
  const { to, present: copy, former, attempts = 1 } = target;
  if (again.self.kind === 'absent') return callback('transferred');
  if (attempts <= 1) {
    context.failures.add(again.self, OTHERS.code, OTHERS.detail);
    return callback('failed');
  }
  const isFree = lockRefusal(again, 'membership', context.submitted) === undefined;
  if (again.self.kind === 'file' && isFree) {
    const next = { ...target, attempts: attempts - 1 };
    return transferTree(parts, again, next, context, callback);
  }
  context.failures.add(again.self, 'locked', LOCKED_MEANWHILE);
  if (copy === undefined) return callback('failed');
  return takeBack(parts, { to, copy, former: former?.file }, context, () => callback('failed'));
}

function transferEntries(
  parts: DavParts,
  way: Way,
  to: DavPath,
  context: TransferContext,
  callback: (outcome: TransferOutcome) => void,
): void {
  if (!context.goesDeep) return callback('transferred');
  const transferAll = (isDeleted: boolean, done: (areDone: boolean) => void) =>
    eachEntry(
      parts,
      {
        collection: way,
        failures: context.failures,
        check: standingOfBoth(parts, way, { to, isDeleted }, context),
        work: (entry, ended) => transferEntry(parts, entry, to, context, ended),
      },
      done,
    );
  transferAll(false, (areDone) => {
    if (!areDone) return callback('failed');
    if (!context.moves) return callback('transferred');
    return removeEmptied(parts, way, context, (removed) => {
      if (removed === 'failed') return callback('failed');
      if (removed === 'overtaken') {
        // A property or a lock was set; it goes along, or keeps the collection where it is.
        const { path } = way.self;
        return mayLeave(parts, { path, submitted: context.submitted }, (obstacle = OTHERS) => {
          context.failures.add(way.self, obstacle.code, obstacle.detail);
          callback('failed');
        });
      }
      // As in removal.ts: what came while the first listing went on.
      return transferAll(true, () => forgetOrigin(parts, to, () => callback('transferred')));
    });
  });
}

/** @param entry as it was listed: the content of a small file is in its record, which a listing leaves out */
function transferEntry(
  parts: DavParts,
  entry: Way,
  to: DavPath,
  context: TransferContext,
  done: (isDone: boolean) => void,
): void {
  if (entry.self.kind === 'collection') return transferFound(parts, entry, to, context, done);
  return findWay(parts, entry.self.path, (found) => {
    if (found.kind === 'failed') {
      context.failures.add(entry.self, found.code, found.detail);
      return done(false);
    }
    if (found.way.self.kind === 'absent') return done(true);
    return transferFound(parts, found.way, to, context, done);
  });
}

function transferFound(
  parts: DavParts,
  entry: Way,
  to: DavPath,
  context: TransferContext,
  done: (isDone: boolean) => void,
  { attempts = ENTRY_ATTEMPTS_MAX, present = undefined as FileVersion | undefined } = {},
): void {
  const { self } = entry;
  const name = self.path.segments.at(-1);
  if (name === undefined) return done(true);
  if (context.moves && lockRefusal(entry, 'membership', context.submitted) !== undefined) {
    context.failures.add(self, 'locked', 'it is locked');
    return done(false);
  }
  const target = entryOf(to, name);
  return transferTree(parts, entry, { to: target, present }, context, (outcome) => {
    if (outcome !== 'overtaken') return done(outcome === 'transferred');
    // Somebody has made an entry of that name in the collection that was made just now.
    const giveUp = ({ code, detail } = OTHERS) => {
      context.failures.add({ path: target, kind: self.kind }, code, detail);
      done(false);
    };
    if (attempts <= 1) return giveUp();
    return findWay(parts, target, (found) => {
      if (found.kind === 'failed') return giveUp(found);
      const { self: other } = found.way;
      const goesOn = context.moves && isMovedFrom(other, self);
      const mayReplace =
        goesOn || other.kind === 'absent' || (other.kind === 'file' && self.kind === 'file');
      const obstacle = obstacleAt(found.way, context.submitted);
      if (!mayReplace || obstacle !== undefined) return giveUp(obstacle);
      return transferFound(parts, entry, to, context, done, {
        attempts: attempts - 1,
        present: other.file,
      });
    });
  });
}
