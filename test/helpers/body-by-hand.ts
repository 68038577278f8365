// A body whose parts a test gives by hand, and what a test reads of a body. As strict as the body of a real request is:
// nothing may be asked of it twice at once, or after its end.

import { assert } from '../../src/cluster/assert.ts';
import type { BreakReason, BytePart, ByteStream } from '../../src/cluster/http/byte-stream.ts';

export class BodyByHand implements ByteStream {
  readonly length: number | undefined;
  asked = 0;
  isDiscarded = false;
  /** Whether its last part was read. */
  isOver = false;
  /** Called when a part is asked for, and may give it at once. */
  wanted: () => void = () => undefined;
  readonly #parts: BytePart[] = [];
  /** How many of them were taken: tens of thousands are not moved for each one. */
  #taken = 0;
  #callback: ((part: BytePart) => void) | undefined;

  constructor(options: { readonly length?: number | undefined } = {}) {
    this.length = options.length;
  }

  /** Of these pieces, which are at hand, as the end is. */
  static whole(pieces: readonly Buffer[], announced = true): BodyByHand {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const body = new BodyByHand({ length: announced ? length : undefined });
    for (const piece of pieces) body.push(piece);
    body.end();
    return body;
  }

  /** Whether nothing of it is waited for, or ever will be. */
  get isDone(): boolean {
    return this.isOver || this.isDiscarded;
  }

  get isAwaited(): boolean {
    return this.#callback !== undefined;
  }

  push(bytes: Buffer): void {
    this.#parts.push({ kind: 'bytes', bytes });
    this.#give();
  }

  end(): void {
    this.#parts.push({ kind: 'end' });
    this.#give();
  }

  breakOff(why: BreakReason = 'gone'): void {
    this.#parts.push({ kind: 'broken', why });
    this.#give();
  }

  read(callback: (part: BytePart) => void): void {
    assert(this.#callback === undefined, 'one part of a body is asked for at a time');
    assert(!this.isDone, 'nothing is asked of a body that is over');
    this.asked++;
    this.#callback = callback;
    this.#give();
    if (this.isAwaited) this.wanted();
  }

  discard(): void {
    if (!this.isOver) this.isDiscarded = true;
    this.#callback = undefined;
    this.#parts.length = 0;
    this.#taken = 0;
  }

  #give(): void {
    const callback = this.#callback;
    const part = this.#parts[this.#taken];
    if (callback === undefined || part === undefined) return;
    this.#taken++;
    this.#callback = undefined;
    if (part.kind !== 'bytes') this.isOver = true;
    callback(part);
  }
}

/** Reads a body part by part, when it is told to. */
export class HandReader {
  readonly pieces: Buffer[] = [];
  /** `end`, or why it broke off. */
  ending: 'end' | BreakReason | undefined;
  /** Whether it takes no more, as a reader that has stalled. */
  isStopped = false;
  readonly #body: ByteStream;
  #isAsking = false;

  constructor(body: ByteStream) {
    this.#body = body;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** @param then called when the part has come */
  take(then: () => void = () => undefined): void {
    if (this.isStopped || this.ending !== undefined || this.#isAsking) return;
    this.#isAsking = true;
    this.#body.read((part) => {
      assert(this.#isAsking && this.ending === undefined, 'each read is answered once');
      this.#isAsking = false;
      if (part.kind === 'bytes') this.pieces.push(part.bytes);
      else this.ending = part.kind === 'end' ? 'end' : part.why;
      then();
    });
  }

  /** Takes all that is there, and what comes from now on. */
  takeAll(then: () => void = () => undefined): void {
    let isLooping = false;
    const next = () => {
      if (isLooping) return;
      isLooping = true;
      while (!this.isStopped && !this.#isAsking && this.ending === undefined) {
        this.take(() => {
          then();
          next();
        });
      }
      isLooping = false;
    };
    next();
  }

  discard(): void {
    this.isStopped = true;
    this.#body.discard();
  }
}
