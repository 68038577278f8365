// What a peer answers to one request: first its head, then its body as a stream, held back while nobody reads it. A peer that
// is silent for too long, or sends next to nothing, is given up.

import type { BytePart, ByteStream } from '../../../cluster/http/byte-stream.ts';
import type { PoolFlow, PoolHead } from '../../../cluster/http/http-pool.ts';
import type { Cancel, Runtime } from '../../../cluster/ports.ts';
import { VERSION } from '../../../cluster/software.ts';
import type { BlobPeer } from './peer-list.ts';

/** How long a peer may send nothing while it is waited for, in milliseconds. */
export const PEER_SILENT_MS = 10_000;
/** What it sends at least in that time, while it is waited for: byte by byte a load would hold up others for ever. */
export const PEER_BYTES_MIN = 4096;
/** How many bytes may wait here before the connection is held back. */
const QUEUED_BYTES_MAX = 512 * 1024;

export type PeerHead =
  | { readonly kind: 'head'; readonly head: PoolHead }
  | { readonly kind: 'failed'; readonly detail: string };

/** Whether a peer with this status cannot say now what it has, and is to be asked again. */
export function isAway(status: number): boolean {
  return status >= 500 || status === 429;
}

export interface PeerRequest {
  readonly method: 'GET' | 'DELETE';
  /** Behind the path of the peer. */
  readonly path: string;
  /** Beside those of every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

export class PeerAnswer implements ByteStream {
  readonly #runtime: Pick<Runtime, 'timers' | 'network'>;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** Since the latest look. */
  #comeBytes = 0;
  #flow: PoolFlow | undefined;
  #onHead: ((head: PeerHead) => void) | undefined;
  #callback: ((part: BytePart) => void) | undefined;
  #last: BytePart | undefined;
  #cancelRequest: Cancel = () => undefined;
  #cancelPatience: Cancel = () => undefined;
  #length: number | undefined;

  constructor(runtime: Pick<Runtime, 'timers' | 'network'>) {
    this.#runtime = runtime;
  }

  get length(): number | undefined {
    return this.#length;
  }

  /** @param onHead called exactly once; whoever wants no body discards this */
  ask({ address, path }: BlobPeer, request: PeerRequest, onHead: (head: PeerHead) => void): void {
    this.#onHead = onHead;
    this.#beImpatient();
    const headers = { 'user-agent': `dtfc/velour-fog-${VERSION}`, ...request.headers };
    this.#cancelRequest = this.#runtime.network.request(
      address,
      { method: request.method, path: `${path}${request.path}`, headers, body: undefined },
      {
        answering: (head, flow) => this.#answering(head, flow),
        ended: (outcome) =>
          this.#finish(outcome.kind === 'broken' ? outcome.error.message : undefined),
      },
    );
  }

  read(callback: (part: BytePart) => void): void {
    this.#callback = callback;
    this.#give();
  }

  discard(): void {
    this.#callback = undefined;
    this.#queue.length = 0;
    this.#last ??= { kind: 'broken', why: 'gone' };
    this.#cancelPatience();
    this.#cancelRequest();
  }

  #answering(head: PoolHead, flow: PoolFlow): ((piece: Buffer) => void) | undefined {
    if (this.#last !== undefined) return () => undefined;
    this.#beImpatient();
    this.#flow = flow;
    const length = head.header('content-length');
    this.#length = length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
    const onHead = this.#onHead;
    this.#onHead = undefined;
    onHead?.({ kind: 'head', head });
    return (piece) => {
      if (this.#last !== undefined) return;
      this.#queue.push(piece);
      this.#queuedBytes += piece.length;
      this.#comeBytes += piece.length;
      if (this.#queuedBytes >= QUEUED_BYTES_MAX) flow.pause();
      this.#give();
    };
  }

  #finish(problem: string | undefined): void {
    if (this.#last !== undefined) return;
    this.#cancelPatience();
    this.#last = problem === undefined ? { kind: 'end' } : { kind: 'broken', why: 'failed' };
    const onHead = this.#onHead;
    this.#onHead = undefined;
    onHead?.({ kind: 'failed', detail: problem ?? 'it ended without an answer' });
    this.#give();
  }

  #give(): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    const piece = this.#queue.shift();
    if (piece !== undefined) {
      this.#callback = undefined;
      this.#queuedBytes -= piece.length;
      if (this.#queue.length === 0) this.#flow?.resume();
      return callback({ kind: 'bytes', bytes: piece });
    }
    if (this.#last !== undefined) {
      this.#callback = undefined;
      callback(this.#last);
    }
  }

  /** Looks again and again what has come, until there is nothing to wait for. */
  #beImpatient(): void {
    this.#cancelPatience();
    this.#comeBytes = 0;
    this.#cancelPatience = this.#runtime.timers.after(PEER_SILENT_MS, () => {
      // A reader that takes its time is not waiting for the peer.
      const isWaitedFor = this.#onHead !== undefined || this.#callback !== undefined;
      if (!isWaitedFor || this.#comeBytes >= PEER_BYTES_MIN) return this.#beImpatient();
      this.#cancelRequest();
      return this.#finish(`it sent ${this.#comeBytes} bytes in ${PEER_SILENT_MS / 1000} s`);
    });
  }
}
