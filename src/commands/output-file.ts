// The file that a command writes with --output or --report: whole, or not at all. Who looks at it meanwhile, or where the
// command is interrupted, sees what was there before.

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { onInterrupt } from './interrupts.ts';

export class OutputFile {
  /** As it was named. */
  readonly #path: string;
  readonly #file: FileHandle;
  /** Undefined where the bytes go into the file itself, as of a device or a pipe. */
  readonly #replaced: { readonly from: string; readonly to: string } | undefined;
  readonly #forget: () => void;

  private constructor(
    path: string,
    file: FileHandle,
    replaced: { readonly from: string; readonly to: string } | undefined,
  ) {
    this.#path = path;
    this.#file = file;
    this.#replaced = replaced;
    this.#forget = onInterrupt(() => {
      if (replaced !== undefined) rmSync(replaced.from, { force: true });
    });
  }

  /**
   * Call before the work: nobody should wait for what cannot be written in the end.
   * @param path of a file that is there or not; a link is followed
   * @throws FatalError where it cannot be written
   */
  static async open(path: string): Promise<OutputFile> {
    return orFail(path, async () => {
      const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (stats?.isDirectory() === true) throw Object.assign(new Error(), { code: 'EISDIR' });
      if (stats !== undefined && !stats.isFile()) {
        return new OutputFile(path, await open(path, 'w'), undefined);
      }
      const to = stats === undefined ? path : await realpath(path);
      const from = `${to}.${randomBytes(6).toString('hex')}.partial`;
      return new OutputFile(path, await open(from, 'wx', stats?.mode), { from, to });
    });
  }

  /** @throws FatalError */
  write(data: Uint8Array | string): Promise<void> {
    return orFail(this.#path, () => this.#file.writeFile(data));
  }

  /**
   * It is whole, and takes the place of what was there.
   * @throws FatalError
   */
  async finish(): Promise<void> {
    const replaced = this.#replaced;
    await orFail(this.#path, async () => {
      if (replaced !== undefined) await this.#file.sync();
      await this.#file.close();
      if (replaced !== undefined) await rename(replaced.from, replaced.to);
    });
    this.#forget();
  }

  /** It will not be whole: what was there stays. */
  async abandon(): Promise<void> {
    this.#forget();
    await this.#file.close().catch(() => undefined);
    if (this.#replaced !== undefined) await rm(this.#replaced.from, { force: true });
  }
}

async function orFail<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new FatalError(EXIT.failure, `${path} cannot be written: ${code ?? message}`);
  }
}
