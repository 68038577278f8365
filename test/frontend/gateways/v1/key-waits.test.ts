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

function begun(waits: KeyWaits) {
  const time = new VirtualTime();
  const asked: ReadCallback[] = [];
  const outcomes: ReadOutcome[] = [];
  const leaving = new Set<() => void>();
  const parts = {
    reader: { get: (_: Buffer, callback: ReadCallback) => void asked.push(callback) },
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
    isAwaited: () => true,
  };
  waits.begin(parts, awaited, request, (outcome) => outcomes.push(outcome));
  return { time, asked, outcomes, leaving };
}

test('a client that has left is answered, once', () => {
  const { asked, outcomes, leaving, time } = begun(new KeyWaits());
  for (const leave of leaving) leave();
  expect(outcomes).toHaveLength(1);
  asked[0]?.(ABSENT);
  time.runTo(2000);
  expect(outcomes).toHaveLength(1);
});

test('one that was answered is no longer listened to', () => {
  const { asked, outcomes, leaving } = begun(new KeyWaits());
  expect(leaving.size).toBe(1);
  asked[0]?.(ABSENT);
  expect(outcomes).toEqual([ABSENT]);
  expect(leaving.size).toBe(0);
});

test('all that are under way end together, and nobody is to wait from then on', () => {
  const waits = new KeyWaits();
  const [one, other] = [begun(waits), begun(waits)];
  expect(waits.isOver).toBe(false);
  waits.end();
  expect([one.outcomes.length, other.outcomes.length]).toEqual([1, 1]);
  expect(waits.isOver).toBe(true);
});
