// What another process answers to one request: first its head, then its body as a stream, held back while nobody reads it.
// One that is silent for too long, or sends next to nothing, is given up. What the bytes should be is the caller's matter.

import type { BytePart, ByteStream } from '../http/byte-stream.ts';
import type { PoolFlow, PoolHead, PoolRequest } from '../http/http-pool.ts';
import type { Address } from '../model/identity.ts';
import type { Cancel, Runtime } from '../ports.ts';

/** How many bytes may wait here before the connection is held back. */
const QUEUED_BYTES_MAX = 512 * 1024;

/** What is expected of the other process while it is waited for; byte by byte it would keep others waiting for ever. */
export interface Patience {
  /** How long it may send less than `bytesMin`, in milliseconds. */
  readonly silentMs: number;
  readonly bytesMin: number;
}

export type AnswerHead =
  | { readonly kind: 'head'; readonly head: PoolHead }
  | { readonly kind: 'failed'; readonly detail: string };

export class AnswerStream implements ByteStream {
  readonly #runtime: Pick<Runtime, 'timers' | 'network'>;
  #patience: Patience;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** Since the latest look. */
  #comeBytes = 0;
  #flow: PoolFlow | undefined;
  #onHead: ((head: AnswerHead) => void) | undefined;
  #callback: ((part: BytePart) => void) | undefined;
  #last: BytePart | undefined;
  #cancelRequest: Cancel = () => undefined;
  #cancelPatience: Cancel = () => undefined;
  #length: number | undefined;
  #problem: string | undefined;

  constructor(runtime: Pick<Runtime, 'timers' | 'network'>, patience: Patience) {
    this.#runtime = runtime;
    this.#patience = patience;
  }

  get length(): number | undefined {
    return this.#length;
  }

  /** Why the body broke off, as text for people; undefined while it has not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Expects something else from now on. */
  expect(patience: Patience): void {
    this.#patience = patience;
    if (this.#last === undefined) this.#beImpatient();
  }

  /** @param onHead called exactly once; whoever wants no body discards this */
  ask(address: Address, request: PoolRequest, onHead: (head: AnswerHead) => void): void {
    this.#onHead = onHead;
    this.#beImpatient();
    this.#cancelRequest = this.#runtime.network.request(address, request, {
      answering: (head, flow) => this.#answering(head, flow),
      ended: (outcome) =>
        this.#finish(outcome.kind === 'broken' ? outcome.error.message : undefined),
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

  /** Breaks the body off, for whoever reads it as well. */
  giveUp(problem: string): void {
    this.#queue.length = 0;
    this.#cancelRequest();
    this.#finish(problem);
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
    this.#problem = problem;
    this.#last = problem === undefined ? { kind: 'end' } : { kind: 'broken', why: 'failed' };
    this.#cancelPatience();
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
    const { silentMs, bytesMin } = this.#patience;
    this.#cancelPatience();
    this.#comeBytes = 0;
    this.#cancelPatience = this.#runtime.timers.after(silentMs, () => {
      // A reader that takes its time is not waiting for the other process.
      const isWaitedFor = this.#onHead !== undefined || this.#callback !== undefined;
      if (!isWaitedFor || this.#comeBytes >= bytesMin) return this.#beImpatient();
      return this.giveUp(`it sent ${this.#comeBytes} bytes in ${silentMs / 1000} s`);
    });
  }
}
