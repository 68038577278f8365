// What the path of a request to the blob service names: a blob by its SHA-512, with an option or without, or a name under
// which content is to be stored. Pure. A path that names neither is 404 there, never 400 (FILES.md, 4).

import { assert } from '../../../cluster/assert.ts';
import type { TextCondition } from '../../../cluster/http/preconditions.ts';
import type { Condition } from '../../../cluster/model/condition.ts';
import { type FileKey, flatFileKey } from '../../../files/file-key.ts';
import { sanitisedName } from './blob-name.ts';

export const NAME_BYTES_MAX = 1024;

/** The SHA-512 of a content, in lower-case hexadecimal. */
export type ContentHash = string & { readonly brand: 'ContentHash' };

export interface NamedBlob {
  readonly hash: ContentHash;
  /** What stands behind the hash and a slash. */
  readonly option: string | undefined;
}

const PATH = /^([0-9a-f]{128})(?:\/([^/]+))?$/i;

/** @param path decoded, without the slash at its beginning @returns undefined where it names no blob */
export function namedBlobIn(path: Buffer): NamedBlob | undefined {
  const [, hash, option] = PATH.exec(path.toString('latin1')) ?? [];
  if (hash === undefined) return undefined;
  return { hash: hash.toLowerCase() as ContentHash, option };
}

/** @returns the key of the record of the content */
export function blobKey(hash: string): FileKey {
  return keyOf(hash);
}

/** @returns the ETag of the content, with its quotes: its name, since other bytes have another one */
export function blobTag(hash: string): string {
  return `"${hash}"`;
}

/**
 * What the headers of a PUT demand is about the content that has come, since it is what the PUT makes.
 * @returns that of its record: the tag of this content stands for any record of it, and other tags for none
 */
export function conditionOnContent(
  { ifMatch, ifNoneMatch }: TextCondition,
  hash: string,
): Condition {
  const isAmong = (tags: 'any' | readonly string[]) =>
    tags === 'any' || tags.includes(blobTag(hash));
  return {
    ...(ifMatch !== undefined && { ifMatch: isAmong(ifMatch) ? 'any' : [] }),
    ...(ifNoneMatch !== undefined && isAmong(ifNoneMatch) && { ifNoneMatch: 'any' }),
  };
}

/** @returns the key of the operator's mark on the content (marked-blobs.ts) */
export function markKey(hash: ContentHash): FileKey {
  return keyOf(`${hash}/mark`);
}

function keyOf(path: string): FileKey {
  const key = flatFileKey('b', Buffer.from(path));
  assert(key !== undefined, 'a hash is a path');
  return key;
}

export type StoredName =
  | { readonly kind: 'name'; readonly filename: string }
  /** It is more than one segment. */
  | { readonly kind: 'nowhere' }
  | { readonly kind: 'too-long' };

/** @param path decoded, without the slash at its beginning */
export function storedNameIn(path: Buffer): StoredName {
  if (path.includes('/')) return { kind: 'nowhere' };
  if (path.length > NAME_BYTES_MAX) return { kind: 'too-long' };
  return { kind: 'name', filename: sanitisedName(path.toString()) };
}
