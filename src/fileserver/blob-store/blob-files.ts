// The blobs that are on the disk: finds, lists and moves their files. While the meta of a blob is in its home, the blob is
// there; what nobody names any more is in the trash for a while, and is served from there to those who still ask for it.

import type {
  Files,
  FilesCallback,
  FilesFailure,
  FilesResult,
  OpenFile,
} from '../../cluster/files.ts';
import type { Logger } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { BlobCounts } from './blob-counts.ts';
import { type BlobMeta, decodeMeta, META_BYTES_MAX } from './blob-meta.ts';
import type { Folders } from './folders.ts';
import { type BlobPlace, type CORRUPT, homeOf, placeIn, TRASH } from './places.ts';
import { onceAll, readWhole } from './small-files.ts';
import type { StoreHealth } from './store-health.ts';

/** How many ids of one question are looked for at once. */
const LOOKED_FOR_AT_ONCE = 16;

/** A blob that is being read. */
export interface OpenBlob {
  readonly kind: 'open';
  readonly meta: BlobMeta;
  readonly file: OpenFile;
  /** Whether it is in the trash: nothing named it when it was looked at last. */
  readonly isTrash: boolean;
}

export type OpenOutcome = OpenBlob | { readonly kind: 'absent' } | FilesFailure;
export type MetaOutcome =
  | { readonly kind: 'meta'; readonly meta: BlobMeta }
  | { readonly kind: 'absent' }
  | FilesFailure;
export type MoveOutcome = { readonly kind: 'moved' } | { readonly kind: 'absent' } | FilesFailure;

export interface MovedCounts {
  readonly blobs: BlobCounts;
  readonly trash: BlobCounts;
  readonly corrupt: BlobCounts;
}

export class BlobFiles {
  readonly #files: Files;
  readonly #folders: Folders;
  readonly #health: StoreHealth;
  readonly #counts: MovedCounts;
  readonly #logger: Logger;
  readonly #metaIsWrong: (id: BlobId) => void;

  /** @param metaIsWrong called when a blob at home was found whose meta cannot be used */
  constructor(
    files: Files,
    folders: Folders,
    health: StoreHealth,
    counts: MovedCounts,
    logger: Logger,
    metaIsWrong: (id: BlobId) => void,
  ) {
    this.#files = files;
    this.#folders = folders;
    this.#health = health;
    this.#counts = counts;
    this.#logger = logger;
    this.#metaIsWrong = metaIsWrong;
  }

  /** Opens a blob at home or in the trash. @param callback called once; whoever gets a file closes it */
  open(id: BlobId, callback: (outcome: OpenOutcome) => void): void {
    this.#openIn(homeOf(id), id, false, (outcome) => {
      if (outcome.kind !== 'absent') return callback(outcome);
      return this.#openIn(placeIn(TRASH, id), id, true, callback);
    });
  }

  /** @returns through the callback the meta of a blob that is at home */
  meta(id: BlobId, callback: (outcome: MetaOutcome) => void): void {
    this.#metaIn(homeOf(id), id, callback);
  }

  /** @returns through the callback whether a meta is at home that cannot be used */
  isMetaWrong(id: BlobId, callback: (isWrong: boolean) => void): void {
    readWhole(this.#files, homeOf(id).meta, META_BYTES_MAX, (read) =>
      callback(read.kind === 'done' && typeof decodeMeta(id, read.value) === 'string'),
    );
  }

  /** @returns through the callback the meta of a blob that is in the trash */
  trashed(id: BlobId, callback: (outcome: MetaOutcome) => void): void {
    this.#metaIn(placeIn(TRASH, id), id, callback);
  }

  /** @returns through the callback whether any blob here has the id, also one in the trash */
  isTaken(id: BlobId, callback: FilesCallback<boolean>): void {
    let isTaken = false;
    const both = onceAll(2, (result) =>
      callback(result.kind === 'failed' ? result : { kind: 'done', value: isTaken }),
    );
    for (const { meta } of [homeOf(id), placeIn(TRASH, id)]) {
      this.#files.bytesOf(meta, (result) => {
        if (result.kind === 'done') isTaken = true;
        if (result.kind === 'failed') this.#noted(result);
        both(isAbsent(result) ? { kind: 'done', value: undefined } : result);
      });
    }
  }

  /**
   * @returns through the callback one bit for each id, the least significant of the first byte first: whether the blob
   *   `isHere`. What cannot be looked at does not count as being here
   */
  have(ids: readonly BlobId[], callback: (bits: Buffer) => void): void {
    const bits = Buffer.alloc(Math.ceil(ids.length / 8));
    let next = 0;
    let underWay = 0;
    let isOver = false;
    const goOn = () => {
      while (underWay < LOOKED_FOR_AT_ONCE && next < ids.length) look(next++);
      if (underWay > 0 || isOver) return;
      isOver = true;
      callback(bits);
    };
    const look = (index: number) => {
      underWay++;
      this.isHere(ids[index] as BlobId, (result) => {
        const isHere = result.kind === 'done' && result.value;
        if (isHere) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
        underWay--;
        goOn();
      });
    };
    goOn();
  }

  /** @returns through the callback whether the blob is at home, both files of it, and stays there (F1) */
  isHere(id: BlobId, callback: FilesCallback<boolean>): void {
    const { data, meta, folder } = homeOf(id);
    const both = onceAll(2, (result) => {
      if (isAbsent(result)) return callback({ kind: 'done', value: false });
      if (result.kind === 'failed') return callback(this.#noted(result));
      return this.#folders.settle(folder, (settled) => {
        if (settled.kind === 'failed') return callback(this.#noted(settled));
        return callback({ kind: 'done', value: true });
      });
    });
    for (const path of [meta, data]) this.#files.bytesOf(path, both);
  }

  /** Moves a blob from its home into the trash, or to those whose bytes are wrong. */
  put(id: BlobId, folder: typeof TRASH | typeof CORRUPT, callback: (outcome: MoveOutcome) => void) {
    const counts = folder === TRASH ? this.#counts.trash : this.#counts.corrupt;
    const left = this.#counts.blobs.changing(homeOf(id).folder);
    const come = counts.changing(folder);
    this.#files.bytesOf(homeOf(id).data, (length) => {
      const bytes = length.kind === 'done' ? length.value : 0;
      // The meta goes first: without it nobody takes the rest for a blob.
      this.#move(homeOf(id), placeIn(folder, id), 'meta first', (outcome) => {
        const isMoved = outcome.kind === 'moved';
        left(isMoved ? { blobs: -1, bytes: -bytes } : undefined);
        come(isMoved ? { blobs: 1, bytes } : undefined);
        callback(outcome);
      });
    });
  }

  /** Brings a blob back from the trash. */
  restore({ id, size }: BlobMeta, callback: (outcome: MoveOutcome) => void): void {
    const home = homeOf(id);
    this.#folders.make(home.folder, (made) => {
      if (made.kind === 'failed') return callback(this.#noted(made));
      const left = this.#counts.trash.changing(TRASH);
      const come = this.#counts.blobs.changing(home.folder);
      const end = (outcome: MoveOutcome) => {
        const isMoved = outcome.kind === 'moved';
        left(isMoved ? { blobs: -1, bytes: -size } : undefined);
        come(isMoved ? { blobs: 1, bytes: size } : undefined);
        if (isMoved) {
          this.#logger.write('warn', 'a blob was taken back from the trash', { blob: id });
        }
        callback(outcome);
      };
      return this.#move(placeIn(TRASH, id), home, 'data first', (outcome) =>
        outcome.kind === 'absent' ? this.#restoreHalf(id, end) : end(outcome),
      );
    });
  }

  /**
   * A crash has left the meta alone in the trash: the bytes are at home already, or nowhere. A meta without bytes must not
   * keep the id taken, or the blob could never be fetched again.
   */
  #restoreHalf(id: BlobId, callback: (outcome: MoveOutcome) => void): void {
    const [home, trash] = [homeOf(id), placeIn(TRASH, id)];
    this.#files.bytesOf(home.data, (length) => {
      if (length.kind === 'failed' && !isAbsent(length)) return callback(this.#noted(length));
      if (isAbsent(length)) {
        return this.#files.unlink(trash.meta, (unlinked) =>
          callback(unlinked.kind === 'failed' ? this.#noted(unlinked) : { kind: 'absent' }),
        );
      }
      this.#folders.changing(home.folder);
      return this.#files.rename([{ from: trash.meta, to: home.meta }], (result) => {
        if (result.kind === 'done') return callback({ kind: 'moved' });
        return callback(isAbsent(result) ? { kind: 'absent' } : this.#noted(result));
      });
    });
  }

  /** @returns through the callback whether the blob was in the trash, and is nowhere now */
  unlinkTrashed({ id, committedAt }: BlobMeta, callback: (isUnlinked: boolean) => void): void {
    this.trashed(id, (outcome) => {
      // It may have come back, and gone once more, since it was looked at.
      if (outcome.kind !== 'meta' || outcome.meta.committedAt !== committedAt) {
        return callback(false);
      }
      const { meta, data } = placeIn(TRASH, id);
      const changed = this.#counts.trash.changing(TRASH);
      const end = (isUnlinked: boolean) => {
        changed(isUnlinked ? { blobs: -1, bytes: -outcome.meta.size } : undefined);
        callback(isUnlinked);
      };
      // The meta goes last: while it is there, the rest is found again.
      return this.#files.unlink(data, (result) => {
        if (result.kind === 'failed') return end(false);
        return this.#files.unlink(meta, (unlinked) => end(unlinked.kind === 'done'));
      });
    });
  }

  #move(
    from: BlobPlace,
    to: BlobPlace,
    order: 'meta first' | 'data first',
    callback: (outcome: MoveOutcome) => void,
  ): void {
    const [data, meta] = [
      { from: from.data, to: to.data },
      { from: from.meta, to: to.meta },
    ];
    this.#files.bytesOf(from.meta, (length) => {
      if (isAbsent(length)) return callback({ kind: 'absent' });
      const moves = order === 'meta first' ? [meta, data] : [data, meta];
      this.#folders.changing(to.folder);
      return this.#files.rename(moves, (result) => {
        if (result.kind === 'done') return callback({ kind: 'moved' });
        this.#folders.doubt(to.folder);
        if (result.fault !== 'absent') return callback(this.#noted(result));
        // The bytes are missing, which other hands removed.
        return callback({ kind: order === 'meta first' ? 'moved' : 'absent' });
      });
    });
  }

  #openIn(
    place: BlobPlace,
    id: BlobId,
    isTrash: boolean,
    callback: (outcome: OpenOutcome) => void,
  ): void {
    let meta: MetaOutcome | undefined;
    let opened: FilesResult<OpenFile> | undefined;
    const look = () => {
      if (meta === undefined || opened === undefined) return undefined;
      if (opened.kind === 'failed') {
        if (meta.kind !== 'meta') return callback(meta);
        if (isAbsent(opened))
          this.#logger.write('error', 'the bytes of a blob are gone', { blob: id });
        return callback(isAbsent(opened) ? { kind: 'absent' } : this.#noted(opened));
      }
      const file = opened.value;
      if (meta.kind === 'meta') return callback({ kind: 'open', meta: meta.meta, file, isTrash });
      file.close();
      return callback(meta);
    };
    this.#metaIn(place, id, (outcome) => {
      meta = outcome;
      look();
    });
    this.#files.open(place.data, (result) => {
      opened = result;
      look();
    });
  }

  #metaIn(place: BlobPlace, id: BlobId, callback: (outcome: MetaOutcome) => void): void {
    readWhole(this.#files, place.meta, META_BYTES_MAX, (read) => {
      if (isAbsent(read)) return callback({ kind: 'absent' });
      if (read.kind === 'failed') return callback(this.#noted(read));
      const meta = decodeMeta(id, read.value);
      if (typeof meta !== 'string') return callback({ kind: 'meta', meta });
      // Without its checksums a blob cannot be served (F6): it is as good as gone.
      this.#logger.write('error', 'the meta of a blob is wrong', { blob: id, reason: meta });
      if (place.folder !== TRASH) this.#metaIsWrong(id);
      return callback({ kind: 'absent' });
    });
  }

  #noted(failure: FilesFailure): FilesFailure {
    this.#health.failed(failure, 'reading a blob');
    return failure;
  }
}

function isAbsent(result: FilesResult<unknown>): boolean {
  return result.kind === 'failed' && result.fault === 'absent';
}
