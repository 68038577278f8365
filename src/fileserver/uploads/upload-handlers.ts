// Handles the requests by which blobs come and go: parses them, asks the store, and encodes what it says.

import type { ByteStream } from '../../cluster/http/byte-stream.ts';
import type { PathParameters } from '../../cluster/http/client-route.ts';
import { errorReply } from '../../cluster/http/errors.ts';
import {
  type HttpRequest,
  jsonReply,
  type RequestHead,
  type WholeReply,
} from '../../cluster/http/http.ts';
import type { Handler, ReplyCallback, Routes } from '../../cluster/http/routes.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { BlobServer, OpenedStore } from '../blob-server.ts';
import { blobCommit, linkRequest } from '../blob-store/blob-meta.ts';
import { FILESERVER_ROUTES } from '../fileserver-routes.ts';
import { DONE, failureReply, idIn, messageIn, NO_ROOM, NOT_HERE } from '../requests.ts';
import { type Pulls, pullRequest } from './pulls.ts';
import { beginReply, commitReply, receivedReply } from './upload-replies.ts';

const A_PART = errorReply(
  'bad-parameter',
  'Content-Range says that this is a part of a file; a blob is sent as a whole',
);
const TOO_LARGE = errorReply('value-too-large', 'the blob is longer than a file may be');
const EMPTY: ByteStream = {
  length: 0,
  read: (callback) => callback({ kind: 'end' }),
  discard: () => undefined,
};

export class UploadHandlers {
  readonly #server: BlobServer;
  readonly #pulls: Pulls;

  constructor(server: BlobServer, pulls: Pulls) {
    this.#server = server;
    this.#pulls = pulls;
  }

  /** @param measured counts and times the requests of a handler under this name */
  addTo(routes: Routes, measured: (name: string, handler: Handler) => Handler): void {
    routes.add(
      FILESERVER_ROUTES.put,
      measured('blob-put', (...asked) => this.#put(...asked)),
      (request, parameters) => this.#judgePut(request, parameters),
    );
    routes.add(
      FILESERVER_ROUTES.commit,
      measured('blob-commit', (...asked) => this.#commit(...asked)),
    );
    routes.add(
      FILESERVER_ROUTES.delete,
      measured('blob-delete', (...asked) => this.#delete(...asked)),
    );
    routes.add(
      FILESERVER_ROUTES.unstage,
      measured('blob-unstage', (...asked) => this.#unstage(...asked)),
    );
    routes.add(
      FILESERVER_ROUTES.pull,
      measured('blob-pull', (...asked) => this.#pull(...asked)),
    );
    routes.add(
      FILESERVER_ROUTES.link,
      measured('blob-link', (...asked) => this.#link(...asked)),
    );
  }

  #judgePut(request: RequestHead, parameters: PathParameters): WholeReply | undefined {
    const id = idIn(parameters);
    if (typeof id !== 'string') return id;
    if (request.header('content-range') !== undefined) return A_PART;
    const { taking } = this.#server;
    if ('status' in taking) return taking;
    const bytes = Number(request.header('content-length') ?? 0);
    return bytes > taking.store.roomBytes ? NO_ROOM : undefined;
  }

  #put(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    const refusal = this.#judgePut(request, parameters);
    if (refusal !== undefined) return reply(refusal);
    const { body } = request;
    if (body.kind === 'too-large') return reply(TOO_LARGE);
    const stream = body.kind === 'stream' ? body.stream : EMPTY;
    return this.#server.inTurn(this.#server.uploads, request, reply, (release) =>
      this.#receive(stream, parameters, (answer) => {
        release();
        reply(answer);
      }),
    );
  }

  #receive(body: ByteStream, parameters: PathParameters, end: ReplyCallback): void {
    const found = this.#of(parameters, this.#server.taking);
    if ('status' in found) return end(found);
    const { store, id } = found;
    return store.begin(id, body.length, (begun) => {
      if (begun.kind !== 'begun') return end(beginReply(begun));
      return begun.receive(body, (received) =>
        end(
          received.kind === 'received'
            ? jsonReply(201, { bytes: received.bytes })
            : receivedReply(received),
        ),
      );
    });
  }

  #commit(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    const asked = messageIn(request, blobCommit);
    if (asked.kind === 'refused') return reply(asked.reply);
    return this.#work(request, reply, parameters, ({ store, cluster, id }, end) =>
      store.commit(id, cluster, asked.message, (outcome) => end(commitReply(outcome))),
    );
  }

  #link(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    const asked = messageIn(request, linkRequest);
    if (asked.kind === 'refused') return reply(asked.reply);
    return this.#work(request, reply, parameters, ({ store, cluster, id }, end) =>
      store.link(id, cluster, asked.message, (outcome) =>
        end(outcome.kind === 'absent' ? NOT_HERE : commitReply(outcome)),
      ),
    );
  }

  #delete(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    this.#work(request, reply, parameters, ({ store, id }, end) =>
      store.discard(id, (outcome) =>
        end(outcome.kind === 'failed' ? failureReply(outcome, 'the blob cannot be moved') : DONE),
      ),
    );
  }

  #unstage(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    this.#work(request, reply, parameters, ({ store, id }, end) =>
      store.unstage(id, () => end(DONE)),
    );
  }

  #pull(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    const asked = messageIn(request, pullRequest);
    if (asked.kind === 'refused') return reply(asked.reply);
    return this.#server.inTurn(this.#server.uploads, request, reply, (release) => {
      const end: ReplyCallback = (answer) => {
        release();
        reply(answer);
      };
      const found = this.#of(parameters, this.#server.taking);
      if ('status' in found) return end(found);
      return this.#pulls.pull(found, found.id, asked.message.from, end);
    });
  }

  #work(
    request: HttpRequest,
    reply: ReplyCallback,
    parameters: PathParameters,
    work: (found: OpenedStore & { readonly id: BlobId }, end: ReplyCallback) => void,
  ): void {
    this.#server.inTurn(this.#server.works, request, reply, (release) => {
      const end: ReplyCallback = (answer) => {
        release();
        reply(answer);
      };
      const found = this.#of(parameters, this.#server.writable);
      return 'status' in found ? end(found) : work(found, end);
    });
  }

  #of(
    parameters: PathParameters,
    asked: OpenedStore | WholeReply,
  ): (OpenedStore & { readonly id: BlobId }) | WholeReply {
    const id = idIn(parameters);
    if (typeof id !== 'string') return id;
    return 'status' in asked ? asked : { ...asked, id };
  }
}
