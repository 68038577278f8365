// The entries of a directory, read without a lock: they may come and go meanwhile.

import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReportFinding } from './finding.ts';

export interface Entry {
  readonly name: string;
  readonly stats: Stats;
}

export async function lstatIfThere(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined);
}

export async function entriesOf(
  path: string,
  report: ReportFinding,
): Promise<readonly Entry[] | undefined> {
  try {
    const names = await readdir(path);
    const entries = await Promise.all(
      names.map(async (name) => ({ name, stats: await lstatIfThere(join(path, name)) })),
    );
    // While a node runs, files disappear between the listing and the inspection.
    return entries.filter((entry): entry is Entry => entry.stats !== undefined);
  } catch (error) {
    report({
      check: 'directory',
      what: `${path} cannot be read: ${codeOf(error)}`,
      todo: 'let the user of the node read and write it',
    });
    return undefined;
  }
}

/**
 * Opens a regular file only: opening a pipe would wait for its writer.
 * @throws an error that `codeOf` names
 */
export async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is no file');
    return await use(file);
  } finally {
    await file.close();
  }
}

export function readIn(path: string): Promise<Buffer> {
  return withFile(path, (file) => file.readFile());
}

export function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
