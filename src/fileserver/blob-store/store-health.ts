// Whether the disk of a file server can be relied on. A disk that failed once is written to no more until the process is
// started again: what it says it took may be lost. It goes on being read, as each block has its checksum.

import type { FilesFailure } from '../../cluster/files.ts';
import type { Logger } from '../../cluster/ports.ts';

export class StoreHealth {
  readonly #logger: Logger;
  #failed: string | undefined;
  #lost: string | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Why nothing may be written; undefined while it may. */
  get problem(): string | undefined {
    return this.#failed ?? this.#lost;
  }

  /** @param doing what failed, as in `writing a blob` */
  failed(failure: FilesFailure, doing: string): void {
    if (failure.fault !== 'broken' || this.#failed !== undefined) return;
    this.#failed = `${doing} failed: ${failure.detail}`;
    this.#logger.write(
      'error',
      'the disk fails: nothing is written to it until this process is started again, and what can be read is served',
      { doing, detail: failure.detail },
    );
  }

  /** @param problem why the directory cannot be relied on now; undefined while it can */
  looked(problem: string | undefined): void {
    if (problem === this.#lost) return;
    this.#lost = problem;
    if (problem === undefined) this.#logger.write('info', 'the directory can be written again');
    else this.#logger.write('error', 'the directory cannot be written', { problem });
  }
}
