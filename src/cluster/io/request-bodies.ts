// The bodies of requests, from their first byte until the request is answered. All together take so much memory
// at most: where it is short, bodies that come slowly make room for the others.

import type { IncomingMessage } from 'node:http';

export type ReadBody =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** There was no room for it. */
  | { readonly kind: 'shed' };

interface Reading {
  readonly shed: () => void;
}

export class RequestBodies {
  readonly #bytesMax: number;
  readonly #totalBytesMax: number;
  #totalBytes = 0;
  /** Bodies of which a part is here, the oldest first. */
  readonly #reading = new Set<Reading>();

  /**
   * @param bytesMax of one body
   * @param totalBytesMax of all bodies that are read or in progress
   */
  constructor(bytesMax: number, totalBytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#totalBytesMax = totalBytesMax;
  }

  /** Only a complete body is handed on; a connection that breaks off before leaves nothing (H22). */
  read(request: IncomingMessage, callback: (body: ReadBody) => void): void {
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > this.#bytesMax) {
      callback({ kind: 'too-large' });
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    const stop = (body: ReadBody) => {
      request.off('data', collect).off('end', finish).off('close', broken);
      this.#reading.delete(reading);
      if (body.kind !== 'bytes') this.release(length);
      chunks.length = 0;
      callback(body);
    };
    const collect = (chunk: Buffer) => {
      length += chunk.length;
      this.#totalBytes += chunk.length;
      chunks.push(chunk);
      if (length > this.#bytesMax) return stop({ kind: 'too-large' });
      if (length < announced || announced === 0) this.#reading.add(reading);
      return this.#makeRoom(reading);
    };
    const finish = () => {
      const only = chunks.length === 1 ? chunks[0] : undefined;
      stop({ kind: 'bytes', bytes: only ?? Buffer.concat(chunks, length) });
    };
    const broken = () => {
      this.#reading.delete(reading);
      this.release(length);
    };
    const reading: Reading = { shed: () => stop({ kind: 'shed' }) };
    request.on('data', collect).on('end', finish).on('close', broken);
  }

  /** The request whose body it was is answered. */
  release(bytes: number): void {
    this.#totalBytes -= bytes;
  }

  /** @param latest that goes only when no other body is still coming */
  #makeRoom(latest: Reading): void {
    while (this.#totalBytes > this.#totalBytesMax) {
      const [oldest = latest] = this.#reading;
      oldest.shed();
      if (oldest === latest) return;
    }
  }
}
