// Lists the ids of all blobs at home, page by page. They come in the order of their folders, and within these of themselves, so
// that a page begins behind the last id of the one before, whatever comes and goes meanwhile.

import type { Files, FilesFailure } from '../../cluster/files.ts';
import type { BlobId } from '../../files/blob-id.ts';
import { each, eachEntry, type Next } from './listing.ts';
import { BLOBS, homeOf, namedFile } from './places.ts';

export type BlobPage = { readonly kind: 'page'; readonly ids: readonly BlobId[] } | FilesFailure;

/**
 * @param after the last id of the page before; undefined for the beginning
 * @param limit the page has at least so many ids, or all that are left; more where a folder has more
 * @param done called once
 */
export function pageOfBlobs(
  files: Pick<Files, 'list'>,
  after: BlobId | undefined,
  limit: number,
  done: (page: BlobPage) => void,
): void {
  const first = after === undefined ? '' : homeOf(after).folder;
  const ids: BlobId[] = [];
  let failure: FilesFailure | undefined;
  const isOver = () => ids.length >= limit || failure !== undefined;
  const namesIn = (folder: string, callback: (names: readonly string[]) => void) => {
    const names: string[] = [];
    eachEntry(
      files,
      folder,
      ({ name }, next) => {
        names.push(name);
        next();
      },
      (failed) => {
        // A folder that is gone has no blobs.
        if (failed !== undefined && failed.fault !== 'absent') failure = failed;
        callback(names.sort());
      },
    );
  };
  const home = (folder: string, next: Next) => {
    if (isOver() || folder < first) return next();
    return namesIn(folder, (names) => {
      for (const name of names) {
        const named = namedFile(name);
        // The meta makes it a blob.
        if (named?.isMeta !== true) continue;
        if (folder === first && after !== undefined && named.id <= after) continue;
        ids.push(named.id);
      }
      next();
    });
  };
  const top = (folder: string, next: Next) => {
    // Folders sort as their names do, and those of a lesser top are all before the first one.
    if (isOver() || `${folder}/~` < first) return next();
    return namesIn(folder, (homes) =>
      each(
        homes.map((name) => `${folder}/${name}`),
        home,
        next,
      ),
    );
  };
  namesIn(BLOBS, (tops) =>
    each(
      tops.map((name) => `${BLOBS}/${name}`),
      top,
      () => done(failure ?? { kind: 'page', ids }),
    ),
  );
}
