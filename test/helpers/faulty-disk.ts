// Disks that fail under real processes: calls that end with an error of the test's choice (faulty-disk.mjs), and
// directories of a file system that is mounted read-only.

import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';

const PRELOADED = new URL('faulty-disk.mjs', import.meta.url).href;

type Call = 'open' | 'open-to-write' | 'read' | 'write' | 'sync' | 'truncate' | 'rename' | 'unlink';

/** All that a file system refuses which became read-only; syncs have nothing to do there. */
export const CHANGES: readonly Call[] = ['open-to-write', 'write', 'truncate', 'rename', 'unlink'];

export interface Fault {
  readonly calls: readonly Call[];
  /** How the names of the files begin; by default those of all. */
  readonly file?: string;
  /** Of such calls, so many succeed before the first that fails. */
  readonly skip?: number;
  /** So many fail; by default all. */
  readonly times?: number;
  /** `short`: half of the bytes are written, and nothing is said; of `ENOSPC` half of them as well. */
  readonly how: 'EIO' | 'EROFS' | 'ENOSPC' | 'EMFILE' | 'short';
}

/** The disk of one process, over all of its lives. */
export class FaultyDisk {
  readonly #order: string;

  /** @param order a path of the test's own */
  constructor(order: string) {
    this.#order = order;
  }

  /** What stands before the command line of the process; it keeps its process id. */
  get before(): readonly string[] {
    return ['env', `NODE_OPTIONS=--import=${PRELOADED}`, `DISK_FAULT=${this.#order}`];
  }

  /** From the next call on; in one step, because the process may be reading it. */
  fail({ calls, file = '', skip = 0, times = Number.MAX_SAFE_INTEGER, how }: Fault): void {
    writeFileSync(`${this.#order}.new`, JSON.stringify({ calls, file, skip, times, how }));
    renameSync(`${this.#order}.new`, this.#order);
  }

  heal(): void {
    rmSync(this.#order, { force: true });
  }
}

/** @returns what goes before a command, so that it finds this directory read-only; undefined where nobody may */
export function readOnly(path: string): readonly string[] | undefined {
  const mount = `mount --bind ${path} ${path} && mount -o remount,bind,ro ${path} && exec "$@"`;
  const before = ['unshare', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh'];
  const [command = '', ...words] = before;
  const probe = spawnSync(command, [...words, 'true']);
  return probe.status === 0 ? before : undefined;
}
