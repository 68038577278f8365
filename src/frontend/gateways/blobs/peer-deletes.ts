// Deletes content at all peers, and asks those that were away again later: with growing pauses, for a day. What is still to be
// asked is in memory alone, and forgotten where the process ends.

import { printHttpDate } from '../../../cluster/http/http-date.ts';
import type { Runtime } from '../../../cluster/ports.ts';
import type { FileLayer } from '../../../files/outcomes.ts';
import { blobKey, type ContentHash } from './dtfc-usage.ts';
import type { BlobPeer, PeerList } from './peer-list.ts';
import { askPeer, isAway } from './peer-request.ts';

const AGAIN_MS_MIN = 30_000;
const AGAIN_MS_MAX = 3_600_000;
const TRIES_MAX = 32;
const PENDING_MAX = 10_000;
/** A date in HTTP has whole seconds: what was stored within that of the delete, and after it, is not to be deleted. */
const DATE_MS = 1000;

/** What one peer said to a delete. */
export interface ToldByPeer {
  readonly peer: string;
  /** Absent where it did not answer. */
  readonly status?: number;
  readonly error?: string;
  /** Whether it is asked again later. */
  readonly again: boolean;
}

interface PendingDelete {
  readonly peer: BlobPeer;
  readonly hash: ContentHash;
  /** When the client asked for it, in ms since 1970. */
  readonly askedMs: number;
  tries: number;
}

export interface PeerDeleteParts {
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'network' | 'logger'>;
  readonly files: Pick<FileLayer, 'findSettled'>;
  readonly peers: PeerList;
}

export class PeerDeletes {
  readonly #parts: PeerDeleteParts;
  /** By peer and hash. */
  readonly #pending = new Map<string, PendingDelete>();

  constructor(parts: PeerDeleteParts) {
    this.#parts = parts;
  }

  /** How many deletes of peers that were away are still to come. */
  get pending(): number {
    return this.#pending.size;
  }

  /** @param callback called once, with what each peer said, in the order of the list */
  deleteAt(hash: ContentHash, callback: (told: readonly ToldByPeer[]) => void): void {
    const askedMs = this.#parts.runtime.clock.wallMs();
    this.#parts.peers.read((peers) => {
      if (peers.length === 0) return callback([]);
      const told = new Map<BlobPeer, ToldByPeer>();
      for (const peer of peers) {
        this.#ask(peer, hash, {}, (answer) => {
          const pending = { peer, hash, askedMs, tries: 1 };
          told.set(peer, answer.again ? this.#remember(pending, answer) : answer);
          if (told.size < peers.length) return;
          callback(peers.flatMap((each) => told.get(each) ?? []));
        });
      }
    });
  }

  #ask(
    peer: BlobPeer,
    hash: ContentHash,
    headers: Readonly<Record<string, string>>,
    callback: (told: ToldByPeer) => void,
  ): void {
    const request = { method: 'DELETE', path: hash, headers } as const;
    const answer = askPeer(this.#parts.runtime, peer, request, (told) => {
      if (told.kind === 'failed') {
        this.#parts.peers.failed(peer);
        return callback({ peer: peer.url, error: told.detail, again: true });
      }
      answer.discard();
      const { status } = told.head;
      const again = isAway(status);
      if (!again) this.#parts.peers.succeeded(peer);
      return callback({ peer: peer.url, status, again });
    });
  }

  #remember(pending: PendingDelete, told: ToldByPeer): ToldByPeer {
    const name = `${pending.hash} ${pending.peer.url}`;
    if (this.#pending.has(name)) return told;
    if (this.#pending.size >= PENDING_MAX) return { ...told, again: false };
    this.#pending.set(name, pending);
    this.#later(name, pending);
    return told;
  }

  #later(name: string, pending: PendingDelete): void {
    const pauseMs = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** (pending.tries - 1));
    this.#parts.runtime.timers.after(pauseMs, () => this.#again(name, pending));
  }

  /**
   * A content that was stored here again is wanted again, and its peer may have it from there. One that was stored at the peer
   * meanwhile is for the peer to keep: the delete is of what was there when the client asked for it.
   */
  #again(name: string, pending: PendingDelete): void {
    const { peer, hash, askedMs } = pending;
    const since = { 'if-unmodified-since': printHttpDate(askedMs - DATE_MS) };
    // By all members (H21): it is dropped for good where the content is here again.
    this.#parts.files.findSettled(blobKey(hash), (found) => {
      if (found.kind === 'found') return this.#pending.delete(name);
      if (found.kind === 'failed') return this.#later(name, pending);
      return this.#ask(peer, hash, since, (told) => {
        pending.tries++;
        if (told.again && pending.tries < TRIES_MAX) return this.#later(name, pending);
        const { again, ...outcome } = told;
        const message = again ? 'a delete was given up at a peer' : 'a delete reached a peer';
        this.#parts.runtime.logger.write(again ? 'warn' : 'info', message, { ...outcome });
        this.#pending.delete(name);
        return undefined;
      });
    });
  }
}
