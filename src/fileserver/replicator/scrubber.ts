// Reads each blob of this file server once in a month, and compares it with its checksums and its digest: rot is found while
// others have a good copy (FILES.md, "Scrubber"). Where it is, is kept over restarts.

import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Files, FilesFailure, OpenFile } from '../../cluster/files.ts';
import type { Clock, Logger, Timers } from '../../cluster/ports.ts';
import { decodeCheckedJson, encodeCheckedJson } from '../../cluster/wire/checked-json.ts';
import { integer, object, optional, type ShapeOf, text } from '../../cluster/wire/shapes.ts';
import type { BlobId } from '../../files/blob-id.ts';
import { BLOCK_BYTES, blockChecksum } from '../../files/block-checksums.ts';
import type { FileTimes } from '../../files/file-times.ts';
import type { BlobMeta } from '../blob-store/blob-meta.ts';
import type { BlobStore } from '../blob-store/blob-store.ts';
import { INCOMING } from '../blob-store/places.ts';
import { readWhole, writeWhole } from '../blob-store/small-files.ts';
import { walk } from './walk.ts';

const SCRUB_FILE = 'fileserver.scrub';
const FORMAT = 1;
const FILE_BYTES_MAX = 4096;
/** A blob costs the disk as much as reading so many bytes, however short it is. */
const BLOB_COST_BYTES = 64 * 1024;
/** However few blobs there are, and however short the time: clients need the disk as well. */
const BYTES_PER_MS_MAX = 20_000;
/** The place is written down at most so often. */
const SAVE_MS = 10 * 60_000;

const progressShape = object({
  /** The last folder that was read as a whole; the next round begins at the beginning without it. */
  folder: optional(text({ max: 64 })),
  /** When all blobs had been read once, in ms since 1970. */
  completedMs: optional(integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
});
export type ScrubProgress = ShapeOf<typeof progressShape>;

export interface ScrubberParts {
  readonly files: Files;
  readonly store: Pick<BlobStore, 'files' | 'spoil' | 'blobs' | 'health'>;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly times: FileTimes;
}

export class Scrubber {
  readonly #parts: ScrubberParts;
  #progress: ScrubProgress = { folder: undefined, completedMs: undefined };
  #savedMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  /** How many blobs were read, and how many of them were wrong, since the start. */
  readonly counts = { read: 0, spoiled: 0 };

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
  }

  get progress(): ScrubProgress {
    return this.#progress;
  }

  start(): void {
    const { files } = this.#parts;
    readWhole(files, SCRUB_FILE, FILE_BYTES_MAX, (read) => {
      if (read.kind === 'done') {
        const decoded = decodeCheckedJson(FORMAT, progressShape, read.value);
        // What cannot be read costs no more than that it begins anew.
        if (typeof decoded !== 'string') this.#progress = decoded;
      }
      this.#roundLater();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #roundLater(): void {
    const { timers, times } = this.#parts;
    timers.after(times.passMs, () => {
      if (!this.#isStopped) this.#round();
    });
  }

  #round(): void {
    const { files, clock } = this.#parts;
    walk(
      files,
      {
        batch: (ids, goOn, folder) => this.#readAll(ids, 0, () => this.#passed(folder, goOn)),
        ended: (failure) => {
          // What could not be listed is met by the next round.
          const completedMs = failure === undefined ? Math.floor(clock.wallMs()) : undefined;
          this.#progress = {
            folder: undefined,
            completedMs: completedMs ?? this.#progress.completedMs,
          };
          this.#save(() => this.#roundLater());
        },
      },
      this.#progress.folder,
    );
  }

  #passed(folder: string, goOn: () => void): void {
    if (this.#isStopped) return;
    this.#progress = { ...this.#progress, folder };
    const { clock, times } = this.#parts;
    if (clock.monotonicMs() - this.#savedMs < SAVE_MS * times.scale) return goOn();
    return this.#save(goOn);
  }

  #readAll(ids: readonly BlobId[], at: number, done: () => void): void {
    const id = ids[at];
    if (this.#isStopped) return;
    if (id === undefined) return done();
    this.#check(id, (bytes) =>
      this.#parts.timers.after(this.#pauseMs(bytes), () => this.#readAll(ids, at + 1, done)),
    );
  }

  /** So that all blobs take the time that a round has. */
  #pauseMs(bytes: number): number {
    const { store, times } = this.#parts;
    const { count } = store.blobs;
    const all = count.bytes + count.blobs * BLOB_COST_BYTES;
    const share = (bytes + BLOB_COST_BYTES) / Math.max(all, bytes + BLOB_COST_BYTES);
    return Math.max(times.scrubMs * share, (bytes / BYTES_PER_MS_MAX) * times.scale, times.scale);
  }

  /** @param done called once, with how many bytes were read */
  #check(id: BlobId, done: (bytes: number) => void): void {
    const { store } = this.#parts;
    store.files.open(id, (opened) => {
      if (opened.kind !== 'open') return done(0);
      const { meta, file, isTrash } = opened;
      const close = (problem: 'wrong' | FilesFailure | undefined) => {
        file.close();
        this.counts.read++;
        if (problem === 'wrong' && !isTrash) this.#spoiled(meta);
        else if (problem !== undefined && problem !== 'wrong') {
          store.health.failed(problem, 'reading a blob');
        }
        done(meta.size);
      };
      return new BlobScrub(meta, file, this.#parts, close).next(0);
    });
  }

  #spoiled(meta: BlobMeta): void {
    const { logger, store } = this.#parts;
    this.counts.spoiled++;
    logger.write('error', 'the bytes of a blob have changed on the disk', { blob: meta.id });
    store.spoil(meta.id, meta);
  }

  #save(done: () => void): void {
    const { files, clock } = this.#parts;
    this.#savedMs = clock.monotonicMs();
    const staged = `${INCOMING}/${SCRUB_FILE}`;
    writeWhole(files, staged, encodeCheckedJson(FORMAT, this.#progress), (written) => {
      if (written.kind === 'failed') return done();
      return files.rename([{ from: staged, to: SCRUB_FILE }], () => done());
    });
  }
}

/** Reads one blob from its beginning to its end, a block at a time, not faster than clients can bear. */
class BlobScrub {
  readonly #meta: BlobMeta;
  readonly #file: OpenFile;
  readonly #parts: Pick<ScrubberParts, 'timers' | 'times'>;
  readonly #done: (problem: 'wrong' | FilesFailure | undefined) => void;
  readonly #hash: Hash = createHash('sha512');

  constructor(
    meta: BlobMeta,
    file: OpenFile,
    parts: Pick<ScrubberParts, 'timers' | 'times'>,
    done: (problem: 'wrong' | FilesFailure | undefined) => void,
  ) {
    this.#meta = meta;
    this.#file = file;
    this.#parts = parts;
    this.#done = done;
  }

  next(block: number): void {
    const { size, crc, sha512 } = this.#meta;
    const position = block * BLOCK_BYTES;
    if (position >= size) {
      return this.#done(this.#hash.digest('hex') === sha512 ? undefined : 'wrong');
    }
    const bytes = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, size - position));
    return this.#file.read(position, bytes, (read) => {
      if (read.kind === 'failed') return this.#done(read);
      if (read.value < bytes.length || crc32(bytes) !== blockChecksum(crc, block)) {
        return this.#done('wrong');
      }
      this.#hash.update(bytes);
      const { timers, times } = this.#parts;
      const pauseMs = (bytes.length / BYTES_PER_MS_MAX) * times.scale;
      timers.after(pauseMs, () => this.next(block + 1));
      return undefined;
    });
  }
}
