// Judges a request against the records that it is about: its conditions (If, If-Match, If-None-Match) and the locks in its way.
// What was judged is the record that a change is then conditional on (H39): where somebody else was faster, all is judged
// anew, so that no write slips past a lock.

import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply, WholeReply } from '../../../cluster/http/http.ts';
import { isRecordTag, isUnmodified, type TagHeaders } from '../../../cluster/http/preconditions.ts';
import type { Condition } from '../../../cluster/model/condition.ts';
import { contentTagHeaders } from '../../../files/http/content-tag.ts';
import { unmetReply } from '../../../files/http/file-answer.ts';
import { locksOver, mayChange } from '../../../files/locks.ts';
import { contentTag } from './content-tag.ts';
import { hrefOf } from './dav-path.ts';
import { failedReply, lockedReply } from './dav-replies.ts';
import type { DavCondition, DavUsage } from './dav-usage.ts';
import { type IfState, ifHolds } from './if-header.ts';
import {
  type DavParts,
  findWay,
  type Resource,
  resourcesOn,
  settleWays,
  type Way,
  wayAbove,
} from './resources.ts';

/** So often others may be faster before a request is given up. */
const ATTEMPTS_MAX = 16;

/** How an attempt to change something ended. */
export type AttemptOutcome =
  | { readonly kind: 'reply'; readonly reply: HttpReply }
  /** What was found stands against it, and nothing was changed. */
  | { readonly kind: 'refused'; readonly reply: HttpReply }
  /** The record was another one when it was to be set. */
  | { readonly kind: 'overtaken' };

export type ChangeAttempt = (way: Way, done: (outcome: AttemptOutcome) => void) => void;

/** Judges the conditions of the request, and lets it try, as often as others are faster. */
export function attemptChange(
  parts: DavParts,
  usage: DavUsage,
  attempt: ChangeAttempt,
  reply: (reply: HttpReply) => void,
): void {
  let attempts = 0;
  const attemptOnce = (done: (outcome: Exclude<AttemptOutcome, { kind: 'overtaken' }>) => void) =>
    judgeConditions(parts, usage, (judged) => {
      if (judged.kind === 'refused') return done(judged);
      attempts++;
      return attempt(judged.way, (outcome) => {
        if (outcome.kind !== 'overtaken') return done(outcome);
        return attempts < ATTEMPTS_MAX
          ? attemptOnce(done)
          : done({ kind: 'reply', reply: overtakenReply() });
      });
    });
  settleRefusal(parts, usage, attemptOnce, (outcome) => reply(outcome.reply));
}

export function overtakenReply(): WholeReply {
  return errorReply(
    'not-stored',
    'others change this at the same time, again and again; nothing was changed',
  );
}

export type JudgedConditions =
  | { readonly kind: 'way'; readonly way: Way }
  | { readonly kind: 'refused'; readonly reply: HttpReply };

/**
 * Lets a request be judged once more where it is refused, when all members have told what they have of the records it is about
 * (H21, H39e). What refuses it may be a change that only one member has:
 *
 *   1. DELETE /a reaches one of three members, and is answered 504
 *   2. DELETE /a, again: a get of this member finds no file, and 404 is taken for its success
 *   3. the member is lost, and the file is there again
 *
 * @param judge called once or twice, and each time calls its callback exactly once
 */
export function settleRefusal<Judged extends { readonly kind: string }>(
  parts: DavParts,
  { path, destination, tagged }: DavUsage,
  judge: (done: (judged: Judged | RefusedChange) => void) => void,
  callback: (judged: Judged | RefusedChange) => void,
): void {
  judge((first) => {
    // Where the records could not be read nothing was judged.
    if (!isRefusal(first) || first.reply.status >= 500) return callback(first);
    const others = [destination, ...tagged.map((resource) => resource.path)];
    const paths = [path, ...others.filter((other) => other !== undefined)];
    return settleWays(parts, paths, (failure) =>
      failure === undefined
        ? judge(callback)
        : callback({ kind: 'refused', reply: failedReply(failure) }),
    );
  });
}

type RefusedChange = Extract<JudgedConditions, { kind: 'refused' }>;

function isRefusal(judged: { readonly kind: string }): judged is RefusedChange {
  return judged.kind === 'refused';
}

/** @param callback called exactly once */
export function judgeConditions(
  parts: DavParts,
  usage: DavUsage,
  callback: (judged: JudgedConditions) => void,
): void {
  findWay(parts, usage.path, (found) =>
    found.kind === 'failed'
      ? callback({ kind: 'refused', reply: failedReply(found) })
      : judgeWay(parts, usage, found.way, callback),
  );
}

/** @param way what is there; @param callback called exactly once */
export function judgeWay(
  parts: DavParts,
  usage: DavUsage,
  way: Way,
  callback: (judged: JudgedConditions) => void,
): void {
  const refuse = (reply: HttpReply) => callback({ kind: 'refused', reply });
  if (!holds(usage.condition, way.self)) return refuse(unmetReply(tagHeadersOf(way.self)));
  return tagStates(parts, usage, way, (states) => {
    if ('status' in states) return refuse(states);
    const own = stateOf(way);
    const isMet = ifHolds(usage.lists, (url) =>
      url === undefined ? own : (states.get(url) ?? NOTHING),
    );
    if (isMet) return callback({ kind: 'way', way });
    return refuse(errorReply('condition-failed', 'no list of the If header holds'));
  });
}

const NOTHING: IfState = { etag: undefined, tokens: [] };

/** Looks up what the lists of the If header are tagged with, one after the other. */
function tagStates(
  parts: DavParts,
  { tagged }: DavUsage,
  way: Way,
  callback: (states: ReadonlyMap<string, IfState> | HttpReply) => void,
): void {
  const states = new Map<string, IfState>();
  const own = hrefOf(way.self.path, false);
  const next = (index: number): void => {
    const resource = tagged[index];
    if (resource === undefined) return callback(states);
    const { url, path } = resource;
    const isOwn = path !== undefined && hrefOf(path, false) === own;
    if (path === undefined || isOwn) {
      states.set(url, isOwn ? stateOf(way) : NOTHING);
      return next(index + 1);
    }
    return findWay(parts, path, (found) => {
      if (found.kind === 'failed') return callback(failedReply(found));
      states.set(url, stateOf(found.way));
      return next(index + 1);
    });
  };
  next(0);
}

function stateOf(way: Way): IfState {
  return {
    etag: contentTag(way.self),
    tokens: locksOver(resourcesOn(way)).map(({ token }) => token),
  };
}

function tagHeadersOf({ kind, file }: Resource): TagHeaders | undefined {
  return kind === 'file' && file !== undefined ? contentTagHeaders(file) : undefined;
}

/** RFC 9110, 13.2.2, of a change. What has no record has no date either, and asks for none. */
function holds(condition: DavCondition, present: Resource): boolean {
  const { ifMatch, ifNoneMatch, sinceMs } = condition;
  if (!isUnmodified(condition, { sinceMs, modifiedMs: present.fields?.modifiedMs })) return false;
  const tag = contentTag(present);
  const isAmong = (tags: 'any' | readonly string[]) =>
    tags === 'any' ? present.kind !== 'absent' : tag !== undefined && tags.includes(tag);
  if (ifMatch !== undefined && !isAmong(ifMatch)) return false;
  return ifNoneMatch === undefined || !isAmong(ifNoneMatch);
}

/** @returns the condition that the record is still the one that was judged */
export function asJudged({ etag }: Pick<Resource, 'etag'>): Condition {
  return etag === undefined ? { ifNoneMatch: 'any' } : { ifMatch: [etag] };
}

/** Whether it is the same one, or there is none both times. */
export function isSameRecord(
  { etag: one }: Pick<Resource, 'etag'>,
  { etag: other }: Pick<Resource, 'etag'>,
): boolean {
  return one === undefined || other === undefined ? one === other : isRecordTag(one)(other);
}

/** What is judged of a name that nothing has. */
export const NOTHING_THERE: Pick<Resource, 'etag'> = { etag: undefined };

/** What of the way a request changes. */
export type Affected =
  /** The resource: its content or its properties. */
  | 'resource'
  /** The resource, and that it is in its collection: it is made, deleted or moved away. */
  | 'membership';

/** @returns the refusal where locks are in the way whose tokens were not submitted */
export function lockRefusal(
  way: Way,
  affected: Affected,
  submitted: ReadonlySet<string>,
): HttpReply | undefined {
  const above = affected === 'membership' ? wayAbove(way) : undefined;
  const ways = above === undefined ? [way] : [way, above];
  const refusing = ways.find((each) => !mayChange(locksOver(resourcesOn(each)), submitted));
  if (refusing === undefined) return undefined;
  return lockedReply(rootsOf(refusing));
}

/** @returns the hrefs of the resources whose locks are over the last one of the way */
export function rootsOf(way: Way): readonly string[] {
  const { self } = way;
  return resourcesOn(way)
    .filter((one) => one.locks.length > 0 && (one === self || one.locks.some(isDeep)))
    .map(({ path, kind }) => hrefOf(path, kind === 'collection'));
}

function isDeep({ depth }: { readonly depth: string }): boolean {
  return depth === 'infinity';
}
