// Goes through the whole directory once after a start, slowly, and counts the blobs. On its way it ends what a crash of
// an earlier process has left half done: a blob is two files, which are renamed one after the other.

import type { FileEntry, Files } from '../../cluster/files.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { BlobCounts } from './blob-counts.ts';
import type { BlobStore } from './blob-store.ts';
import { each, eachEntry, type Next } from './listing.ts';
import { BLOBS, type BlobPlace, CORRUPT, namedFile, placeIn, TRASH } from './places.ts';

/** Between two directories, or two slices of a long one, so that clients notice nothing of it. */
const PAUSE_MS = 4;
/** After a failure, such as too many open files. */
const AGAIN_MS = 10_000;
/** A folder that changes all the time is counted as it was, more or less. Each pause is twice the one before. */
const ATTEMPTS = 10;

export class Census {
  readonly #runtime: Runtime;
  readonly #files: Files;
  readonly #store: BlobStore;
  readonly #done: () => void;

  /** @param done called once, when everything is counted */
  constructor(runtime: Runtime, files: Files, store: BlobStore, done: () => void) {
    this.#runtime = runtime;
    this.#files = files;
    this.#store = store;
    this.#done = done;
  }

  start(): void {
    const { blobs, trash, corrupt } = this.#store;
    const homes = () =>
      this.#foldersIn(BLOBS, (folder, next) =>
        this.#foldersIn(folder, (home, nextHome) => this.#visit(blobs, home, nextHome))(next),
      );
    this.#visit(trash, TRASH, () =>
      this.#visit(corrupt, CORRUPT, () => {
        trash.complete();
        corrupt.complete();
        homes()(() => this.#missed(blobs));
      }),
    );
  }

  /** Folders that were made while the census was elsewhere. */
  #missed(blobs: BlobCounts): void {
    const { missed } = blobs;
    if (missed !== undefined) return this.#visit(blobs, missed, () => this.#missed(blobs));
    blobs.complete();
    return this.#done();
  }

  #visit(counts: BlobCounts, folder: string, done: Next, attempt = 1): void {
    let [blobs, bytes] = [0, 0];
    /** Of each blob of which only one file was met so far, whether that is the meta. */
    const halves = new Map<BlobId, boolean>();
    counts.begin(folder);
    const entry = ({ name }: FileEntry, next: Next) => {
      const named = namedFile(name);
      if (named === undefined) return next();
      const { id, isMeta } = named;
      if (!halves.delete(id)) {
        halves.set(id, isMeta);
        return next();
      }
      blobs++;
      return this.#files.bytesOf(placeIn(folder, id).data, (length) => {
        if (length.kind === 'done') bytes += length.value;
        next();
      });
    };
    const again = () => this.#visit(counts, folder, done, attempt);
    this.#through(folder, entry, again, () => {
      const mend = ([id, isMeta]: readonly [BlobId, boolean], next: Next) =>
        this.#mend(folder, id, isMeta, next);
      // Only homes: what is half in the trash is half at home, and found there.
      const mended = folder === TRASH || folder === CORRUPT ? [] : [...halves];
      each(mended, mend, () => {
        const isOver = counts.end(folder, { blobs, bytes }, attempt === ATTEMPTS);
        const next = isOver ? done : () => this.#visit(counts, folder, done, attempt + 1);
        this.#runtime.timers.after(isOver ? PAUSE_MS : PAUSE_MS * 2 ** attempt, next);
      });
    });
  }

  /**
   * One file of the two is at home: a crash came between the two renames, or the disk has only one of them. Where the
   * other file is in the trash or in corrupt/, it was on its way there, and this one follows. Data without a meta was on
   * its way here, and never acknowledged; so was a meta without data, unless other hands have removed that.
   */
  #mend(folder: string, id: BlobId, isMeta: boolean, done: Next): void {
    const home = placeIn(folder, id);
    // In turn: whatever moves the two files just now is over then, and both or neither of them is here.
    this.#store.takeTurn(id, (over) => {
      const next = () => {
        over();
        done();
      };
      this.#files.bytesOf(isMeta ? home.data : home.meta, (other) => {
        const isMissing = other.kind === 'failed' && other.fault === 'absent';
        return isMissing ? this.#mendHalf(home, id, isMeta, next) : next();
      });
    });
  }

  #mendHalf(home: BlobPlace, id: BlobId, isMeta: boolean, done: Next): void {
    const follow = (target: string, next: Next) => {
      const other = placeIn(target, id);
      const [its, from, to] = isMeta
        ? [other.data, home.meta, other.meta]
        : [other.meta, home.data, other.data];
      this.#files.bytesOf(its, (there) => {
        if (there.kind === 'failed') return next();
        return this.#files.rename([{ from, to }], () => done());
      });
    };
    each([TRASH, CORRUPT], follow, () => {
      const { logger } = this.#runtime;
      if (!isMeta) {
        logger.write('info', 'what a crash left of an upload is removed', { blob: id });
        return this.#files.unlink(home.data, () => done());
      }
      logger.write('warn', 'the bytes of a blob are gone: it is no blob any more', { blob: id });
      return this.#files.unlink(home.meta, () => {
        this.#store.lost(id);
        done();
      });
    });
  }

  #foldersIn(folder: string, visit: (folder: string, next: Next) => void): (done: Next) => void {
    return (done) => {
      const folders: string[] = [];
      const entry = ({ name, isDirectory }: FileEntry, next: Next) => {
        if (isDirectory) folders.push(`${folder}/${name}`);
        next();
      };
      const again = () => this.#foldersIn(folder, visit)(done);
      this.#through(folder, entry, again, () => each(folders, visit, done));
    };
  }

  /** Goes through the entries of a folder, in slices. @param again called after a while where that failed */
  #through(
    folder: string,
    visit: (entry: FileEntry, next: Next) => void,
    again: Next,
    done: Next,
  ): void {
    eachEntry(this.#files, folder, visit, (failure) => {
      if (failure === undefined || failure.fault === 'absent') return done();
      const { detail } = failure;
      this.#store.health.failed(failure, 'listing blobs');
      this.#runtime.logger.write('warn', 'blobs cannot be counted', { folder, detail });
      this.#runtime.timers.after(AGAIN_MS, again);
      return undefined;
    });
  }
}
