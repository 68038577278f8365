// Goes through the entries of a directory, in slices, one after the other.

import type { FileEntry, FileList, Files, FilesFailure } from '../../cluster/files.ts';

const LISTED_AT_ONCE = 256;

/** Goes on with the next one. */
export type Next = () => void;

/**
 * @param folder the directory; the empty text is the top
 * @param done called once: with why the directory cannot be listed to its end, or with undefined
 */
export function eachEntry(
  files: Pick<Files, 'list'>,
  folder: string,
  visit: (entry: FileEntry, next: Next) => void,
  done: (failure: FilesFailure | undefined) => void,
): void {
  files.list(folder, (opened) => {
    if (opened.kind === 'failed') return done(opened);
    return eachSlice(opened.value, visit, (failure) => {
      opened.value.close();
      done(failure);
    });
  });
}

function eachSlice(
  list: FileList,
  visit: (entry: FileEntry, next: Next) => void,
  done: (failure: FilesFailure | undefined) => void,
): void {
  list.next(LISTED_AT_ONCE, (slice) => {
    if (slice.kind === 'failed') return done(slice);
    if (slice.value.length === 0) return done(undefined);
    return each(slice.value, visit, () => eachSlice(list, visit, done));
  });
}

/** Items that go on before their visit returns do not pile up calls. */
export function each<T>(
  items: readonly T[],
  visit: (item: T, next: Next) => void,
  done: () => void,
): void {
  let at = 0;
  let isIn = false;
  let goesOn = true;
  const go = () => {
    goesOn = true;
    if (isIn) return;
    isIn = true;
    while (goesOn && at < items.length) {
      goesOn = false;
      visit(items[at++] as T, go);
    }
    isIn = false;
    if (goesOn) done();
  };
  go();
}
