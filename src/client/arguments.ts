// Checks the arguments of calls, for both clients alike: what is wrong is refused here, as a frontend would, before
// anything is sent. Pure.

import { ETAGS_MAX, KEY_BYTES_MAX, TTL_SECONDS_MAX } from '../cluster/model/limits.ts';
import { parseVersion } from '../cluster/model/version.ts';
import { nearest } from '../cluster/nearest-word.ts';
import { VelourError } from './errors.ts';
import type {
  AwaitOptions,
  Bytes,
  ConditionOptions,
  DeletePrefixOptions,
  ETags,
  GetOptions,
  ManyEntry,
  ScanOptions,
  SetOptions,
  WatchOptions,
} from './velour.ts';

const CONTENT_TYPE_LENGTH_MAX = 255;
/** An ETag of any server, with its quotes and not weak; one that is not ours matches nothing. */
const ETAG = /^"[\x21\x23-\x7e\x80-\xff]*"$/;

/**
 * Those of all calls: what one of them does not look at does no harm, but a word that was mistyped
 * does. Of two that are as near to it the first one is meant.
 */
const OPTIONS: readonly (keyof AnyOptions)[] = [
  'ttl',
  'all',
  'contentType',
  'ifMatch',
  'ifNoneMatch',
  'limit',
  'linearizable',
  'minVersion',
  'newerThan',
  'prefix',
  'signal',
  'since',
  'timeoutMs',
  'values',
  'waitMs',
];

type AnyOptions = GetOptions &
  SetOptions &
  ScanOptions &
  WatchOptions &
  AwaitOptions &
  DeletePrefixOptions;

/** @throws TypeError for an option that no call has: a `tll` that is ignored would be a value that stays */
export function checkOptions(options: object): void {
  refuseUnknown(options, OPTIONS, 'option of a call');
  const { signal } = options as { readonly signal?: unknown };
  // An AbortController in its place would be noticed when the call has been sent.
  if (signal !== undefined && !isSignal(signal)) throw new TypeError('signal is an AbortSignal');
}

function refuseUnknown(given: object, known: readonly string[], what: string): void {
  for (const name in given) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const advice = near === undefined ? '' : `: did you mean ${near}?`;
    throw new TypeError(`${name} is no ${what}${advice}`);
  }
}

/** That of another realm is one as well. */
function isSignal(signal: unknown): boolean {
  if (typeof signal !== 'object' || signal === null) return false;
  return 'aborted' in signal && 'addEventListener' in signal && 'removeEventListener' in signal;
}

/** ETags as a list, `*` for any value; undefined where nothing is demanded. */
export interface CheckedCondition {
  readonly ifMatch: '*' | readonly string[] | undefined;
  readonly ifNoneMatch: '*' | readonly string[] | undefined;
}

/** @returns a copy of the bytes: what the caller does with his own afterwards changes nothing */
export function keyBytes(key: Bytes): Buffer {
  const bytes = textBytes(key, 'a key');
  if (bytes.length === 0) throw new VelourError('empty-key', 'the key has no bytes');
  if (bytes.length <= KEY_BYTES_MAX) return bytes;
  const what = `the key has ${bytes.length} bytes, and ${KEY_BYTES_MAX} are the most`;
  throw new VelourError('key-too-long', what);
}

/** @returns a copy, as `keyBytes` does */
export function valueBytes(value: Bytes): Buffer {
  return textBytes(value, 'a value');
}

export function checkTtl(ttl: number | undefined): void {
  if (ttl === undefined) return;
  if (Number.isInteger(ttl) && ttl >= 1 && ttl <= TTL_SECONDS_MAX) return;
  const what = `the ttl is not a whole number of seconds from 1 to ${TTL_SECONDS_MAX}`;
  throw new VelourError('bad-ttl', what);
}

export function checkContentType(text: string | undefined): void {
  if (text === undefined) return;
  const isPlain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
  if (isPlain && text.length <= CONTENT_TYPE_LENGTH_MAX) return;
  const what = `the content type is not printable ASCII of 1 to ${CONTENT_TYPE_LENGTH_MAX} characters, without spaces around it`;
  throw new VelourError('bad-parameter', what);
}

export function checkBy(by: number): void {
  if (Number.isSafeInteger(by)) return;
  throw new VelourError('bad-parameter', 'incr adds a whole number up to 2^53 - 1');
}

export function checkMinVersion(version: string | undefined): void {
  if (version === undefined || parseVersion(version) !== undefined) return;
  const what = 'minVersion is 16 hex digits in lower case, as writes and reads return versions';
  throw new VelourError('bad-parameter', what);
}

/** @returns undefined where the options have no condition */
export function conditionOf({
  ifMatch,
  ifNoneMatch,
}: ConditionOptions): CheckedCondition | undefined {
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  return {
    ifMatch: tagsOf(ifMatch, 'ifMatch'),
    ifNoneMatch: tagsOf(ifNoneMatch, 'ifNoneMatch'),
  };
}

function tagsOf(tags: ETags | undefined, name: string): '*' | readonly string[] | undefined {
  if (tags === undefined || tags === '*') return tags;
  const list = typeof tags === 'string' ? [tags] : tags;
  if (list.length >= 1 && list.length <= ETAGS_MAX && list.every((tag) => ETAG.test(tag))) {
    return list;
  }
  const what = `${name} is * or 1 to ${ETAGS_MAX} ETags, each with its quotes`;
  throw new VelourError('bad-parameter', what);
}

/** @returns a copy; @throws TypeError that says what is to be bytes */
export function textBytes(bytes: Bytes, what: string): Buffer {
  checkBytes(bytes, what);
  if (typeof bytes === 'string') return Buffer.from(bytes, 'utf8');
  return Buffer.from(bytes);
}

/** @throws TypeError that says what is to be bytes */
export function checkBytes(bytes: unknown, what: string): void {
  if (typeof bytes === 'string') {
    // Half of a surrogate pair has no bytes in UTF-8: two keys that differ in it would be one.
    if (!bytes.isWellFormed()) throw new TypeError(`${what} has half of a surrogate pair`);
  } else if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`${what} is a string or a Uint8Array`);
  }
}

const ENTRY_FIELDS: readonly string[] = ['key', 'value', 'ttl'];

/** @throws TypeError for a field that no entry has, and for what is of another type */
export function checkEntry(entry: ManyEntry): void {
  refuseUnknown(entry, ENTRY_FIELDS, 'field of an entry');
  checkBytes(entry.key, 'a key');
  checkBytes(entry.value, 'a value');
}
