// Hot means hot now: how what the radar counted fades, and what it calls a second.

import { expect, test } from 'vitest';
import {
  type Heat,
  heatTogether,
  hottestShare,
  Radar,
} from '../../../src/frontend/hot-keys/hot-keys.ts';
import { SeededRandom } from '../../helpers/random.ts';

const START_MS = 123_456.7;

function radarOf() {
  const radar = new Radar(1, START_MS);
  let nowMs = START_MS;
  const pass = (seconds: number) => {
    nowMs += seconds * 1000;
  };
  /** So often a second, evenly. */
  const ask = (key: string, perSecond: number, seconds: number, bytes = 0) => {
    for (let index = 0; index < perSecond * seconds; index++) {
      pass(1 / perSecond);
      radar.count(Buffer.from(key), bytes, nowMs);
    }
  };
  return { pass, ask, heat: () => radar.heat(nowMs) };
}

function rateOf(heat: Heat, key: string): number {
  return heat.keys.find((hot) => hot.key.toString() === key)?.operations ?? 0;
}

/** Times are counted in steps of a quarter of a second. */
function expectAbout(actual: number, expected: number): void {
  expect(actual).toBeGreaterThan(expected * 0.96);
  expect(actual).toBeLessThan(expected * 1.04);
}

test.each([3, 30, 300])('a steady stream has its rate after %i seconds', (seconds) => {
  const { ask, heat } = radarOf();
  ask('a', 100, seconds, 50);
  const { operations, bytes, keys } = heat();
  expectAbout(operations, 100);
  expectAbout(bytes, 5000);
  expect(keys).toHaveLength(1);
  expect(keys[0]?.error).toBe(0);
  expectAbout(keys[0]?.operations ?? 0, 100);
  expectAbout(keys[0]?.bytes ?? 0, 5000);
  expect(hottestShare(heat())).toBe(1);
});

test('what stopped counts half after ten seconds, and is gone in the end', () => {
  const { ask, pass, heat } = radarOf();
  ask('a', 100, 100);
  pass(10);
  expectAbout(rateOf(heat(), 'a'), 50);
  pass(10);
  expectAbout(rateOf(heat(), 'a'), 25);
  pass(300);
  expect(heat()).toMatchObject({ operations: 0, keys: [] });
  expect(hottestShare(heat())).toBe(0);
  pass(1e9);
  ask('b', 10, 100);
  expectAbout(rateOf(heat(), 'b'), 10);
});

test('the hottest is the one that is hot now', () => {
  const { ask, heat } = radarOf();
  ask('yesterday', 1000, 20);
  ask('today', 200, 40);
  const { keys } = heat();
  const hottest = [...keys].sort((a, b) => b.operations - a.operations)[0];
  expect(hottest?.key.toString()).toBe('today');
  expect(rateOf(heat(), 'yesterday')).toBeLessThan(60);
});

test('one operation shows, and for half a minute', () => {
  const { ask, pass, heat } = radarOf();
  ask('a', 1, 1);
  expect(heat().keys).toHaveLength(1);
  pass(25);
  expect(heat().keys).toHaveLength(1);
  pass(15);
  expect(heat()).toMatchObject({ operations: 0, keys: [] });
});

test('of keys that all come equally often none has a share to speak of', () => {
  const { ask, heat } = radarOf();
  for (let round = 0; round < 10; round++) {
    for (let key = 0; key < 3000; key++) ask(`key ${key}`, 10_000, 0.0001);
  }
  expect(hottestShare(heat())).toBeLessThan(0.005);
  const { operations, unlisted, keys } = heat();
  expect(keys.length).toBeLessThanOrEqual(512);
  expect(unlisted).toBeLessThanOrEqual(operations / 256);
});

test.each([1, 2, 3])('the bounds hold of several radars together, seed %i', (seed) => {
  const random = new SeededRandom(seed);
  const radars = Array.from({ length: 3 }, () => new Radar(seed, START_MS));
  const exact = new Map<string, number>();
  for (let index = 0; index < 20_000; index++) {
    const key = random.chance(0.4) ? `hot ${random.below(30)}` : `key ${random.below(5000)}`;
    exact.set(key, (exact.get(key) ?? 0) + 1);
    // Some clients, and with them keys, are all at one of them.
    const at = key.endsWith('7') ? 0 : random.below(3);
    radars[at]?.count(Buffer.from(key), 2, START_MS);
  }
  const together = heatTogether(radars.map((radar) => radar.heat(START_MS)));
  const perOperation = together.operations / 20_000;
  const slack = perOperation / 1000;
  expect(together.bytes).toBeCloseTo(2 * together.operations, 6);
  const listed = new Set(together.keys.map(({ key }) => key.toString()));
  expect(listed.size).toBe(together.keys.length);
  const wrong = together.keys.filter(({ key, operations, error }) => {
    const truly = (exact.get(key.toString()) ?? 0) * perOperation;
    return truly > operations + slack || truly < operations - error - slack;
  });
  expect(wrong).toEqual([]);
  for (const [key, count] of exact) {
    if (!listed.has(key)) {
      expect(count * perOperation, key).toBeLessThanOrEqual(together.unlisted + slack);
    }
  }
  expect([...listed].filter((key) => key.startsWith('hot'))).toHaveLength(30);
});
