// Whether what a get brought may be there: the product's own promise, checked from outside. "After a set was
// acknowledged, every get that starts later returns that value or a newer one" is about versions: sets that overlap
// have no order but theirs. Gets are not held against each other: what one saw of a set under way, another need not.

import type { ExchangeAnswer } from '../cluster/http/exchange.ts';
import { parseVersion, VERSION_ZERO, type Version } from '../cluster/model/version.ts';
import { isValueOf } from './values.ts';

/**
 * `corrupt`: the bytes are no value of this key. `stale`: older than what was acknowledged before the get was sent.
 * `lost`: not there, though a set was acknowledged. `unversioned`: without a version, so nothing can be said.
 */
export const VIOLATION_KINDS = ['corrupt', 'stale', 'lost', 'unversioned'] as const;
export type ViolationKind = (typeof VIOLATION_KINDS)[number];

export interface Expectation {
  readonly key: string;
  /** The highest version that was acknowledged before the get was sent; zero for none. */
  readonly floor: Version;
  /** False where others delete, or a cache evicts: a 404 then proves nothing. */
  readonly mustBeThere: boolean;
}

/** @param answer a 200, or a 404 of the key */
export function judge(answer: ExchangeAnswer, expected: Expectation): ViolationKind | undefined {
  const { floor, key } = expected;
  if (answer.status === 404) {
    return floor !== VERSION_ZERO && expected.mustBeThere ? 'lost' : undefined;
  }
  if (!isValueOf(key, answer.body)) return 'corrupt';
  const version = versionOf(answer);
  if (version === undefined) return 'unversioned';
  return version < floor ? 'stale' : undefined;
}

export function versionOf({ version }: ExchangeAnswer): Version | undefined {
  return version === undefined ? undefined : parseVersion(version);
}
