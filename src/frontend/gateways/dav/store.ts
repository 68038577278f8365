// PUT and MKCOL: what makes a resource, or gives a file another content. Both happen in one record, on the condition that it is
// still the one that was judged in the last moment (H39); and the collections around it are looked at once more (look-around.ts).

import type { ByteStream } from '../../../cluster/http/byte-stream.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply, WholeReply } from '../../../cluster/http/http.ts';
import { contentTagHeaders } from '../../../files/http/content-tag.ts';
import { type ServedHeaders, withServedHeaders } from '../../../files/http/served-headers.ts';
import type { ToldSums } from '../../../files/http/upload-sums.ts';
import { FILE_BYTES_MAX } from '../../../files/manifest.ts';
import type { ConfirmedSet, PutFileOutcome } from '../../../files/outcomes.ts';
import { keyOf, type StoringRule } from './dav-path.ts';
import { failedReply, noCollectionReply, unstoredReply } from './dav-replies.ts';
import type { DavUsage } from './dav-usage.ts';
import {
  asJudged,
  attemptChange,
  isSameRecord,
  type JudgedConditions,
  judgeWay,
  lockRefusal,
  NOTHING_THERE,
  overtakenReply,
  settleRefusal,
} from './judgement.ts';
import { lookAround } from './look-around.ts';
import {
  type DavParts,
  findWay,
  isUnbroken,
  type Resource,
  type Way,
  wayAbove,
} from './resources.ts';

/** What a PUT says of its file, beyond the content. */
export interface ToldFile {
  readonly contentType: string | undefined;
  readonly modifiedMs: number | undefined;
  readonly sums: ToldSums;
  readonly served: ServedHeaders;
}

/**
 * A judgement that is so young counts when the body has come, in ms: a small file is stored without a further round of reads. What
 * was locked in that time is found behind the set, and in the record itself.
 */
const FRESH_MS = 100;

export function putFile(
  parts: DavParts,
  usage: DavUsage,
  { body, told }: { readonly body: ByteStream; readonly told: ToldFile },
  reply: (reply: HttpReply) => void,
): void {
  const refuse = (refusal: HttpReply) => {
    body.discard();
    reply(refusal);
  };
  judgePut(parts, usage, undefined, (judged) => {
    if (judged.kind === 'refused') return refuse(judged.reply);
    const { way } = judged;
    const key = keyOf(way.self.path);
    if (key === undefined) return refuse(noFileReply('the root is a collection'));
    const { contentType, modifiedMs, sums } = told;
    const { replicationClass, waitsForAll, inlineMax } = ruleOver(way.self);
    let late: HttpReply | undefined;
    const freshUntilMs = parts.clock.wallMs() + FRESH_MS;
    let isFirst = true;
    const confirm = (callback: (set: ConfirmedSet | undefined) => void) => {
      const isFresh = isFirst && parts.clock.wallMs() <= freshUntilMs;
      isFirst = false;
      if (isFresh) return callback(setOver(parts, way.self, usage, told));
      return judgePut(parts, usage, way, (again) => {
        late = again.kind === 'refused' ? again.reply : undefined;
        callback(
          again.kind === 'refused' ? undefined : setOver(parts, again.way.self, usage, told),
        );
      });
    };
    return parts.files.put(
      {
        key,
        body,
        bytesMax: FILE_BYTES_MAX,
        contentType,
        modifiedMs,
        ...setOver(parts, way.self, usage, told),
        replicationClass,
        waitsForAll,
        inlineMax,
        confirm,
        expected: { md5: sums.md5, sha512: sums.sha512 },
      },
      (outcome) => reply(late ?? putReply(outcome)),
    );
  });
}

/** A file is set over the record that was judged, and keeps what that has beside its content. */
function setOver(
  parts: DavParts,
  self: Resource,
  { submitted }: DavUsage,
  { served }: ToldFile,
): ConfirmedSet {
  const affected = self.kind === 'absent' ? 'membership' : 'resource';
  const lookAgain = lookAround(parts, self, { affected, submitted });
  const { etag, file } = self;
  return {
    condition: { ...asJudged({ etag }), lookAgain },
    attributes: withServedHeaders(file?.manifest.attributes, served),
    replicationClass: ruleOver(self).replicationClass,
  };
}

/** @returns how a file is kept that is stored at a path, over what is there */
function ruleOver({ path: { space, segments }, file }: Resource): StoringRule {
  return space.ruleOf(segments, file?.manifest.replicationClass);
}

/**
 * Judges a PUT, and once more when its body has come. The locks of the collections around it are in other records than the one
 * that is set; and that may be another one by now: its lock was refreshed, a property was set, or another PUT was faster, over
 * which this one is stored where its conditions hold for that one too.
 * @param first what was judged before the body came
 */
function judgePut(
  parts: DavParts,
  usage: DavUsage,
  first: Way | undefined,
  callback: (judged: JudgedConditions) => void,
): void {
  const judge = (done: (judged: JudgedConditions) => void) => {
    const refuse = (reply: HttpReply) => done({ kind: 'refused', reply });
    findWay(parts, usage.path, (found) => {
      if (found.kind === 'failed') return refuse(failedReply(found));
      const { way } = found;
      const judged = (outcome: JudgedConditions): void => {
        if (outcome.kind === 'refused') return done(outcome);
        const refusal = refusalOfPut(way, usage);
        if (refusal !== undefined) return refuse(refusal);
        return done(outcome);
      };
      // The conditions held for this very record; a lock that has expired since then is in nobody's way.
      return first !== undefined && isSameRecord(way.self, first.self)
        ? judged({ kind: 'way', way })
        : judgeWay(parts, usage, way, judged);
    });
  };
  settleRefusal(parts, usage, judge, callback);
}

function putReply(outcome: PutFileOutcome): WholeReply {
  switch (outcome.kind) {
    case 'stored': {
      const { file, created } = outcome;
      return { status: created ? 201 : 204, headers: contentTagHeaders(file), body: '' };
    }
    case 'unmet':
      return overtakenReply();
    case 'broken':
    case 'mismatch':
    case 'not-stored':
    case 'unknown':
      return unstoredReply(outcome, FILE_BYTES_MAX);
  }
}

function refusalOfPut(way: Way, { path, submitted }: DavUsage): HttpReply | undefined {
  const { kind } = way.self;
  if (kind === 'collection') return noFileReply('a collection is there');
  if (path.endsInSlash) return noFileReply('the path of a file does not end with a slash');
  return kind === 'absent' ? placeRefusal(way, submitted) : lockRefusal(way, 'resource', submitted);
}

/** Of what is there already: neither PUT of a collection nor MKCOL is for it. */
const ALLOWED = {
  allow: 'OPTIONS, GET, HEAD, DELETE, PROPFIND, PROPPATCH, COPY, MOVE, LOCK, UNLOCK',
};

function noFileReply(what: string): HttpReply {
  return errorReply('method-not-allowed', `${what}, and PUT is for files`, {
    headers: ALLOWED,
  });
}

/** @returns the refusal of something new where no collection is for it, or one that is locked */
export function placeRefusal(way: Way, submitted: ReadonlySet<string>): HttpReply | undefined {
  const above = wayAbove(way);
  if (above === undefined || !isUnbroken(above)) return noCollectionReply();
  return lockRefusal(way, 'membership', submitted);
}

/** Makes a collection. */
export function makeCollection(
  parts: DavParts,
  usage: DavUsage,
  reply: (reply: HttpReply) => void,
): void {
  attemptChange(
    parts,
    usage,
    (way, done) => {
      const answer = (given: HttpReply) => done({ kind: 'reply', reply: given });
      const refuse = (refusal: HttpReply) => done({ kind: 'refused', reply: refusal });
      const key = keyOf(way.self.path);
      if (way.self.kind !== 'absent' || key === undefined) {
        return refuse(
          errorReply('method-not-allowed', 'something is there already', { headers: ALLOWED }),
        );
      }
      const refusal = placeRefusal(way, usage.submitted);
      if (refusal !== undefined) return refuse(refusal);
      const { submitted } = usage;
      const lookAgain = lookAround(parts, way.self, { affected: 'membership', submitted });
      const condition = { ...asJudged(NOTHING_THERE), lookAgain };
      const request = { key, attributes: undefined, condition };
      return parts.files.makeDirectory(request, (outcome) => {
        switch (outcome.kind) {
          case 'stored':
            return answer(MADE);
          case 'unmet':
            return done({ kind: 'overtaken' });
          case 'not-stored':
          case 'unknown':
            return answer(unstoredReply(outcome));
        }
      });
    },
    reply,
  );
}

const MADE: WholeReply = { status: 201, headers: {}, body: '' };
