// Who has the copies of a blob and who should, by what file servers say.

import { expect, test } from 'vitest';
import { copiesOf } from '../../src/files/copies.ts';
import type { HaveAnswer } from '../../src/files/have.ts';
import { placedServer } from '../helpers/scripted-file-servers.ts';

const PLACED = ['a', 'b', 'c'].map((name) => placedServer(name));
const DRAINING = [placedServer('d', { state: 'draining' })];

/** @param said a letter for each of a, b, c and d: h has it, l lacks it, s is silent */
function judged(said: string, copies = 2, placed = PLACED) {
  const answers: Record<string, HaveAnswer> = { h: 'has', l: 'lacks', s: 'silent' };
  const all = ['a', 'b', 'c', 'd'];
  const found = copiesOf({ placed, draining: DRAINING }, copies, ({ id }) => {
    return answers[said[all.indexOf(id)] ?? ''] ?? 'silent';
  });
  const ids = (of: 'lacking' | 'silent' | 'holders') => found[of].map(({ id }) => id).join('');
  return `${found.state} ${ids('holders')}/${ids('lacking')}/${ids('silent')}`;
}

test.each([
  ['hhll', 'complete ab//'],
  // More than belong there is no lack, and neither is a silent server where none belongs.
  ['hhhh', 'complete abcd//'],
  ['hhss', 'complete ab//cd'],
  ['hlll', 'lacking a/b/'],
  ['hsll', 'lacking a//b'],
  // Somewhere it is, and not where it belongs.
  ['llhl', 'lacking c/ab/'],
  ['lllh', 'lacking d/ab/'],
  // As many as there are to be, and not where they belong.
  ['lhhl', 'lacking bc/a/'],
  ['llll', 'nowhere /ab/'],
  // Who says nothing may have it, wherever that is.
  ['llls', 'unheard /ab/d'],
  ['lsll', 'unheard /a/b'],
])('%s: %s', (said, expected) => {
  expect(judged(said)).toBe(expected);
});

test('as many copies as there are servers are all that can be', () => {
  expect(judged('hhhl', 16)).toBe('complete abc//');
  expect(judged('hhll', 16)).toBe('lacking ab/c/');
});

test('where no server is in, a copy on one that drains is not where it belongs', () => {
  expect(judged('lllh', 2, [])).toBe('lacking d//');
});
