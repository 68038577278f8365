// An upload with a ticket, from its first byte to its acknowledgement: the upload of file-put.ts, which in its last moment judges the
// locks and conditions of the name once more, and takes the ticket for itself, before the record of the file is set. So one
// ticket stores one file, and no upload slips past a lock that was set while its body came.

import { assert } from '../../cluster/assert.ts';
import { isUnmodified, judgeRead, type TextCondition } from '../../cluster/http/preconditions.ts';
import { etagOf, NO_CONDITION, printETag } from '../../cluster/model/condition.ts';
import type { StoredRecord } from '../../cluster/model/record.ts';
import type { Clock } from '../../cluster/ports.ts';
import { classOver } from '../classes.ts';
import type { FileKey } from '../file-key.ts';
import { keysAround } from '../file-name.ts';
import { asFound } from '../file-record.ts';
import { contentTagOf } from '../http/content-tag.ts';
import { locksIn, locksOver, mayChange } from '../locks.ts';
import type { FileManifest } from '../manifest.ts';
import type {
  ConfirmedSet,
  FileLayer,
  FileVersion,
  FindFileOutcome,
  PutFile,
  PutFileOutcome,
  SecondLook,
} from '../outcomes.ts';
import type { WriteTicket } from './ticket.ts';
import { type ClaimOutcome, TICKETED_UPLOAD_MS_MAX, type TicketRecords } from './ticket-record.ts';
import type { TicketUse } from './tickets.ts';

export interface TicketedPutParts {
  readonly files: Pick<FileLayer, 'put' | 'find' | 'findSettled'>;
  readonly records: Pick<TicketRecords, 'claim' | 'release' | 'stored' | 'state'>;
  /** The cluster's (H31). */
  readonly clock: Pick<Clock, 'wallMs'>;
}

export interface TicketedPut extends Pick<PutFile, 'body' | 'modifiedMs' | 'expected'> {
  readonly ticket: WriteTicket;
  /** Counts where the ticket has none. */
  readonly contentType: string | undefined;
  /** What the name must have, as clients know files by their contents. */
  readonly condition: TextCondition & {
    /** If-Unmodified-Since, in ms since 1970. */
    readonly sinceMs?: number | undefined;
  };
}

type TicketedPutRefusal =
  /** The condition does not hold; `file` is what is there, if anything. */
  | { readonly kind: 'unmet'; readonly file: FileVersion | undefined }
  /** A file was stored with the ticket already. */
  | { readonly kind: 'used' }
  /** The upload took so long that the ticket may have been used meanwhile, and nobody knows any more. */
  | { readonly kind: 'expired' }
  /** A lock is in the way whose token the ticket does not have. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'is-directory' }
  /** What it is to be in is no directory, or not any more. */
  | { readonly kind: 'no-directory' }
  | Extract<PutFileOutcome, { kind: 'not-stored' }>;

export type TicketedPutOutcome =
  | Extract<PutFileOutcome, { kind: 'stored' }>
  | ((Exclude<PutFileOutcome, { kind: 'stored' | 'unmet' }> | TicketedPutRefusal) & TicketFate);

interface TicketFate {
  /** Nothing was stored, and yet the ticket could not be given back: it is good for nothing any more. */
  readonly isTicketSpent?: true;
}

/** @param callback called exactly once; the body has been read to its end by then, or discarded */
export function putWithTicket(
  parts: TicketedPutParts,
  request: TicketedPut,
  callback: (outcome: TicketedPutOutcome) => void,
): void {
  const refuse = (refusal: TicketedPutRefusal) => {
    request.body.discard();
    callback(refusal);
  };
  // Before the body, so that nobody sends one in vain; what counts is judged when it has come.
  parts.records.state(request.ticket.id, (state) => {
    if (state.kind === 'failed') return refuse({ ...state, kind: 'not-stored' });
    if (state.kind !== 'unused') return refuse({ kind: 'used' });
    return judge(parts, request, (judged) =>
      judged.kind === 'judged' ? upload(parts, request, judged.set, callback) : refuse(judged),
    );
  });
}

function upload(
  parts: TicketedPutParts,
  request: TicketedPut,
  { replicationClass }: JudgedSet,
  callback: (outcome: TicketedPutOutcome) => void,
): void {
  const { ticket, contentType, condition: _judged, ...told } = request;
  const { key, waitsForAll, bytesMax, id } = ticket;
  let refusal: TicketedPutRefusal | undefined;
  let claimed: { readonly use: TicketUse; readonly record: StoredRecord } | undefined;
  const confirm = (set: (set: ConfirmedSet | undefined) => void, manifest: FileManifest): void => {
    const refuse = (why: TicketedPutRefusal) => {
      refusal = why;
      set(undefined);
    };
    judge(parts, request, (judged) => {
      if (judged.kind !== 'judged') return refuse(judged);
      // Somebody else has changed the name since: the ticket is this upload's already.
      if (claimed !== undefined) return set(judged.set);
      const use = useOf(ticket, manifest);
      return claim(parts, ticket, use, (outcome) => {
        if (outcome.kind !== 'claimed') return refuse(outcome);
        claimed = { use, record: outcome.record };
        return set(judged.set);
      });
    });
  };
  parts.files.put(
    {
      ...told,
      key,
      bytesMax,
      contentType: ticket.contentType ?? contentType,
      replicationClass,
      // A redirect needs a blob to lead to.
      inlineMax: 0,
      placedAs: id,
      waitsForAll,
      condition: NO_CONDITION,
      confirm,
    },
    (outcome) => {
      const ended = refusal ?? (outcome.kind === 'unmet' ? OVERTAKEN : outcome);
      if (ended.kind === 'stored') {
        assert(claimed !== undefined, 'no file is stored before its ticket is claimed');
        // Whoever asks for the ticket once the upload is answered shall hear of its end, though others overwrite the file.
        const use = { ...claimed.use, record: printETag(etagOf(ended.file.record)) };
        return parts.records.stored(ticket, use, () => callback(ended));
      }
      // What nobody confirmed may be stored yet: its ticket stays used.
      if (claimed === undefined || ended.kind === 'unknown') return callback(ended);
      return parts.records.release(id, claimed.record, (isFree) =>
        callback(isFree ? ended : { ...ended, isTicketSpent: true }),
      );
    },
  );
}

const OVERTAKEN = {
  kind: 'not-stored',
  code: 'not-stored',
  detail: 'others change this file at the same time, again and again',
} as const;

function claim(
  { records, clock }: TicketedPutParts,
  ticket: WriteTicket,
  use: TicketUse,
  callback: (outcome: Extract<ClaimOutcome, { kind: 'claimed' }> | TicketedPutRefusal) => void,
): void {
  // From then on nobody may know any more that the ticket was used.
  if (clock.wallMs() > ticket.expiresMs + TICKETED_UPLOAD_MS_MAX) {
    return callback({ kind: 'expired' });
  }
  return records.claim(ticket, use, (outcome) => {
    switch (outcome.kind) {
      case 'claimed':
        return callback(outcome);
      case 'used':
        return callback({ kind: 'used' });
      case 'failed':
        return callback({ ...outcome, kind: 'not-stored' });
    }
  });
}

function useOf({ key }: WriteTicket, manifest: FileManifest): TicketUse {
  const { size, sha512, md5 } = manifest;
  return { key, size, sha512, md5, blob: manifest.kind === 'blob' ? manifest.blob : undefined };
}

type JudgedSet = Required<ConfirmedSet>;
type UploadJudgement = { readonly kind: 'judged'; readonly set: JudgedSet } | TicketedPutRefusal;

/** What there is at each of some names, or why nobody can say it. */
type FoundFiles =
  | readonly (FileVersion | undefined)[]
  | Extract<FindFileOutcome, { kind: 'failed' }>;

/** By one member, or by all of them (H21). */
type FindingWay = 'find' | 'findSettled';

function findAll(
  files: Pick<FileLayer, FindingWay>,
  way: FindingWay,
  keys: readonly FileKey[],
  callback: (found: FoundFiles) => void,
): void {
  const outcomes: FindFileOutcome[] = [];
  let missing = keys.length;
  if (missing === 0) return callback([]);
  for (const [index, key] of keys.entries()) {
    files[way](key, (outcome) => {
      outcomes[index] = outcome;
      if (--missing > 0) return;
      const failed = outcomes.find((each) => each.kind === 'failed');
      callback(failed ?? outcomes.map((each) => (each.kind === 'found' ? each.file : undefined)));
    });
  }
}

/**
 * Judges what is at the name now, and the directories around it; what refuses the upload is the word of all members (H21, H39e), for
 * a change that only one of them has may come to nothing.
 * @param callback called exactly once
 */
function judge(
  parts: TicketedPutParts,
  upload: TicketedPut,
  callback: (judgement: UploadJudgement) => void,
): void {
  judgeBy('find', parts, upload, (first) => {
    // Where the records could not be read nothing was judged.
    if (first.kind === 'judged' || first.kind === 'not-stored') return callback(first);
    return judgeBy('findSettled', parts, upload, callback);
  });
}

function judgeBy(
  way: FindingWay,
  parts: TicketedPutParts,
  { ticket, condition }: TicketedPut,
  callback: (judgement: UploadJudgement) => void,
): void {
  const { key, attributes } = ticket;
  return findAll(parts.files, way, [...keysAround(key), key], (found) => {
    if ('kind' in found) return callback({ ...found, kind: 'not-stored' });
    const present = found.at(-1);
    if (present?.manifest.kind === 'directory') return callback({ kind: 'is-directory' });
    const refusal = refusalAround(parts, ticket, found.slice(0, -1), present);
    if (refusal?.kind === 'no-directory') return callback(refusal);
    if (!holds(condition, present)) return callback({ kind: 'unmet', file: present });
    if (refusal !== undefined) return callback(refusal);
    const kept = present?.manifest.attributes;
    const all =
      kept === undefined && attributes === undefined ? undefined : { ...kept, ...attributes };
    const lookAgain = lookAround(parts, ticket, present);
    const set = {
      condition: { ...asFound(present), lookAgain },
      attributes: all,
      replicationClass: classOver(ticket.replicationClass, present?.manifest.replicationClass),
    };
    return callback({ kind: 'judged', set });
  });
}

/**
 * Looks at the directories around the file once more when its record is set: a lock of one of them may be acknowledged by then, or
 * a deletion of it.
 */
function lookAround(
  parts: TicketedPutParts,
  ticket: WriteTicket,
  present: FileVersion | undefined,
): SecondLook {
  return (callback) =>
    findAll(parts.files, 'find', keysAround(ticket.key), (around) => {
      if ('kind' in around) return callback('unclear');
      const refusal = refusalAround(parts, ticket, around, present);
      // Whoever deletes the directory deletes a file that was there as well, and would not see its former content come back.
      const isKept = refusal?.kind === 'no-directory' && present !== undefined;
      return callback(refusal === undefined || isKept ? 'clear' : 'barred');
    });
}

/**
 * @param around the directories from the outermost on
 * @param present the file as it was judged: its own locks are in its very record
 */
function refusalAround(
  { clock }: TicketedPutParts,
  { submitted = [] }: WriteTicket,
  around: readonly (FileVersion | undefined)[],
  present: FileVersion | undefined,
): Extract<TicketedPutRefusal, { kind: 'no-directory' | 'locked' }> | undefined {
  // Nobody would find it there, and no deletion of what is around it would reach it. The top has no record, and is always there.
  const isPlaced = around.every((file) => file?.manifest.kind === 'directory');
  if (!isPlaced) return { kind: 'no-directory' };
  const nowMs = clock.wallMs();
  const way = [...around, present].map((file) => ({
    locks: locksIn(file?.manifest.attributes, nowMs),
  }));
  // What is new is a change of its directory as well.
  const ways = present === undefined ? [way, way.slice(0, -1)] : [way];
  const tokens = new Set(submitted);
  const isFree = ways.every((each) => mayChange(locksOver(each), tokens));
  return isFree ? undefined : { kind: 'locked' };
}

/** RFC 9110, 13.2.2, of a change. */
function holds(condition: TicketedPut['condition'], present: FileVersion | undefined): boolean {
  const { sinceMs } = condition;
  if (!isUnmodified(condition, { sinceMs, modifiedMs: present?.manifest.modifiedMs })) return false;
  const tag = present === undefined ? undefined : contentTagOf(present.manifest);
  if (tag !== undefined) return judgeRead(condition, (each) => each === tag) === 'send';
  return condition.ifMatch === undefined;
}
