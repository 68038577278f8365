// How many things are under way at once, and who waits.

import { expect, test } from 'vitest';
import { Slots } from '../../src/fileserver/slots.ts';

test('so many are under way, so many wait in their order, and the next is refused', () => {
  const slots = new Slots({ max: 2, waitingMax: 2, turnMs: 1 });
  const releases: (() => void)[] = [];
  const begun: number[] = [];
  const take = (number: number) =>
    slots.take((release) => {
      begun.push(number);
      releases.push(release);
    });
  for (const number of [1, 2, 3, 4]) expect(take(number)).toBeDefined();
  expect(take(5)).toBeUndefined();
  expect([begun, slots.taken, slots.waiting]).toEqual([[1, 2], 2, 2]);
  const [first, second] = releases;
  first?.();
  // A second call gives nothing back that others have.
  first?.();
  expect([begun, slots.taken, slots.waiting]).toEqual([[1, 2, 3], 2, 1]);
  second?.();
  expect([begun, slots.taken, slots.waiting]).toEqual([[1, 2, 3, 4], 2, 0]);
  for (const release of releases) release();
  expect(slots.taken).toBe(0);
});

test('who gives up while waiting is passed over', () => {
  const slots = new Slots({ max: 1, waitingMax: 2, turnMs: 1 });
  const begun: number[] = [];
  let release: () => void = () => undefined;
  slots.take((give) => {
    release = give;
  });
  const cancel = slots.take(() => begun.push(1));
  slots.take(() => begun.push(2));
  cancel?.();
  expect(slots.waiting).toBe(1);
  release();
  expect(begun).toEqual([2]);
  cancel?.();
  expect([slots.taken, slots.waiting]).toEqual([1, 0]);
});
