// Scripted schedules about links that lose some of what they carry: of a frontend to one storage node, of a storage
// node to the controller. What such a frontend reports is a reason to look at the node, and no more (R6).

import { describe, expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 4, frontends: 3, redundancy: 3, fsync: 'interval' };
const times = protocolTimes(1);
/** Clocks run up to 5 % slow, a decision is made every 50 ms, and a message is on its way for 2 ms at most. */
const NOTICED_MS = (times.suspicionReportedMs + times.decideMs) * 1.06 + 10;

/** A key of a node, and who counts how often that node is fenced. */
function watched(seed: number, shape: ClusterShape = SHAPE) {
  const stage = new Stage(seed, shape);
  const node = stage.storage(0);
  const { name } = node.process;
  const partition = stage.map.partitions.findIndex(({ members }) =>
    members.some((member) => member.node === name),
  );
  const [key = ''] = stage.keysIn(partition, 1);
  let fences = 0;
  stage.listen(stage.cluster.controller, (message, fields) => {
    if (message === 'node fenced' && fields.node === name) fences++;
  });
  return { stage, node, key, fences: () => fences };
}

/** Both ways. */
function lossy(stage: Stage, one: SimulatedNode, other: SimulatedNode, share: number): void {
  const [from, to] = [one.process.name, other.process.name];
  stage.cluster.network.lossy(from, to, share);
  stage.cluster.network.lossy(to, from, share);
}

/** For so long, ten gets a second and two sets, of one key through one frontend. */
function use(stage: Stage, frontend: SimulatedNode, key: string, milliseconds: number): void {
  for (let round = 0; round < milliseconds / 100; round++) {
    stage.get(frontend, key);
    if (round % 5 === 0) stage.set(frontend, key);
    stage.pass(100);
  }
}

describe('R6: a frontend with a lossy link to a node', () => {
  test.each(SEEDS)(
    'does not have it fenced while a heartbeat is lost now and then, seed %i',
    (seed) => {
      const { stage, node, key, fences } = watched(seed);
      const frontend = stage.frontend(0);
      lossy(stage, node, frontend, 0.1);
      lossy(stage, node, stage.cluster.controller, 0.03);
      use(stage, frontend, key, 60_000);
      expect(fences()).toBe(0);
      stage.expectHealed([key], 3);
    },
  );

  test.each(SEEDS)('has none of its replicas moved, though it is the only one, seed %i', (seed) => {
    const { stage, node, key } = watched(seed, { ...SHAPE, frontends: 1 });
    const { version } = stage.map;
    const frontend = stage.frontend(0);
    lossy(stage, node, frontend, 0.15);
    use(stage, frontend, key, 30_000);
    expect(stage.map.version).toEqual(version);
    stage.expectHealed([key], 3);
  });
});

describe('R6: a node that a frontend reports', () => {
  test.each(SEEDS)('is fenced within the short suspicion when it was killed, seed %i', (seed) => {
    const { stage, node, key, fences } = watched(seed);
    stage.pass(seed * 37);
    node.crash(false);
    const killedMs = stage.world.nowMs;
    stage.set(stage.frontend(0), key);
    stage.until('fenced', () => fences() > 0);
    expect(stage.world.nowMs - killedMs).toBeLessThan(NOTICED_MS);
    stage.expectKept();
  });

  test.each(SEEDS)(
    'is fenced as soon when it was killed just after it answered a look, seed %i',
    (seed) => {
      const { stage, node, key, fences } = watched(seed);
      const { controller } = stage.cluster;
      const incarnationId = stage.incarnationIdOf(node);
      stage.pass(seed * 37);
      stage.tell(controller, 'report', {
        frontend: 'f:1',
        unreachable: [incarnationId],
        silent: [],
      });
      stage.pass(5);
      node.crash(false);
      const killedMs = stage.world.nowMs;
      stage.set(stage.frontend(0), key);
      stage.until('fenced', () => fences() > 0);
      expect(stage.world.nowMs - killedMs).toBeLessThan(NOTICED_MS);
    },
  );

  test.each(SEEDS)('is fenced no sooner when nobody reported it, seed %i', (seed) => {
    const { stage, node, fences } = watched(seed);
    const { heartbeatMs, suspicionMs } = times;
    node.crash(false);
    stage.pass((suspicionMs - heartbeatMs) * 0.9);
    expect(fences()).toBe(0);
  });

  test.each(SEEDS)(
    'is fenced when its heartbeats stay away, whatever it answers who looks, seed %i',
    (seed) => {
      const { stage, node, fences } = watched(seed);
      const { controller } = stage.cluster;
      const incarnationId = stage.incarnationIdOf(node);
      // Its life ends, and its disk holds up the word that says so: the process answers, and serves nothing.
      node.disk.stall(5000);
      node.stop(0);
      stage.pass(times.beforeRestartMs * 1.06);
      const endedMs = stage.world.nowMs;
      while (fences() === 0 && stage.world.nowMs < endedMs + 4000) {
        stage.tell(controller, 'report', {
          frontend: 'f:1',
          unreachable: [incarnationId],
          silent: [],
        });
        stage.pass(50);
      }
      expect(stage.world.nowMs - endedMs).toBeLessThan((times.suspicionMs + 100) * 1.06);
      expect(node.process.alive).toBe(true);
      stage.expectKept();
    },
  );
});
