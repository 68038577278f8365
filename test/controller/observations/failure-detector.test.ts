// What a controller that stood still may conclude from what it hears first.

import { expect, test } from 'vitest';
import type { IncarnationId } from '../../../src/cluster/model/cluster-map.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import { FailureDetector } from '../../../src/controller/observations/failure-detector.ts';

const ID = { node: 'a', incarnation: 1 } as IncarnationId;
const times = protocolTimes(1);
const PAUSE_MS = 60_000;

test('I8: a heartbeat that may have waited while the controller stood still proves no life', () => {
  const detector = new FailureDetector(times, 0);
  detector.listens(0);
  detector.tick(0);
  detector.heard(ID, 10);
  expect(detector.isAlive(ID, 20)).toBe(true);
  // Sent by a node that is dead by now, and read when the controller runs again.
  detector.heard(ID, PAUSE_MS);
  expect(detector.isAlive(ID, PAUSE_MS)).toBe(false);
  detector.tick(PAUSE_MS);
  expect(detector.isAlive(ID, PAUSE_MS + 1)).toBe(false);
  // A node that is alive is heard again.
  const againMs = PAUSE_MS + times.heartbeatMs + 1;
  detector.tick(againMs);
  detector.heard(ID, againMs);
  expect(detector.isAlive(ID, againMs)).toBe(true);
});
