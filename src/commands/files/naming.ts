// How the words of `velour files` name files.

import type { FileKey } from '../../files/file-key.ts';
import { domainIn, type FileName, fileKeyOf, isSpace } from '../../files/file-name.ts';
import { type Arguments, type OptionTable, usage } from '../options.ts';

export const SPACE_OPTION: OptionTable = {
  space: {
    type: 'string',
    default: 's',
    describe: 'Where the path is: s, of sfss; b, of blobs; d:DOMAIN, of a domain of the broker',
  },
};

export function spaceIn(words: Arguments): string {
  const space = words.text('space');
  if (isSpace(space)) return space;
  throw usage(`space is ${space}, and must be s, b or d:DOMAIN`);
}

export interface NamedKey {
  readonly name: FileName;
  readonly key: FileKey;
}

/** @returns the path as records have it: people write those of a domain as in its URLs, with a slash before */
export function pathIn(space: string, path: string): Buffer {
  return Buffer.from(domainIn(space) !== undefined ? path.replace(/^\//, '') : path);
}

/** @throws FatalError for a path that no file has */
export function fileIn(words: Arguments, path: string): NamedKey {
  const space = spaceIn(words);
  const name = { space, path: pathIn(space, path) };
  const key = fileKeyOf(name);
  if (key !== undefined) return { name, key };
  throw usage('path is none that a file has: empty, too long, or with a NUL');
}
