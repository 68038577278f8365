// An expectation for what is compared a hundred thousand times. Strict is here what strict is in Node; what only
// `toEqual` takes for equal is left to it.

import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';

/** As `expect(actual).toEqual(expected)`, which is only called where it may fail: each call costs as much as a set. */
export function expectSame<T>(actual: T, expected: T): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}
