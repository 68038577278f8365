// The list of items that come and go, in their order, and what is left of those that went.

import { expect, test } from 'vitest';
import { LinkedSet } from '../../src/cluster/linked-set.ts';

test('items come out in the order in which they came, but those that were deleted', () => {
  const set = new LinkedSet<string>();
  const entries = ['a', 'b', 'c', 'd', 'e'].map((item) => set.add(item));
  for (const index of [0, 2, 4]) {
    const entry = entries[index];
    if (entry !== undefined) set.delete(entry);
  }
  set.add('f');
  expect(set.takeAll()).toEqual(['b', 'd', 'f']);
  expect(set.takeAll()).toEqual([]);
});

test('to delete twice, or what was taken, changes nothing', () => {
  const set = new LinkedSet<number>();
  const first = set.add(1);
  const second = set.add(2);
  set.add(3);
  set.delete(second);
  set.delete(second);
  expect(set.takeAll()).toEqual([1, 3]);
  set.delete(first);
  const only = set.add(4);
  set.delete(first);
  set.delete(second);
  expect(set.takeAll()).toEqual([4]);
  set.delete(only);
  expect(set.takeAll()).toEqual([]);
});

test('what is dead keeps nothing that lives', () => {
  const set = new LinkedSet<number>();
  const [first, second] = [set.add(1), set.add(2)];
  set.delete(first);
  expect([first.before, first.after]).toEqual([undefined, undefined]);
  set.delete(second);
  expect([second.before, second.after]).toEqual([undefined, undefined]);
});
