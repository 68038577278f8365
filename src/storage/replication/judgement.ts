// What a conditional write makes of the present record of its key (H39): whether its condition holds, and what takes
// the record's place. Pure. Who may judge, and which version the new record gets, is in serialiser.ts.

import { unreachable } from '../../cluster/assert.ts';
import { type Change, type Condition, type ETag, etagOf } from '../../cluster/model/condition.ts';
import {
  ATTRIBUTE_CONDITIONAL,
  type Attribute,
  recordAttributes,
  recordExpiresAtMs,
  recordValue,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import type { UnmetReason } from '../../cluster/wire/answer-kinds.ts';

/** Everything of the new record but its key, version and mark. */
export interface Successor {
  readonly tombstone: boolean;
  readonly value: Buffer;
  readonly expiresAtMs: number;
  readonly attributes: readonly Attribute[];
}

/** 16 digits hold every integer up to 2^53; a sign may stand before them. */
const INTEGER = /^-?\d{1,16}$/;
const EMPTY = Buffer.alloc(0);

/**
 * @param live the present record; undefined when the key is absent
 * @returns what takes its place, or why nothing does
 */
export function successorOf(
  live: StoredRecord | undefined,
  condition: Condition,
  change: Change,
): Successor | UnmetReason {
  if (!holds(condition, live)) return 'condition';
  switch (change.kind) {
    case 'put':
    case 'getset': {
      const { value, expiresAtMs, attributes } = change;
      return { tombstone: false, value, expiresAtMs, attributes };
    }
    case 'delete':
      return { tombstone: true, value: EMPTY, expiresAtMs: 0, attributes: [] };
    case 'incr': {
      const sum = sumOf(live, change.by);
      return typeof sum === 'string' ? sum : kept(live, Buffer.from(String(sum)));
    }
    case 'append': {
      const before = live === undefined ? EMPTY : recordValue(live);
      return kept(live, Buffer.concat([before, change.bytes]));
    }
    default:
      return unreachable(change);
  }
}

/** RFC 9110, 13.1.1 and 13.1.2, with strong comparison. */
export function holds(
  { ifMatch, ifNoneMatch }: Condition,
  live: StoredRecord | undefined,
): boolean {
  if (ifMatch !== undefined && !isNamed(ifMatch, live)) return false;
  return ifNoneMatch === undefined || !isNamed(ifNoneMatch, live);
}

function isNamed(tags: 'any' | readonly ETag[], live: StoredRecord | undefined): boolean {
  if (live === undefined) return false;
  if (tags === 'any') return true;
  const { version, hash } = etagOf(live);
  return tags.some((tag) => tag.version === version && tag.hash === hash);
}

function sumOf(live: StoredRecord | undefined, by: number): number | UnmetReason {
  const text = live === undefined ? '0' : recordValue(live).toString('latin1', 0, 20);
  const before = Number(text);
  if (!INTEGER.test(text) || !Number.isSafeInteger(before)) return 'not-a-number';
  const sum = before + by;
  return Number.isSafeInteger(sum) ? sum : 'overflow';
}

function kept(live: StoredRecord | undefined, value: Buffer): Successor {
  if (live === undefined) return { tombstone: false, value, expiresAtMs: 0, attributes: [] };
  const attributes = recordAttributes(live).filter(({ type }) => type !== ATTRIBUTE_CONDITIONAL);
  return { tombstone: false, value, expiresAtMs: recordExpiresAtMs(live), attributes };
}
