// The directories of blobs/, which are made when their first blob comes: there may be 65,536.

import type { Files, FilesCallback } from '../../cluster/files.ts';

export class Folders {
  readonly #files: Pick<Files, 'makeDirectory'>;
  /** Those that are certainly there, unless other hands have removed them. */
  readonly #known = new Set<string>();

  constructor(files: Pick<Files, 'makeDirectory'>) {
    this.#files = files;
  }

  make(folder: string, callback: FilesCallback<undefined>): void {
    if (this.#known.has(folder)) return callback({ kind: 'done', value: undefined });
    return this.#files.makeDirectory(folder, (result) => {
      if (result.kind === 'done') this.#known.add(folder);
      callback(result);
    });
  }

  /** Something in it failed: it may be gone. */
  doubt(folder: string): void {
    this.#known.delete(folder);
  }
}
