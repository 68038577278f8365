// Against a Map: whatever is added, taken and visited in whatever order, also where numbers begin again.

import { expect, test } from 'vitest';
import { isNoLater, QueueByNumber } from '../../src/cluster/queue-by-number.ts';
import { SeededRandom } from '../helpers/random.ts';

const NUMBERS = 2 ** 32;

test.each([1, 2, 3, 4, 5, 6, 7, 8])('it has what a Map has, seed %d', (seed) => {
  const random = new SeededRandom(seed);
  const below = (bound: number) => random.below(bound);
  const start = seed % 2 === 0 ? NUMBERS - 500 : 1;
  const queue = new QueueByNumber<string>(start);
  const model = new Map<number, string>();
  const present = () => [...model.keys()];
  for (let step = 0; step < 5000; step++) {
    const choice = below(10);
    if (choice < (step % 1000 < 500 ? 7 : 2)) {
      const item = `item ${step}`;
      const number = queue.add(item);
      expect(model.has(number)).toBe(false);
      model.set(number, item);
    } else if (choice < 9) {
      const numbers = present();
      const number = numbers[below(Math.max(1, numbers.length))] ?? below(NUMBERS);
      expect(queue.take(number)).toBe(model.get(number));
      model.delete(number);
      expect(queue.take(number)).toBeUndefined();
    } else {
      const [oldest] = present();
      expect(queue.first()).toBe(oldest === undefined ? undefined : model.get(oldest));
      expect(queue.shift()).toBe(oldest === undefined ? undefined : model.get(oldest));
      if (oldest !== undefined) model.delete(oldest);
    }
    expect(queue.size).toBe(model.size);
  }
  const seen: string[] = [];
  queue.visit((item, number) => {
    seen.push(item);
    // What is taken or added meanwhile does not disturb the walk.
    if (below(2) === 0) expect(queue.take(number)).toBe(item);
    if (below(4) === 0) queue.add('later');
    return seen.length < 20;
  });
  expect(seen).toEqual([...model.values()].slice(0, 20));
});

test('all that is taken at once comes in its order, and nothing is left', () => {
  const queue = new QueueByNumber<number>(NUMBERS - 100);
  for (let item = 0; item < 300; item++) queue.add(item);
  for (let number = NUMBERS - 100; number < NUMBERS; number += 2) queue.take(number);
  const all = queue.takeAll();
  expect(all).toHaveLength(250);
  expect(all).toEqual([...all].sort((a, b) => a - b));
  expect([queue.size, queue.first(), queue.shift()]).toEqual([0, undefined, undefined]);
});

test('which of two numbers was given before the other, also where they begin again', () => {
  const pairs = [
    [1, 2],
    [NUMBERS - 1, 0],
    [NUMBERS - 500, 500],
  ] as const;
  for (const [before, after] of pairs) {
    expect([isNoLater(before, after), isNoLater(after, before)]).toEqual([true, false]);
    expect(isNoLater(after, after)).toBe(true);
  }
});
