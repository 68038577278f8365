// Who is tried again while a cache makes room, in which order, and how much may wait.

import { expect, test } from 'vitest';
import { RoomQueue } from '../../src/storage/room-queue.ts';

const MEBIBYTE = 2 ** 20;

function play() {
  const due: (() => void)[] = [];
  const after = (_milliseconds: number, callback: () => void) => {
    due.push(callback);
    return () => undefined;
  };
  const queue = new RoomQueue({ after });
  const tried: string[] = [];
  return {
    queue,
    tried,
    /** @param turns how many tries it takes */
    add: (name: string, turns: number, bytes = MEBIBYTE) => {
      let left = turns;
      return queue.add(bytes, () => {
        tried.push(name);
        return --left === 0;
      });
    },
    turn: () => due.shift()?.(),
  };
}

test('the first that came is tried in each turn until it has room, then the next one', () => {
  const { queue, tried, add, turn } = play();
  add('first', 2);
  add('second', 1);
  expect(tried).toEqual([]);
  turn();
  expect(tried).toEqual(['first']);
  turn();
  turn();
  expect(tried).toEqual(['first', 'first', 'second']);
  expect(queue.isEmpty).toBe(true);
  turn();
  add('third', 1);
  turn();
  expect(tried.at(-1)).toBe('third');
});

test('what would wait beside too much does not; what waits alone may have any length', () => {
  const { add, turn } = play();
  expect(add('longest', 1, 100 * MEBIBYTE)).toBe(true);
  expect(add('short', 1, 1)).toBe(false);
  turn();
  expect([add('half', 1, 32 * MEBIBYTE), add('other half', 1, 32 * MEBIBYTE)]).toEqual([
    true,
    true,
  ]);
  expect(add('more', 1)).toBe(false);
  turn();
  expect(add('more', 1)).toBe(true);
});
