// wrk, bound to a core of its own, against one path of one server.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ENVIRONMENT, isInstalled, NotInstalled } from './processes.mjs';

const LUA = fileURLToPath(new URL('wrk.lua', import.meta.url));
const BATCHES = fileURLToPath(new URL('batch.lua', import.meta.url));
const run = promisify(execFile);

/** Benchmarks that cannot do without wrk ask this first. */
export function needWrk() {
  if (!isInstalled('wrk')) throw new NotInstalled('wrk');
}

/**
 * @param load.path with KEY in the place of a key, one of `load.keys`
 * @param load.batch so many keys in each request, in this form, each with this value, as batch.lua takes it
 * @returns answers, and answers a second, without those that were refused by their status; how many were that,
 *   and how many failed otherwise; latencies of all answers in milliseconds
 */
export async function wrk({
  port,
  method = 'GET',
  path,
  body = '',
  batch,
  keys,
  connections,
  seconds,
  core,
}) {
  const words = ['-t', '1', '-c', connections, '-d', `${seconds}s`, '--timeout', '10s'];
  const script =
    batch === undefined
      ? [LUA, '--', method, path, keys, body]
      : [BATCHES, '--', path, keys, batch.size, batch.form, batch.value ?? ''];
  const target = [`http://127.0.0.1:${port}`, '-s', ...script];
  const { stdout } = await run(
    'taskset',
    ['-c', String(core), 'wrk', ...words, ...target].map(String),
    { env: ENVIRONMENT },
  );
  const line = stdout.split('\n').find((text) => text.startsWith('{'));
  const { requests, microseconds, refused, failed, p50, p99, p999 } = JSON.parse(line);
  const accepted = requests - refused;
  return {
    requests: accepted,
    perSecond: (accepted / microseconds) * 1e6,
    refused,
    failed,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
    p999Ms: p999 / 1000,
  };
}
