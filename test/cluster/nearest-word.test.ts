// Which known word is meant by one that was mistyped.

import { expect, test } from 'vitest';
import { nearest } from '../../src/cluster/nearest-word.ts';

test.each([
  // What is swapped with the next letter is one mistake.
  ['gte', 'get'],
  ['fiels', 'files'],
  ['srting', 'string'],
  ['gett', 'get'],
  ['gt', 'get'],
  ['gxt', 'get'],
  ['xyz', undefined],
  ['teg', undefined],
])('of %s it is %s', (typed, meant) => {
  expect(nearest(typed, ['files', 'get', 'string'], 1)).toBe(meant);
});
