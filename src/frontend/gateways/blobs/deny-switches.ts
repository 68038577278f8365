// Switches by which an operator turns methods of the blob service off, as in the original: a file PREFIXput, PREFIXget,
// PREFIXhead or PREFIXdelete on the machine of the frontend, looked at for each request, so that no restart is needed.

import type { OperatorFiles } from '../../../cluster/ports.ts';

export type DeniableVerb = 'put' | 'get' | 'head' | 'delete';

export class DenySwitches {
  readonly #files: OperatorFiles;
  readonly #prefix: string | undefined;

  /** @param prefix of the paths of the files; undefined where nothing is ever switched off */
  constructor(files: OperatorFiles, prefix: string | undefined) {
    this.#files = files;
    this.#prefix = prefix;
  }

  /** Goes on with the request, or refuses it. */
  judge(verb: DeniableVerb, allowed: () => void, denied: () => void): void {
    if (this.#prefix === undefined) return allowed();
    return this.#files.isThere(`${this.#prefix}${verb}`, (isThere) =>
      isThere ? denied() : allowed(),
    );
  }
}
