// Scripted schedules about nodes that are restarted one after the other (D4): each breaks when the rule in its name
// is broken (test/mutants).

import { expect, test } from 'vitest';
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
  const before = stage.lifeOf(first).incarnation;
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
  stage.until('the first node is back', () => stage.lifeOf(first).incarnation !== before);
  let bothWere = false;
  second.stop(0, () => {
    bothWere = true;
  });
  stage.until('the second node has ended', () => bothWere);
  expect(waiting.map(({ reply }) => reply?.status)).toEqual(keys.map(() => 200));
  stage.expectKept();
});
