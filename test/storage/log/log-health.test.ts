// What a log says of its disk, as writes and syncs end in any order.

import { expect, test } from 'vitest';
import { type LogProblem, STALLED_MS } from '../../../src/storage/log/durability.ts';
import { LogHealth } from '../../../src/storage/log/log-health.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const SYNC_FAILED: LogProblem = {
  what: 'records-00000001.log cannot be synced',
  detail: 'EIO',
  isFinal: true,
};
const FULL: LogProblem = { what: 'records-00000001.log', detail: 'ENOSPC', isFinal: false };

test('a sync that failed stays final, whatever ends well, or badly, after it (H8)', () => {
  const time = new VirtualTime();
  const told: (LogProblem | undefined)[] = [];
  const health = new LogHealth({ clock: time, timers: time }, (problem) => told.push(problem));
  health.writing();
  health.fail(SYNC_FAILED);
  // The write that was under way, and one that lacked room.
  health.written();
  health.isShort(FULL, () => undefined);
  health.written();
  health.fail({ ...SYNC_FAILED, detail: 'EROFS' });
  expect(health.problem).toEqual(SYNC_FAILED);
  expect(health.hasFailed).toBe(true);
  expect(told).toEqual([SYNC_FAILED]);
});

test('while a sync hangs the disk is stalled, however many writes end well meanwhile (H35)', () => {
  const time = new VirtualTime();
  const health = new LogHealth({ clock: time, timers: time }, () => undefined);
  const endWatch = health.watch();
  time.runTo(STALLED_MS + 1);
  expect(health.isStalled).toBe(true);
  for (let write = 1; write <= 3; write++) {
    health.writing();
    health.written();
  }
  // A write that takes too long as well ends before the sync does.
  health.writing();
  time.runTo(3 * STALLED_MS);
  health.written();
  expect(health.isStalled).toBe(true);
  endWatch();
  expect(health.isStalled).toBe(false);
});
