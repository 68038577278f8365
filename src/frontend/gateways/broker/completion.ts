// The message that an upload is complete (`POST path?ticket=TICKET&complete`): compares what the client has sent with what is
// stored. A redirected PUT has completed its ticket by itself; the message may come as often as the client likes. What it is told
// of the file is settled (H21): a client that hears that its file is there, or is not, asks no more.

import { errorReply } from '../../../cluster/http/errors.ts';
import { jsonReply, type WholeReply } from '../../../cluster/http/http.ts';
import type { ReplyCallback } from '../../../cluster/http/routes.ts';
import { contentTagOf } from '../../../files/http/content-tag.ts';
import type { FileFields } from '../../../files/manifest.ts';
import type { FileLayer } from '../../../files/outcomes.ts';
import type { WriteTicket } from '../../../files/tickets/ticket.ts';
import { hasContentOfUse, isFileOfUse } from '../../../files/tickets/ticket-record.ts';
import type { TicketState } from '../../../files/tickets/tickets.ts';
import { keyOf } from '../dav/dav-path.ts';
import { failedReply } from '../dav/dav-replies.ts';
import { readDavUsage } from '../dav/dav-usage.ts';
import { asJudged, lockRefusal, overtakenReply } from '../dav/judgement.ts';
import { lookAround } from '../dav/look-around.ts';
import { type DavParts, findWay } from '../dav/resources.ts';
import type { BrokerRequest } from './broker-request.ts';
import type { ToldCompletion } from './broker-usage.ts';

/** So often others may change the record of a wrong file before the client has to say again that it is wrong. */
const ATTEMPTS_MAX = 16;

const FORGED = errorReply(
  'forged-ticket',
  'this is no ticket for an upload to this path: PUT asks for one',
);
const EXPIRED = errorReply(
  'expired-ticket',
  'the ticket has ended, and nothing was stored with it: PUT asks for another one',
);
const UNUSED = errorReply(
  'unused-ticket',
  'nothing is stored with this ticket yet: PUT the file to the URL that came with it',
);
const USED = errorReply(
  'used-ticket',
  'an upload has used this ticket, and its file is not there: PUT asks for another ticket',
);

export function completeUpload(parts: DavParts, asked: BrokerRequest, told: ToldCompletion): void {
  const { path, reply } = asked;
  const { files } = parts;
  const key = keyOf(path);
  return files.tickets.open(told.ticket, (opened) => {
    if (opened.kind === 'failed') return reply(failedReply(opened));
    const ticket = opened.kind === 'forged' ? undefined : opened.ticket;
    const isOfPath = ticket?.purpose === 'write' && key?.equals(ticket.key) === true;
    if (!isOfPath) return reply(FORGED);
    return files.tickets.state(ticket.id, (state) =>
      judgeState(parts, asked, { ticket, state, isExpired: opened.kind === 'expired' }, told),
    );
  });
}

interface UploadTicket {
  readonly ticket: WriteTicket;
  readonly state: TicketState;
  readonly isExpired: boolean;
}

function judgeState(
  parts: DavParts,
  asked: BrokerRequest,
  { ticket, state, isExpired }: UploadTicket,
  told: ToldCompletion,
): void {
  const { reply: answer } = asked;
  const { files } = parts;
  switch (state.kind) {
    case 'failed':
      return answer(failedReply(state));
    case 'unused':
      if (isExpired) return answer(EXPIRED);
      return completeOther(files, ticket, told, answer);
    case 'used':
      return answer(USED);
    case 'stored': {
      const { use } = state;
      const problem = differenceOf(use, told);
      if (problem !== undefined) return withdraw(parts, asked, { ticket, use, problem });
      // It was stored, and may have been overwritten, deleted or withdrawn since.
      return files.findSettled(ticket.key, (found) => {
        if (found.kind === 'failed') return answer(failedReply(found));
        const isThere = found.kind === 'found' && hasContentOfUse(found.file, use);
        return answer(isThere ? completedReply(ticket, use) : USED);
      });
    }
  }
}

/** Whoever has stored the file in another way, by WebDAV or through the broker, may say so as well. */
function completeOther(
  files: Pick<FileLayer, 'findSettled'>,
  ticket: WriteTicket,
  told: ToldCompletion,
  answer: ReplyCallback,
): void {
  const isVerifiable = told.md5 !== undefined || told.sha512 !== undefined;
  if (!isVerifiable) return answer(UNUSED);
  return files.findSettled(ticket.key, (found) => {
    if (found.kind === 'failed') return answer(failedReply(found));
    const file = found.kind === 'found' ? found.file : undefined;
    const isIt =
      file !== undefined &&
      file.manifest.kind !== 'directory' &&
      differenceOf(file.manifest, told) === undefined;
    if (!isIt) return answer(UNUSED);
    return answer(completedReply(ticket, file.manifest));
  });
}

type StoredSums = Pick<FileFields, 'size' | 'md5' | 'sha512'>;
type StoredUse = Extract<TicketState, { kind: 'stored' }>['use'];

/** @returns what of it is not as the client says */
function differenceOf({ size, md5, sha512 }: StoredSums, told: ToldCompletion): string | undefined {
  if (told.size !== undefined && told.size !== size) {
    return `${size} bytes were stored, and not ${told.size}`;
  }
  if (told.md5 !== undefined && told.md5 !== md5) return `the MD5 of what was stored is ${md5}`;
  if (told.sha512 !== undefined && told.sha512 !== sha512) {
    return `the SHA-512 of what was stored is ${sha512}`;
  }
  return undefined;
}

/**
 * What was stored is not what the client has sent, so it must not stay: it is deleted on the condition that the record is
 * still that of this very upload (H39), for the name may have another file by now, and that no lock is in the way. That it is not
 * there any more needs the word of all members (H21):
 *
 *   1. upload A is acknowledged; a set of B reaches two of three members, and nobody hears of its end
 *   2. A is completed with a wrong digest, and a get of one of the two finds B: there is nothing of A to delete
 *   3. the two members are lost, and A is there again, though its client was told that nothing of it is stored any more
 */
function withdraw(
  parts: DavParts,
  asked: BrokerRequest,
  wrong: { readonly ticket: WriteTicket; readonly use: StoredUse; readonly problem: string },
  attempts = ATTEMPTS_MAX,
): void {
  const { ticket, use, problem } = wrong;
  const { request, path, reply: answer } = asked;
  const gone = errorReply('digest-differs', `${problem}; nothing of it is stored any more`);
  const alike = errorReply(
    'digest-differs',
    `${problem}; an empty file is there, which may be of somebody else, and stays`,
  );
  const read = readDavUsage(request, path.space);
  if ('fault' in read) return answer(errorReply(read.fault.code, read.fault.what));
  const submitted = new Set([...read.usage.submitted, ...(ticket.submitted ?? [])]);
  const again = (): void =>
    attempts > 1 ? withdraw(parts, asked, wrong, attempts - 1) : answer(overtakenReply());
  return findWay(parts, path, (found) => {
    if (found.kind === 'failed') return answer(failedReply(found));
    const { file } = found.way.self;
    if (file === undefined || !isFileOfUse(file, use)) {
      return parts.files.findSettled(ticket.key, (settled) => {
        if (settled.kind === 'failed') return answer(failedReply(settled));
        const isBack = settled.kind === 'found' && isFileOfUse(settled.file, use);
        if (isBack) return again();
        const isLike = settled.kind === 'found' && hasContentOfUse(settled.file, use);
        return answer(isLike ? alike : gone);
      });
    }
    const { self } = found.way;
    const lookAgain = lookAround(parts, self, { affected: 'membership', submitted });
    const refusal = lockRefusal(found.way, 'membership', submitted);
    if (refusal !== undefined) return answer(refusal);
    return parts.files.delete(ticket.key, { ...asJudged(self), lookAgain }, (outcome) => {
      switch (outcome.kind) {
        case 'deleted':
          return answer(gone);
        case 'unmet':
          // Another record by now: the same file with a property set, or another file. It is looked at again.
          return again();
        case 'not-stored':
          return answer(errorReply(outcome.code, `${problem}; ${outcome.detail}; complete again`));
        case 'unknown':
          return answer(
            errorReply('outcome-unknown', `${problem}; it may be stored still: complete again`),
          );
      }
    });
  });
}

function completedReply({ id }: WriteTicket, { size, md5, sha512 }: StoredSums): WholeReply {
  const etag = contentTagOf({ sha512 });
  return jsonReply(200, { id, state: 'stored', size, md5, sha512, etag });
}
