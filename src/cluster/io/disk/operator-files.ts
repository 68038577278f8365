// Looks at files that an operator makes beside a process. They are the operator's: nothing here writes.

import { lstat, open } from 'node:fs/promises';
import type { OperatorFiles } from '../../ports.ts';
import { readAt, settle } from './disk.ts';

const BYTES_MAX = 1024 * 1024;
const ABSENT: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR'];

export const operatorFiles: OperatorFiles = {
  isThere(path, callback) {
    lstat(path).then(
      () => callback(true),
      // What cannot be looked at may be there: a switch that nobody may read must not be off.
      (error: NodeJS.ErrnoException) => callback(!ABSENT.includes(error.code)),
    );
  },
  read: (path, callback) => settle(textOf(path), callback),
};

async function textOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(BYTES_MAX + 1);
    const bytes = await readAt(file, 0, buffer);
    if (bytes > BYTES_MAX) throw new Error(`it is longer than ${BYTES_MAX} bytes`);
    return buffer.toString('utf8', 0, bytes);
  } finally {
    await file.close();
  }
}
