// The locks of WebDAV (RFC 4918, 6), which are in the record of the resource that they are on: an attribute of its manifest.
// What they are, how they are kept, and which of them stand in the way of what. Pure.

import {
  integer,
  list,
  Misshapen,
  object,
  oneOf,
  type ShapeOf,
  text,
} from '../cluster/wire/shapes.ts';
import type { FileAttributes } from './manifest.ts';

export type LockDepth = '0' | 'infinity';
export type LockScope = 'exclusive' | 'shared';

const lockShape = object({
  /** A URI, which nobody can guess. */
  token: text({ max: 64 }),
  scope: oneOf('exclusive', 'shared'),
  depth: oneOf('0', 'infinity'),
  /** The `DAV:owner` that the client gave, as an element; empty where it gave none. */
  owner: text({ min: 0, max: 2048 }),
  /** By the time of the cluster, in ms since 1970. */
  expiresAtMs: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
});
const locksShape = list(lockShape, { max: 1024 });

export type DavLock = ShapeOf<typeof lockShape>;

/** The name of the attribute. */
export const LOCKS_ATTRIBUTE = 'dav-locks';
/** An owner is written into each answer about its lock, and kept with it. */
export const OWNER_BYTES_MAX = 1024;
/** So many shared locks may be on one resource. */
export const LOCKS_MAX = 16;
/** A lock that nobody refreshes ends by itself, however long it was to last. */
export const LOCK_SECONDS_MAX = 24 * 60 * 60;
const LOCK_SECONDS_DEFAULT = 60 * 60;

/** @returns the locks that have not expired */
export function locksIn(attributes: FileAttributes | undefined, nowMs: number): readonly DavLock[] {
  const json = attributes?.[LOCKS_ATTRIBUTE];
  if (json === undefined) return [];
  try {
    return locksShape(JSON.parse(json)).filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  } catch (error) {
    // No gateway writes what this cannot read; a record of another hand has no locks then.
    if (error instanceof Misshapen || error instanceof SyntaxError) return [];
    throw error;
  }
}

/** @returns the attributes with these locks in the place of those that were there */
export function withLocks(
  attributes: FileAttributes | undefined,
  locks: readonly DavLock[],
): FileAttributes {
  const { [LOCKS_ATTRIBUTE]: _former, ...others } = attributes ?? {};
  return locks.length === 0 ? others : { ...others, [LOCKS_ATTRIBUTE]: JSON.stringify(locks) };
}

/** A resource on the way from the root to the one of a request, which is the last. */
export interface LockedResource {
  readonly locks: readonly DavLock[];
}

/** @returns all locks in whose scope the last resource of the way is: its own, and those of collections around it */
export function locksOver(way: readonly LockedResource[]): readonly DavLock[] {
  const own = way.at(-1)?.locks ?? [];
  const around = way.slice(0, -1).flatMap(({ locks }) => locks);
  return [...own, ...around.filter(({ depth }) => depth === 'infinity')];
}

/** Whether a client that has submitted these tokens may change what the locks are on: it needs one of them. */
export function mayChange(locks: readonly DavLock[], submitted: ReadonlySet<string>): boolean {
  return locks.length === 0 || locks.some(({ token }) => submitted.has(token));
}

/** Whether a lock of the scope can be beside these, which are on the same resource. */
export function isCompatible(scope: LockScope, locks: readonly DavLock[]): boolean {
  return locks.length === 0 || (scope === 'shared' && locks.every((lock) => lock.scope === scope));
}

/**
 * @param header `Timeout`: alternatives in the order of the client's wishes
 * @returns how long the lock lasts: as long as the client asks, but not for ever
 */
export function lockSeconds(header: string | undefined): number {
  for (const wish of (header ?? '').split(',').map((part) => part.trim())) {
    if (/^infinite$/i.test(wish)) return LOCK_SECONDS_MAX;
    const [, seconds] = /^second-(\d{1,10})$/i.exec(wish) ?? [];
    if (seconds !== undefined) return Math.min(Math.max(1, Number(seconds)), LOCK_SECONDS_MAX);
  }
  return LOCK_SECONDS_DEFAULT;
}

/** @returns the token in the header `Lock-Token`, without its angle brackets, which some clients leave out */
export function lockTokenIn(header: string | undefined): string | undefined {
  const [, quoted, bare] = /^\s*(?:<([^<>\s]+)>|([^<>\s]+))\s*$/.exec(header ?? '') ?? [];
  return quoted ?? bare;
}

/** @param random 128 bits in hexadecimal; @returns them as a UUID of version 4 in a URN */
export function lockToken(random: string): string {
  const variant = '89ab'[Number.parseInt(random.slice(16, 17), 16) & 3];
  const digits = `${random.slice(0, 12)}4${random.slice(13, 16)}${variant}${random.slice(17, 32)}`;
  const [, ...parts] = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(digits) ?? [];
  return `urn:uuid:${parts.join('-')}`;
}
