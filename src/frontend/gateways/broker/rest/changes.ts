// What of a file is changed below /.broker/: its attributes, its type and its number of copies, on the condition that the record is
// the one that was judged (H39); and clones, which are copies that move no bytes. Locks are in the way as in WebDAV.

import { isContentType } from '../../../../cluster/http/content-types.ts';
import { errorReply } from '../../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../../cluster/http/http.ts';
import type { ReplyCallback } from '../../../../cluster/http/routes.ts';
import { classOfCopies } from '../../../../files/classes.ts';
import { contentTagHeaders } from '../../../../files/http/content-tag.ts';
import { servedHeaders, withServedHeaders } from '../../../../files/http/served-headers.ts';
import { withLocks } from '../../../../files/locks.ts';
import type { FileVersion } from '../../../../files/outcomes.ts';
import { type DavPath, keyOf } from '../../dav/dav-path.ts';
import { absentReply, failedReply, unstoredReply } from '../../dav/dav-replies.ts';
import { asJudged, lockRefusal, overtakenReply } from '../../dav/judgement.ts';
import { lookAround } from '../../dav/look-around.ts';
import { type DavParts, findWay, type Way } from '../../dav/resources.ts';
import { makeAround } from '../collections.ts';
import { type BrokerDomain, ruleFor } from '../config/broker-config.ts';
import { ownAttributes, withOwnAttributes } from './file-description.ts';
import type { AmendRequest } from './rest-usage.ts';

/** So often others may change the same record before a change is given up. */
const ATTEMPTS_MAX = 16;

const COLLECTION_THERE = errorReply(
  'bad-parameter',
  'a collection is at this path, and files alone are changed here: PROPPATCH sets its properties',
);
const CLONE_OF_COLLECTION = errorReply(
  'bad-parameter',
  'a collection is at from, and a clone is made of a file: COPY takes a collection with all that is in it',
);

interface Amendment {
  readonly path: DavPath;
  readonly domain: BrokerDomain;
  readonly change: AmendRequest;
  /** The tokens of locks that the client has submitted. */
  readonly submitted: ReadonlySet<string>;
}

interface Clone {
  readonly from: DavPath;
  readonly to: DavPath;
  readonly submitted: ReadonlySet<string>;
}

/** @param refuse, @param done one of them is called, exactly once */
export function amendFile(
  parts: DavParts,
  amendment: Amendment,
  refuse: ReplyCallback,
  done: (file: FileVersion) => void,
  attempts = ATTEMPTS_MAX,
): void {
  const { path, domain, change, submitted } = amendment;
  if (change.type !== undefined && !isContentType(change.type)) {
    return refuse(errorReply('bad-parameter', 'type is no content type'));
  }
  return findWay(parts, path, (found) => {
    if (found.kind === 'failed') return refuse(failedReply(found));
    const { self } = found.way;
    const key = keyOf(path);
    if (self.kind === 'collection') return refuse(COLLECTION_THERE);
    if (self.file === undefined || self.kind !== 'file' || key === undefined) {
      return refuse(absentReply());
    }
    const locked = lockRefusal(found.way, 'resource', submitted);
    if (locked !== undefined) return refuse(locked);
    const { file } = self;
    const { attributes } = file.manifest;
    const request = {
      key,
      file,
      lookAgain: lookAround(parts, self, { affected: 'resource', submitted }),
      change: {
        attributes: withServedHeaders(withOwnAttributes(attributes, change.attributes ?? {}), {
          'cache-control': change.cache_control,
          'content-disposition': change.content_disposition,
        }),
        ...(change.type === undefined ? {} : { contentType: change.type }),
        ...classChange(domain, path, change.replicate),
      },
    };
    return parts.files.amend(request, (outcome) => {
      switch (outcome.kind) {
        case 'stored':
          return done(outcome.file);
        case 'unmet':
          if (attempts === 1) return refuse(overtakenReply());
          return amendFile(parts, amendment, refuse, done, attempts - 1);
        case 'not-stored':
        case 'unknown':
          return refuse(unstoredReply(outcome));
      }
    });
  });
}

/** @param replicate null for the number that the rule of its type says */
function classChange(domain: BrokerDomain, path: DavPath, replicate: number | null | undefined) {
  if (replicate === undefined) return {};
  if (replicate !== null) return { replicationClass: classOfCopies(replicate) };
  return { replicationClass: ruleFor(domain, path.segments).replicationClass };
}

/**
 * Makes a file of the same content and type at another path; the attributes of the broker's clients go along, and a number of copies
 * of its own.
 */
export function cloneFile(parts: DavParts, clone: Clone, reply: ReplyCallback): void {
  const key = keyOf(clone.from);
  if (key === undefined) return reply(CLONE_OF_COLLECTION);
  return parts.files.find(key, (found) => {
    if (found.kind === 'failed') return reply(failedReply(found));
    if (found.kind === 'absent') return reply(absentReply());
    if (found.file.manifest.kind === 'directory') return reply(CLONE_OF_COLLECTION);
    return cloneTo(parts, found.file, clone, reply);
  });
}

function cloneTo(
  parts: DavParts,
  from: FileVersion,
  clone: Clone,
  reply: ReplyCallback,
  attempts = ATTEMPTS_MAX,
): void {
  const { to, submitted } = clone;
  return findWay(parts, to, (found) => {
    if (found.kind === 'failed') return reply(failedReply(found));
    const { way } = found;
    const refusal = refusalOf(way, submitted);
    if (refusal !== undefined) return reply(refusal);
    return makeAround(parts, way, submitted, (refused) => {
      const key = keyOf(to);
      if (refused !== undefined || key === undefined) return reply(refused ?? absentReply());
      const { attributes: all } = from.manifest;
      const own = withOwnAttributes(undefined, ownAttributes(all));
      // The locks of what is there stay with the name (RFC 4918, 7.6).
      const attributes = withLocks(withServedHeaders(own, servedHeaders(all)), way.self.locks);
      const affected = way.self.kind === 'absent' ? 'membership' : 'resource';
      const lookAgain = lookAround(parts, way.self, { affected, submitted });
      const condition = { ...asJudged(way.self), lookAgain };
      const { replicationClass } = to.space.ruleOf(to.segments, from.manifest.replicationClass);
      const request = { from, to: key, attributes, replicationClass, condition };
      return parts.files.copy(request, (outcome) => {
        switch (outcome.kind) {
          case 'stored': {
            const headers = contentTagHeaders(outcome.file);
            return reply({ status: outcome.created ? 201 : 204, headers, body: '' });
          }
          case 'unmet':
            if (attempts === 1) return reply(overtakenReply());
            return cloneTo(parts, from, clone, reply, attempts - 1);
          case 'not-stored':
          case 'unknown':
            return reply(unstoredReply(outcome));
        }
      });
    });
  });
}

function refusalOf(way: Way, submitted: ReadonlySet<string>): HttpReply | undefined {
  const { kind, path } = way.self;
  if (kind === 'collection' || path.endsInSlash) {
    return errorReply('method-not-allowed', 'a collection is at the path of the clone');
  }
  return lockRefusal(way, kind === 'absent' ? 'membership' : 'resource', submitted);
}
