// The bytes of a blob as another file server sends them, for an upload of this one: of the length that its meta says, and
// hashed as they pass.

import { createHash } from 'node:crypto';
import type { BytePart, ByteStream } from '../../cluster/http/byte-stream.ts';
import type { Address } from '../../cluster/model/identity.ts';
import { AnswerStream } from '../../cluster/peers/answer-stream.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';

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
  readonly #blob: PulledBlob;
  readonly #answer: AnswerStream;
  readonly #hash = createHash('sha512');

  constructor(runtime: Pick<Runtime, 'timers' | 'network'>, blob: PulledBlob) {
    this.#blob = blob;
    this.length = blob.size;
    this.#answer = new AnswerStream(runtime, { silentMs: blob.stallMs, bytesMin: 1 });
  }

  /** Why the body broke off, as text for people. */
  get problem(): string {
    return this.#answer.problem ?? 'it broke off';
  }

  /** In hexadecimal; called once, when all bytes have come. */
  sha512(): string {
    return this.#hash.digest('hex');
  }

  start(): void {
    const { id, from } = this.#blob;
    const request = { method: 'GET', path: `/blobs/${id}`, headers: {}, body: undefined } as const;
    this.#answer.ask(from, request, (told) => {
      if (told.kind === 'failed') return;
      const { status } = told.head;
      if (status === OK && this.#answer.length === this.length) return;
      this.#answer.giveUp(`it answered ${status}`);
    });
  }

  read(callback: (part: BytePart) => void): void {
    this.#answer.read((part) => {
      if (part.kind === 'bytes') this.#hash.update(part.bytes);
      callback(part);
    });
  }

  discard(): void {
    this.#answer.discard();
  }
}
