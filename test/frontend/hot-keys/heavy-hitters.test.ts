// The bounds that heavy-hitters.ts promises, against exact counts, over streams that are skewed, flat and aimed
// at it.

import { describe, expect, test } from 'vitest';
import { HeavyHitters } from '../../../src/frontend/hot-keys/heavy-hitters.ts';
import { SeededRandom } from '../../helpers/random.ts';

const CAPACITY = 16;
const KEY_BYTES_MAX = 64;

/** Key by key, what a stream asks for. */
type Stream = (random: SeededRandom) => Iterable<string>;

const LENGTH = 3000;
const drawn = (draw: (random: SeededRandom, index: number) => string): Stream =>
  function* (random) {
    for (let index = 0; index < LENGTH; index++) yield draw(random, index);
  };

/** Of a thousand keys, the first asked for most. */
function zipfian(random: SeededRandom, exponent: number): string {
  for (;;) {
    const rank = random.whole(1, 1000);
    if (random.chance(rank ** -exponent)) return `key ${rank}`;
  }
}

const STREAMS: Readonly<Record<string, Stream>> = {
  zipfian: drawn((random) => zipfian(random, 0.99)),
  'flatly zipfian': drawn((random) => zipfian(random, 0.5)),
  flat: drawn((random) => `key ${random.below(200)}`),
  'never the same': drawn((_, index) => `key ${index}`),
  'round and round, one more than there is room for': drawn(
    (_, index) => `key ${index % (CAPACITY + 1)}`,
  ),
  'one hot key among ones that come once': drawn((random, index) =>
    random.chance(0.15) ? 'hot' : `key ${index}`,
  ),
  'hot at first, then never again': drawn((random, index) =>
    index < LENGTH / 2 ? `early ${random.below(4)}` : `late ${random.below(300)}`,
  ),
  'long keys alike at both ends': drawn(
    (random) => `${'a'.repeat(28)}${random.below(40)}${'z'.repeat(30)}`,
  ),
  'each key so often that it is nearly listed for good': drawn(
    (_, index) => `key ${Math.floor(index / 7)}`,
  ),
};

describe.each(Object.entries(STREAMS))('a stream: %s', (_, stream) => {
  test.each([1, 2, 3])('is bounded by its estimates at every moment, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const sketch = new HeavyHitters(CAPACITY, KEY_BYTES_MAX, random.below(2 ** 32));
    const exact = new Map<string, number>();
    let total = 0;
    let amount = 1;
    let index = 0;
    for (const key of stream(random)) {
      if (random.chance(0.01)) amount *= 1.5;
      if (amount > 100) {
        sketch.scale(1 / amount);
        for (const [other, count] of exact) exact.set(other, count / amount);
        total /= amount;
        amount = 1;
      }
      sketch.add(Buffer.from(key), amount, 3 * amount);
      exact.set(key, (exact.get(key) ?? 0) + amount);
      total += amount;
      if (index++ % 50 !== 0) continue;
      expect(sketch.total).toBeCloseTo(total, 6);
      expect(sketch.totalBytes).toBeCloseTo(3 * total, 6);
      expect(broken(sketch, exact, total)).toEqual([]);
    }
  });
});

/** Which promises do not hold; each amount came with three times as many bytes. */
function broken(sketch: HeavyHitters, exact: ReadonlyMap<string, number>, total: number) {
  const found: string[] = [];
  const slack = total * 1e-9;
  const atMost = (what: string, value: number, bound: number) => {
    if (!(value <= bound + slack)) found.push(`${what}: ${value} is above ${bound}`);
  };
  const listed = new Map(sketch.list().map((hitter) => [hitter.key.toString(), hitter]));
  atMost('keys', sketch.list().length, CAPACITY);
  atMost('keys that are listed twice', sketch.list().length - listed.size, 0);
  atMost('unlisted', sketch.unlisted, (2 * total) / CAPACITY);
  for (const [key, { count, error, bytes }] of listed) {
    const truly = exact.get(key) ?? 0;
    atMost(`${key} truly`, truly, count);
    atMost(`${key} certainly`, count - error, truly);
    atMost(`${key} error`, error, sketch.unlisted);
    atMost(`${key} bytes`, bytes, 3 * truly);
    atMost(`${key} certainly in bytes`, 3 * (count - error), bytes);
  }
  for (const [key, truly] of exact) {
    if (!listed.has(key)) atMost(`${key}, which is not listed`, truly, sketch.unlisted);
  }
  return found;
}

test('few keys are counted exactly', () => {
  const sketch = new HeavyHitters(CAPACITY, KEY_BYTES_MAX, 7);
  for (let index = 0; index < 1000; index++) sketch.add(Buffer.of(1 + (index % CAPACITY)), 1, 0);
  const counts = sketch.list().map(({ count, error }) => [count, error]);
  expect(counts).toHaveLength(CAPACITY);
  for (const [count, error] of counts)
    expect([[62, 63].includes(count ?? 0), error]).toEqual([true, 0]);
});

test('keys of every length up to the longest are told apart, and are copies', () => {
  const sketch = new HeavyHitters(4 * KEY_BYTES_MAX, KEY_BYTES_MAX, 7);
  const buffer = Buffer.alloc(KEY_BYTES_MAX, 'x');
  for (let length = 1; length <= KEY_BYTES_MAX; length++) {
    sketch.add(buffer.subarray(0, length), length, 0);
    const differing = Buffer.from(buffer.subarray(0, length));
    differing[length - 1] = 0xff;
    sketch.add(differing, 1000 + length, 0);
  }
  buffer.fill('y');
  const listed = sketch.list();
  expect(listed).toHaveLength(2 * KEY_BYTES_MAX);
  for (const { key, count } of listed) {
    const last = key.at(-1) === 0xff;
    expect(key.subarray(0, -1).equals(Buffer.alloc(key.length - 1, 'x'))).toBe(true);
    expect(count).toBe(last ? 1000 + key.length : key.length);
  }
});

test('what is cleared begins anew', () => {
  const sketch = new HeavyHitters(CAPACITY, KEY_BYTES_MAX, 7);
  for (let index = 0; index < 100; index++) sketch.add(Buffer.from(`key ${index}`), 1, 1);
  sketch.clear();
  expect([sketch.total, sketch.totalBytes, sketch.unlisted, sketch.list()]).toEqual([0, 0, 0, []]);
  sketch.add(Buffer.from('key 3'), 2, 5);
  expect(sketch.list()).toEqual([{ key: Buffer.from('key 3'), count: 2, error: 0, bytes: 5 }]);
});
