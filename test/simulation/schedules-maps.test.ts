// Scripted schedules about which map a node has on disk, and which one a controller starts from: each breaks a
// promise when the rule in its name is broken (test/mutants).

import { describe, expect, test } from 'vitest';
import type { ClusterMap } from '../../src/cluster/model/cluster-map.ts';
import { CONTROL } from '../../src/cluster/wire/control-table.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { requestOfCall } from '../../src/simulation/network.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'interval' };

describe('I1, I2: the map on disk never falls below the adopted one', () => {
  test.each(SEEDS)('though an older one arrives while it is written, seed %i', (seed) => {
    const stage = new Stage(seed, { ...SHAPE, storages: 2, redundancy: 1 });
    const { controller } = stage.cluster;
    const [source, joiner] = [stage.storage(0), stage.storage(1)];
    const key = stage.keyOf(source);
    const partition = stage.partitionOf(key);
    const frontend = stage.frontend(0);
    stage.expectStatus(stage.set(frontend, key), 200);

    // 1. The push of map N (the source drains) to the future joiner is slow.
    stage.cutTo([controller], [joiner]);
    stage.drain(source);
    let late: ClusterMap | undefined;
    stage.until('map N', () => {
      if (stage.map.nodes[source.process.name]?.draining === true) late ??= stage.map;
      return late !== undefined;
    });
    expect(late?.partitions[partition]?.members.length).toBe(1);
    // 2. Map N+1, in which it joins, arrives first; its disk is busy for a moment.
    stage.healTo([controller], [joiner]);
    joiner.disk.stall(70);
    stage.until('map N+1', () => stage.roleOf(joiner, key) === 'joining');
    stage.pass(5);
    // 3. Map N arrives meanwhile. From then on both are deaf to newer maps, which would mend the disk.
    joiner.request(
      requestOfCall({ ...CONTROL.pushMap.http, message: { map: late } }),
      () => undefined,
    );
    stage.cutTo([controller], [joiner, source]);
    let copied = false;
    joiner.onLog = (message, fields) => {
      if (message !== 'partition copied' || fields.partition !== partition) return;
      copied = true;
      stage.cutTo(stage.allBut(joiner), [joiner]);
    };
    stage.until('copied', () => copied);
    stage.until('the copy counts', () => stage.roleOf(joiner, key) === 'serving');
    stage.pass(2);
    // 4. It is killed, and comes back with all that it had.
    expect(stage.heldBy(joiner, key)).toBe('value 1');
    joiner.crash(false);
    stage.heal([joiner, source], stage.cluster.nodes);
    joiner.start();
    stage.until('the source is let go', () => stage.roleOf(source, key) === undefined);
    stage.expectStatus(stage.get(frontend, key), 200);
    expect(stage.heldBy(joiner, key)).toBe('value 1');
    stage.expectKept();
  });
});

describe('H32: a controller with a state of yesterday is refused', () => {
  // The existing test starts it twice in between, because once or never is not noticed.
  test.each([
    [0, 1],
    [0, 2],
    [1, 1],
    [1, 2],
  ])('with %i starts in between, seed %i', (starts, seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller } = stage.cluster;
    const [a, b] = [stage.storage(0), stage.storage(1)];
    const key = stage.keyOf(a, b);
    const frontend = stage.frontend(0);
    stage.expectStatus(stage.set(frontend, key), 200);
    const yesterday = controller.disk.image();
    for (let start = 0; start < starts; start++) {
      controller.crash(false);
      controller.start();
      stage.pass(1000);
    }
    // Today: a member is cut off, and removed; what is set then it does not have.
    stage.cut([b], stage.allBut(b));
    stage.until('removed', () => stage.roleOf(b, key) === undefined);
    stage.expectStatus(stage.set(frontend, key), 200);
    // The controller's directory is restored from a backup.
    controller.crash(false);
    controller.disk.restore(yesterday);
    stage.heal([b], stage.allBut(b));
    let refused = false;
    controller.process.onFatal = () => {
      refused = true;
    };
    controller.start();
    for (let round = 0; round < 150; round++) {
      stage.get(frontend, key);
      stage.pass(20);
    }
    stage.expectKept();
    expect(refused).toBe(true);
  });
});

test.each(SEEDS)(
  'H32: a state of yesterday is found out by a node that only obeys the map of today, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller, storages } = stage.cluster;
    const [full, other] = [stage.storage(0), stage.storage(1)];
    const key = stage.keyOf(full, other);
    const yesterday = controller.disk.image();
    full.disk.fill();
    stage.set(stage.frontend(0), key);
    stage.until('it leaves', () => stage.roleOf(full, key) === undefined);
    stage.pass(300);
    expect(stage.mapOf(full)?.version).not.toEqual(stage.map.version);
    for (const node of storages) if (node !== full) node.crash(false);
    controller.crash(false);
    controller.disk.restore(yesterday);
    let refused = false;
    controller.process.onFatal = () => {
      refused = true;
    };
    controller.start();
    stage.pass(3000);
    expect(refused).toBe(true);
  },
);

describe('H8: a directory that is the last copy', () => {
  /** A key that one node has. */
  function lastCopy(seed: number) {
    const stage = new Stage(seed, { ...SHAPE, redundancy: 1 });
    const node = stage.storage(0);
    const key = stage.keyOf(node);
    const frontend = stage.frontend(0);
    stage.expectStatus(stage.set(frontend, key), 200);
    return { stage, node, key, frontend };
  }

  /** A life that reaches nobody: it takes a number above all of before. */
  function restartsAlone(stage: Stage, node: SimulatedNode): void {
    stage.cut([node], stage.allBut(node));
    node.start();
    stage.pass(500);
    node.crash(false);
    stage.heal([node], stage.allBut(node));
  }

  test.each([
    ['though its clock gives it the larger incarnation', false, false],
    // Seed 42222230.
    ['nor by a life between that reached nobody', true, false],
    // Seed 70000735.
    ['nor where the clock was ahead, so that its number is no time', false, true],
  ] as const)('but an old copy inherits nothing, %s', (_how, hasIncarnationBetween, wasAhead) => {
    for (const seed of SEEDS) {
      const { stage, node, key, frontend } = lastCopy(seed);
      if (wasAhead) {
        node.crash(false);
        node.process.wallOffsetMs = 600_000;
        node.start();
        stage.pass(1500);
        node.process.wallOffsetMs = 0;
      }
      // A backup of the directory, made as it should be: while the node is stopped.
      let ended = false;
      node.stop(0, () => {
        ended = true;
      });
      stage.until('stopped', () => ended);
      const backup = node.disk.image();
      node.start();
      stage.pass(1000);
      // A later life acknowledges something; then its disk breaks, and the backup is put back.
      stage.expectStatus(stage.set(frontend, key), 200);
      node.crash(false);
      node.disk.restore(backup);
      if (hasIncarnationBetween) restartsAlone(stage, node);
      node.start();
      stage.pass(1500);
      // Offline until an operator accepts the loss; never silently old.
      stage.expectStatus(stage.get(frontend, key), 503);
      stage.expectKept();
    }
  });

  test.each(SEEDS)('resumes after lives that reached nobody, seed %i', (seed) => {
    const { stage, node, key, frontend } = lastCopy(seed);
    node.crash(false);
    for (let count = 0; count < 3; count++) restartsAlone(stage, node);
    node.start();
    stage.pass(1500);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('resumes after a life that ended before it had a map, seed %i', (seed) => {
    const { stage, node, key, frontend } = lastCopy(seed);
    node.crash(false);
    const { incarnation } = stage.incarnationIdOf(node);
    node.start();
    stage.until(
      'admitted',
      () => stage.incarnationIdOf(node).incarnation > incarnation,
      10_000,
      0.1,
    );
    node.crash(false);
    restartsAlone(stage, node);
    node.start();
    stage.pass(1500);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  });
});
