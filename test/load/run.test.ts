// Warm-up and measured time on a clock of the test's own: what is sent when, and what a stall looks like.

import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/cluster/model/identity.ts';
import { chooserOf } from '../../src/load/choosers.ts';
import { LoadConnection } from '../../src/load/load-connection.ts';
import { Operations } from '../../src/load/operations.ts';
import { LoadRecords } from '../../src/load/records.ts';
import { LoadRun, type LoadRunOptions } from '../../src/load/run.ts';
import { WORKLOADS } from '../../src/load/workload.ts';
import { SeededRandom } from '../helpers/random.ts';
import { answered, type Behaviour, scripted, VirtualTime } from '../helpers/virtual-time.ts';

const MISSING = answered(404);
const REFUSED = { kind: 'broken', why: 'refused' } as const;

/** Reads only, of records that nobody set: every 404 is right. */
function played(
  behaviour: Behaviour,
  options: Partial<LoadRunOptions> & { connections: number; time?: VirtualTime },
) {
  const { time = new VirtualTime() } = options;
  const { open, requests } = scripted(time, behaviour);
  const random = new SeededRandom(1);
  const connections = Array.from({ length: options.connections }, (_, index) => {
    const address = `10.0.0.${1 + (index % 2)}:1` as Address;
    return new LoadConnection(time, open(address), address);
  });
  const operations = new Operations({
    records: new LoadRecords('k', 100),
    choose: chooserOf('uniform', random),
    sizes: () => 10,
    random,
    verify: true,
    allowMisses: false,
  });
  let isDone = false;
  const run = new LoadRun(
    { clock: time, timers: time, random },
    connections,
    operations,
    {
      workload: WORKLOADS.c,
      warmUpMs: 0,
      durationMs: 4000,
      timeoutMs: 10_000,
      rate: undefined,
      ...options,
    },
    () => {
      isDone = true;
    },
  );
  run.start();
  return { run, time, requests, isDone: () => isDone };
}

const constant = (perSecond: number) => ({ kind: 'constant', perSecond }) as const;

/** Answers after a millisecond, but nothing from the first to the second second. */
const stalling: Behaviour = (_request, nowMs) => ({
  outcome: MISSING,
  afterMs: nowMs >= 1000 && nowMs < 2000 ? 2001 - nowMs : 1,
});

describe('coordinated omission', () => {
  test('a stall of a second is felt by all that were due in it, not by the few that were sent', () => {
    const { run, time, isDone } = played(stalling, { connections: 4, rate: constant(1000) });
    time.runTo(10_000);
    expect(isDone()).toBe(true);
    const { all } = run.recorder.results();
    expect(all.count).toBe(4000);
    expect(all.errors).toEqual({});
    // A quarter of the requests was due within the stall, and waited for half of it on average.
    expect(all.latencyMs?.p90).toBeGreaterThan(500);
    expect(all.latencyMs?.p99).toBeGreaterThan(900);
    expect(all.latencyMs?.mean).toBeGreaterThan(100);
    // Four of them were sent.
    expect(all.serviceMs?.p99).toBeLessThan(2);
    expect(all.serviceMs?.max).toBeGreaterThan(990);
    expect(all.serviceMs?.mean).toBeLessThan(3);
  });

  test('a closed loop sends nothing while it waits, so it shows next to nothing', () => {
    const { run, time } = played(stalling, { connections: 4 });
    time.runTo(10_000);
    const { all } = run.recorder.results();
    expect(all.count).toBe(4 * 3000);
    expect(all.latencyMs?.p99).toBeLessThan(2);
    expect(all.latencyMs?.max).toBeGreaterThan(990);
    expect(all.serviceMs).toBeNull();
  });
});

describe('an open loop', () => {
  test('sends when it is due, warm-up included, and counts what was due after that', () => {
    const { run, time, requests, isDone } = played(() => ({ outcome: MISSING, afterMs: 1 }), {
      connections: 2,
      rate: constant(100),
      warmUpMs: 1000,
      durationMs: 2000,
    });
    time.runTo(2999);
    expect(isDone()).toBe(false);
    time.runTo(3100);
    expect(isDone()).toBe(true);
    expect(requests).toHaveLength(300);
    expect(requests[1]?.atMs).toBeCloseTo(10);
    expect(requests[299]?.atMs).toBeCloseTo(2990);
    const { all } = run.recorder.results();
    expect(all).toMatchObject({ count: 200, perSecond: 100, misses: 200 });
    expect(all.latencyMs?.max).toBeCloseTo(1, 1);
    expect(run.recorder.results().generatorLateMs?.max, 'timers of this test are exact').toBe(0);
  });

  test('what was due before the end is sent after it, and ends it', () => {
    const { run, time, isDone } = played(
      (_request, nowMs) => ({
        outcome: MISSING,
        afterMs: nowMs >= 1500 && nowMs < 2500 ? 2501 - nowMs : 1,
      }),
      { connections: 4, rate: constant(1000), durationMs: 2000 },
    );
    time.runTo(2400);
    expect(isDone()).toBe(false);
    time.runTo(10_000);
    expect(isDone()).toBe(true);
    const { all } = run.recorder.results();
    expect(all.count).toBe(2000);
    expect(all.errors).toEqual({});
    expect(all.perSecond, 'answered in time').toBeCloseTo(1500 / 2, -1);
    expect(all.latencyMs?.max).toBeGreaterThan(990);
  });

  test('says how late the generator was itself, apart from what the cluster made wait', () => {
    // Four connections, one answer that never comes in time, and a process that stands still for 100 ms.
    const time = new VirtualTime();
    const { run } = played(
      (_request, nowMs) => ({ outcome: MISSING, afterMs: nowMs < 5 ? 900 : 1 }),
      {
        connections: 4,
        rate: constant(100),
        durationMs: 2000,
        time,
      },
    );
    time.runTo(500);
    time.standStill(601);
    time.runTo(3000);
    const { generatorLateMs } = run.recorder.results();
    expect(generatorLateMs?.max).toBeCloseTo(91, 0);
    expect(generatorLateMs?.p50).toBe(0);
    const waiting = played(stalling, { connections: 4, rate: constant(1000) });
    waiting.time.runTo(10_000);
    expect(waiting.run.recorder.results().generatorLateMs?.max, 'the cluster stood still').toBe(0);
  });

  test('above what the cluster takes, each is answered, waits, or is given up: none disappears', () => {
    // Two connections with 10 ms each: 200 a second.
    const { run, time, isDone } = played(() => ({ outcome: MISSING, afterMs: 10 }), {
      connections: 2,
      rate: constant(500),
      durationMs: 4000,
      timeoutMs: 1000,
    });
    time.runTo(10_000);
    expect(isDone()).toBe(true);
    const { all } = run.recorder.results();
    expect(all.count + (all.errors.unsent ?? 0)).toBe(2000);
    expect(run.unsent).toBe(all.errors.unsent);
    expect(run.unsent).toBeGreaterThan(900);
    expect(all.latencyMs?.p50).toBeGreaterThan(900);
    expect(all.latencyMs?.max).toBeLessThan(1200);
    expect(all.serviceMs?.max).toBeCloseTo(10, 0);
  });
});

describe('a frontend that is gone', () => {
  const halfGone: Behaviour = (_request, _nowMs, address) =>
    address.startsWith('10.0.0.2')
      ? { outcome: REFUSED, afterMs: 0 }
      : { outcome: MISSING, afterMs: 1 };

  test('is asked now and then, and stops nothing on the other', () => {
    const { run, time, isDone } = played(halfGone, { connections: 4 });
    time.runTo(10_000);
    expect(isDone()).toBe(true);
    const { all, timeline } = run.recorder.results();
    expect(all.count).toBe(2 * 4000);
    expect(all.errors.refused).toBeGreaterThan(2 * 4);
    expect(all.errors.refused).toBeLessThan(2 * 12);
    expect(timeline).toHaveLength(4);
  });

  test('in an open loop its connections are not there, and the others take all', () => {
    const { run, time } = played(halfGone, { connections: 4, rate: constant(500) });
    time.runTo(20_000);
    const { all } = run.recorder.results();
    expect(all.count + (all.errors.refused ?? 0)).toBe(2000);
    expect(all.errors.refused).toBeLessThan(30);
  });

  test('all of them: it goes on to the end, without haste, and ends', () => {
    const { run, time, requests, isDone } = played(
      (_request, nowMs) => ({ outcome: nowMs < 1000 ? MISSING : REFUSED, afterMs: 1 }),
      { connections: 8, rate: constant(1000), timeoutMs: 2000 },
    );
    time.runTo(3999);
    expect(isDone()).toBe(false);
    time.runTo(20_000);
    expect(isDone()).toBe(true);
    const { all } = run.recorder.results();
    expect(all.count).toBeGreaterThanOrEqual(999);
    expect(all.count + (all.errors.refused ?? 0) + (all.errors.unsent ?? 0)).toBe(4000);
    expect(requests.filter(({ atMs }) => atMs >= 1000).length).toBeLessThan(8 * 14);
  });
});

describe('deadlines', () => {
  test('what gets no answer is given up, counted, and its connection used again', () => {
    const { run, time, isDone } = played(
      (_request, nowMs) => (nowMs < 10 ? undefined : { outcome: MISSING, afterMs: 1 }),
      { connections: 3, timeoutMs: 500, durationMs: 2000 },
    );
    time.runTo(5000);
    expect(isDone()).toBe(true);
    const { all } = run.recorder.results();
    expect(all.errors).toEqual({ timeout: 3 });
    expect(all.latencyMs?.max).toBeGreaterThanOrEqual(500);
    expect(all.count).toBeGreaterThan(3 * 1000);
  });

  test('an answer that is in time counts, also when this process got no time to read it', () => {
    // The process stands still from 100 ms to 1,400 ms: what is due by then comes late, and timers come before what
    // is in the sockets.
    const time = new VirtualTime();
    const { run, isDone } = played(() => ({ outcome: MISSING, afterMs: 90 }), {
      connections: 3,
      timeoutMs: 500,
      durationMs: 2000,
      time,
    });
    time.runTo(100);
    time.standStill(1400);
    time.runTo(3000);
    expect(isDone()).toBe(true);
    expect(run.recorder.results().all.errors).toEqual({});
  });
});

test('a stop measures no longer and waits for nothing', () => {
  const { run, time, isDone } = played(() => ({ outcome: MISSING, afterMs: 10 }), {
    connections: 2,
  });
  time.runTo(1505);
  run.stop();
  expect(isDone()).toBe(true);
  const { all, timeline } = run.recorder.results();
  expect(run.recorder.measuredSeconds).toBeCloseTo(1.505);
  expect(all.count).toBe(300);
  expect(all.perSecond).toBeCloseTo(300 / 1.505, 0);
  expect(timeline).toHaveLength(2);
});
