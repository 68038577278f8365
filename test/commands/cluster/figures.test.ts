// The load of a node by its metrics: what counts as a get or a set, and rates that a restart does not make wrong.

import { describe, expect, test } from 'vitest';
import { figuresIn, ratesBetween } from '../../../src/commands/cluster/figures.ts';

const FRONTEND = `
# HELP velourfog_requests_total Requests.
velourfog_requests_total{op="get",code="200"} 10
velourfog_requests_total{op="get",code="404"} 5
velourfog_requests_total{op="v1-get",code="200"} 1
velourfog_requests_total{op="set",code="200"} 3
velourfog_requests_total{op="v1-incr",code="200"} 2
velourfog_requests_total{op="mget",code="200"} 4
velourfog_requests_total{op="mset",code="200"} 1
velourfog_batch_items_total{op="mget",code="200"} 400
velourfog_batch_items_total{op="mset",code="204"} 100
velourfog_batch_items_total{op="mdelete",code="204"} 7
process_cpu_seconds_total 1.5
process_resident_memory_bytes 1000
nodejs_eventloop_lag_p99_seconds 0.0125
`;

const STORAGE = `
velourfog_operations_total{operation="get",answer="value"} 10
velourfog_operations_total{operation="get",answer="absent"} 2
velourfog_operations_total{operation="set",answer="applied"} 5
velourfog_operations_total{operation="time",answer="time"} 100
velourfog_items 7
velourfog_memory_bytes 50
velourfog_memory_limit_bytes 100
`;

describe('figures', () => {
  test('of a frontend count single requests and the items of batches', () => {
    expect(figuresIn(FRONTEND, 7)).toEqual({
      atMs: 7,
      requests: 26,
      gets: 416,
      sets: 112,
      items: undefined,
      memoryBytes: undefined,
      memoryLimitBytes: undefined,
      rssBytes: 1000,
      cpuSeconds: 1.5,
      lagMs: 12.5,
    });
  });

  test('of a storage node count operations', () => {
    const figures = { requests: 117, gets: 12, sets: 5, items: 7, memoryBytes: 50 };
    expect(figuresIn(STORAGE, 0)).toMatchObject(figures);
  });

  test('of what is no exposition are none', () => {
    const { atMs, ...figures } = figuresIn('<html>', 1);
    expect(atMs).toBe(1);
    expect(Object.values(figures).filter((value) => value !== undefined)).toEqual([]);
  });
});

describe('rates', () => {
  const before = figuresIn(STORAGE, 1000);
  const later = { ...before, atMs: 3000, gets: 32, sets: 5, requests: 217, cpuSeconds: 2.5 };

  test('are by the time between', () => {
    expect(ratesBetween({ ...before, cpuSeconds: 1.5 }, later)).toEqual({
      requests: 50,
      gets: 10,
      sets: 0,
      cpuPercent: 50,
    });
  });

  test('are unknown where a counter fell, and where no time has passed', () => {
    expect(ratesBetween(later, { ...before, atMs: 4000 })).toMatchObject({
      requests: undefined,
      gets: undefined,
      sets: 0,
    });
    expect(ratesBetween(before, { ...later, atMs: 1000 }).gets).toBeUndefined();
  });
});
