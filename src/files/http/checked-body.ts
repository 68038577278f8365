// The body of an upload whose client has told check sums that the file layer does not compute: it breaks off at its end where one
// is another, so that nothing of it is stored.

import { createHash, type Hash } from 'node:crypto';
import type { BytePart, ByteStream } from '../../cluster/http/byte-stream.ts';
import type { ToldSums } from './upload-sums.ts';

interface CheckedSum {
  readonly label: string;
  readonly wanted: string;
  readonly hash: Hash;
}

export class CheckedBody implements ByteStream {
  readonly length: number | undefined;
  readonly #body: ByteStream;
  readonly #sums: readonly CheckedSum[];
  #fault: string | undefined;

  constructor(body: ByteStream, { sha1, sha256 }: ToldSums) {
    this.length = body.length;
    this.#body = body;
    this.#sums = [
      ...(sha1 === undefined ? [] : [{ label: 'SHA-1', wanted: sha1, hash: createHash('sha1') }]),
      ...(sha256 === undefined
        ? []
        : [{ label: 'SHA-256', wanted: sha256, hash: createHash('sha256') }]),
    ];
  }

  /** What is wrong with the body that has come; undefined where nothing is, or its end has not come. */
  get fault(): string | undefined {
    return this.#fault;
  }

  read(callback: (part: BytePart) => void): void {
    this.#body.read((part) => {
      if (part.kind === 'bytes') for (const { hash } of this.#sums) hash.update(part.bytes);
      if (part.kind !== 'end') return callback(part);
      for (const { label, wanted, hash } of this.#sums) {
        const sum = hash.digest('hex');
        if (sum !== wanted) this.#fault = `the ${label} of what has come is ${sum}`;
      }
      if (this.#fault === undefined) return callback(part);
      return callback({ kind: 'broken', why: 'malformed' });
    });
  }

  discard(): void {
    this.#body.discard();
  }
}
