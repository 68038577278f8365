// When the controller decides: that it rests where nothing can have changed, and comes in time where something has. The
// map is published for real; what is decided is decisions/decide.test.ts's.

import { expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { Runtime } from '../../src/cluster/ports.ts';
import { DecisionLoop } from '../../src/controller/decision-loop.ts';
import { nextNumber, withEntry } from '../../src/controller/decisions/membership.ts';
import { PublishedMap } from '../../src/controller/map/published-map.ts';
import { Observations } from '../../src/controller/observations/observations.ts';
import { heartbeatOf, incarnationId, nodeId, sampleMap } from '../helpers/maps.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const times = protocolTimes(1);
const { decideMs, heartbeatMs, suspicionMs } = times;

/** A cluster of the nodes a and b, of which nobody has been heard yet. */
function deciding() {
  const time = new VirtualTime();
  const logger = { write: () => undefined };
  const runtime = { clock: time, timers: time, logger, disk: undefined } as unknown as Runtime;
  const observations = new Observations(times, runtime);
  const ticks: number[] = [];
  const { tick } = observations;
  observations.tick = (map, nowMs) => {
    ticks.push(nowMs);
    tick.call(observations, map, nowMs);
  };
  const published = new PublishedMap(runtime, (map) =>
    observations.update(map, time.monotonicMs()),
  );
  published.propose(
    () => sampleMap(),
    () => undefined,
  );
  const loop = new DecisionLoop(runtime, published, observations, () => undefined);
  loop.start();
  const hear = (node: 'a' | 'b', change: object = {}) =>
    observations.heard(
      { ...heartbeatOf(incarnationId(node), sampleMap()), ...change },
      time.monotonicMs(),
    );
  /** @returns how often it looked in this time */
  const pass = (milliseconds: number, ...heard: readonly ('a' | 'b')[]) => {
    const before = ticks.length;
    const endMs = time.monotonicMs() + milliseconds;
    while (time.monotonicMs() < endMs) {
      for (const node of heard) hear(node);
      time.runTo(Math.min(endMs, time.monotonicMs() + heartbeatMs));
    }
    return ticks.length - before;
  };
  return { time, observations, published, hear, pass, ticks };
}

test('at rest it looks a few times a second, and often enough not to take itself for paused (H10)', () => {
  const { pass, ticks } = deciding();
  pass(1000, 'a', 'b');
  const looks = pass(10_000, 'a', 'b');
  expect(looks).toBeLessThanOrEqual(20_000 / heartbeatMs + 1);
  const pauses = ticks.slice(1).map((atMs, index) => atMs - (ticks[index] ?? 0));
  expect(Math.max(...pauses)).toBeLessThanOrEqual(heartbeatMs);
});

test('who falls silent is fenced as soon as that is so, whatever the rest (R6)', () => {
  const { time, published, pass, hear } = deciding();
  pass(1000, 'a', 'b');
  hear('a');
  hear('b');
  const heardMs = time.monotonicMs();
  const isFenced = () => published.current?.nodes.b?.fenced === true;
  while (!isFenced() && time.monotonicMs() < heardMs + 2 * suspicionMs) {
    hear('a');
    time.runTo(time.monotonicMs() + 1);
  }
  expect(isFenced()).toBe(true);
  expect(time.monotonicMs() - heardMs).toBeLessThanOrEqual(suspicionMs + 3);
});

test('while somebody is waited for it looks as often as it may', () => {
  const { time, published, pass } = deciding();
  pass(1000, 'a', 'b');
  published.propose(
    () => nextNumber(withEntry(sampleMap(), nodeId('b'), { draining: true })),
    () => undefined,
  );
  time.runTo(time.monotonicMs() + heartbeatMs);
  expect(pass(1000, 'a', 'b')).toBeGreaterThanOrEqual(1000 / decideMs - 1);
});

test.each([
  [
    'a life is said to be over',
    ({ observations, time }: ReturnType<typeof deciding>) =>
      observations.detector.died(incarnationId('b'), time.monotonicMs(), false),
  ],
  [
    'a look at it was refused',
    ({ observations, time }: ReturnType<typeof deciding>) =>
      observations.detector.refusedLook(incarnationId('b'), time.monotonicMs()),
  ],
  [
    'a node cannot write any more',
    ({ hear }: ReturnType<typeof deciding>) => hear('b', { writable: false }),
  ],
] as const)('it looks soon when %s', (_what, happens) => {
  const play = deciding();
  play.pass(5000, 'a', 'b');
  // Right after a look, when the next one is far.
  const looked = play.ticks.length;
  while (play.ticks.length === looked) play.time.runTo(play.time.monotonicMs() + 1);
  const before = play.ticks.length;
  happens(play);
  play.time.runTo(play.time.monotonicMs() + decideMs);
  expect(play.ticks.length).toBeGreaterThan(before);
});
