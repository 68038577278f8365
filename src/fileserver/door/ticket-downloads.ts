// GET and HEAD with a ticket: the very blob that the ticket names, as gateways answer for files, with their conditions and ranges. A blob that
// is not here, because it has moved since, is fetched from who has it: the client never hears of that, and is sent nowhere else.

import { errorReply } from '../../cluster/http/errors.ts';
import type { HttpReply, HttpRequest } from '../../cluster/http/http.ts';
import { conditionOf } from '../../cluster/http/preconditions.ts';
import type { ReplyCallback } from '../../cluster/http/routes.ts';
import { Malformed } from '../../cluster/wire/shapes.ts';
import { contentTypeOf } from '../../files/content-type.ts';
import type { OpensFiles } from '../../files/http/byteranges.ts';
import { contentTagOf } from '../../files/http/content-tag.ts';
import { digestHeaders } from '../../files/http/digest-headers.ts';
import { answerFile } from '../../files/http/file-answer.ts';
import { decodeManifest, type FileManifest } from '../../files/manifest.ts';
import type { FileLayer } from '../../files/outcomes.ts';
import type { ReadTicket } from '../../files/tickets/ticket.ts';
import type { OpenedStore } from '../blob-server.ts';
import type { BlobMeta } from '../blob-store/blob-meta.ts';
import type { BlobSource, FoundBlob } from '../downloads/blob-source.ts';
import { failureReply } from '../requests.ts';

type FilesToRead = Pick<FileLayer, 'find' | 'open'>;

/** What can be read with a ticket, and who reads it. */
interface Readable {
  readonly manifest: FileManifest;
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
    return this.#find(opened, ticket, (found) => {
      if ('status' in found) return reply(found);
      const { opens } = found;
      // The record may have been amended since the blob got its copy of it.
      const manifest = { ...found.manifest, modifiedMs: ticket.modifiedMs };
      const contentType = ticket.contentType ?? manifest.contentType ?? contentTypeOf(name);
      const tag = { etag: contentTagOf(manifest), ...digestHeaders(manifest) };
      const answer = { file: { manifest }, condition: conditional.texts, contentType, tag };
      return answerFile(opens, request, answer, (outcome) => {
        found.answered();
        reply(outcome.kind === 'reply' ? outcome.reply : errorReply(outcome.code, outcome.detail));
      });
    });
  }

  #find(
    opened: OpenedStore,
    ticket: ReadTicket,
    callback: (found: Readable | HttpReply) => void,
  ): void {
    const { store } = opened;
    this.#source.find(store, ticket.id, (outcome) => {
      switch (outcome.kind) {
        case 'absent':
          return this.#findElsewhere(ticket, callback);
        case 'failed':
          return this.#findElsewhere(ticket, (found) =>
            callback('status' in found ? failureReply(outcome, 'the blob cannot be read') : found),
          );
        case 'open': {
          const manifest = manifestIn(outcome.meta);
          if (manifest !== undefined)
            return callback(this.#here(opened, ticket, outcome, manifest));
          outcome.close();
          return this.#findElsewhere(ticket, callback);
        }
      }
    });
  }

  /** The first range is read from what is open already, each further one is opened by itself; what has gone meanwhile others have. */
  #here(
    { store }: OpenedStore,
    { id }: ReadTicket,
    first: FoundBlob,
    manifest: FileManifest,
  ): Readable {
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
    return { manifest, opens, answered: () => take()?.close() };
  }

  #findElsewhere({ id, key }: ReadTicket, callback: (found: Readable | HttpReply) => void): void {
    this.#files.find(key, (outcome) => {
      if (outcome.kind === 'failed') return callback(errorReply(outcome.code, outcome.detail));
      const manifest = outcome.kind === 'found' ? outcome.file.manifest : undefined;
      // F3: another version is not what the ticket is for.
      return manifest?.kind === 'blob' && manifest.blob === id
        ? callback({ manifest, opens: this.#files, answered: () => undefined })
        : callback(GONE);
    });
  }
}

/** @returns undefined where somebody has stored the blob by hand, with something else as its manifest */
function manifestIn({ manifest }: BlobMeta): FileManifest | undefined {
  try {
    return decodeManifest(manifest);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

const GONE = errorReply(
  'expired-ticket',
  'the file has another content by now, or none, and this one is gone: ask where the URL came from for a new one',
);
