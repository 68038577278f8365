// Changes what a data directory says of itself, as its node would have written it.

import { readFileSync, writeFileSync } from 'node:fs';
import {
  decodeIdentity,
  encodeIdentity,
  type Identity,
} from '../../src/storage/data-directory/identity-file.ts';

export function changeIdentity(path: string, change: Partial<Identity>): void {
  const identity = decodeIdentity(readFileSync(path));
  if (typeof identity === 'string') throw new Error(identity);
  writeFileSync(path, encodeIdentity({ ...identity, ...change }));
}
