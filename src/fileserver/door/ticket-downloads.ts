// GET and HEAD with a ticket: the very blob that the ticket names, as gateways answer for files, with their conditions and ranges. What there
// is to know of it is in the ticket. A blob that is not here, because it has moved since, is fetched from who has it: the client never
// hears of that, and is sent nowhere else.

import { errorReply } from '../../cluster/http/errors.ts';
import type { HttpRequest } from '../../cluster/http/http.ts';
import { conditionOf } from '../../cluster/http/preconditions.ts';
import type { ReplyCallback } from '../../cluster/http/routes.ts';
import { contentTypeOf } from '../../files/content-type.ts';
import { DEFAULT_CLASS } from '../../files/file-key.ts';
import type { OpensFiles } from '../../files/http/byteranges.ts';
import { contentTagOf } from '../../files/http/content-tag.ts';
import { digestHeaders } from '../../files/http/digest-headers.ts';
import { answerFile } from '../../files/http/file-answer.ts';
import { withServedHeaders } from '../../files/http/served-headers.ts';
import type { FileManifest } from '../../files/manifest.ts';
import type { ReadTicket } from '../../files/tickets/ticket.ts';
import type { OpenedStore } from '../blob-server.ts';
import type { BlobSource } from '../downloads/blob-source.ts';

export class TicketDownloads {
  readonly #files: OpensFiles;
  readonly #source: BlobSource;

  constructor(files: OpensFiles, source: BlobSource) {
    this.#files = files;
    this.#source = source;
  }

  /** @param name of the file, as the URL has it; @param reply called exactly once */
  answer(
    request: HttpRequest,
    opened: OpenedStore,
    { ticket, name }: { readonly ticket: ReadTicket; readonly name: string },
    reply: ReplyCallback,
  ): void {
    const conditional = conditionOf(request, (target) => target);
    if ('fault' in conditional) return reply(errorReply('bad-parameter', conditional.fault.what));
    const manifest = manifestOf(ticket);
    const contentType = manifest.contentType ?? contentTypeOf(name);
    const tag = { etag: contentTagOf(manifest), ...digestHeaders(manifest) };
    const answer = { file: { manifest }, condition: conditional.texts, contentType, tag };
    return answerFile(this.#from(opened, ticket), request, answer, (outcome) =>
      reply(outcome.kind === 'reply' ? outcome.reply : errorReply(outcome.code, outcome.detail)),
    );
  }

  /** Each range is opened by itself: from here, or else from whoever has the blob, the trash included (F3). */
  #from({ store }: OpenedStore, { id }: ReadTicket): OpensFiles {
    return {
      open: (file, range, callback) =>
        this.#source.find(store, id, (outcome) =>
          outcome.kind === 'open'
            ? callback({ kind: 'open', body: outcome.read(range, () => undefined) })
            : this.#files.open(file, range, callback),
        ),
    };
  }
}

/** What the ticket says is enough: the record of the file may name another blob by now. */
function manifestOf(ticket: ReadTicket): FileManifest {
  const { id, size, sha512, md5, contentType, modifiedMs } = ticket;
  const attributes = withServedHeaders(undefined, ticket.served);
  const replicationClass = DEFAULT_CLASS;
  const fields = { size, sha512, md5, contentType, modifiedMs, attributes, replicationClass };
  return { ...fields, kind: 'blob', blob: id };
}
