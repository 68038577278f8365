// The conditions and changes of conditional writes (H39): what a client demands of the present record, and what it
// wants in its place. Pure. Who judges them, and when the outcome is certain, is in coordinator/operations/conditional.

import { type Attribute, type RecordHead, recordHash, recordVersion } from './record.ts';
import { parseVersion, printVersion, type Version } from './version.ts';

/** Identifies one record of a key: two frontends can mint one version, so the version alone does not suffice (D10). */
export interface ETag {
  readonly version: Version;
  /** The CRC-32 of the record. */
  readonly hash: number;
}

/**
 * What must hold of the present live record; `any` stands for whatever live record there is. Both parts must hold. The
 * lists come from RFC 9110's If-Match and If-None-Match.
 */
export interface Condition {
  readonly ifMatch?: 'any' | readonly ETag[] | undefined;
  readonly ifNoneMatch?: 'any' | readonly ETag[] | undefined;
}

export const NO_CONDITION: Condition = {};

/** What takes the place of the present record if the condition holds. */
export type Change =
  /** `getset` is the same, and the former record is part of the outcome. */
  | {
      readonly kind: 'put' | 'getset';
      readonly value: Buffer;
      readonly attributes: readonly Attribute[];
      /** Milliseconds since 1970; 0 means never. */
      readonly expiresAtMs: number;
    }
  | { readonly kind: 'delete' }
  /** Adds to a decimal integer; an absent record counts as 0. Expiry and attributes stay. */
  | { readonly kind: 'incr'; readonly by: number }
  /** Adds bytes behind the value; an absent record counts as empty. Expiry and attributes stay. */
  | { readonly kind: 'append'; readonly bytes: Buffer };

export function etagOf(record: RecordHead): ETag {
  return { version: recordVersion(record), hash: recordHash(record) };
}

/** @returns the ETag as in HTTP, with its quotes: 16 hex digits of version, `-`, 8 of hash */
export function printETag({ version, hash }: ETag): string {
  return `"${printVersion(version)}-${hash.toString(16).padStart(8, '0')}"`;
}

/** @param text with its quotes; @returns undefined for what `printETag` never prints */
export function parseETag(text: string): ETag | undefined {
  const parts = /^"([0-9a-f]{16})-([0-9a-f]{8})"$/.exec(text);
  const version = parts?.[1] === undefined ? undefined : parseVersion(parts[1]);
  if (version === undefined || parts?.[2] === undefined) return undefined;
  return { version, hash: Number.parseInt(parts[2], 16) };
}
