// Reads a file of records back to back, in pieces, and yields whole records; damage is reported with its position in
// the file. Once the end is reached, the length and the checksum are those of the manifest.

import { parseRecord, RECORD_HEADER_BYTES, type StoredRecord } from '../cluster/model/record.ts';
import type { FolderFile } from '../cluster/ports.ts';
import { checksumOf } from './checksum.ts';
import type { Content } from './manifest.ts';

/** Bytes to read at a time; a longer record is read whole. */
const READ_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(0);

export type FileState =
  /** More records can be taken, now or after the next read. */
  | { readonly kind: 'open' }
  | { readonly kind: 'ended' }
  /** `byte` is the position where the damage begins; 0 when only the checksum of the whole file is wrong. */
  | { readonly kind: 'damaged'; readonly byte: number; readonly reason: string };

export class RecordFile {
  readonly #file: FolderFile;
  readonly #content: Pick<Content, 'bytes' | 'crc'>;
  #state: FileState = { kind: 'open' };
  /** Bytes that were read and not taken yet; they begin at `#position`. */
  #rest: Buffer = NOTHING;
  #position = 0;
  #readTo = 0;
  #crc = 0;
  #wantedBytes = READ_BYTES;

  constructor(file: FolderFile, content: Pick<Content, 'bytes' | 'crc'>) {
    this.#file = file;
    this.#content = content;
    this.#settle();
  }

  get state(): FileState {
    return this.#state;
  }

  /** Byte at which the next record begins. */
  get position(): number {
    return this.#position;
  }

  /**
   * @returns the next record, a view on the bytes that were read; undefined when more must be read first, or when the
   *   file is at its end or damaged
   */
  take(): StoredRecord | undefined {
    if (this.#state.kind !== 'open') return undefined;
    const parsed = parseRecord(this.#rest, 0);
    switch (parsed.kind) {
      case 'record':
        this.#rest = this.#rest.subarray(parsed.record.length);
        this.#position += parsed.record.length;
        this.#settle();
        return parsed.record;
      case 'malformed':
        this.#damaged(this.#position, parsed.reason);
        return undefined;
      case 'short': {
        const { bytes } = this.#content;
        if (this.#readTo === bytes) this.#damaged(this.#position, 'a record is cut off');
        const length = this.#rest.length < 4 ? RECORD_HEADER_BYTES : this.#rest.readUInt32BE(0);
        this.#wantedBytes = Math.max(READ_BYTES, length - this.#rest.length);
        return undefined;
      }
    }
  }

  /** Reads the next piece. Call only after `take` returned undefined, and one read at a time. */
  read(done: () => void): void {
    const length = Math.min(this.#wantedBytes, this.#content.bytes - this.#readTo);
    this.#file.read(this.#readTo, length, (result) => {
      if (result.kind === 'failed') this.#damaged(this.#readTo, result.detail);
      else if (result.value.length < length) {
        this.#damaged(this.#readTo + result.value.length, 'the file ends here');
      } else {
        this.#crc = checksumOf(result.value, this.#crc);
        this.#readTo += length;
        this.#rest =
          this.#rest.length === 0 ? result.value : Buffer.concat([this.#rest, result.value]);
        this.#settle();
      }
      done();
    });
  }

  #settle(): void {
    const { bytes, crc } = this.#content;
    if (this.#position < bytes) return;
    if (this.#crc === crc) this.#state = { kind: 'ended' };
    else this.#damaged(0, 'its records are not those that the manifest has the checksum of');
  }

  #damaged(byte: number, reason: string): void {
    this.#state = { kind: 'damaged', byte, reason };
  }
}
