// Looks at files that an operator makes beside a process. They are the operator's: nothing here writes.

import { lstat } from 'node:fs/promises';
import type { OperatorFiles } from '../../ports.ts';

const ABSENT: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR'];

export const operatorFiles: OperatorFiles = {
  isThere(path, callback) {
    lstat(path).then(
      () => callback(true),
      // What cannot be looked at may be there: a switch that nobody may read must not be off.
      (error: NodeJS.ErrnoException) => callback(!ABSENT.includes(error.code)),
    );
  },
};
