// Long polls end with their clients and with their frontend, and leave nothing on a connection that goes on.

import { expect, test } from 'vitest';
import { VERSION_ZERO } from '../../../../src/cluster/model/version.ts';
import type {
  ReadCallback,
  ReadOutcome,
} from '../../../../src/coordinator/operations/get/round.ts';
import type { KeyWaitParts } from '../../../../src/coordinator/operations/watch/key-wait.ts';
import { KeyWaits } from '../../../../src/frontend/gateways/v1/key-waits.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

const ABSENT: ReadOutcome = { kind: 'absent', version: VERSION_ZERO };
const FAILED: ReadOutcome = { kind: 'failed', code: 'unanswered', detail: 'scripted' };

/** A wait for a value, which follows its key from the first get on that has found none. */
function begun(waits: KeyWaits) {
  const time = new VirtualTime();
  const asked: ReadCallback[] = [];
  const outcomes: ReadOutcome[] = [];
  const leaving = new Set<() => void>();
  const parts = {
    reader: { get: (_: Buffer, callback: ReadCallback) => void asked.push(callback) },
    watcher: { isBusy: false, digits: 1, watch: () => ({ start() {}, stop() {} }) },
    timers: time,
    clock: time,
  } as unknown as KeyWaitParts;
  const request = {
    onceLeft: (callback: () => void) => {
      leaving.add(callback);
      return () => void leaving.delete(callback);
    },
  };
  const awaited = {
    key: Buffer.from('k'),
    minVersion: VERSION_ZERO,
    waitMs: 1000,
    isAwaited: ({ kind }: ReadOutcome) => kind === 'value',
  };
  waits.begin(parts, awaited, request, (outcome) => outcomes.push(outcome));
  return { time, asked, outcomes, leaving };
}

test('a client that has left is answered, once', () => {
  const { asked, outcomes, leaving, time } = begun(new KeyWaits());
  asked[0]?.(ABSENT);
  expect(outcomes).toHaveLength(0);
  for (const leave of leaving) leave();
  expect(outcomes).toEqual([ABSENT]);
  time.runTo(2000);
  expect(outcomes).toHaveLength(1);
});

test('one that was answered is no longer listened to', () => {
  const { asked, outcomes, leaving } = begun(new KeyWaits());
  expect(leaving.size).toBe(1);
  asked[0]?.(FAILED);
  expect(outcomes).toEqual([FAILED]);
  expect(leaving.size).toBe(0);
});

test('all that are under way end together, and nobody is to wait from then on', () => {
  const waits = new KeyWaits();
  const [one, other] = [begun(waits), begun(waits)];
  for (const { asked } of [one, other]) asked[0]?.(ABSENT);
  expect(waits.isOver).toBe(false);
  waits.end();
  expect([one.outcomes.length, other.outcomes.length]).toEqual([1, 1]);
  expect(waits.isOver).toBe(true);
});
