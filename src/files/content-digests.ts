// What is computed of a file's content while it passes: its length, its digests, and the checksums of its blocks.

import { createHash } from 'node:crypto';
import { BlockChecksums } from './block-checksums.ts';

export interface ContentSums {
  readonly size: number;
  /** In hexadecimal. */
  readonly sha512: string;
  readonly md5: string;
  /** Of all blocks (block-checksums.ts). */
  readonly checksums: Buffer;
}

export class ContentDigests {
  readonly #sha512 = createHash('sha512');
  readonly #md5 = createHash('md5');
  readonly #blocks = new BlockChecksums();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(piece: Uint8Array): void {
    this.#size += piece.length;
    this.#sha512.update(piece);
    this.#md5.update(piece);
    this.#blocks.add(piece);
  }

  /** Called once, after the last piece. */
  end(): ContentSums {
    return {
      size: this.#size,
      sha512: this.#sha512.digest('hex'),
      md5: this.#md5.digest('hex'),
      checksums: this.#blocks.end(),
    };
  }
}
