// Handles the requests that ask for blobs, for what is known of them, and which of them are here.

import type { Files } from '../../cluster/files.ts';
import type { PathParameters } from '../../cluster/http/client-route.ts';
import { type HttpRequest, jsonReply, textReply } from '../../cluster/http/http.ts';
import { BYTES_TYPE } from '../../cluster/http/route-description.ts';
import type { Handler, ReplyCallback, Routes } from '../../cluster/http/routes.ts';
import { encodeMapVersion } from '../../cluster/model/cluster-map.ts';
import { list, object } from '../../cluster/wire/shapes.ts';
import { ASKED_BLOBS_MAX } from '../../files/have.ts';
import { asOfHere } from '../../files/provenance.ts';
import type { BlobServer, OpenedStore } from '../blob-server.ts';
import { blobId, metaFields } from '../blob-store/blob-meta.ts';
import { FILESERVER_ROUTES } from '../fileserver-routes.ts';
import { failureReply, idIn, messageIn, NOT_HERE } from '../requests.ts';
import { BlobList } from './blob-list.ts';
import type { BlobSource, FoundBlob } from './blob-source.ts';
import { rangeIn } from './one-range.ts';

const haveRequest = object({ ids: list(blobId, { max: ASKED_BLOBS_MAX }) });

export class ReadHandlers {
  readonly #server: BlobServer;
  readonly #list: BlobList;
  readonly #source: BlobSource;

  constructor(server: BlobServer, files: Pick<Files, 'list'>, source: BlobSource) {
    this.#server = server;
    this.#list = new BlobList(server, files);
    this.#source = source;
  }

  /** @param measured counts and times the requests of a handler under this name */
  addTo(routes: Routes, measured: (name: string, handler: Handler) => Handler): void {
    routes.add(
      FILESERVER_ROUTES.get,
      measured('blob-get', (...asked) => this.#get(...asked)),
    );
    routes.add(
      FILESERVER_ROUTES.meta,
      measured('blob-meta', (...asked) => this.#meta(...asked)),
    );
    routes.add(
      FILESERVER_ROUTES.have,
      measured('blob-have', (request, reply) => this.#have(request, reply)),
    );
    routes.add(
      FILESERVER_ROUTES.list,
      measured('blob-list', (request, reply) => this.#list.handle(request, reply)),
    );
    routes.add(FILESERVER_ROUTES.check, (_request, reply, parameters) => {
      const id = idIn(parameters);
      if (typeof id !== 'string') return reply(id);
      this.#server.check(id);
      return reply(jsonReply(202, {}));
    });
  }

  #get(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    const id = idIn(parameters);
    if (typeof id !== 'string') return reply(id);
    return this.#server.inTurn(this.#server.downloads, request, reply, (release) => {
      const end: ReplyCallback = (answer) => {
        release();
        reply(answer);
      };
      const { opened } = this.#server;
      if ('status' in opened) return end(opened);
      return this.#source.find(opened.store, id, (outcome) => {
        switch (outcome.kind) {
          case 'absent':
            return end(NOT_HERE);
          case 'failed':
            return end(failureReply(outcome, 'the blob cannot be read'));
          case 'open':
            return this.#send(request, outcome, { release, end, reply });
        }
      });
    });
  }

  #send(
    request: HttpRequest,
    found: FoundBlob,
    { release, end, reply }: { release: () => void; end: ReplyCallback; reply: ReplyCallback },
  ): void {
    const { id, size } = found.meta;
    const etag = `"${id}"`;
    const meant = request.header('if-range');
    const header = meant === undefined || meant === etag ? request.header('range') : undefined;
    const range = rangeIn(header, size);
    if (range === 'beyond') {
      found.close();
      return end(
        textReply(416, `the blob has ${size} bytes`, { 'content-range': `bytes */${size}` }),
      );
    }
    return reply({
      status: range === undefined ? 200 : 206,
      headers: {
        'content-type': BYTES_TYPE,
        'x-content-type-options': 'nosniff',
        'accept-ranges': 'bytes',
        etag,
        ...(range === undefined
          ? {}
          : { 'content-range': `bytes ${range.first}-${range.last}/${size}` }),
      },
      body: found.read(range, release),
    });
  }

  #meta(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    const id = idIn(parameters);
    if (typeof id !== 'string') return reply(id);
    return this.#work(request, reply, (opened, end) =>
      opened.store.files.meta(id, (outcome) => {
        switch (outcome.kind) {
          case 'absent':
            return end(NOT_HERE);
          case 'failed':
            return end(failureReply(outcome, 'the blob cannot be looked at'));
          case 'meta':
            return end(
              jsonReply(200, metaFields(asOfHere(outcome.meta, opened, this.#server.map()))),
            );
        }
      }),
    );
  }

  #have(request: HttpRequest, reply: ReplyCallback): void {
    const asked = messageIn(request, haveRequest);
    if (asked.kind === 'refused') return reply(asked.reply);
    // As of before the look: what moves because of a newer map says so.
    const map = this.#server.map();
    return this.#work(request, reply, ({ store }, end) => {
      // F5: others trim theirs for what is told here, and a disk that fails may have it no more.
      const { writable } = this.#server;
      if ('status' in writable) return end(writable);
      return store.files.have(asked.message.ids, (bits) =>
        end(jsonReply(200, { have: bits.toString('base64'), map: map && encodeMapVersion(map) })),
      );
    });
  }

  #work(
    request: HttpRequest,
    reply: ReplyCallback,
    work: (opened: OpenedStore, end: ReplyCallback) => void,
  ): void {
    this.#server.inTurn(this.#server.works, request, reply, (release) => {
      const end: ReplyCallback = (answer) => {
        release();
        reply(answer);
      };
      const { opened } = this.#server;
      return 'status' in opened ? end(opened) : work(opened, end);
    });
  }
}
