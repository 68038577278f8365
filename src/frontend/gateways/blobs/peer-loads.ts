// Loads content that this cluster does not have from its peers, one after the other: what a peer sends is stored as an upload
// is, and only if its SHA-512 is the one that was asked for (F6). One content is loaded once at a time.

import type { BreakReason } from '../../../cluster/http/byte-stream.ts';
import type { HttpRequest } from '../../../cluster/http/http.ts';
import type { PoolHead } from '../../../cluster/http/http-pool.ts';
import { NO_CONDITION } from '../../../cluster/model/condition.ts';
import type { AnswerStream } from '../../../cluster/peers/answer-stream.ts';
import type { Logger, Runtime } from '../../../cluster/ports.ts';
import { DEFAULT_CLASS } from '../../../files/file-key.ts';
import type { FileFailure } from '../../../files/http/file-answer.ts';
import { FILE_BYTES_MAX } from '../../../files/manifest.ts';
import type { FileLayer, PutFileOutcome } from '../../../files/outcomes.ts';
import { FILENAME, sanitisedName, typeOfName } from './blob-name.ts';
import { blobKey, type ContentHash } from './dtfc-usage.ts';
import type { BlobPeer, PeerList } from './peer-list.ts';
import { askPeer, isAway, PEER_SILENT_MS, UNATTENDED_BYTES_MIN } from './peer-request.ts';

/** So many contents may be loaded at once; of more, clients are asked to come again. */
const LOADS_MAX = 64;
/** An answer that does not say how long it is may never end, and would fill the disks of the file servers. */
export const UNANNOUNCED_BYTES_MAX = 1024 ** 3;

export type PeerLoadOutcome =
  /** It is stored here now. */
  | { readonly kind: 'loaded' }
  /** No peer that answered has it, and some have answered, or there are none. */
  | { readonly kind: 'nowhere' }
  /** No peer has answered, or could say what it has. */
  | { readonly kind: 'unheard' }
  /** It is being loaded for somebody else, or too many others are. */
  | { readonly kind: 'busy' }
  /** A peer has it, and it could not be stored. */
  | ({ readonly kind: 'failed' } & FileFailure);

/** A content that is being loaded. */
interface RunningLoad {
  /** Whether the client that asked for it is still there. */
  isAttended: boolean;
  /** Of the peer that is asked now. */
  answer: AnswerStream | undefined;
}

export interface PeerLoadParts {
  readonly runtime: Pick<Runtime, 'timers' | 'network'> & { readonly logger: Logger };
  readonly files: Pick<FileLayer, 'put'>;
  readonly peers: PeerList;
}

export class PeerLoads {
  readonly #parts: PeerLoadParts;
  readonly #loading = new Map<ContentHash, RunningLoad>();

  constructor(parts: PeerLoadParts) {
    this.#parts = parts;
  }

  /**
   * @param client without which the load goes on, for those who come later, if it does not take long
   * @param callback called exactly once
   */
  load(
    hash: ContentHash,
    client: Pick<HttpRequest, 'onceLeft'>,
    callback: (outcome: PeerLoadOutcome) => void,
  ): void {
    this.#parts.peers.read((peers) => {
      if (peers.length === 0) return callback({ kind: 'nowhere' });
      if (this.#loading.has(hash) || this.#loading.size >= LOADS_MAX) {
        return callback({ kind: 'busy' });
      }
      const running: RunningLoad = { isAttended: true, answer: undefined };
      this.#loading.set(hash, running);
      const stay = client.onceLeft(() => {
        running.isAttended = false;
        running.answer?.expect(UNATTENDED);
      });
      return this.#ask(hash, peers, false, (outcome) => {
        stay();
        this.#loading.delete(hash);
        callback(outcome);
      });
    });
  }

  /** @param isHeard whether a peer has answered that could say what it has */
  #ask(
    hash: ContentHash,
    [peer, ...others]: readonly BlobPeer[],
    isHeard: boolean,
    callback: (outcome: PeerLoadOutcome) => void,
  ): void {
    if (peer === undefined) return callback({ kind: isHeard ? 'nowhere' : 'unheard' });
    const next = (isAnyHeard = isHeard) => this.#ask(hash, others, isAnyHeard, callback);
    const nextButHeard = () => next(true);
    const request = { method: 'GET', path: `${hash}/nopeerload` } as const;
    const answer = askPeer(this.#parts.runtime, peer, request, (told) => {
      if (told.kind === 'failed') return this.#failed(peer, told.detail, next);
      const { head } = told;
      const { status } = head;
      if (status !== 200) {
        answer.discard();
        // Nothing but a 404 says that it does well: a redirection, for instance, is followed by nobody.
        if (status !== 404) {
          return this.#failed(peer, `it answered ${status}`, isAway(status) ? next : nextButHeard);
        }
        this.#parts.peers.succeeded(peer);
        return nextButHeard();
      }
      return this.#store(hash, filenameIn(head), answer, (outcome) => {
        switch (outcome.kind) {
          case 'stored':
            this.#parts.peers.succeeded(peer);
            return callback({ kind: 'loaded' });
          case 'broken':
            return this.#failed(peer, breakOf(outcome.why), nextButHeard);
          case 'mismatch':
            return this.#failed(peer, `it sent other bytes: ${outcome.detail}`, nextButHeard);
          case 'not-stored':
            return callback({ ...outcome, kind: 'failed' });
          case 'unknown':
          case 'unmet': {
            const detail = 'not everybody confirmed in time that it is stored here';
            return callback({ kind: 'failed', code: 'unanswered', detail });
          }
        }
      });
    });
    const running = this.#loading.get(hash);
    if (running === undefined) return undefined;
    running.answer = answer;
    if (!running.isAttended) answer.expect(UNATTENDED);
    return undefined;
  }

  #store(
    hash: ContentHash,
    filename: string,
    body: AnswerStream,
    callback: (outcome: PutFileOutcome) => void,
  ): void {
    this.#parts.files.put(
      {
        key: blobKey(hash),
        body,
        bytesMax: body.length === undefined ? UNANNOUNCED_BYTES_MAX : FILE_BYTES_MAX,
        contentType: typeOfName(filename),
        attributes: { [FILENAME]: filename },
        replicationClass: DEFAULT_CLASS,
        waitsForAll: false,
        condition: NO_CONDITION,
        expected: { sha512: hash },
      },
      callback,
    );
  }

  #failed(peer: BlobPeer, reason: string, next: () => void): void {
    this.#parts.peers.failed(peer);
    this.#parts.runtime.logger.write('warn', 'a peer failed', { peer: peer.url, reason });
    next();
  }
}

const UNATTENDED = { silentMs: PEER_SILENT_MS, bytesMin: UNATTENDED_BYTES_MIN };

function breakOf(why: BreakReason): string {
  return why === 'too-large' ? 'it sends more than anybody wants' : 'its answer broke off';
}

function filenameIn(head: PoolHead): string {
  const [, name = ''] = /filename="([^"]*)"/i.exec(head.header('content-disposition') ?? '') ?? [];
  return sanitisedName(name.slice(0, 1024));
}
