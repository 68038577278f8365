// What is often done with the port Files: small files that are read and written as a whole, and several calls at once.

import type {
  Files,
  FilesCallback,
  FilesFailure,
  FilesResult,
  NewFile,
} from '../../cluster/files.ts';

/** Nearly all are shorter, and are read by one call. */
const FIRST_READ_BYTES = 16 * 1024;
const FURTHER_READ_BYTES = 1024 * 1024;

/** @param bytesMax a longer file comes cut off, with at least so many bytes */
export function readWhole(
  files: Pick<Files, 'open'>,
  path: string,
  bytesMax: number,
  callback: FilesCallback<Buffer>,
): void {
  files.open(path, (opened) => {
    if (opened.kind === 'failed') return callback(opened);
    const file = opened.value;
    const pieces: Buffer[] = [];
    let length = 0;
    const next = () => {
      const into = Buffer.allocUnsafe(length === 0 ? FIRST_READ_BYTES : FURTHER_READ_BYTES);
      file.read(length, into, (read) => {
        if (read.kind === 'failed') {
          file.close();
          return callback(read);
        }
        pieces.push(into.subarray(0, read.value));
        length += read.value;
        if (read.value === into.length && length < bytesMax) return next();
        file.close();
        return callback({ kind: 'done', value: Buffer.concat(pieces, length) });
      });
    };
    return next();
  });
}

/** Makes a file, in place of one that an earlier try left under that name. */
export function createAnew(
  files: Pick<Files, 'create' | 'unlink'>,
  path: string,
  callback: FilesCallback<NewFile>,
): void {
  files.create(path, (created) => {
    if (created.kind === 'done' || created.fault !== 'exists') return callback(created);
    return files.unlink(path, (unlinked) => {
      if (unlinked.kind === 'failed') return callback(unlinked);
      return files.create(path, callback);
    });
  });
}

/**
 * Writes and syncs a file as `createAnew` makes it; its name is durable once it is renamed.
 * @param callback after a failure nothing is left under that name, unless it cannot be unlinked either
 */
export function writeWhole(
  files: Pick<Files, 'create' | 'unlink'>,
  path: string,
  bytes: Buffer,
  callback: FilesCallback<undefined>,
): void {
  createAnew(files, path, (created) => {
    if (created.kind === 'failed') return callback(created);
    const file = created.value;
    const end = (result: FilesResult<undefined>) => {
      file.close();
      if (result.kind === 'done') return callback(result);
      return files.unlink(path, () => callback(result));
    };
    return file.append([bytes], (appended) => {
      if (appended.kind === 'failed') return end(appended);
      return file.sync(end);
    });
  });
}

/** @returns what takes `count` results, and calls back once all are there: with the first failure, if there is one */
export function onceAll(count: number, callback: FilesCallback<undefined>): FilesCallback<unknown> {
  let left = count;
  let failure: FilesFailure | undefined;
  return (result) => {
    if (result.kind === 'failed') failure ??= result;
    left--;
    if (left === 0) callback(failure ?? { kind: 'done', value: undefined });
  };
}
