// The bytes of an upload on their way to the disk: written as they come, with the checksum of each block, and synced
// behind every few MiB, so that the system does not hold all of a large file in memory until its commit.

import type { FilesCallback, FilesFailure, NewFile } from '../../cluster/files.ts';
import { BlockChecksums } from '../../files/block-checksums.ts';
import type { BlobContent } from '../blob-store/blob-meta.ts';

/** At most so many bytes and as many again wait in the system for the disk. */
const SYNC_BYTES = 16 * 1024 * 1024;

export class StagedBlob {
  readonly #file: NewFile;
  readonly #checksums = new BlockChecksums();
  #bytes = 0;
  #syncBegunAt = 0;
  #isSyncing = false;
  /** Waits for the sync under way. */
  #afterSync: (() => void) | undefined;
  /** Why a sync failed: none of the bytes counts then. */
  #failure: FilesFailure | undefined;
  #crc: Buffer | undefined;
  #isClosed = false;

  constructor(file: NewFile) {
    this.#file = file;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param pieces must not change before the callback */
  append(pieces: readonly Buffer[], callback: FilesCallback<undefined>): void {
    for (const piece of pieces) this.#checksums.add(piece);
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#file.append(pieces, (result) => {
      if (result.kind === 'failed') return callback(result);
      this.#bytes += bytes;
      if (this.#bytes - this.#syncBegunAt < SYNC_BYTES) return callback(this.#failure ?? result);
      return this.#onceSynced(() => {
        if (this.#failure !== undefined) return callback(this.#failure);
        this.#beginSync();
        return callback(result);
      });
    });
  }

  /** Done when all bytes survive a crash of the machine. Called after the last `append`. */
  sync(callback: FilesCallback<undefined>): void {
    this.#onceSynced(() => {
      if (this.#failure !== undefined) return callback(this.#failure);
      return this.#file.sync(callback);
    });
  }

  /** Whether these bytes are that content, as far as length and checksums tell. Called after the last `append`. */
  matches({ size, crc }: Pick<BlobContent, 'size' | 'crc'>): boolean {
    this.#crc ??= this.#checksums.end();
    return size === this.#bytes && crc.equals(this.#crc);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onceSynced(() => this.#file.close());
  }

  #beginSync(): void {
    this.#syncBegunAt = this.#bytes;
    this.#isSyncing = true;
    this.#file.sync((result) => {
      this.#isSyncing = false;
      if (result.kind === 'failed') this.#failure = result;
      const waiting = this.#afterSync;
      this.#afterSync = undefined;
      waiting?.();
    });
  }

  #onceSynced(then: () => void): void {
    if (!this.#isSyncing) return then();
    const before = this.#afterSync;
    this.#afterSync = () => {
      before?.();
      then();
    };
    return undefined;
  }
}
