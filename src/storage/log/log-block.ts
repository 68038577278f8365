// The form of a log's files: a header, then blocks back to back. A block is the result of one write; it counts as a
// whole or not at all. The entries in a block are log-entry.ts's, the order of the files is log-replay.ts's.
//
// The header of a block has a salt of its store and file, and the block's own offset. So neither a value that contains
// a piece of a log nor the remains of another file can be mistaken for a block.
//
//   offset  bytes  block, integers big-endian
//        0      4  CRC-32 of everything from offset 4
//        4      4  length of the payload
//        8      8  salt
//       16      4  offset of this block in its file
//       20      8  place up to which the log was synced when this block was written: file (4) and offset (4)
//       28         payload
//
//   offset  bytes  header of a file; other formats have magic, CRC and format in the same places
//        0      8  magic
//        8      4  CRC-32 of everything from offset 12
//       12      4  format
//       16      4  number of this file
//       20      4  number of the first file that is needed
//       24      4  length of the previous file
//       28      8  place up to which the log was synced, as in a block
//       36      1  length of the store's id
//       37     64  store's id
//      101      3  0

import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { assert } from '../../cluster/assert.ts';
import type { StoreId } from '../../cluster/model/identity.ts';
import { entryBytes, type LogEntry, writeEntry } from './log-entry.ts';

/** The most bytes of one write, unless a single entry is longer: more would delay an fsync or a turn of the replay. */
export const BLOCK_BYTES_MAX = 1024 * 1024;
export const BLOCK_HEADER_BYTES = 28;
export const FILE_HEADER_BYTES = 104;
export const SALT_AT = 8;
/** Each new kind of entry raises the format, because software that does not know it must not open the log. */
const FORMAT = 3;
/** Format 2 had no entry `complete`; format 1 was a single file without blocks, `records.log`. */
const EARLIEST_FORMAT = 2;
const MAGIC_TEXT = 'VELOURLG';
const MAGIC = Buffer.from(MAGIC_TEXT);
const CRC_BYTES = 4;
const FILE_CRC_AT = 8;
const STORE_AT = 36;
const FIRST_CAPACITY = 64 * 1024;

/** A byte position in a log that consists of several files. */
export interface LogPlace {
  readonly file: number;
  readonly offset: number;
}

export function isBefore(a: LogPlace, b: LogPlace): boolean {
  return a.file < b.file || (a.file === b.file && a.offset < b.offset);
}

export interface FileHeader {
  readonly store: StoreId;
  readonly number: number;
  /** The number of the first file that is needed; a compaction has made those below it superfluous. */
  readonly first: number;
  /** Length of the previous file, in bytes. */
  readonly before: number;
  readonly synced: LogPlace;
  /** Earlier software can open this file too, so no entry that is new in this format may be appended to it. */
  readonly isOfEarlierFormat: boolean;
}

export function encodeFileHeader({
  store,
  number,
  first,
  before,
  synced,
}: Omit<FileHeader, 'isOfEarlierFormat'>): Buffer {
  const bytes = Buffer.alloc(FILE_HEADER_BYTES);
  bytes.set(MAGIC);
  bytes.writeUInt32BE(FORMAT, 12);
  bytes.writeUInt32BE(number, 16);
  bytes.writeUInt32BE(first, 20);
  bytes.writeUInt32BE(before, 24);
  writePlace(synced, bytes, 28);
  const id = Buffer.from(store);
  bytes[STORE_AT] = id.length;
  bytes.set(id, STORE_AT + 1);
  bytes.writeUInt32BE(crc32(bytes.subarray(FILE_CRC_AT + CRC_BYTES)), FILE_CRC_AT);
  return bytes;
}

/** @returns undefined if the bytes are no header; a text that says why if the header has another format */
export function decodeFileHeader(bytes: Buffer): FileHeader | string | undefined {
  if (bytes.length < FILE_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    return undefined;
  }
  const checked = bytes.subarray(FILE_CRC_AT + CRC_BYTES, FILE_HEADER_BYTES);
  if (crc32(checked) !== bytes.readUInt32BE(FILE_CRC_AT)) return undefined;
  const format = bytes.readUInt32BE(12);
  if (format < EARLIEST_FORMAT || format > FORMAT) {
    return `it has format ${format}, and this version reads ${EARLIEST_FORMAT} to ${FORMAT}`;
  }
  const from = STORE_AT + 1;
  return {
    store: bytes.toString('utf8', from, from + (bytes[STORE_AT] ?? 0)) as StoreId,
    number: bytes.readUInt32BE(16),
    first: bytes.readUInt32BE(20),
    before: bytes.readUInt32BE(24),
    synced: readPlace(bytes, 28),
    isOfEarlierFormat: format < FORMAT,
  };
}

/** The salt in the header of each block of a file. Clients do not know the store's id, so they cannot forge it. */
export function saltOf(store: StoreId, file: number): Buffer {
  return hash('sha1', `${store} ${file}`, 'buffer').subarray(0, 8);
}

/** Entries that wait to be written to a file in one write. */
export class LogBlock {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #end = BLOCK_HEADER_BYTES;
  #entries = 0;

  get entries(): number {
    return this.#entries;
  }

  get length(): number {
    return this.#end;
  }

  get payloadBytes(): number {
    return this.#end - BLOCK_HEADER_BYTES;
  }

  /** Whether the buffer has no more than the usual size, so that it is worth keeping for the next block. */
  get isReusable(): boolean {
    return this.#bytes.length <= BLOCK_BYTES_MAX;
  }

  hasRoomFor(entry: LogEntry): boolean {
    return this.#entries === 0 || this.#end + entryBytes(entry) <= BLOCK_BYTES_MAX;
  }

  /** Copies the entry, because the cleaner may move a record in memory before the log writes it. */
  add(entry: LogEntry): void {
    const end = this.#end + entryBytes(entry);
    if (end > this.#bytes.length) {
      // Double the buffer up to the usual maximum; only a single longer record gets a buffer of exactly its size.
      const doubled = Math.min(2 * this.#bytes.length, BLOCK_BYTES_MAX);
      const grown = Buffer.allocUnsafe(Math.max(end, doubled));
      this.#bytes.copy(grown, 0, 0, this.#end);
      this.#bytes = grown;
    }
    writeEntry(entry, this.#bytes, this.#end);
    this.#end = end;
    this.#entries++;
  }

  /**
   * Fills in the block's header, for this one place in a file.
   * @returns the bytes to write, valid until the next `add`
   */
  seal(salt: Buffer, offset: number, synced: LogPlace): Buffer {
    const bytes = this.#bytes.subarray(0, this.#end);
    bytes.writeUInt32BE(this.#end - BLOCK_HEADER_BYTES, 4);
    bytes.set(salt, SALT_AT);
    bytes.writeUInt32BE(offset, 16);
    writePlace(synced, bytes, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(CRC_BYTES)), 0);
    return bytes;
  }

  clear(): void {
    this.#end = BLOCK_HEADER_BYTES;
    this.#entries = 0;
  }
}

export interface BlockHeader {
  /** Length of the block with its header, in bytes. */
  readonly length: number;
  readonly synced: LogPlace;
}

/**
 * @param at where the block begins in `bytes`
 * @param place.offset where the block begins in its file; `end` is the length of that file
 * @returns undefined when no block of this file begins there
 */
export function readBlockHeader(
  bytes: Buffer,
  at: number,
  { salt, offset, end }: { readonly salt: Buffer; readonly offset: number; readonly end: number },
): BlockHeader | undefined {
  if (bytes.compare(salt, 0, salt.length, at + SALT_AT, at + SALT_AT + salt.length) !== 0) {
    return undefined;
  }
  if (bytes.readUInt32BE(at + 16) !== offset) return undefined;
  const length = BLOCK_HEADER_BYTES + bytes.readUInt32BE(at + 4);
  if (offset + length > end) return undefined;
  return { length, synced: syncedBefore(bytes, at) };
}

/** @returns the place up to which the log was synced when the block at `at` was written */
export function syncedBefore(bytes: Buffer, at: number): LogPlace {
  return readPlace(bytes, at + 20);
}

/** @param length of the whole block, with its header */
export function isSound(bytes: Buffer, at: number, length: number): boolean {
  assert(at + length <= bytes.length, 'a block that is checked is there');
  return crc32(bytes.subarray(at + CRC_BYTES, at + length)) === bytes.readUInt32BE(at);
}

function writePlace({ file, offset }: LogPlace, bytes: Buffer, at: number): void {
  bytes.writeUInt32BE(file, at);
  bytes.writeUInt32BE(offset, at + 4);
}

function readPlace(bytes: Buffer, at: number): LogPlace {
  return { file: bytes.readUInt32BE(at), offset: bytes.readUInt32BE(at + 4) };
}
