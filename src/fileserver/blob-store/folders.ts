// The directories of blobs/: each is made when its first blob comes, as there may be 65,536, and what is told of its blobs
// waits until its names survive a crash of the machine.

import type { Files, FilesCallback } from '../../cluster/files.ts';

export class Folders {
  readonly #files: Pick<Files, 'makeDirectory'>;
  /** Those that are certainly there, unless other hands have removed them. */
  readonly #known = new Set<string>();
  /** Those in which all names survive. */
  readonly #settled = new Set<string>();
  /** Those that are being settled, with the attempt that counts: a name that changes meanwhile may be missed by it. */
  readonly #settling = new Map<string, symbol>();

  constructor(files: Pick<Files, 'makeDirectory'>) {
    this.#files = files;
  }

  make(folder: string, callback: FilesCallback<undefined>): void {
    if (this.#known.has(folder)) return callback({ kind: 'done', value: undefined });
    return this.settle(folder, callback);
  }

  /**
   * F1: a copy counts once its names survive. Everybody sees a name before that: while it is being renamed, after that has
   * failed, and where the process died in the midst of it and was started again.
   * @returns through the callback, when what has a name in the folder survives under it
   */
  settle(folder: string, callback: FilesCallback<undefined>): void {
    if (this.#settled.has(folder)) return callback({ kind: 'done', value: undefined });
    const attempt = Symbol(folder);
    this.#settling.set(folder, attempt);
    return this.#files.makeDirectory(folder, (result) => {
      const isLatest = this.#settling.get(folder) === attempt;
      if (isLatest) this.#settling.delete(folder);
      if (result.kind === 'done') {
        this.#known.add(folder);
        if (isLatest) this.#settled.add(folder);
      }
      callback(result);
    });
  }

  /** Names in it are about to change. */
  changing(folder: string): void {
    this.#settled.delete(folder);
    this.#settling.delete(folder);
  }

  /** Something in it failed: it may be gone. */
  doubt(folder: string): void {
    this.#known.delete(folder);
  }
}
