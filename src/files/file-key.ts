// The keys under which the records of files are stored (FILES.md, "Keys"). They begin with FF 'f', so that no request of
// users reaches them (cluster/model/stored-key.ts):
//
//   FF 'f' SPACE 00 path              the manifest of a file in a flat space
//   FF 'f' SPACE 00 directory 00 name the same in a space with directories, whose partition is that of the directory
//
// A space with directories is 'd:' and its domain; sfss is 's', the blobs are 'b'. Classes are at FF 'f' 'c' 00 name, used
// tickets at FF 'f' 't' 00 id, and the secret under which tickets are sealed at FF 'f' 'k' 00 tickets.

import { STORED_KEY_BYTES_MAX } from '../cluster/model/limits.ts';
import type { BlobId } from './blob-id.ts';

/** The stored key of a file's manifest. */
export type FileKey = Buffer & { readonly brand: 'FileKey' };
/** The name of a class of files, which says how many copies they have. */
export type ReplicationClass = string & { readonly brand: 'ReplicationClass' };

export const DEFAULT_CLASS = 'default' as ReplicationClass;

/** The spaces without directories: sfss, and the content-addressed blobs. */
export type FlatSpace = 's' | 'b';

const HEAD = Buffer.from([0xff, 0x66]);
const END = Buffer.of(0);
const DOMAIN_SPACE = 0x64;
const SLASH = 0x2f;

/** @returns undefined for a path that is empty, has a NUL, or is too long for a key */
export function flatFileKey(space: FlatSpace, path: Buffer): FileKey | undefined {
  return keyOf(Buffer.from(space), path);
}

/**
 * @param directory without slashes at its ends; empty for the top
 * @returns undefined where the name is empty, one of them has a NUL, or all are too long for a key
 */
export function directoryFileKey(
  domain: string,
  directory: Buffer,
  name: Buffer,
): FileKey | undefined {
  const prefix = entriesPrefix(domain, directory);
  if (prefix === undefined || name.length === 0 || name.includes(0)) return undefined;
  const key = Buffer.concat([prefix, name]);
  return key.length > STORED_KEY_BYTES_MAX ? undefined : (key as FileKey);
}

/**
 * What the keys of all entries of a directory begin with, and no other key.
 * @param directory without slashes at its ends; empty for the top
 * @returns undefined where one of them has a NUL, or they are too long for any entry
 */
export function entriesPrefix(domain: string, directory: Buffer): Buffer | undefined {
  if (domain.includes('\0') || directory.includes(0)) return undefined;
  const prefix = Buffer.concat([HEAD, Buffer.from(`d:${domain}`), END, directory, END]);
  return prefix.length < STORED_KEY_BYTES_MAX ? prefix : undefined;
}

/**
 * @returns the keys of the records of the directories around a file, from the outermost on; none for a flat space, and none for
 *   the top, which has no record
 */
export function keysAround(key: FileKey): readonly FileKey[] {
  if (key[HEAD.length] !== DOMAIN_SPACE) return [];
  const beginning = key.indexOf(0) + 1;
  const end = key.indexOf(0, beginning);
  const directory = key.subarray(beginning, Math.max(beginning, end));
  if (directory.length === 0) return [];
  const prefix = key.subarray(0, beginning);
  const keys: FileKey[] = [];
  for (let at = 0; at < directory.length; ) {
    const slash = directory.indexOf(SLASH, at);
    const to = slash < 0 ? directory.length : slash;
    const above = directory.subarray(0, Math.max(0, at - 1));
    keys.push(Buffer.concat([prefix, above, END, directory.subarray(at, to)]) as FileKey);
    at = to + 1;
  }
  return keys;
}

/** The key of the record that says how many copies the files of a class have. */
export function classKey(name: ReplicationClass): FileKey {
  return Buffer.concat([HEAD, Buffer.from('c'), END, Buffer.from(name)]) as FileKey;
}

/** The key of the record that says what a ticket was used for. */
export function ticketKey(id: BlobId): FileKey {
  return Buffer.concat([HEAD, Buffer.from('t'), END, Buffer.from(id)]) as FileKey;
}

/** The key of the record that has the secret under which tickets are sealed. */
export function ticketSecretKey(): FileKey {
  return Buffer.concat([HEAD, Buffer.from('k'), END, Buffer.from('tickets')]) as FileKey;
}

function keyOf(space: Buffer, path: Buffer): FileKey | undefined {
  if (path.length === 0 || path.includes(0)) return undefined;
  const key = Buffer.concat([HEAD, space, END, path]);
  return key.length > STORED_KEY_BYTES_MAX ? undefined : (key as FileKey);
}
