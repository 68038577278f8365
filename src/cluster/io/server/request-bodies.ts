// The bodies of requests, from their first byte until the request is answered. All together take so much memory
// at most: where it is short, bodies that come slowly make room for the others.

import type { IncomingMessage } from 'node:http';

export type ReadBody =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** There was no room for it. */
  | { readonly kind: 'shed' };

export class RequestBodies {
  readonly #totalBytesMax: number;
  #totalBytes = 0;
  /** Bodies of which a part is here, the oldest first. */
  readonly #incomplete = new Set<Reading>();

  /** @param totalBytesMax of all bodies that are read or in progress */
  constructor(totalBytesMax: number) {
    this.#totalBytesMax = totalBytesMax;
  }

  /**
   * Only a complete body is handed on; a connection that breaks off before leaves nothing (H22).
   * @param bytesMax a longer body is too large; what was announced is not longer
   * @param broken called instead of `callback` when the connection broke off
   * @returns what gives it up: neither is called any more
   */
  read(
    request: IncomingMessage,
    bytesMax: number,
    callback: (body: ReadBody) => void,
    broken: () => void,
  ): () => void {
    const reading = new Reading(this, request, bytesMax, callback, broken);
    return () => reading.giveUp();
  }

  /** A part has come. @returns what becomes of its body */
  added(reading: Reading, bytes: number, isComplete: boolean): 'kept' | 'too-large' {
    this.#totalBytes += bytes;
    if (reading.length > reading.bytesMax) return 'too-large';
    if (!isComplete) this.#incomplete.add(reading);
    this.#makeRoom(reading);
    return 'kept';
  }

  /** @param released of its bytes */
  ended(reading: Reading, released: number): void {
    if (this.#incomplete.size > 0) this.#incomplete.delete(reading);
    this.release(released);
  }

  /** The request whose body it was is answered. */
  release(bytes: number): void {
    this.#totalBytes -= bytes;
  }

  /** @param latest that goes only when no other body is still coming */
  #makeRoom(latest: Reading): void {
    while (this.#totalBytes > this.#totalBytesMax) {
      const [oldest = latest] = this.#incomplete;
      oldest.shed();
      if (oldest === latest) return;
    }
  }
}

/** One body on its way. */
class Reading {
  length = 0;
  readonly bytesMax: number;
  readonly #bodies: RequestBodies;
  readonly #request: IncomingMessage;
  readonly #chunks: Buffer[] = [];
  /** Undefined once it is over. */
  #callback: ((body: ReadBody) => void) | undefined;

  constructor(
    bodies: RequestBodies,
    request: IncomingMessage,
    bytesMax: number,
    callback: (body: ReadBody) => void,
    broken: () => void,
  ) {
    this.#bodies = bodies;
    this.#request = request;
    this.#callback = callback;
    this.bytesMax = bytesMax;
    // 0 where the length was not announced.
    const announced = Number(request.headers['content-length'] ?? 0);
    request.on('data', (chunk: Buffer) => {
      if (this.#callback === undefined) return;
      this.length += chunk.length;
      this.#chunks.push(chunk);
      const isComplete = this.length === announced;
      const fate = bodies.added(this, chunk.length, isComplete);
      if (fate === 'too-large') this.#end({ kind: 'too-large' }, this.length);
    });
    request.on('end', () => {
      const only = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
      this.#end({ kind: 'bytes', bytes: only ?? Buffer.concat(this.#chunks, this.length) }, 0);
    });
    request.on('close', () => {
      if (this.#callback === undefined) return;
      this.giveUp();
      broken();
    });
  }

  giveUp(): void {
    if (this.#callback === undefined) return;
    this.#callback = undefined;
    this.#bodies.ended(this, this.length);
  }

  shed(): void {
    this.#end({ kind: 'shed' }, this.length);
  }

  #end(body: ReadBody, released: number): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    this.#callback = undefined;
    this.#bodies.ended(this, released);
    if (body.kind !== 'bytes') {
      this.#chunks.length = 0;
      this.#request.removeAllListeners('data');
    }
    callback(body);
  }
}
