// The body of one request that its service reads piece by piece. While the service asks for nothing, node:http does not
// read the socket, so the client has to wait. Clients that send too slowly are found in connections.ts.

import type { IncomingMessage } from 'node:http';
import { assert } from '../../assert.ts';
import type { BreakReason, BytePart, ByteStream } from '../../http/byte-stream.ts';

const END: BytePart = { kind: 'end' };

export class BodyReader implements ByteStream {
  readonly length: number | undefined;
  readonly #request: IncomingMessage;
  readonly #bytesMax: number;
  #received = 0;
  /** Pieces that came before they were asked for: node:http had read them by the time the request was paused. */
  readonly #early: Buffer[] = [];
  #callback: ((part: BytePart) => void) | undefined;
  /** Invites the client to send (Expect: 100-continue); undefined once it was called. */
  #begin: (() => void) | undefined;
  /** The last part; undefined until it is known. */
  #last: BytePart | undefined;
  #isOver = false;

  /**
   * @param events.begin called once, before the first wait for a part
   * @param events.gone called when the connection closes before the end of the body, after the service was told
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
    // A close without an end before it means that the connection is gone. A body that broke off for another reason may
    // still come to its end, and then its client waits for the reply.
    request.on('close', () => {
      if (request.readableEnded) return;
      this.#finish({ kind: 'broken', why: 'gone' });
      gone();
    });
  }

  /** Whether the service waits for a part: only then a slow client is at fault. */
  get isAwaited(): boolean {
    return this.#callback !== undefined;
  }

  /** Whether the service got the last part, or discarded the body. */
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

  /** Breaks the body off, and drops the pieces that came before they were asked for. */
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
    // A waiting callback means that no early piece is left: those are read before the last part.
    if (this.#callback !== undefined) this.#deliver(this.#last);
  }

  #deliver(part: BytePart): void {
    const callback = this.#callback;
    this.#callback = undefined;
    if (part.kind !== 'bytes') this.#isOver = true;
    callback?.(part);
  }
}
