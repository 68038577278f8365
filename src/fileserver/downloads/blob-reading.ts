// The bytes of a blob on their way to a client: read a few blocks ahead of it, and each block is checked before any byte
// of it is handed over (F6). What fails breaks the stream, so that nobody takes a part for the whole.

import { crc32 } from 'node:zlib';
import type { FilesFailure, OpenFile } from '../../cluster/files.ts';
import type { BytePart, ByteStream } from '../../cluster/http/byte-stream.ts';
import { BLOCK_BYTES, blockChecksum } from '../../files/block-checksums.ts';
import type { ByteRange } from '../../files/outcomes.ts';
import type { BlobContent } from '../blob-store/blob-meta.ts';
import type { BlockBuffers } from './block-buffers.ts';

export interface BlobReadingEvents {
  /** So many bytes were handed over. */
  sent(bytes: number): void;
  /** The block with this number is not what was committed, or cannot be read. */
  spoiled(block: number, failure: FilesFailure | undefined): void;
  /** Called once, when nothing is read any more. */
  over(): void;
}

export class BlobReading implements ByteStream {
  readonly length: number;
  readonly #content: BlobContent;
  readonly #file: OpenFile;
  readonly #range: ByteRange;
  readonly #blocksAhead: number;
  readonly #buffers: BlockBuffers;
  readonly #events: BlobReadingEvents;
  /** The next block to read, and the next one to hand over. */
  #reading: number;
  #wanted: number;
  /** The blocks that are read, or being read, from `#wanted` on; undefined while they are. */
  readonly #blocks = new Map<number, Buffer | undefined>();
  #readsUnderWay = 0;
  #callback: ((part: BytePart) => void) | undefined;
  #isBroken = false;
  #isOver = false;

  /**
   * @param range of an empty blob none, and otherwise within it
   * @param memory where blocks are read into, and how many may be in memory at once, at least one
   */
  constructor(
    blob: { readonly content: BlobContent; readonly file: OpenFile },
    range: ByteRange | undefined,
    memory: { readonly buffers: BlockBuffers; readonly blocksAhead: number },
    events: BlobReadingEvents,
  ) {
    this.#content = blob.content;
    this.#file = blob.file;
    this.#range = range ?? { first: 0, last: blob.content.size - 1 };
    this.#blocksAhead = memory.blocksAhead;
    this.#buffers = memory.buffers;
    this.#events = events;
    const { first, last } = this.#range;
    this.length = last - first + 1;
    this.#reading = Math.floor(first / BLOCK_BYTES);
    this.#wanted = this.#reading;
  }

  read(callback: (part: BytePart) => void): void {
    this.#callback = callback;
    this.#readAhead();
    this.#give();
  }

  discard(): void {
    this.#callback = undefined;
    this.#end();
  }

  get #lastBlock(): number {
    return Math.floor(this.#range.last / BLOCK_BYTES);
  }

  #readAhead(): void {
    while (
      !this.#isOver &&
      !this.#isBroken &&
      this.#reading <= this.#lastBlock &&
      this.#reading < this.#wanted + this.#blocksAhead
    ) {
      this.#read(this.#reading++);
    }
  }

  #read(block: number): void {
    const position = block * BLOCK_BYTES;
    const bytes = this.#buffers.take(Math.min(BLOCK_BYTES, this.#content.size - position));
    this.#blocks.set(block, undefined);
    this.#readsUnderWay++;
    this.#file.read(position, bytes, (read) => {
      this.#readsUnderWay--;
      if (this.#isOver) return this.#closeWhenDone();
      if (read.kind === 'failed') this.#spoiled(block, read);
      else if (read.value < bytes.length || crc32(bytes) !== this.#checksumOf(block)) {
        this.#spoiled(block, undefined);
      } else this.#blocks.set(block, bytes);
      return this.#give();
    });
  }

  #checksumOf(block: number): number {
    return blockChecksum(this.#content.crc, block);
  }

  #spoiled(block: number, failure: FilesFailure | undefined): void {
    // Blocks before it are right, and are handed over: a client that goes on elsewhere has so much more.
    this.#blocks.delete(block);
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#events.spoiled(block, failure);
  }

  #give(): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    if (this.#wanted > this.#lastBlock) return this.#finish(callback, { kind: 'end' });
    const block = this.#wanted;
    const bytes = this.#blocks.get(block);
    if (bytes === undefined) {
      if (!this.#isBroken || this.#blocks.has(block)) return;
      return this.#finish(callback, { kind: 'broken', why: 'failed' });
    }
    this.#blocks.delete(block);
    this.#wanted++;
    this.#callback = undefined;
    const from = block * BLOCK_BYTES;
    const { first, last } = this.#range;
    const part = bytes.subarray(Math.max(0, first - from), last - from + 1);
    this.#events.sent(part.length);
    callback({ kind: 'bytes', bytes: part, release: () => this.#buffers.give(bytes) });
    // While the client takes this one.
    if (this.#callback === undefined) this.#readAhead();
    return undefined;
  }

  #finish(callback: (part: BytePart) => void, part: BytePart): void {
    this.#callback = undefined;
    this.#end();
    callback(part);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#blocks.clear();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#readsUnderWay > 0) return;
    this.#file.close();
    this.#events.over();
  }
}
