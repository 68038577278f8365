// When rounds that failed come again. What they do then is write-handler.test.ts's.

import { beforeEach, expect, test } from 'vitest';
import { protocolTimes } from '../../../../src/cluster/model/limits.ts';
import type { Runtime } from '../../../../src/cluster/ports.ts';
import { LaterRounds } from '../../../../src/coordinator/operations/set/later-rounds.ts';

let timers: { delayMs: number; callback: () => void }[];
let rounds: LaterRounds;
let run: string[];

beforeEach(() => {
  timers = [];
  run = [];
  const runtime = {
    random: { below: () => 0 },
    timers: {
      after: (delayMs: number, callback: () => void) => timers.push({ delayMs, callback }),
    },
  } as unknown as Runtime;
  rounds = new LaterRounds(runtime, protocolTimes(1));
});

function add(name: string, failed = 1, withinMs = Number.POSITIVE_INFINITY): void {
  rounds.add(failed, withinMs, () => run.push(name));
}

/** Those that are there now; they may set others. */
function fire(): void {
  for (const { callback } of timers.splice(0)) callback();
}

test('the wait doubles up to sixteen times the first one, and ends in time', () => {
  for (const failed of [1, 2, 3, 5, 6, 50]) add('', failed);
  add('', 50, 123);
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([20, 40, 80, 320, 320, 320, 123]);
});

test('a rest of next to nothing is not waited for again and again', () => {
  add('', 50, 1e-9);
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([20]);
});

test('a new map ends the wait of all, and their time comes to nothing', () => {
  add('a', 5);
  add('b', 5);
  const theirs = timers.splice(0);
  rounds.wake();
  fire();
  expect(run).toEqual(['a', 'b']);
  for (const { callback } of theirs) callback();
  expect(run).toEqual(['a', 'b']);
});

test('a map that comes right behind another one wakes nobody twice', () => {
  add('a');
  rounds.wake();
  rounds.wake();
  fire();
  fire();
  expect(run).toEqual(['a']);
});

test('many that are woken take several turns', () => {
  for (let index = 0; index < 1000; index++) add(String(index));
  timers.splice(0);
  rounds.wake();
  fire();
  expect(run).toHaveLength(256);
  for (let turn = 0; turn < 3; turn++) fire();
  expect(run).toHaveLength(1000);
});
