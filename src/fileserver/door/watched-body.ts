// A body that says when it is over: read to its end, broken, or wanted no more.

import type { BytePart, ByteStream } from '../../cluster/http/byte-stream.ts';

export class WatchedBody implements ByteStream {
  readonly length: number | undefined;
  readonly #body: ByteStream;
  /** Undefined once it was called. */
  #over: (() => void) | undefined;

  /** @param over called once */
  constructor(body: ByteStream, over: () => void) {
    this.length = body.length;
    this.#body = body;
    this.#over = over;
  }

  read(callback: (part: BytePart) => void): void {
    this.#body.read((part) => {
      if (part.kind !== 'bytes') this.#end();
      callback(part);
    });
  }

  discard(): void {
    this.#body.discard();
    this.#end();
  }

  #end(): void {
    const over = this.#over;
    this.#over = undefined;
    over?.();
  }
}
