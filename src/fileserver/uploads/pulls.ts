// Fetches blobs from other file servers. A copy is checked as a whole before it is committed: by its length, by the
// checksum of each block and by its sha-512.

import { errorReply } from '../../cluster/http/errors.ts';
import type { WholeReply } from '../../cluster/http/http.ts';
import type { ReplyCallback } from '../../cluster/http/routes.ts';
import { type Address, address } from '../../cluster/model/identity.ts';
import { readReply } from '../../cluster/peers/calls.ts';
import type { Runtime } from '../../cluster/ports.ts';
import { object, type ShapeOf } from '../../cluster/wire/shapes.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { OpenedStore } from '../blob-server.ts';
import { type BlobMeta, blobMeta } from '../blob-store/blob-meta.ts';
import type { BegunUpload } from '../blob-store/store-outcomes.ts';
import { DONE, failureReply } from '../requests.ts';
import { PulledBody } from './pulled-body.ts';
import { beginReply, commitReply, receivedReply } from './upload-replies.ts';

const META_MS = 10_000;
const STALL_MS = 10_000;

export const pullRequest = object({ from: address });
export type PullRequest = ShapeOf<typeof pullRequest>;

export class Pulls {
  readonly #runtime: Pick<Runtime, 'timers' | 'network' | 'clock' | 'logger'>;
  readonly #timeScale: number;

  constructor(
    runtime: Pick<Runtime, 'timers' | 'network' | 'clock' | 'logger'>,
    timeScale: number,
  ) {
    this.#runtime = runtime;
    this.#timeScale = timeScale;
  }

  /** @param reply called once */
  pull(opened: OpenedStore, id: BlobId, from: Address, reply: ReplyCallback): void {
    const { files } = opened.store;
    files.meta(id, (here) => {
      if (here.kind === 'failed') return reply(failureReply(here, 'the blob cannot be looked at'));
      if (here.kind === 'meta') return this.#answerHere(opened, here.meta, from, reply);
      return files.trashed(id, (trashed) => {
        if (trashed.kind === 'failed') {
          return reply(failureReply(trashed, 'the blob cannot be looked at'));
        }
        if (trashed.kind === 'absent') return this.#fetchMeta(opened, id, from, reply);
        // An id is of one content only: the bytes that were thrown away are those that are wanted.
        return opened.store.restore(trashed.meta, (restored) => {
          switch (restored.kind) {
            case 'moved':
              return reply(DONE);
            case 'absent':
              return this.#fetchMeta(opened, id, from, reply);
            case 'failed':
              return reply(failureReply(restored, 'the blob cannot be moved'));
          }
        });
      });
    });
  }

  /** Its meta is here. Who asks has heard that the blob is not, so that its bytes may be gone. */
  #answerHere({ store }: OpenedStore, meta: BlobMeta, from: Address, reply: ReplyCallback): void {
    const { id } = meta;
    store.files.isHere(id, (looked) => {
      if (looked.kind === 'failed') {
        return reply(failureReply(looked, 'the blob cannot be looked at'));
      }
      if (looked.value) return reply(DONE);
      // It is in the way of the copy until it is gone as well.
      store.spoil(id, meta);
      return reply(failed(id, from, 'its bytes are gone here, and its meta is put away first'));
    });
  }

  #fetchMeta(opened: OpenedStore, id: BlobId, from: Address, reply: ReplyCallback): void {
    const call = {
      address: from,
      method: 'GET',
      path: `/blobs/${id}/meta`,
      timeoutMs: META_MS * this.#timeScale,
    } as const;
    this.#runtime.network.call(call, (outcome) => {
      if (outcome.kind === 'answered' && outcome.status === 404) {
        return reply(failed(id, from, 'it has none'));
      }
      const told = readReply(blobMeta, outcome);
      if (told.kind !== 'message') return reply(failed(id, from, told.detail));
      const meta = told.message;
      if (meta.id !== id) return reply(failed(id, from, `it told of blob ${meta.id}`));
      if (meta.cluster !== opened.cluster) {
        return reply(failed(id, from, `its blob is of cluster ${meta.cluster}`));
      }
      return this.#begin(opened, meta, from, reply);
    });
  }

  #begin(opened: OpenedStore, meta: BlobMeta, from: Address, reply: ReplyCallback): void {
    opened.store.begin(meta.id, meta.size, (begun) => {
      if (begun.kind !== 'begun') return reply(beginReply(begun));
      return this.#receive(opened, meta, from, begun, reply);
    });
  }

  #receive(
    { store }: OpenedStore,
    meta: BlobMeta,
    from: Address,
    begun: BegunUpload,
    reply: ReplyCallback,
  ): void {
    const { id, size } = meta;
    const body = new PulledBody(this.#runtime, {
      id,
      from,
      size,
      stallMs: STALL_MS * this.#timeScale,
    });
    body.start();
    begun.receive(body, (received) => {
      if (received.kind === 'broken') return reply(failed(id, from, body.problem));
      if (received.kind !== 'received') return reply(receivedReply(received));
      if (body.sha512() !== meta.sha512) {
        return store.discard(id, () => reply(failed(id, from, 'its sha-512 is another one')));
      }
      return store.publish(meta, (outcome) => {
        if (outcome.kind === 'differs') return reply(failed(id, from, 'its checksums are others'));
        return reply(commitReply(outcome));
      });
    });
  }
}

function failed(id: BlobId, from: Address, why: string): WholeReply {
  return errorReply('pull-failed', `blob ${id} cannot be fetched from ${from}: ${why}`);
}
