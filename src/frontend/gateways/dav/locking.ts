// LOCK and UNLOCK (RFC 4918, 9.10 and 9.11). A lock is in the record of its resource, and is set on the condition that the record
// is still the one that was judged, so of two that exclude each other one is refused. Locks on different resources, of which
// one is over the other, are looked for once more when the lock is set. Where both are set at the same time, at least one sees the
// other. The one whose token is greater gives way at once. The other one waits for that, and gives way if it waits in vain:
// that lock was set a little earlier, did not see this one, and is given.

import { bytesStream } from '../../../cluster/http/byte-stream.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import { etagOf } from '../../../cluster/model/condition.ts';
import { DEFAULT_CLASS, type FileKey } from '../../../files/file-key.ts';
import { contentTagHeaders } from '../../../files/http/content-tag.ts';
import {
  type DavLock,
  isCompatible,
  LOCKS_MAX,
  locksOver,
  lockToken,
  withLocks,
} from '../../../files/locks.ts';
import type { FileVersion, PutFileOutcome, SecondLook } from '../../../files/outcomes.ts';
import { hrefOf, keyOf } from './dav-path.ts';
import { absentReply, failedReply, unstoredReply, violatedReply } from './dav-replies.ts';
import type { DavUsage } from './dav-usage.ts';
import {
  type AttemptOutcome,
  asJudged,
  attemptChange,
  NOTHING_THERE,
  rootsOf,
} from './judgement.ts';
import { lockDiscovery } from './live-properties.ts';
import type { LockRequest } from './lock-requests.ts';
import { lookAround } from './look-around.ts';
import { elementText } from './multistatus.ts';
import {
  type DavParts,
  findWay,
  type Resource,
  resourceOf,
  resourcesOn,
  type Way,
} from './resources.ts';
import { placeRefusal } from './store.ts';
import { eachEntry, TreeFailures } from './tree.ts';
import { DAV } from './xml/xml-element.ts';
import { XML_HEAD, XML_TYPE } from './xml/xml-writer.ts';

type NewLock = Extract<LockRequest, { kind: 'new' }>;

/** How often a lock that could not be taken back at first is tried to be. */
const UNDO_ATTEMPTS_MAX = 8;
/** For so long a lock waits for others that should give way, in ms, and so often. */
const YIELD = { pauseMs: 50, looksMax: 20 } as const;

export function lockResource(
  parts: DavParts,
  usage: DavUsage,
  { asked, seconds }: { readonly asked: LockRequest; readonly seconds: number },
  reply: (reply: HttpReply) => void,
): void {
  // Of a refresh the Depth means nothing (RFC 4918, 9.10.2).
  if (asked.kind === 'new' && usage.depth === '1') {
    return reply(errorReply('bad-parameter', 'a lock has Depth 0 or infinity'));
  }
  return attemptChange(
    parts,
    usage,
    (way, done) => {
      const key = keyOf(way.self.path);
      if (key === undefined) {
        const refusal = errorReply('fixed-root', 'the root has no record that a lock could be in');
        return done({ kind: 'reply', reply: refusal });
      }
      const expiresAtMs = Math.floor(parts.clock.wallMs()) + seconds * 1000;
      return asked.kind === 'refresh'
        ? refresh(parts, way, { usage, expiresAtMs }, done)
        : take(parts, { way, key, usage, asked, expiresAtMs }, done);
    },
    reply,
  );
}

interface Taking {
  readonly way: Way;
  readonly key: FileKey;
  readonly usage: DavUsage;
  readonly asked: NewLock;
  readonly expiresAtMs: number;
}

function take(parts: DavParts, taking: Taking, done: (outcome: AttemptOutcome) => void): void {
  const { way, key, usage, asked, expiresAtMs } = taking;
  const answer = (given: HttpReply) => done({ kind: 'reply', reply: given });
  const refuse = (refusal: HttpReply) => done({ kind: 'refused', reply: refusal });
  const { self } = way;
  if (!isCompatible(asked.scope, locksOver(resourcesOn(way)))) {
    return refuse(conflictReply(rootsOf(way)));
  }
  if (self.locks.length >= LOCKS_MAX) {
    return refuse(errorReply('locked', `a resource has at most ${LOCKS_MAX} locks`));
  }
  const refusal = self.kind === 'absent' ? placeRefusal(way, usage.submitted) : undefined;
  if (refusal !== undefined) return refuse(refusal);
  const lock: DavLock = {
    token: lockToken(parts.random.token()),
    scope: asked.scope,
    depth: usage.depth === '0' ? '0' : 'infinity',
    owner: asked.owner,
    expiresAtMs,
  };
  return conflictsBelow(parts, way, lock, (below) => {
    if (below !== undefined) return answer(below.refusal);
    const locks = [...self.locks, lock];
    const { submitted } = usage;
    const lookAgain = lookAround(parts, self, { affected: 'membership', submitted });
    return attemptLocks(parts, { self, key, locks, lookAgain }, done, (file) =>
      confirm(parts, { ...taking, lock, file }, answer),
    );
  });
}

interface TakenLock extends Taking {
  readonly lock: DavLock;
  /** The record that has it. */
  readonly file: FileVersion;
}

/** Looks once more for locks that exclude this one, and takes it back where there is one that does not give way. */
function confirm(
  parts: DavParts,
  taken: TakenLock,
  answer: (reply: HttpReply) => void,
  looks: number = YIELD.looksMax,
): void {
  const { way, key, lock, file } = taken;
  const isNew = way.self.kind === 'absent';
  const refuse = (refusal: HttpReply) => {
    const refused = () => answer(refusal);
    // What is empty because nothing was there before is not to stay.
    if (isNew) return parts.files.delete(key, { ifMatch: [etagOf(file.record)] }, refused);
    return release(parts, { self: way.self, key, token: lock.token }, refused);
  };
  const yieldOrWait = ({ refusal, givesWay }: Conflict) => {
    if (!givesWay || looks <= 1) return refuse(refusal);
    parts.timers.after(YIELD.pauseMs, () => confirm(parts, taken, answer, looks - 1));
    return undefined;
  };
  findWay(parts, way.self.path, (found) => {
    if (found.kind === 'failed') return refuse(failedReply(found));
    const now = { ...found.way, self: resourceOf(way.self.path, file, parts.clock.wallMs()) };
    const over = conflictWith(lock, locksOver(resourcesOn(now)), () => rootsOf(now));
    if (over !== undefined) return yieldOrWait(over);
    return conflictsBelow(parts, now, lock, (below) => {
      if (below !== undefined) return yieldOrWait(below);
      return answer(lockReply(parts, now, isNew ? 201 : 200, lock.token));
    });
  });
}

interface Conflict {
  readonly refusal: HttpReply;
  /** Whether the locks that exclude this one give way to it, where they were set at the same time. */
  readonly givesWay: boolean;
}

function conflictWith(
  { token: own, scope }: DavLock,
  locks: readonly DavLock[],
  roots: () => readonly string[],
): Conflict | undefined {
  const others = locks.filter((other) => other.token !== own && !isCompatible(scope, [other]));
  if (others.length === 0) return undefined;
  return {
    refusal: conflictReply(roots()),
    givesWay: others.every(({ token }) => token > own),
  };
}

/** Looks through a collection that is locked with all that is in it for locks that exclude that. */
function conflictsBelow(
  parts: DavParts,
  way: Way,
  lock: DavLock,
  callback: (conflict: Conflict | undefined) => void,
): void {
  if (way.self.kind !== 'collection' || lock.depth !== 'infinity') return callback(undefined);
  const failures = new TreeFailures();
  const roots: string[] = [];
  const excluding: DavLock[] = [];
  const look = (entry: Way, done: (isDone: boolean) => void): void => {
    const { path, kind, locks } = entry.self;
    if (!isCompatible(lock.scope, locks)) {
      roots.push(hrefOf(path, kind === 'collection'));
      excluding.push(...locks);
    }
    if (kind !== 'collection' || roots.length > 0) return done(true);
    return eachEntry(parts, { collection: entry, failures, work: look }, done);
  };
  eachEntry(parts, { collection: way, failures, work: look }, (isDone) => {
    const conflict = conflictWith(lock, excluding, () => roots);
    if (conflict !== undefined || isDone) return callback(conflict);
    return callback({ refusal: failures.reply(way.self), givesWay: false });
  });
}

function refresh(
  parts: DavParts,
  way: Way,
  { usage, expiresAtMs }: { readonly usage: DavUsage; readonly expiresAtMs: number },
  done: (outcome: AttemptOutcome) => void,
): void {
  const answer = (given: HttpReply) => done({ kind: 'reply', reply: given });
  if (way.self.kind === 'absent') return answer(absentReply());
  const { submitted } = usage;
  const held = holderOf(way, (token) => submitted.has(token));
  if (held === undefined) {
    return answer(violatedReply('condition-failed', 'lock-token-matches-request-uri'));
  }
  const { resource, key, lock } = held;
  const locks = resource.locks.map((one) => (one === lock ? { ...lock, expiresAtMs } : one));
  return attemptLocks(parts, { self: resource, key, locks }, done, () =>
    findWay(parts, way.self.path, (found) =>
      answer(found.kind === 'failed' ? failedReply(found) : lockReply(parts, found.way, 200)),
    ),
  );
}

/** @param token in the header Lock-Token */
export function unlockResource(
  parts: DavParts,
  usage: DavUsage,
  token: string,
  reply: (reply: HttpReply) => void,
): void {
  attemptChange(
    parts,
    usage,
    (way, done) => {
      const answer = (given: HttpReply) => done({ kind: 'reply', reply: given });
      const refuse = (refusal: HttpReply) => done({ kind: 'refused', reply: refusal });
      if (way.self.kind === 'absent') return refuse(absentReply());
      const held = holderOf(way, (each) => each === token);
      if (held === undefined) {
        return refuse(violatedReply('other-lock', 'lock-token-matches-request-uri'));
      }
      const { resource, key, lock } = held;
      const locks = resource.locks.filter((one) => one !== lock);
      return attemptLocks(parts, { self: resource, key, locks }, done, () =>
        answer({ status: 204, headers: {}, body: '' }),
      );
    },
    reply,
  );
}

interface HeldLock {
  readonly resource: Resource;
  readonly key: FileKey;
  readonly lock: DavLock;
}

/** @returns the lock over the last resource of the way whose token is wanted, and the resource that it is on */
function holderOf(way: Way, isWanted: (token: string) => boolean): HeldLock | undefined {
  const over = locksOver(resourcesOn(way));
  for (const resource of resourcesOn(way)) {
    const lock = resource.locks.find((one) => over.includes(one) && isWanted(one.token));
    const key = keyOf(resource.path);
    if (lock !== undefined && key !== undefined) return { resource, key, lock };
  }
  return undefined;
}

interface LockSet {
  readonly self: Resource;
  readonly key: FileKey;
  readonly locks: readonly DavLock[];
  /** Of a resource that is not there yet. */
  readonly lookAgain?: SecondLook;
}

/** @param stored called where the locks are set; everything else ends the attempt (H39: another record is there by now) */
function attemptLocks(
  parts: DavParts,
  set: LockSet,
  done: (outcome: AttemptOutcome) => void,
  stored: (file: FileVersion) => void,
): void {
  setLocks(parts, set, (outcome) => {
    switch (outcome.kind) {
      case 'stored':
        return stored(outcome.file);
      case 'unmet':
        return done({ kind: 'overtaken' });
      case 'broken':
      case 'mismatch':
      case 'not-stored':
      case 'unknown':
        return done({ kind: 'reply', reply: unstoredReply(outcome) });
    }
  });
}

/** Sets the record with these locks; a resource that is not there yet becomes an empty file (RFC 4918, 7.3). */
function setLocks(
  { files }: DavParts,
  { self, key, locks, lookAgain }: LockSet,
  callback: (outcome: PutFileOutcome) => void,
): void {
  const { file } = self;
  const attributes = withLocks(file?.manifest.attributes, locks);
  if (file !== undefined) return files.amend({ key, file, change: { attributes } }, callback);
  return files.put(
    {
      key,
      body: bytesStream(Buffer.alloc(0)),
      bytesMax: 0,
      contentType: undefined,
      attributes,
      replicationClass: DEFAULT_CLASS,
      waitsForAll: false,
      condition: { ...asJudged(NOTHING_THERE), lookAgain },
      expected: {},
    },
    callback,
  );
}

/** Takes a lock back that must not be; where that cannot be done it ends by itself. */
function release(
  parts: DavParts,
  { self, key, token }: { readonly self: Resource; readonly key: FileKey; readonly token: string },
  callback: () => void,
  attempts = UNDO_ATTEMPTS_MAX,
): void {
  if (attempts === 0) return callback();
  return findWay(parts, self.path, (found) => {
    if (found.kind === 'failed') return callback();
    const again = found.way.self;
    const locks = again.locks.filter((one) => one.token !== token);
    if (locks.length === again.locks.length) return callback();
    return setLocks(parts, { self: again, key, locks }, (outcome) =>
      outcome.kind === 'unmet'
        ? release(parts, { self, key, token }, callback, attempts - 1)
        : callback(),
    );
  });
}

function conflictReply(roots: readonly string[]): HttpReply {
  return violatedReply('locked', 'no-conflicting-lock', roots);
}

/** @param token of a lock that is new */
function lockReply(parts: DavParts, way: Way, status: 200 | 201, token?: string): HttpReply {
  const discovery = elementText(
    { namespace: DAV, name: 'lockdiscovery' },
    lockDiscovery(way, parts.clock.wallMs()),
  );
  const { file, kind } = way.self;
  return {
    status,
    headers: {
      'content-type': XML_TYPE,
      'cache-control': 'no-store',
      ...(token === undefined ? {} : { 'lock-token': `<${token}>` }),
      ...(kind === 'file' && file !== undefined ? contentTagHeaders(file) : {}),
    },
    body: `${XML_HEAD}<D:prop xmlns:D="DAV:">${discovery}</D:prop>\n`,
  };
}
