// What a controller waits for when it starts from its state (H32), and whose word counts meanwhile.

import { expect, test } from 'vitest';
import type { ClusterId, NodeId } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import { StartupGuard } from '../../../src/controller/map/startup-guard.ts';
import { CLUSTER, sampleMap } from '../../helpers/maps.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const TIMES = protocolTimes(1);
const STORED = sampleMap();
const [NODE] = Object.keys(STORED.nodes) as NodeId[];
const NEWER = { generation: STORED.version.generation + 1, number: 1 };

function starting() {
  const time = new VirtualTime();
  const opened: (number | undefined)[] = [];
  const guard = new StartupGuard({ timers: time }, TIMES, STORED, (promised) =>
    opened.push(promised),
  );
  return { guard, time, opened };
}

const node = NODE as NodeId;

test('H32: publishes only after a node has come, however late', () => {
  const { guard, time, opened } = starting();
  time.runTo(time.monotonicMs() + 100 * TIMES.suspicionMs);
  expect(opened).toEqual([]);
  expect(guard.waitingFor).toMatch(/none came yet/);
  guard.heard({ node });
  expect(guard.waitingFor).toBe('the controller hears its nodes');
  time.runTo(time.monotonicMs() + TIMES.suspicionMs - 1);
  expect(opened).toEqual([]);
  time.runTo(time.monotonicMs() + 1);
  expect(opened).toEqual([undefined]);
});

test('D5: the word of a node of another cluster counts for nothing', () => {
  const { guard, time, opened } = starting();
  guard.heard({ node, cluster: 'f'.repeat(32) as ClusterId, mapVersion: NEWER });
  time.runTo(time.monotonicMs() + 10 * TIMES.suspicionMs);
  expect(opened).toEqual([]);
  expect(() => guard.heard({ node, cluster: CLUSTER, mapVersion: NEWER })).toThrow(
    /is an old copy/,
  );
});
