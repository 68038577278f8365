// GET and HEAD with a ticket: the very blob that the ticket names, as gateways answer for files, with their conditions and ranges. A blob that
// is not here, because it has moved since, is fetched from who has it: the client never hears of that, and is sent nowhere else.

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
import type { FileManifest } from '../../files/manifest.ts';
import type { FileLayer } from '../../files/outcomes.ts';
import type { ReadTicket } from '../../files/tickets/ticket.ts';
import type { OpenedStore } from '../blob-server.ts';
import type { BlobSource, FoundBlob } from '../downloads/blob-source.ts';

type FilesToRead = Pick<FileLayer, 'open'>;

/** Who reads the content. */
interface Readable {
  readonly opens: OpensFiles;
  /** Called when the answer is there, whether or not anything was read for it. */
  answered(): void;
}

export class TicketDownloads {
  readonly #files: FilesToRead;
  readonly #source: BlobSource;

  constructor(files: FilesToRead, source: BlobSource) {
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
    return this.#find(opened, ticket, ({ opens, answered }) => {
      const contentType = ticket.contentType ?? contentTypeOf(name);
      const tag = { etag: contentTagOf(manifest), ...digestHeaders(manifest) };
      const answer = { file: { manifest }, condition: conditional.texts, contentType, tag };
      return answerFile(opens, request, answer, (outcome) => {
        answered();
        reply(outcome.kind === 'reply' ? outcome.reply : errorReply(outcome.code, outcome.detail));
      });
    });
  }

  #find(opened: OpenedStore, ticket: ReadTicket, callback: (found: Readable) => void): void {
    this.#source.find(opened.store, ticket.id, (outcome) => {
      switch (outcome.kind) {
        case 'absent':
        case 'failed':
          // Whoever has it is asked for it by its id, the trash included (F3).
          return callback({ opens: this.#files, answered: () => undefined });
        case 'open':
          return callback(this.#here(opened, ticket, outcome));
      }
    });
  }

  /** The first range is read from what is open already, each further one is opened by itself; what has gone meanwhile others have. */
  #here({ store }: OpenedStore, { id }: ReadTicket, first: FoundBlob): Readable {
    let unread: FoundBlob | undefined = first;
    const take = () => {
      const taken = unread;
      unread = undefined;
      return taken;
    };
    const opens: OpensFiles = {
      open: (file, range, callback) => {
        const read = (found: FoundBlob) =>
          callback({ kind: 'open', body: found.read(range, () => undefined) });
        const here = take();
        if (here !== undefined) return read(here);
        return this.#source.find(store, id, (outcome) =>
          outcome.kind === 'open' ? read(outcome) : this.#files.open(file, range, callback),
        );
      },
    };
    return { opens, answered: () => take()?.close() };
  }
}

/** What the ticket says of the blob: the record of the file may name another one by now, and others may have the blob. */
function manifestOf({ id, size, sha512, md5, contentType, modifiedMs }: ReadTicket): FileManifest {
  const fields = { size, sha512, md5, contentType, modifiedMs, replicationClass: DEFAULT_CLASS };
  return { ...fields, kind: 'blob', blob: id };
}
