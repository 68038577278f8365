// D12: two scales of the protocol times are the same, or what is said of it names both.

import { expect, test } from 'vitest';
import { otherTimeScale } from '../../../src/cluster/model/time-scale.ts';

const own = (timeScale: number) => ({ who: 'the controller', timeScale });

test.each([
  [1, 1],
  [2.5, 2.5],
  [0.1 + 0.2, 0.1 + 0.2],
  // Whoever does not say it is older software.
  [undefined, 1],
])('D12: %s and %s are the same', (theirs, ours) => {
  expect(otherTimeScale({ who: 'n', timeScale: theirs }, own(ours))).toBeUndefined();
});

test.each([
  [10, 1, /^n has --time-scale 10, and the controller has 1:/],
  [1, 10, /^n has --time-scale 1, and the controller has 10:/],
  [undefined, 10, /^n has --time-scale 1, and the controller has 10:/],
  [Number.NaN, 1, /^n has --time-scale NaN, /],
])('D12: %s and %s are not', (theirs, ours, problem) => {
  expect(otherTimeScale({ who: 'n', timeScale: theirs }, own(ours))).toMatch(problem);
});
