// Reads a block of a blob at random now and then, far more often than the scrubber comes by: a disk that fails is noticed within
// minutes though nobody reads or writes (FILES.md, "Scrubber"). An error makes the file server read-only (store-health.ts).

import { crc32 } from 'node:zlib';
import type { Files, FilesFailure } from '../../cluster/files.ts';
import type { Logger, Random, Timers } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import { BLOCK_BYTES, blockChecksum, blockCount } from '../../files/block-checksums.ts';
import type { FileTimes } from '../../files/file-times.ts';
import type { BlobFiles } from '../blob-store/blob-files.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import { BLOBS } from '../blob-store/places.ts';
import { walk } from './walk.ts';

/** Folders of blobs have names of two hexadecimal digits, in two levels. */
const FOLDERS = 256;

export interface BlockSamplerParts {
  readonly files: Pick<Files, 'list'>;
  readonly store: Pick<BlobStore, 'spoil' | 'health'> & { readonly files: Pick<BlobFiles, 'open'> };
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly times: FileTimes;
}

export class BlockSampler {
  readonly #parts: BlockSamplerParts;
  #isStopped = false;

  constructor(parts: BlockSamplerParts) {
    this.#parts = parts;
  }

  start(): void {
    const { timers, times } = this.#parts;
    timers.after(times.sampleMs, () => {
      if (!this.#isStopped) this.#sample(() => this.start());
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #sample(done: () => void): void {
    const { random } = this.#parts;
    const folder = () => random.below(FOLDERS).toString(16).padStart(2, '0');
    this.#pick(`${BLOBS}/${folder()}/${folder()}`, (one) => {
      if (one !== undefined) return this.#read(one, done);
      // There is none behind that folder.
      return this.#pick('', (first) => (first === undefined ? done() : this.#read(first, done)));
    });
  }

  /** @param done called once, with a blob of this folder or one of the next; undefined where there is none */
  #pick(from: string, done: (id: BlobId | undefined) => void): void {
    const { files, random, store } = this.#parts;
    // A walk that is not told to go on is over.
    const batch = (ids: readonly BlobId[]) => done(ids[random.below(ids.length)]);
    const ended = (failure: FilesFailure | undefined) => {
      if (failure !== undefined) store.health.failed(failure, 'listing blobs');
      done(undefined);
    };
    walk(files, { batch, ended }, from);
  }

  #read(id: BlobId, done: () => void): void {
    const { store, random, logger } = this.#parts;
    store.files.open(id, (opened) => {
      if (opened.kind !== 'open' || opened.meta.size === 0) {
        if (opened.kind === 'open') opened.file.close();
        return done();
      }
      const { meta, file, isTrash } = opened;
      const block = random.below(blockCount(meta.size));
      const position = block * BLOCK_BYTES;
      const bytes = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, meta.size - position));
      return file.read(position, bytes, (read) => {
        file.close();
        if (read.kind === 'failed') store.health.failed(read, 'reading a blob');
        else if (read.value < bytes.length || crc32(bytes) !== blockChecksum(meta.crc, block)) {
          logger.write('error', 'the bytes of a blob have changed on the disk', { blob: id });
          if (!isTrash) store.spoil(id, meta);
        }
        done();
      });
    });
  }
}
