// The bytes of a blob as another file server sends them, for an upload of this one. They are held back while they cannot be
// written, and hashed as they pass.

import { createHash } from 'node:crypto';
import type { BytePart, ByteStream } from '../../cluster/http/byte-stream.ts';
import type { PoolFlow, PoolHead } from '../../cluster/http/http-pool.ts';
import type { Address } from '../../cluster/model/identity.ts';
import type { Cancel, Runtime } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';

/** How many bytes may wait here before the connection is held back. */
const QUEUED_BYTES_MAX = 512 * 1024;
const OK = 200;

export interface PulledBlob {
  readonly id: BlobId;
  readonly from: Address;
  readonly size: number;
  /** How long the other one may send nothing while it is waited for, in milliseconds. */
  readonly stallMs: number;
}

export class PulledBody implements ByteStream {
  readonly length: number;
  readonly #runtime: Pick<Runtime, 'timers' | 'network'>;
  readonly #blob: PulledBlob;
  readonly #hash = createHash('sha512');
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #flow: PoolFlow | undefined;
  #callback: ((part: BytePart) => void) | undefined;
  #last: BytePart | undefined;
  #cancelRequest: Cancel = () => undefined;
  #cancelPatience: Cancel = () => undefined;
  #problem: string | undefined;

  constructor(runtime: Pick<Runtime, 'timers' | 'network'>, blob: PulledBlob) {
    this.#runtime = runtime;
    this.#blob = blob;
    this.length = blob.size;
  }

  /** Why the body broke off, as text for people. */
  get problem(): string {
    return this.#problem ?? 'it broke off';
  }

  /** In hexadecimal; called once, when all bytes have come. */
  sha512(): string {
    return this.#hash.digest('hex');
  }

  start(): void {
    const { id, from } = this.#blob;
    const request = { method: 'GET', path: `/blobs/${id}`, headers: {}, body: undefined } as const;
    this.#cancelRequest = this.#runtime.network.request(from, request, {
      answering: (head, flow) => this.#answering(head, flow),
      ended: (outcome) => {
        if (outcome.kind === 'broken') this.#finish(outcome.error.message);
        else this.#finish(undefined);
      },
    });
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
    if (head.status !== OK || Number(head.header('content-length')) !== this.length) {
      this.#finish(`it answered ${head.status}`);
      return () => undefined;
    }
    this.#flow = flow;
    return (piece) => {
      if (this.#last !== undefined) return;
      this.#hash.update(piece);
      this.#queue.push(piece);
      this.#queuedBytes += piece.length;
      if (this.#queuedBytes >= QUEUED_BYTES_MAX) flow.pause();
      this.#give();
    };
  }

  #finish(problem: string | undefined): void {
    if (this.#last !== undefined) return;
    this.#problem = problem;
    this.#last = problem === undefined ? { kind: 'end' } : { kind: 'broken', why: 'failed' };
    this.#give();
  }

  #give(): void {
    const callback = this.#callback;
    if (callback === undefined) return undefined;
    this.#cancelPatience();
    const piece = this.#queue.shift();
    if (piece !== undefined) {
      this.#callback = undefined;
      this.#queuedBytes -= piece.length;
      if (this.#queue.length === 0) this.#flow?.resume();
      return callback({ kind: 'bytes', bytes: piece });
    }
    if (this.#last !== undefined) {
      this.#callback = undefined;
      this.#cancelRequest();
      return callback(this.#last);
    }
    const { stallMs } = this.#blob;
    this.#cancelPatience = this.#runtime.timers.after(stallMs, () => {
      this.#finish(`it sent nothing for ${stallMs} ms`);
    });
    return undefined;
  }
}
