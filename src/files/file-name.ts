// The names of files, as people have them, and the keys of their records (file-key.ts), in both directions. Pure.

import { directoryFileKey, type FileKey, type FlatSpace, flatFileKey } from './file-key.ts';

/** A file as people name it: a space, and a path in it. */
export interface FileName {
  readonly space: string;
  /** With a slash between the directory and the name in it, where the space has directories. */
  readonly path: Buffer;
}

const HEAD = Buffer.from([0xff, 0x66]);
const SLASH = 0x2f;
const DOMAIN = 'd:';
const FLAT: readonly string[] = ['s', 'b'] satisfies readonly FlatSpace[];

export function isSpace(text: string): boolean {
  return (
    FLAT.includes(text) ||
    (text.startsWith(DOMAIN) && text.length > DOMAIN.length && !text.includes('\0'))
  );
}

/** @returns the domain of a space with directories; undefined of one without */
export function domainIn(space: string): string | undefined {
  return space.startsWith(DOMAIN) ? space.slice(DOMAIN.length) : undefined;
}

/** @returns undefined for a path that no file of the space can have */
export function fileKeyOf({ space, path }: FileName): FileKey | undefined {
  const domain = domainIn(space);
  if (domain === undefined) return flatFileKey(space as FlatSpace, path);
  const end = path.lastIndexOf(SLASH);
  const directory = path.subarray(0, Math.max(0, end));
  return directoryFileKey(domain, directory, path.subarray(end + 1));
}

/** @returns the directories that a file is in, the outermost first; none in a space without directories */
export function directoriesAround({ space, path }: FileName): readonly FileName[] {
  if (domainIn(space) === undefined) return [];
  return [...path.entries()].flatMap(([index, byte]) =>
    byte === SLASH ? [{ space, path: path.subarray(0, index) }] : [],
  );
}

/** @returns undefined for a key that is none of a file */
export function fileNameOf(storedKey: Buffer): FileName | undefined {
  if (!storedKey.subarray(0, HEAD.length).equals(HEAD)) return undefined;
  const end = storedKey.indexOf(0, HEAD.length);
  if (end < 0) return undefined;
  const space = storedKey.toString('utf8', HEAD.length, end);
  if (!isSpace(space)) return undefined;
  const rest = storedKey.subarray(end + 1);
  if (domainIn(space) === undefined) return { space, path: rest };
  const cut = rest.indexOf(0);
  if (cut < 0) return undefined;
  const name = rest.subarray(cut + 1);
  const path = cut === 0 ? name : Buffer.concat([rest.subarray(0, cut), Buffer.of(SLASH), name]);
  return { space, path };
}

/** @returns the keys of the records of the directories that a file is in, the outermost first */
export function keysAround(key: FileKey): readonly FileKey[] {
  const name = fileNameOf(key);
  return name === undefined
    ? []
    : directoriesAround(name).flatMap((directory) => fileKeyOf(directory) ?? []);
}

/** @returns what the keys of all files begin with, or of those of one space; those of other things begin so as well */
export function keyPrefixOf(space: string | undefined): Buffer {
  return space === undefined ? HEAD : Buffer.concat([HEAD, Buffer.from(space), Buffer.of(0)]);
}

/** @returns what the keys of all classes begin with */
export const CLASS_KEY_PREFIX = keyPrefixOf('c');

/** @returns undefined for a key that is none of a class */
export function classNameOf(storedKey: Buffer): string | undefined {
  const { length } = CLASS_KEY_PREFIX;
  if (!storedKey.subarray(0, length).equals(CLASS_KEY_PREFIX)) return undefined;
  return storedKey.toString('utf8', length);
}
