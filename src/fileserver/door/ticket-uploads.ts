// PUT and POST with a ticket: one of the upload protocols takes the content out of the request, the upload machine of gateways stores it
// (files/tickets/ticketed-put.ts), and the protocol says how that is told.

import { bytesStream } from '../../cluster/http/byte-stream.ts';
import { brokenBodyReply, errorReply } from '../../cluster/http/errors.ts';
import type { HttpReply, HttpRequest, RequestHead, WholeReply } from '../../cluster/http/http.ts';
import { conditionOf, dateIn } from '../../cluster/http/preconditions.ts';
import type { ReplyCallback } from '../../cluster/http/routes.ts';
import { printVersion } from '../../cluster/model/version.ts';
import { CheckedBody } from '../../files/http/checked-body.ts';
import { contentTagHeaders } from '../../files/http/content-tag.ts';
import { digestHeaders } from '../../files/http/digest-headers.ts';
import { unmetReply } from '../../files/http/file-answer.ts';
import { servedHeaders, withServedHeaders } from '../../files/http/served-headers.ts';
import type { UploadHeaders } from '../../files/http/upload-headers.ts';
import type { WriteTicket } from '../../files/tickets/ticket.ts';
import {
  putWithTicket,
  type TicketedPut,
  type TicketedPutOutcome,
  type TicketedPutParts,
} from '../../files/tickets/ticketed-put.ts';
import { EXPIRED, USED } from './door-replies.ts';
import { FORM_POST } from './protocols/form-post.ts';
import { PLAIN_PUT } from './protocols/plain-put.ts';
import type { OpenedUpload, UploadProtocol } from './protocols/upload-protocol.ts';
import { WEBDAV_PUT } from './protocols/webdav-put.ts';

/** The first one that takes a request has it. */
const PROTOCOLS: readonly UploadProtocol[] = [WEBDAV_PUT, PLAIN_PUT, FORM_POST];

/** What the head of an upload says. */
interface ReadUpload {
  readonly protocol: UploadProtocol;
  readonly told: UploadHeaders;
  readonly condition: TicketedPut['condition'];
}

export class TicketUploads {
  readonly #parts: TicketedPutParts;

  constructor(parts: TicketedPutParts) {
    this.#parts = parts;
  }

  /** @param reply called exactly once */
  store(request: HttpRequest, ticket: WriteTicket, reply: ReplyCallback): void {
    const { body } = request;
    if (body.kind === 'too-large') return reply(brokenBodyReply('too-large', body.bytesMax));
    const stream = body.kind === 'stream' ? body.stream : bytesStream(Buffer.alloc(0));
    const refuse = (refusal: HttpReply) => {
      stream.discard();
      reply(refusal);
    };
    const read = readUpload(request, ticket);
    if ('refusal' in read) return refuse(read.refusal);
    return read.protocol.open(request, stream, (opened) =>
      opened.kind === 'refused'
        ? refuse(opened.reply)
        : this.#put({ request, ticket, read, content: opened.content }, reply),
    );
  }

  #put(
    upload: {
      readonly request: RequestHead;
      readonly ticket: WriteTicket;
      readonly read: ReadUpload;
      readonly content: Extract<OpenedUpload, { kind: 'content' }>['content'];
    },
    reply: ReplyCallback,
  ): void {
    const { request, ticket, read, content } = upload;
    const { protocol, told, condition } = read;
    const { contentType, modifiedMs, sums, served } = told;
    const body = new CheckedBody(content, sums);
    const expected = { md5: sums.md5, sha512: sums.sha512 };
    // What the broker was told of the file counts, as for its type.
    const all = { ...served, ...servedHeaders(ticket.attributes) };
    const attributes = withServedHeaders(ticket.attributes, all);
    const put = {
      ticket: { ...ticket, attributes },
      body,
      contentType,
      modifiedMs,
      condition,
      expected,
    };
    putWithTicket(this.#parts, put, (outcome) => {
      if (body.fault !== undefined) {
        return reply(errorReply('bad-parameter', `${body.fault}; nothing was stored`));
      }
      if (content.fault !== undefined) {
        return reply(errorReply('bad-form', `${content.fault}; nothing was stored`));
      }
      if (outcome.kind !== 'stored') {
        const refusal = unstoredReply(outcome, ticket);
        return reply(outcome.isTicketSpent === true ? withSpentTicket(refusal) : refusal);
      }
      const { file } = outcome;
      const stored = protocol.stored(request, { ...outcome, told });
      const headers = { ...contentTagHeaders(file), ...digestHeaders(file.manifest) };
      return reply({ ...stored, headers: { ...stored.headers, ...headers } });
    });
  }
}

function readUpload(
  request: RequestHead,
  { bytesMax }: WriteTicket,
): ReadUpload | { readonly refusal: WholeReply } {
  const protocol = PROTOCOLS.find((each) => each.takes(request));
  // Routes give no other methods to the door.
  if (protocol === undefined) return { refusal: errorReply('bad-request', 'nobody takes this') };
  const read = protocol.read(request);
  if ('refusal' in read) return read;
  const conditional = conditionOf(request, (target) => target);
  if ('fault' in conditional) {
    return { refusal: errorReply('bad-parameter', conditional.fault.what) };
  }
  // A form is longer than its file, which is judged while it comes.
  const isFile = protocol !== FORM_POST;
  if (isFile && Number(request.header('content-length') ?? 0) > bytesMax) {
    return { refusal: brokenBodyReply('too-large', bytesMax) };
  }
  const sinceMs = dateIn(request, 'if-unmodified-since');
  return { protocol, told: read.told, condition: { ...conditional.texts, sinceMs } };
}

/** Whoever tries again shall know that the URL is good for nothing any more, whatever the upload was refused for. */
function withSpentTicket(refusal: WholeReply): WholeReply {
  const body = `${refusal.body.toString().trimEnd()}; the ticket is used up, so ask the broker for another\n`;
  return { ...refusal, body };
}

function unstoredReply(
  outcome: Exclude<TicketedPutOutcome, { kind: 'stored' }>,
  { bytesMax }: WriteTicket,
): WholeReply {
  switch (outcome.kind) {
    case 'used':
      return USED;
    case 'expired':
      return EXPIRED;
    case 'unmet':
      return unmetReply(outcome.file && contentTagHeaders(outcome.file));
    case 'locked':
      return errorReply(
        'locked',
        'somebody has locked the file, or a folder that it is in; nothing was stored',
      );
    case 'is-directory':
      return errorReply('method-not-allowed', 'a folder is there; nothing was stored', {
        headers: { allow: 'GET, HEAD, OPTIONS' },
      });
    case 'no-directory':
      return errorReply(
        'no-collection',
        'the folder that the file is to be in is not there any more; nothing was stored: ask the broker again, which makes it',
      );
    case 'broken':
      return brokenBodyReply(outcome.why, bytesMax);
    case 'mismatch':
      return errorReply('bad-parameter', `${outcome.detail}; nothing was stored`);
    case 'not-stored':
      return errorReply(outcome.code, `${outcome.detail}; nothing was stored`);
    case 'unknown': {
      const { version } = outcome;
      const headers = version === undefined ? {} : { 'x-fog-version': printVersion(version) };
      const what =
        'not everybody confirmed in time: the file may or may not be stored; ask for the state of the ticket, or store it again with another one';
      return errorReply('outcome-unknown', what, { headers });
    }
  }
}
