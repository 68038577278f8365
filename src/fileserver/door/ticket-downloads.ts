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
import { decodeManifest, type FileManifest } from '../../files/manifest.ts';
import type { FileLayer } from '../../files/outcomes.ts';
import type { ReadTicket } from '../../files/tickets/ticket.ts';
import type { OpenedStore } from '../blob-server.ts';
import type { BlobSource } from '../downloads/blob-source.ts';

type FilesToRead = Pick<FileLayer, 'open'>;

/** What can be read with a ticket, and who reads it. */
interface Readable {
  readonly manifest: FileManifest;
  readonly opens: OpensFiles;
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
    return this.#find(opened, ticket, (found) => {
      const { opens } = found;
      // The record may have been amended since the blob got its copy of it.
      const manifest = { ...found.manifest, modifiedMs: ticket.modifiedMs };
      const contentType = ticket.contentType ?? manifest.contentType ?? contentTypeOf(name);
      const tag = { etag: contentTagOf(manifest), ...digestHeaders(manifest) };
      const answer = { file: { manifest }, condition: conditional.texts, contentType, tag };
      return answerFile(opens, request, answer, (outcome) =>
        reply(outcome.kind === 'reply' ? outcome.reply : errorReply(outcome.code, outcome.detail)),
      );
    });
  }

  #find(opened: OpenedStore, ticket: ReadTicket, callback: (found: Readable) => void): void {
    const { store } = opened;
    this.#source.find(store, ticket.id, (outcome) => {
      switch (outcome.kind) {
        case 'absent':
        case 'failed':
          return callback(this.#elsewhere(ticket));
        case 'open': {
          outcome.close();
          const manifest = decodeManifest(outcome.meta.manifest);
          return callback({ manifest, opens: this.#here(opened, ticket) });
        }
      }
    });
  }

  /** Each range is opened by itself; what has gone meanwhile is fetched from who has it. */
  #here({ store }: OpenedStore, { id }: ReadTicket): OpensFiles {
    return {
      open: (file, range, callback) =>
        this.#source.find(store, id, (outcome) =>
          outcome.kind === 'open'
            ? callback({ kind: 'open', body: outcome.read(range, () => undefined) })
            : this.#files.open(file, range, callback),
        ),
    };
  }

  /** What the ticket says of the blob is enough: whoever has it, the trash included, is asked for it by its id (F3). */
  #elsewhere({ id, size, sha512, md5, contentType, modifiedMs }: ReadTicket): Readable {
    const fields = { size, sha512, md5, contentType, modifiedMs, replicationClass: DEFAULT_CLASS };
    return { manifest: { ...fields, kind: 'blob', blob: id }, opens: this.#files };
  }
}
