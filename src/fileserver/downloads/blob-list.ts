// Handles the request that lists what is known of all blobs, page by page, from which the records could be set anew
// (`velour files rebuild`).

import type { Files } from '../../cluster/files.ts';
import { errorReply } from '../../cluster/http/errors.ts';
import { type HttpRequest, queryOf, type WholeReply } from '../../cluster/http/http.ts';
import { LINES_TYPE } from '../../cluster/http/route-description.ts';
import type { ReplyCallback } from '../../cluster/http/routes.ts';
import { type BlobId, parseBlobId } from '../../files/blob-id.ts';
import type { BlobServer } from '../blob-server.ts';
import { type BlobMeta, metaFields } from '../blob-store/blob-meta.ts';
import { pageOfBlobs } from '../blob-store/blob-page.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import { each, type Next } from '../blob-store/listing.ts';
import { failureReply } from '../requests.ts';

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
/** A page ends early where its lines are long: a manifest has up to a quarter of a MiB. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

interface AskedPage {
  readonly after: BlobId | undefined;
  readonly limit: number;
}

export class BlobList {
  readonly #server: BlobServer;
  readonly #files: Pick<Files, 'list'>;

  constructor(server: BlobServer, files: Pick<Files, 'list'>) {
    this.#server = server;
    this.#files = files;
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    const asked = askedIn(request);
    if ('status' in asked) return reply(asked);
    return this.#server.inTurn(this.#server.works, request, reply, (release) => {
      const end: ReplyCallback = (answer) => {
        release();
        reply(answer);
      };
      const { opened } = this.#server;
      if ('status' in opened) return end(opened);
      return pageOfBlobs(this.#files, asked.after, asked.limit, (page) => {
        if (page.kind === 'failed') return end(failureReply(page, 'the blobs cannot be listed'));
        return this.#read(opened.store, page.ids, asked, end);
      });
    });
  }

  #read(store: BlobStore, ids: readonly BlobId[], { limit }: AskedPage, end: ReplyCallback): void {
    let lines = '';
    let last: BlobId | undefined;
    let listed = 0;
    const line = (id: BlobId, next: Next) => {
      if (listed >= limit || lines.length >= PAGE_BYTES_MAX) return next();
      return store.files.meta(id, (outcome) => {
        listed++;
        last = id;
        if (outcome.kind === 'meta') lines += lineOf(outcome.meta);
        next();
      });
    };
    each(ids, line, () => {
      // Where a page is not full, there is nothing behind it.
      const isEnd = listed === ids.length && ids.length < limit;
      lines += `${JSON.stringify({ cursor: isEnd ? null : (last ?? null) })}\n`;
      end({
        status: 200,
        headers: { 'content-type': LINES_TYPE, 'cache-control': 'no-store' },
        body: Buffer.from(lines),
      });
    });
  }
}

function lineOf(meta: BlobMeta): string {
  return `${JSON.stringify({ ...metaFields(meta), crc: undefined, uptimeMs: undefined })}\n`;
}

function askedIn({ target }: HttpRequest): AskedPage | WholeReply {
  const query = new URLSearchParams(queryOf(target));
  const limit = query.get('limit') ?? `${LIMIT_DEFAULT}`;
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > LIMIT_MAX) {
    return errorReply('bad-parameter', `limit must be a whole number from 1 to ${LIMIT_MAX}`);
  }
  const text = query.get('after');
  if (text === null) return { after: undefined, limit: Number(limit) };
  const after = parseBlobId(text);
  if (after === undefined) {
    return errorReply('bad-parameter', 'after must be an id: 32 hexadecimal digits in lower case');
  }
  return { after, limit: Number(limit) };
}
