// The entries of a directory, as a look that holds nothing sees them: they may come and go meanwhile.

import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from './finding.ts';

export interface Entry {
  readonly name: string;
  readonly stats: Stats;
}

export async function lstatIfThere(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined);
}

export async function entriesOf(
  path: string,
  report: Report,
): Promise<readonly Entry[] | undefined> {
  try {
    const names = await readdir(path);
    const entries = await Promise.all(
      names.map(async (name) => ({ name, stats: await lstatIfThere(join(path, name)) })),
    );
    // Others come and go while a node runs.
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

export function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
