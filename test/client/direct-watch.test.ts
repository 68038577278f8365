// When a watch of the direct client ends though nobody tells it anything; what it tells is in the contract suite.

import { expect, test } from 'vitest';
import { DirectWatch } from '../../src/client/direct-watch.ts';
import type { VelourError } from '../../src/client/index.ts';
import type { ClusterWatch } from '../../src/coordinator/operations/watch/cluster-watch.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const TIMEOUT_MS = 3000;

/** A watch that has begun, of which a test says how many partitions are followed. */
function watching() {
  const time = new VirtualTime();
  const core = {
    followed: 16,
    place: [],
    start: (started: () => void) => started(),
    next: () => undefined,
    stop: () => undefined,
  };
  const query = { prefix: Buffer.alloc(0), values: false, since: undefined };
  const parts = { clock: time, timers: time, timeoutMs: TIMEOUT_MS };
  const watch = new DirectWatch(core as unknown as ClusterWatch, query, parts);
  const failures: VelourError[] = [];
  const outcome = { done: () => undefined, failed: (error: VelourError) => failures.push(error) };
  watch.next(outcome);
  watch.next(outcome);
  const wait = (ms: number) => time.runTo(time.monotonicMs() + ms);
  return { core, watch, failures, wait };
}

test('it ends where no storage node tells changes for the time of a call', () => {
  const { core, failures, wait } = watching();
  wait(100_000);
  expect(failures).toEqual([]);
  core.followed = 0;
  wait(TIMEOUT_MS - 1);
  expect(failures).toEqual([]);
  wait(2000);
  expect(failures).toMatchObject([{ code: 'unreachable' }]);
});

test('it goes on where one is followed again in time', () => {
  const { core, watch, failures, wait } = watching();
  for (let times = 0; times < 10; times++) {
    core.followed = 0;
    wait(2000);
    core.followed = 1;
    wait(2000);
  }
  expect(failures).toEqual([]);
  core.followed = 0;
  watch.stop();
  wait(100_000);
  expect(failures).toEqual([]);
});
