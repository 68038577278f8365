// How old a heartbeat is at most, by the stamp that it echoes (H45). What a whole cluster makes of late ones is
// test/simulation/schedules-late.test.ts's.

import { expect, test } from 'vitest';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import { ageMs, isLate } from '../../../src/controller/observations/lateness.ts';
import { NodeClocks } from '../../../src/controller/observations/node-clocks.ts';
import { heartbeatOf, incarnationId, sampleMap } from '../../helpers/maps.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const times = protocolTimes(1);
const { controlCallMs, heartbeatMs } = times;

test.each([
  ['nothing that it echoes', undefined, 0],
  ['an answer of just now', { stampMs: 4990, agoMs: 8 }, 2],
  ['one that both took a second', { stampMs: 3000, agoMs: 1000 }, 1000],
  ['one that was held up for a minute', { stampMs: 5000 - 60_200, agoMs: 200 }, 60_000],
  ['the stamp of a controller before this one', { stampMs: 900_000, agoMs: 200 }, 0],
])('a heartbeat with %s', (_what, echo, age) => {
  expect(ageMs({ echo }, 5000)).toBe(age);
  expect(isLate({ echo }, 5000, times)).toBe(age > controlCallMs);
});

test('one that was held up tells no time; one that was on its way for a while tells that of half-way (H31)', () => {
  const time = new VirtualTime();
  const clocks = new NodeClocks(time, { write: () => undefined }, times);
  const map = sampleMap();
  const tell = (agoMs: number, wallMs: number) => {
    const echo = { stampMs: time.monotonicMs() - agoMs, agoMs: 0 };
    for (const node of ['a', 'b']) {
      clocks.heard({ ...heartbeatOf(incarnationId(node), map), wallMs, timeMs: wallMs, echo });
    }
    clocks.tick(map);
    return clocks.tellMs;
  };
  for (; time.monotonicMs() < 10_000; time.runTo(time.monotonicMs() + heartbeatMs))
    clocks.tick(map);
  time.runTo(10_100);
  expect(tell(0, 10_100)).toBe(10_100);
  // Said three seconds ago.
  time.runTo(10_200);
  expect(tell(3 * controlCallMs, 7200)).toBe(10_200);
  time.runTo(10_300);
  expect(Math.abs((tell(heartbeatMs, 10_200) ?? 0) - 10_300)).toBeLessThanOrEqual(heartbeatMs / 2);
});
