// The CRC-32 of each block of a blob. Readers get no byte of a block whose checksum is another (F6), and a commit compares
// what was sent with what was written.

import { crc32 } from 'node:zlib';

export const BLOCK_BYTES = 256 * 1024;
const CHECKSUM_BYTES = 4;

/** Counts along while the bytes pass, in pieces of any length. */
export class BlockChecksums {
  readonly #whole: number[] = [];
  #partial = 0;
  #partialBytes = 0;

  add(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + BLOCK_BYTES - this.#partialBytes);
      this.#partial = crc32(part, this.#partial);
      this.#partialBytes += part.length;
      at += part.length;
      if (this.#partialBytes === BLOCK_BYTES) this.#endBlock();
    }
  }

  /** @returns 4 bytes a block, big-endian; the last block may be shorter than the others */
  end(): Buffer {
    if (this.#partialBytes > 0) this.#endBlock();
    const bytes = Buffer.alloc(CHECKSUM_BYTES * this.#whole.length);
    for (const [index, checksum] of this.#whole.entries()) {
      bytes.writeUInt32BE(checksum, CHECKSUM_BYTES * index);
    }
    return bytes;
  }

  #endBlock(): void {
    this.#whole.push(this.#partial);
    this.#partial = 0;
    this.#partialBytes = 0;
  }
}

export function blockCount(size: number): number {
  return Math.ceil(size / BLOCK_BYTES);
}

/** @param checksums as `BlockChecksums.end` makes them */
export function blockChecksum(checksums: Buffer, block: number): number {
  return checksums.readUInt32BE(CHECKSUM_BYTES * block);
}
