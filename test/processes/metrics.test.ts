// The figures of real processes: what every role tells of its own, and a storage node of its log.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { set } from '../helpers/client.ts';
import { type LocalCluster, startCluster, until } from '../helpers/cluster.ts';

let directory: string;
let cluster: LocalCluster;
const start = () =>
  startCluster({ frontends: 1, storages: 1, redundancy: 1, env: { DATA_DIR: directory } });
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cluster = await start();
});
afterEach(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

async function metricsOf(address: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name = '', value] = /^(.*) (\S+)$/.exec(line) ?? [];
      return [name, Number(value)];
    }),
  );
}

async function metricOf(address: string, name: string): Promise<number> {
  return (await metricsOf(address)).get(name) ?? Number.NaN;
}

test('every role tells its memory, the delay of its event loop and its collections', async () => {
  const { controller, storages, frontends } = cluster;
  for (const address of [controller, ...storages, ...frontends]) {
    // A process that has run for a while has seen a timer that was a little late.
    await until(async () => (await metricOf(address, 'nodejs_eventloop_lag_max_seconds')) > 0);
    const metrics = await metricsOf(address);
    expect(metrics.get('process_resident_memory_bytes'), address).toBeGreaterThan(1e6);
    const delays = ['p50', 'p99', 'p999', 'max'].map((name) =>
      metrics.get(`nodejs_eventloop_lag_${name}_seconds`),
    );
    expect(delays, address).toEqual([...delays].sort((a = 0, b = 0) => a - b));
    for (const kind of ['minor', 'major', 'incremental', 'weakcb']) {
      const count = metrics.get(`nodejs_gc_pauses_total{kind="${kind}"}`) ?? Number.NaN;
      const seconds = metrics.get(`nodejs_gc_pause_seconds_total{kind="${kind}"}`) ?? 0;
      const longest = metrics.get(`nodejs_gc_pause_max_seconds{kind="${kind}"}`) ?? Number.NaN;
      expect(count === 0, `${address} ${kind}`).toBe(seconds === 0);
      expect(longest, `${address} ${kind}`).toBeLessThanOrEqual(seconds);
    }
  }
});

test('a storage node tells what its log takes, also of what it found, and how long syncs take', async () => {
  const log = join(directory, 'storage-0', 'records-00000001.log');
  for (let index = 0; index < 5; index++) {
    await set(cluster.frontends[0] ?? '', `key ${index}`, 'value');
  }
  const storage = () => cluster.storages[0] ?? '';
  const metric = (name: string) => metricOf(storage(), name);
  expect(await metric('velourfog_log_bytes')).toBe(statSync(log).size);
  expect(await metric('velourfog_log_files')).toBe(1);
  await until(async () => (await metric('velourfog_fsync_duration_seconds_count')) > 0);
  expect(await metric('velourfog_fsync_duration_seconds_sum')).toBeGreaterThan(0);
  const { size } = statSync(log);
  await cluster.stop();
  cluster = await start();
  expect(await metric('velourfog_log_bytes')).toBe(statSync(log).size);
  expect(statSync(log).size).toBeGreaterThanOrEqual(size);
});

test('status tells the same of memory, log and pauses as metrics do', async () => {
  await set(cluster.frontends[0] ?? '', 'key', 'value');
  const address = cluster.storages[0] ?? '';
  const status = (await (await fetch(`http://${address}/status`)).json()) as Record<string, string>;
  const metrics = await metricsOf(address);
  const alike = {
    curr_items: 'velourfog_items',
    bytes: 'velourfog_payload_bytes',
    memory_bytes: 'velourfog_memory_bytes',
    index_bytes: 'velourfog_index_bytes',
    overhead_bytes: 'velourfog_overhead_bytes',
    segments: 'velourfog_segments',
    moved_bytes: 'velourfog_moved_bytes_total',
    log_bytes: 'velourfog_log_bytes',
    log_files: 'velourfog_log_files',
  };
  for (const [name, metric] of Object.entries(alike)) {
    expect(Number(status[name]), name).toBe(metrics.get(metric));
  }
  const of = (name: string) => Number(status[name]);
  expect(of('bytes') + of('index_bytes') + of('overhead_bytes')).toBe(of('memory_bytes'));
  expect(of('overhead_bytes')).toBeGreaterThan(0);
  expect(of('rss_bytes')).toBeGreaterThan(of('memory_bytes'));
  expect(of('event_loop_max_ms')).toBeGreaterThanOrEqual(of('event_loop_p50_ms'));
  expect(of('gc_ms')).toBeGreaterThanOrEqual(of('gc_max_ms'));
  expect(of('fsync_p99_ms')).toBeGreaterThanOrEqual(0);
});
