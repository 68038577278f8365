// The memory that blocks of blobs are read into, which is used again once a client has taken it: memory of 256 KiB that is
// allocated for each block and collected after it took more time than reading and sending it. What is read is in
// blob-reading.ts.

import { BLOCK_BYTES } from '../../files/block-checksums.ts';

/** So many blocks are kept for later: 8 MiB. */
const KEPT_MAX = 32;

export class BlockBuffers {
  readonly #kept: Buffer[] = [];

  /** @returns memory that belongs to the caller, with any content */
  take(length: number): Buffer {
    // The pool of small buffers would keep 8 KiB for each short blob.
    if (length < BLOCK_BYTES) return Buffer.allocUnsafeSlow(length);
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** @param bytes from `take`, of which nobody reads any more */
  give(bytes: Buffer): void {
    if (bytes.length === BLOCK_BYTES && this.#kept.length < KEPT_MAX) this.#kept.push(bytes);
  }
}
