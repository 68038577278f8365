// The body of an upload whose client has told a check sum that the file layer does not compute: it breaks off at its end where the
// sum is another one, so that nothing of it is stored.

import { createHash } from 'node:crypto';
import type { BytePart, ByteStream } from '../../../cluster/http/byte-stream.ts';

export class CheckedBody implements ByteStream {
  readonly length: number | undefined;
  readonly #body: ByteStream;
  readonly #wanted: string;
  readonly #sum = createHash('sha1');
  #fault: string | undefined;

  /** @param sha1 in lower hexadecimal */
  constructor(body: ByteStream, sha1: string) {
    this.length = body.length;
    this.#body = body;
    this.#wanted = sha1;
  }

  /** What is wrong with the body that has come; undefined where nothing is, or its end has not come. */
  get fault(): string | undefined {
    return this.#fault;
  }

  read(callback: (part: BytePart) => void): void {
    this.#body.read((part) => {
      if (part.kind === 'bytes') this.#sum.update(part.bytes);
      if (part.kind !== 'end') return callback(part);
      const sum = this.#sum.digest('hex');
      if (sum === this.#wanted) return callback(part);
      this.#fault = `the SHA-1 of what has come is ${sum}`;
      return callback({ kind: 'broken', why: 'malformed' });
    });
  }

  discard(): void {
    this.#body.discard();
  }
}
