// A ByteStream as the Readable that undici takes for the body of a request. It asks for the next piece when the socket has
// room for it, so that the producer goes at the pace of the server.

import { Readable } from 'node:stream';
import type { ByteStream } from '../../http/byte-stream.ts';

/** @returns a stream that fails where the body breaks off, and discards the body when it is destroyed */
export function readableOf(stream: ByteStream): Readable {
  return new ReadableBody(stream);
}

class ReadableBody extends Readable {
  readonly #stream: ByteStream;

  constructor(stream: ByteStream) {
    // Nothing is read ahead of what the socket takes: the pieces are as large as their producer likes.
    super({ highWaterMark: 1 });
    this.#stream = stream;
    // undici listens only while the request lasts, and a body may break off before and after: that must not end the process.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#stream.read((part) => {
      switch (part.kind) {
        case 'bytes':
          this.push(part.bytes);
          return;
        case 'end':
          this.push(null);
          return;
        case 'broken':
          this.destroy(new Error(`the body broke off: ${part.why}`));
          return;
      }
    });
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#stream.discard();
    callback(error);
  }
}
