// Scripted schedules about bits that turn over on the disk of a node: what it was told is not what it wrote. It
// must end instead, with a message that names the file, and serve nothing of it.

import { expect, test } from 'vitest';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = {
  storages: 3,
  frontends: 1,
  redundancy: 2,
  fsync: 'always',
  logFileBytes: 1000,
};

/** A cluster that has some records, and one of its storage nodes, which holds some of them. */
function withRecords(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const keys = Array.from({ length: 12 }, (_, index) => `key${index}`);
  for (const key of keys) stage.expectStatus(stage.set(stage.frontend(0), key), 200);
  return { stage, keys, node: stage.storage(0) };
}

/** Restarts it. @returns what it ended itself with; undefined when it lives */
function restarted(stage: Stage, node: SimulatedNode): string | undefined {
  let said: string | undefined;
  node.process.onFatal = ({ message }) => {
    node.ended();
    said = message;
  };
  node.crash(false);
  node.start();
  stage.pass(5000);
  return said;
}

test.each(SEEDS)('whatever rots stops the start of a storage node, seed %i', (seed) => {
  const { stage, keys, node } = withRecords(seed);
  const name = node.disk.rot() ?? '';
  const said = restarted(stage, node) ?? '';
  expect(said).toContain('cannot be used');
  expect(said).toContain(name.startsWith('storage.') ? name : '.log');
  expect(node.disk.excuses(said)).toBe(true);
  // The operator gives the node an empty disk.
  node.disk.wipe();
  expect(restarted(stage, node)).toBe(undefined);
  for (const key of keys) stage.expectStatus(stage.get(stage.frontend(0), key), 200);
  stage.expectHealed(keys, 2);
});

test.each(SEEDS)('a rotten identity stops the start of a storage node, seed %i', (seed) => {
  const { stage, keys, node } = withRecords(seed);
  const isSpared = (name: string) => name !== 'storage.identity';
  expect(node.disk.rot(1, isSpared)).toBe('storage.identity');
  const before = node.disk.image();
  expect(restarted(stage, node)).toMatch(/storage\.identity cannot be used: .*Nothing was changed/);
  expect(node.disk.image()).toEqual(before);
  node.disk.wipe();
  expect(restarted(stage, node)).toBe(undefined);
  stage.expectHealed(keys, 2);
});

test.each(SEEDS)('what rots under a node that runs is not served, seed %i', (seed) => {
  const { stage, keys, node } = withRecords(seed);
  for (let round = 0; round < 5; round++) {
    node.disk.rot(3);
    for (const key of keys) {
      stage.expectStatus(stage.get(stage.frontend(0), key), 200);
      if (round % 2 === 0) stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    }
  }
  expect(node.process.alive).toBe(true);
  stage.expectKept();
});

test.each(SEEDS)('a rotten state stops the start of the controller, seed %i', (seed) => {
  const { stage, keys } = withRecords(seed);
  const { controller } = stage.cluster;
  expect(controller.disk.rot()).toBe('controller.state');
  expect(restarted(stage, controller)).toContain('controller.state cannot be used');
  stage.cluster.controllerRecovers = true;
  expect(restarted(stage, controller)).toBe(undefined);
  stage.expectHealed(keys, 2);
});

test.each(SEEDS)(
  'what rots in a store that was closed stops its start, to the last byte, seed %i',
  (seed) => {
    const { stage, keys, node } = withRecords(seed);
    node.stop(0);
    stage.until('it has stopped', () => !node.process.alive, 20_000);
    const image = node.disk.image();
    const name = [...image.logs.keys()].sort().at(-1) ?? '';
    const last = Buffer.from(image.logs.get(name) ?? []);
    last[last.length - 1] = (last.at(-1) ?? 0) ^ 1;
    node.disk.restore({ ...image, logs: new Map([...image.logs, [name, last]]) });
    expect(restarted(stage, node)).toContain(`${name} cannot be used: it is damaged at byte`);
    node.disk.restore(image);
    expect(restarted(stage, node)).toBe(undefined);
    stage.expectHealed(keys, 2);
  },
);
