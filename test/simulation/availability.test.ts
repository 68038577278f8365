// The oracle of availability: which failure a fault explains.

import { describe, expect, test } from 'vitest';
import { Availability } from '../../src/simulation/availability.ts';
import { type FaultKind, FaultLog } from '../../src/simulation/fault-log.ts';
import { History } from '../../src/simulation/history.ts';
import { World } from '../../src/simulation/world.ts';

const named = (name: string) => ({ process: { name } });
const [FRONTEND, STORAGE, OTHER] = [named('frontend0'), named('storage0'), named('storage1')];

function judged(isCalm = true) {
  const world = new World(1);
  const faults = new FaultLog(world);
  const violations: string[] = [];
  const availability = new Availability(world, faults, { isCalm }, (text) => violations.push(text));
  const pass = (milliseconds: number) => world.runUntil(world.nowMs + milliseconds);
  /** An operation that takes so long, and is then answered like this. */
  const answer = (
    kind: 'get' | 'set',
    status: number,
    { tookMs = 10, frontend = 'frontend0' } = {},
  ) => {
    const history = new History();
    const operation = history.begin(kind, 'k', world.nowMs, 'v');
    pass(tookMs);
    history.end(operation, world.nowMs, status, undefined);
    availability.answered(operation, frontend, status);
    return violations.splice(0).length === 0 ? 'explained' : 'violation';
  };
  return { world, faults, pass, answer };
}

describe('a failure', () => {
  test('without any fault is a violation, a success is none', () => {
    const { answer } = judged();
    expect(answer('set', 504)).toBe('violation');
    expect(answer('get', 503)).toBe('violation');
    expect(answer('get', 404)).toBe('explained');
    expect(answer('set', 200)).toBe('explained');
  });

  test('507 is what a full store says, and no fault', () => {
    expect(judged().answer('set', 507)).toBe('explained');
  });

  test('on a network that loses at random is explained by it', () => {
    expect(judged(false).answer('set', 504)).toBe('explained');
  });

  const ALONE: readonly [FaultKind, 'get' | 'set', string, string][] = [
    ['kill', 'get', 'frontend0', 'violation'],
    ['kill', 'set', 'frontend0', 'violation'],
    ['clock', 'set', 'frontend0', 'violation'],
    ['pause-frontend', 'set', 'frontend0', 'explained'],
    ['pause-frontend', 'set', 'frontend1', 'violation'],
    ['lose-host', 'set', 'frontend0', 'explained'],
    ['lose-host', 'get', 'frontend0', 'violation'],
    ['cut', 'get', 'frontend0', 'explained'],
  ];
  test.each(ALONE)('during %s alone, of a %s at %s: %4$s', (fault, kind, frontend, expected) => {
    const { faults, answer } = judged();
    faults.begin(fault, [FRONTEND, STORAGE]);
    expect(answer(kind, 503, { frontend })).toBe(expected);
  });

  test('during two faults is explained', () => {
    const { faults, answer } = judged();
    faults.begin('kill', [STORAGE]);
    faults.begin('clock', [OTHER]);
    expect(answer('get', 503)).toBe('explained');
  });

  test('counts the fault that is over, while it may still be felt', () => {
    const { faults, pass, answer } = judged();
    faults.end(faults.begin('cut', [STORAGE]));
    pass(7000);
    expect(answer('set', 504)).toBe('explained');
    pass(9000);
    expect(answer('set', 504)).toBe('violation');
  });
});

test('what took long is counted by what was wrong', () => {
  const { world, faults, answer } = judged();
  answer('set', 200, { tookMs: 20 });
  answer('set', 200, { tookMs: 900 });
  faults.begin('kill', [STORAGE]);
  answer('set', 200, { tookMs: 1900 });
  faults.begin('clock', [STORAGE]);
  answer('set', 200, { tookMs: 4000 });
  const counts = [...world.occurred].filter(([what]) => what.startsWith('set took'));
  expect(counts).toEqual([
    ['set took up to 1000 ms: nothing', 1],
    ['set took up to 2000 ms: kill', 1],
    ['set took up to 5000 ms: several', 1],
  ]);
});
