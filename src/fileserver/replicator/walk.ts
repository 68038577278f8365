// Goes through all blobs of a file server in batches, in the order of their folders, again and again. What comes or goes
// meanwhile is met or not.

import type { Files, FilesFailure } from '../../cluster/files.ts';
import type { BlobId } from '../../files/blob-id.ts';
import { ASKED_BLOBS_MAX } from '../../files/have.ts';
import { each, eachEntry, type Next } from '../blob-store/listing.ts';
import { BLOBS, namedFile } from '../blob-store/places.ts';

/** Of so many blobs one question is asked. */
export const BATCH_BLOBS = ASKED_BLOBS_MAX;

export interface WalkEvents {
  /**
   * Some blobs.
   * @param goOn called when the next ones may come
   * @param folder the last one that was gone through; it may have more blobs that come later
   */
  batch(ids: readonly BlobId[], goOn: Next, folder: string): void;
  /** Called once: with what could not be listed, or undefined when all were met. */
  ended(failure: FilesFailure | undefined): void;
}

/** @param from the folder at which an earlier walk was, which is met again; the first one when undefined */
export function walk(files: Pick<Files, 'list'>, events: WalkEvents, from = ''): void {
  let waiting: BlobId[] = [];
  let folder = from;
  let failure: FilesFailure | undefined;
  const foldersIn = (folder: string, done: (folders: readonly string[]) => void) => {
    const folders: string[] = [];
    eachEntry(
      files,
      folder,
      ({ name, isDirectory }, next) => {
        if (isDirectory) folders.push(`${folder}/${name}`);
        next();
      },
      (failed) => {
        failure ??= failed;
        done(folders.sort());
      },
    );
  };
  const visit = (home: string, next: Next) => {
    if (home < from) return next();
    folder = home;
    return eachEntry(
      files,
      home,
      ({ name }, nextEntry) => {
        const named = namedFile(name);
        // The meta makes it a blob.
        if (named?.isMeta !== true) return nextEntry();
        waiting.push(named.id);
        return waiting.length < BATCH_BLOBS ? nextEntry() : flush(nextEntry);
      },
      (failed) => {
        failure ??= failed;
        next();
      },
    );
  };
  const flush = (next: Next) => {
    const ids = waiting;
    waiting = [];
    if (ids.length === 0) return next();
    return events.batch(ids, next, folder);
  };
  foldersIn(BLOBS, (tops) =>
    each(
      tops,
      (top, nextTop) => {
        // Folders sort as their names do, and those of a lesser top are all before this one.
        if (`${top}/~` < from) return nextTop();
        return foldersIn(top, (homes) => each(homes, visit, nextTop));
      },
      () => flush(() => events.ended(failure)),
    ),
  );
}
