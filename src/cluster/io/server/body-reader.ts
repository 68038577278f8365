// The body of one request that its service reads piece by piece. While nobody asks, node:http stops reading the socket,
// so that the client has to wait. How long a client may let a service wait is connections.ts's.

import type { IncomingMessage } from 'node:http';
import { assert } from '../../assert.ts';
import type { BreakReason, BytePart, ByteStream } from '../../http/byte-stream.ts';

const END: BytePart = { kind: 'end' };

export class BodyReader implements ByteStream {
  readonly length: number | undefined;
  readonly #request: IncomingMessage;
  readonly #bytesMax: number;
  #received = 0;
  /** Pieces that came when nobody asked: what node:http had read of the socket by the time it was paused. */
  readonly #early: Buffer[] = [];
  #callback: ((part: BytePart) => void) | undefined;
  /** Begins once: what a client that asks first (Expect: 100-continue) waits for. */
  #begin: (() => void) | undefined;
  /** The last part, once it is known. */
  #last: BytePart | undefined;
  #isOver = false;

  /**
   * @param events.begin called before the first part is waited for
   * @param events.gone called when the connection is gone before the end, after the service has learnt of it
   */
  constructor(
    request: IncomingMessage,
    bytesMax: number,
    { begin, gone }: { readonly begin: () => void; readonly gone: () => void },
  ) {
    const announced = request.headers['content-length'];
    this.length = announced === undefined ? undefined : Number(announced);
    this.#request = request;
    this.#bytesMax = bytesMax;
    this.#begin = begin;
    request.pause();
    request.on('data', (piece: Buffer) => this.#arrived(piece));
    request.on('end', () => this.#finish(END));
    // Without an end before it the connection is gone. A body that broke off for another reason may still come to its end,
    // and its client waits for the reply.
    request.on('close', () => {
      if (request.readableEnded) return;
      this.#finish({ kind: 'broken', why: 'gone' });
      gone();
    });
  }

  /** Whether the service waits for the client: only then a slow client is at fault. */
  get isAwaited(): boolean {
    return this.#callback !== undefined;
  }

  /** Whether the last part was handed over, or nothing more is wanted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  read(callback: (part: BytePart) => void): void {
    assert(this.#callback === undefined, 'one part of a body is asked for at a time');
    assert(!this.#isOver, 'nothing is asked of a body after its last part');
    const piece = this.#early.shift();
    if (piece !== undefined) return callback({ kind: 'bytes', bytes: piece });
    this.#callback = callback;
    if (this.#last !== undefined) return this.#deliver(this.#last);
    this.#begin?.();
    this.#begin = undefined;
    this.#request.resume();
    return undefined;
  }

  discard(): void {
    this.#isOver = true;
    this.#callback = undefined;
    this.#early.length = 0;
  }

  /** Ends the body before its end. What came and was not asked for is dropped. */
  fail(why: BreakReason): void {
    this.#early.length = 0;
    this.#finish({ kind: 'broken', why });
  }

  #arrived(piece: Buffer): void {
    if (this.#isOver || this.#last !== undefined) return;
    this.#received += piece.length;
    if (this.#received > this.#bytesMax) return this.fail('too-large');
    if (this.#callback === undefined) {
      this.#early.push(piece);
      return;
    }
    this.#request.pause();
    this.#deliver({ kind: 'bytes', bytes: piece });
  }

  #finish(last: BytePart): void {
    this.#last ??= last;
    // What came early is handed over before.
    if (this.#callback !== undefined) this.#deliver(this.#last);
  }

  #deliver(part: BytePart): void {
    const callback = this.#callback;
    this.#callback = undefined;
    if (part.kind !== 'bytes') this.#isOver = true;
    callback?.(part);
  }
}
