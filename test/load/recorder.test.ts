// What is counted and timed, and in which second.

import { describe, expect, test } from 'vitest';
import { type Ending, type OperationTimes, Recorder, UNSENT } from '../../src/load/recorder.ts';

const DONE: Ending = { kind: 'done', missed: false };
const failed = (error: string, waited = false): Ending => ({ kind: 'failed', error, waited });
const at = (sentMs: number, tookMs: number, waitedMs = 0): OperationTimes => ({
  intendedMs: sentMs - waitedMs,
  sentMs,
  endedMs: sentMs + tookMs,
});
const recorder = (open = false) => new Recorder({ open, startMs: 1000, endMs: 5000 });

describe('the measured time', () => {
  test('what was to be sent before it does not count, what was begun within it does', () => {
    const records = recorder();
    records.record('read', DONE, at(999, 5));
    records.record('read', DONE, at(1000, 5));
    records.record('read', DONE, at(4999, 500));
    const { all } = records.results();
    expect(all.count).toBe(2);
    expect(all.latencyMs?.max).toBeCloseTo(500, 0);
    // One of the two was answered after the time that the rate is of.
    expect(all.perSecond).toBe(0.3);
  });

  test('a cut makes it shorter', () => {
    const records = recorder();
    for (let ms = 1000; ms < 3000; ms += 10) records.record('read', DONE, at(ms, 1));
    records.cut(3000);
    const { all, timeline } = records.results();
    expect(records.measuredSeconds).toBe(2);
    expect(all.perSecond).toBe(100);
    expect(timeline).toHaveLength(2);
  });
});

describe('seconds', () => {
  test('each has what ended in it, also when nothing did', () => {
    const records = recorder();
    records.record('read', DONE, at(1100, 10));
    records.record('read', DONE, at(1200, 30));
    records.record('update', failed('refused'), at(3500, 1));
    records.record('update', failed('timeout', true), at(1500, 2600));
    const { timeline } = records.results();
    expect(timeline.map(({ second, count, errors }) => [second, count, errors])).toEqual([
      [0, 2, 0],
      [1, 0, 0],
      [2, 0, 1],
      [3, 0, 1],
    ]);
    expect(timeline[0]?.p50Ms).toBeCloseTo(10, 1);
    expect(timeline[0]?.p99Ms).toBeCloseTo(30, 1);
    expect(timeline[1]?.p99Ms).toBeNull();
    expect(timeline[3]?.p99Ms, 'waited for in vain').toBeCloseTo(2600, -1);
  });

  test('the last whole one is there for the progress line', () => {
    const records = recorder();
    records.record('read', DONE, at(1100, 10));
    expect(records.lastSecond(1900)).toBeUndefined();
    expect(records.lastSecond(2100)).toMatchObject({ second: 0, count: 1 });
    expect(records.lastSecond(4100)).toMatchObject({ second: 2, count: 0 });
  });
});

describe('kinds', () => {
  test('operations and errors apart, and all together', () => {
    const records = recorder();
    records.record('read', DONE, at(1100, 1));
    records.record('read', { kind: 'done', missed: true }, at(1100, 1));
    records.record('update', DONE, at(1100, 2));
    for (let times = 0; times < 3; times++) {
      records.record('update', failed('503 not-stored'), at(1200, 1));
    }
    records.record('update', failed('reset'), at(1200, 1));
    const { operations, all } = records.results();
    expect(operations.read).toMatchObject({ count: 2, misses: 1, errors: {} });
    expect(operations.update).toMatchObject({
      count: 1,
      errors: { '503 not-stored': 3, reset: 1 },
    });
    expect(all).toMatchObject({ count: 3, misses: 1, errors: { '503 not-stored': 3, reset: 1 } });
    expect(operations.insert).toBeUndefined();
  });

  test('there are not endlessly many of errors', () => {
    const records = recorder();
    for (let code = 0; code < 500; code++) records.record('read', failed(`${code}`), at(1100, 1));
    const { errors } = records.results().all;
    expect(Object.keys(errors).length).toBeLessThan(70);
    expect(Object.values(errors).reduce((sum, times) => sum + times, 0)).toBe(500);
    expect(errors.other).toBeGreaterThan(400);
  });
});

describe('latency', () => {
  test('from the intended time, and beside it from the actual one', () => {
    const records = recorder(true);
    records.record('read', DONE, at(2000, 10, 700));
    const { latencyMs, serviceMs } = records.results().all;
    expect(latencyMs?.max).toBeCloseTo(710, 0);
    expect(serviceMs?.max).toBeCloseTo(10, 1);
  });

  test('an error that came at once is none; one that was waited for is, and one never sent', () => {
    const records = recorder(true);
    records.record('read', failed('refused'), at(1100, 1));
    expect(records.results().all.latencyMs).toBeNull();
    records.record('read', failed('timeout', true), at(1100, 900));
    records.record('read', failed(UNSENT, true), at(3000, 0, 1500));
    const { latencyMs, serviceMs } = records.results().all;
    expect(latencyMs?.max).toBeCloseTo(1500, -1);
    expect(serviceMs?.max, 'what was never sent had no service').toBeCloseTo(900, 0);
  });

  test('percentiles are of the distribution: 1 to 1000 ms', () => {
    const records = recorder();
    for (let ms = 1; ms <= 1000; ms++) records.record('read', DONE, at(1500, ms));
    const { all, percentiles } = records.results();
    expect(all.latencyMs?.mean).toBeCloseTo(500.5, 0);
    expect(all.latencyMs?.p50).toBeCloseTo(500, -1);
    expect(all.latencyMs?.p90).toBeCloseTo(900, -1);
    expect(all.latencyMs?.p99).toBeCloseTo(990, -1);
    expect(all.latencyMs?.p999).toBeCloseTo(999, -1);
    expect(percentiles[0]?.[1]).toBeCloseTo(1, 1);
    expect(percentiles.at(-1)?.[0]).toBe(100);
    const percents = percentiles.map(([percent]) => percent);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    const times = percentiles.map(([, ms]) => ms);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});
