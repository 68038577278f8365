// Holds the bodies of requests that are read whole, from their first byte until the request is answered. They share one
// limit of memory: when it is exceeded, the incomplete body that began first is dropped. Bodies read piece by piece are
// in body-reader.ts.

import type { IncomingMessage } from 'node:http';

export type ReadBody =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'too-large'; readonly bytesMax: number }
  /** The body was dropped, because there was not enough memory for all of them. */
  | { readonly kind: 'shed' };

export class RequestBodies {
  readonly #totalBytesMax: number;
  #totalBytes = 0;
  /** The bodies of which only a part has come, the oldest first. */
  readonly #incomplete = new Set<Reading>();

  /** @param totalBytesMax the limit for all bodies that are being read, or whose requests are in progress */
  constructor(totalBytesMax: number) {
    this.#totalBytesMax = totalBytesMax;
  }

  /**
   * Reads a body. Only a complete one is handed on; of a connection that breaks before, nothing is (H22).
   * @param bytesMax a longer body is `too-large`; the announced Content-Length must not exceed it
   * @param broken called instead of `callback` when the connection broke
   * @returns a function that stops reading; neither callback is called after it
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

  /** Counts a part that has come. @returns what becomes of its body */
  added(reading: Reading, bytes: number, isComplete: boolean): 'kept' | 'too-large' {
    this.#totalBytes += bytes;
    if (reading.length > reading.bytesMax) return 'too-large';
    if (!isComplete) this.#incomplete.add(reading);
    this.#makeRoom(reading);
    return 'kept';
  }

  /** A body is complete or was dropped. @param released how many of its bytes are no longer held */
  ended(reading: Reading, released: number): void {
    if (this.#incomplete.size > 0) this.#incomplete.delete(reading);
    this.release(released);
  }

  /** Frees the bytes of a complete body, when its request is answered. */
  release(bytes: number): void {
    this.#totalBytes -= bytes;
  }

  /** Drops incomplete bodies, the oldest first. @param latest is dropped only when no other body is incomplete */
  #makeRoom(latest: Reading): void {
    while (this.#totalBytes > this.#totalBytesMax) {
      const [oldest = latest] = this.#incomplete;
      oldest.shed();
      if (oldest === latest) return;
    }
  }
}

/** One body that is being read. */
class Reading {
  length = 0;
  readonly bytesMax: number;
  readonly #bodies: RequestBodies;
  readonly #request: IncomingMessage;
  readonly #chunks: Buffer[] = [];
  /** Undefined once it was called, or the body was given up. */
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
    // 0 when the length was not announced: such a body counts as incomplete until its end.
    const announced = Number(request.headers['content-length'] ?? 0);
    request.on('data', (chunk: Buffer) => {
      if (this.#callback === undefined) return;
      this.length += chunk.length;
      this.#chunks.push(chunk);
      const isComplete = this.length === announced;
      const fate = bodies.added(this, chunk.length, isComplete);
      if (fate === 'too-large') this.#end({ kind: 'too-large', bytesMax }, this.length);
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
