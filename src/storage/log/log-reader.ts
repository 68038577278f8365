// Reads the blocks of one file of a log, in pieces: while one piece is being processed the next one is being read.
// What a bad block means is decided in log-replay.ts.

import type { DiskResult, LogFile } from '../../cluster/ports.ts';
import {
  BLOCK_BYTES_MAX,
  BLOCK_HEADER_BYTES,
  FILE_HEADER_BYTES,
  isBefore,
  isSound,
  type LogPlace,
  readBlockHeader,
  SALT_AT,
  syncedBefore,
} from './log-block.ts';
import { type LogEntry, readEntries } from './log-entry.ts';

/** Bytes of one read, which are processed in one turn of the event loop: some ten thousand records of 100 bytes. */
const PIECE_BYTES = 1024 * 1024;
/**
 * The unfinished block at the end of a piece is copied in front of the next piece, if the block is no longer than
 * this.
 */
const CARRIED_BYTES_MAX = BLOCK_BYTES_MAX;

export interface ReadBlocks {
  /** End of the last whole block: the file's length if all blocks are whole. */
  readonly end: number;
  /** The place up to which that block says the log was synced; undefined when the file has no whole block. */
  readonly synced: LogPlace | undefined;
}

export class BlockReader {
  readonly #file: LogFile;
  readonly #salt: Buffer;
  readonly #apply: (entry: LogEntry) => void;
  readonly #done: (result: DiskResult<ReadBlocks>) => void;
  #piece = Buffer.allocUnsafe(CARRIED_BYTES_MAX + PIECE_BYTES);
  #next = Buffer.allocUnsafe(CARRIED_BYTES_MAX + PIECE_BYTES);
  /** Position in the file where the last requested piece ends. */
  #askedTo = FILE_HEADER_BYTES;
  /** Position in the file where the last whole block ends. */
  #offset = FILE_HEADER_BYTES;
  #synced: LogPlace | undefined;
  /** How many bytes of an unfinished block stand in front of the next piece. */
  #carried = 0;
  /** A block that is too long to be copied in front of the next piece, and how many of its bytes were read. */
  #large: { readonly bytes: Buffer; filled: number } | undefined;
  #ended = false;

  /**
   * @param apply gets entries whose buffers are valid only during the call
   * @param done called once, with the end of the last whole block, or with the reason why the file cannot be read
   */
  constructor(
    file: LogFile,
    salt: Buffer,
    apply: (entry: LogEntry) => void,
    done: (result: DiskResult<ReadBlocks>) => void,
  ) {
    this.#file = file;
    this.#salt = salt;
    this.#apply = apply;
    this.#done = done;
    this.#ask();
  }

  #ask(): void {
    if (this.#askedTo >= this.#file.length) return this.#end();
    const position = this.#askedTo;
    this.#askedTo += PIECE_BYTES;
    this.#file.read(position, this.#next.subarray(CARRIED_BYTES_MAX), (read) => {
      if (this.#ended) return;
      if (read.kind === 'failed') this.#end(read);
      else this.#came(read.value);
    });
  }

  #end(failed?: Extract<DiskResult<never>, { kind: 'failed' }>): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#done(failed ?? { kind: 'done', value: { end: this.#offset, synced: this.#synced } });
  }

  #came(bytes: number): void {
    [this.#piece, this.#next] = [this.#next, this.#piece];
    const from = CARRIED_BYTES_MAX - this.#carried;
    this.#carried = 0;
    const isLast = this.#askedTo >= this.#file.length;
    // Request the next piece before this one is processed: the work hides the time that the disk takes.
    if (!isLast) this.#ask();
    const isWhole = this.#work(this.#fillLarge(from), CARRIED_BYTES_MAX + bytes);
    if (isLast || !isWhole) this.#end();
  }

  /** @returns where the next block begins in the piece */
  #fillLarge(from: number): number {
    const large = this.#large;
    if (large === undefined) return from;
    const taken = this.#piece.copy(large.bytes, large.filled, from);
    large.filled += taken;
    return from + taken;
  }

  /** @returns false at a block that is not whole */
  #work(from: number, end: number): boolean {
    const large = this.#large;
    if (large !== undefined) {
      if (large.filled < large.bytes.length) return true;
      this.#large = undefined;
      if (!this.#read(large.bytes, 0, large.bytes.length)) return false;
    }
    const piece = this.#piece;
    for (let at = from; ; ) {
      if (at + BLOCK_HEADER_BYTES > end) return this.#carry(at, end);
      const place = { salt: this.#salt, offset: this.#offset, end: this.#file.length };
      const header = readBlockHeader(piece, at, place);
      if (header === undefined) return false;
      const { length } = header;
      if (at + length > end) {
        if (length <= CARRIED_BYTES_MAX) return this.#carry(at, end);
        this.#large = { bytes: Buffer.allocUnsafe(length), filled: end - at };
        piece.copy(this.#large.bytes, 0, at, end);
        return true;
      }
      if (!this.#read(piece, at, length)) return false;
      at += length;
    }
  }

  #carry(from: number, end: number): boolean {
    this.#carried = end - from;
    this.#piece.copy(this.#next, CARRIED_BYTES_MAX - this.#carried, from, end);
    return true;
  }

  #read(bytes: Buffer, at: number, length: number): boolean {
    if (!isSound(bytes, at, length)) return false;
    const wrong = readEntries(bytes, at + BLOCK_HEADER_BYTES, at + length, this.#apply);
    if (wrong !== undefined) {
      // The checksum is right, so the block is as it was written, and none of it may be cut off.
      this.#end({ kind: 'failed', detail: `the block at byte ${this.#offset} has ${wrong}` });
      return false;
    }
    this.#offset += length;
    this.#synced = syncedBefore(bytes, at);
    return true;
  }
}

/**
 * Whether the file ends as a process leaves it that died during a write or had no room for it: with the beginning of
 * a block, or of the file's header.
 * @param from where the last whole block ends; 0 when the file's header is not whole
 */
export function isUnfinished(
  file: LogFile,
  salt: Buffer,
  from: number,
  found: (result: DiskResult<boolean>) => void,
): void {
  const left = file.length - from;
  const isShort = left < (from === 0 ? FILE_HEADER_BYTES : BLOCK_HEADER_BYTES);
  if (isShort || from === 0) return found({ kind: 'done', value: isShort });
  const bytes = Buffer.alloc(BLOCK_HEADER_BYTES);
  return file.read(from, bytes, (read) => {
    if (read.kind === 'failed') return found(read);
    const place = { salt, offset: from, end: Number.POSITIVE_INFINITY };
    const header = readBlockHeader(bytes, 0, place);
    return found({ kind: 'done', value: header !== undefined && header.length > left });
  });
}

/**
 * Searches for whole blocks from a position on, whatever the bytes before them are: lengths in damaged bytes cannot be
 * trusted, but the header of each block has the salt.
 * @param found gets the latest place up to which one of these blocks says the log was synced; undefined when there is
 *   no block
 */
export function findBlocks(
  file: LogFile,
  salt: Buffer,
  from: number,
  found: (result: DiskResult<LogPlace | undefined>) => void,
): void {
  let last: LogPlace | undefined;
  const window = Buffer.allocUnsafe(PIECE_BYTES);
  const look = (position: number): void => {
    file.read(position, window, (read) => {
      if (read.kind === 'failed') return found(read);
      const bytes = window.subarray(0, read.value);
      for (let at = 0; ; at++) {
        at = bytes.indexOf(salt, at + SALT_AT) - SALT_AT;
        if (at < 0 || at + BLOCK_HEADER_BYTES > bytes.length) break;
        const place = { salt, offset: position + at, end: file.length };
        const header = readBlockHeader(bytes, at, place);
        if (header !== undefined) return check(position + at, header.length, header.synced);
      }
      if (read.value < PIECE_BYTES) return found({ kind: 'done', value: last });
      return look(position + PIECE_BYTES - BLOCK_HEADER_BYTES + 1);
    });
  };
  const check = (position: number, length: number, synced: LogPlace): void => {
    const block = Buffer.allocUnsafe(length);
    file.read(position, block, (read) => {
      if (read.kind === 'failed') return found(read);
      if (read.value < length || !isSound(block, 0, length)) return look(position + 1);
      if (last === undefined || isBefore(last, synced)) last = synced;
      return look(position + length);
    });
  };
  look(from);
}
