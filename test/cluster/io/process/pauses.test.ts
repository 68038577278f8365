// What is told of pauses: a real event loop that is blocked, and real collections of garbage.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { watchPauses } from '../../../../src/cluster/io/process/pauses.ts';
import { ROOT, until } from '../../../helpers/cluster.ts';

const SHORT_WINDOW_MS = 200;
const BLOCKED_SECONDS = 0.3;

function block(seconds: number): void {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end);
}

test('a blocked event loop is told, without the time that is between two samples anyway', async () => {
  const host = watchPauses();
  await until(() => host.eventLoopDelaySeconds(1) > 0);
  // Of some samples one is early enough that it would tell less than nothing, or hardly more.
  await until(() => host.eventLoopDelaySeconds(0.01) < 0.01);
  block(BLOCKED_SECONDS);
  await until(() => host.eventLoopDelaySeconds(1) > BLOCKED_SECONDS / 2);
  expect(host.eventLoopDelaySeconds(0.5)).toBeLessThanOrEqual(host.eventLoopDelaySeconds(0.999));
  expect(host.eventLoopDelaySeconds(0.999)).toBeLessThanOrEqual(host.eventLoopDelaySeconds(1));
});

test('what happened is told for one window at least, and forgotten after two', async () => {
  const kept = watchPauses();
  const host = watchPauses(SHORT_WINDOW_MS);
  await until(() => kept.eventLoopDelaySeconds(1) > 0);
  block(BLOCKED_SECONDS);
  await until(() => kept.eventLoopDelaySeconds(1) > BLOCKED_SECONDS / 2);
  await until(() => host.eventLoopDelaySeconds(1) < BLOCKED_SECONDS / 2);
  expect(kept.eventLoopDelaySeconds(1)).toBeGreaterThan(BLOCKED_SECONDS / 2);
});

test('collections are counted by kind, the longest one is forgotten and the count is not', async () => {
  const host = watchPauses(SHORT_WINDOW_MS);
  const minor = () => host.collections('minor');
  await until(() => {
    Array.from({ length: 200_000 }, (_, index) => ({ index }));
    return minor().longest > 0;
  });
  const { count, seconds, longest } = minor();
  expect(count).toBeGreaterThan(0);
  expect(seconds).toBeGreaterThanOrEqual(longest);
  await until(() => minor().longest === 0);
  expect(minor().count).toBeGreaterThanOrEqual(count);
  expect(minor().seconds).toBeGreaterThanOrEqual(seconds);
});

test('a process that is measured ends when it has nothing else to do', () => {
  const module = join(ROOT, 'dist/cluster/io/process/pauses.js');
  const script = `import { watchPauses } from '${module}'; watchPauses(); console.log('begun');`;
  const words = ['--input-type=module', '--eval', script];
  // Else it would hang here, beyond the reach of the test's own time limit.
  const options = { encoding: 'utf8', timeout: 60_000 } as const;
  expect(execFileSync(process.execPath, words, options)).toBe('begun\n');
});
