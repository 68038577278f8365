// Checks whether the answer to a get keeps the product's promise (G1): "After a set was acknowledged, every get that
// starts later returns that value or a newer one". Versions decide, since overlapping sets have no other order. Gets
// are not compared with each other: a get need not see a set in flight that another get saw.

import type { ExchangeAnswer } from '../cluster/http/exchange.ts';
import { parseVersion, VERSION_ZERO, type Version } from '../cluster/model/version.ts';
import { isValueOf } from './values.ts';

/**
 * `corrupt`: the bytes are no value of this key. `stale`: older than a set acknowledged before the get was sent.
 * `lost`: absent, though a set was acknowledged. `unversioned`: the answer has no version, so it cannot be checked.
 */
export const VIOLATION_KINDS = ['corrupt', 'stale', 'lost', 'unversioned'] as const;
export type ViolationKind = (typeof VIOLATION_KINDS)[number];

export interface Expectation {
  readonly key: string;
  /** The highest version that was acknowledged before the get was sent; zero if there is none. */
  readonly floor: Version;
  /** False if others delete, or a cache evicts: a 404 then proves nothing. */
  readonly mustBeThere: boolean;
}

/**
 * @param answer a 200, or a 404 that is about the key
 * @returns the promise that the answer breaks; undefined if it breaks none
 */
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
