// Scripted schedules about nodes that are restarted one after the other (D4): each breaks when the rule in its name
// is broken (test/mutants).

import { expect, test } from 'vitest';
import { answeringMembers } from '../../src/cluster/model/cluster-map.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'interval' };

test.each(SEEDS)('D4: sets wait for one restart, not for two, seed %i', (seed) => {
  const stage = new Stage(seed, SHAPE);
  const [first, second] = [stage.storage(0), stage.storage(1)];
  const keys = stage.keysIn(stage.partitionOf(stage.keyOf(first, second)), 10);
  const frontend = stage.frontend(0);
  for (const key of keys) stage.expectStatus(stage.set(frontend, key), 200);
  // 1. The first node is restarted, and sets wait for it.
  const before = stage.incarnationIdOf(first).incarnation;
  let away = false;
  first.stop(0, () => {
    away = true;
  });
  stage.until('the first node has ended', () => away);
  const waiting = keys.map((key) => stage.set(frontend, key));
  stage.pass(2500);
  expect(waiting.map(({ reply }) => reply)).toEqual(keys.map(() => undefined));
  first.start();
  // 2. In the very moment in which it is back, the second one is stopped.
  stage.until('the first node is back', () => stage.incarnationIdOf(first).incarnation !== before);
  let bothWere = false;
  second.stop(0, () => {
    bothWere = true;
  });
  stage.until('the second node has ended', () => bothWere);
  expect(waiting.map(({ reply }) => reply?.status)).toEqual(keys.map(() => 200));
  stage.expectKept();
});

test.each(SEEDS)(
  'H8: nodes that are stopped in order before they ever reached a controller are believed when their machines start anew, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller, storages } = stage.cluster;
    const key = 'key1';
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    const startAnew = () => {
      for (const node of storages) node.stop(0);
      stage.until(
        'all have stopped',
        () => storages.every(({ process }) => !process.alive),
        20_000,
      );
      for (const node of storages) {
        node.disk.losePower();
        node.start();
      }
    };
    // The whole site is shut down; the controller's machine comes up last, and the others are shut down once more.
    for (const node of storages) node.stop(0);
    stage.until('all have stopped', () => storages.every(({ process }) => !process.alive), 20_000);
    controller.crash(true);
    for (const node of storages) node.start();
    stage.pass(3000);
    startAnew();
    controller.start();
    stage.pass(5000);
    const offline = stage.map.partitions.filter(
      (entry) => answeringMembers(stage.map, entry).length === 0,
    );
    expect(offline).toEqual([]);
    stage.expectStatus(stage.get(stage.frontend(0), key), 200);
    stage.expectKept();
  },
);
