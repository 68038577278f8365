// Scripted schedules about nodes that are gone for good: they are taken off the map in time (R6), and one that comes
// back after all is a new node.

import { describe, expect, test } from 'vitest';
import { isSameIncarnation } from '../../src/cluster/model/cluster-map.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const GONE_MS = 8000;
/** Until it lapsed, and the clock of the controller is 5 % slow. */
const LAPSES_MS = 3000;
const SHAPE: ClusterShape = {
  storages: 5,
  frontends: 1,
  redundancy: 2,
  fsync: 'interval',
  times: { goneMs: GONE_MS },
};

/** A node that is no witness, with a key of it; what the controller logs of removals. */
function withOne(seed: number, shape: Partial<ClusterShape> = {}) {
  const stage = new Stage(seed, { ...SHAPE, ...shape });
  const isWitness = ({ process }: SimulatedNode) =>
    stage.map.witnesses.some(({ node }) => node === process.name);
  const node = stage.cluster.storages.find((each) => !isWitness(each)) ?? stage.storage(0);
  const { name } = node.process;
  const partition = stage.map.partitions.findIndex(({ members }) =>
    members.some((member) => member.node === name),
  );
  const [key = ''] = stage.keysIn(partition, 1);
  stage.expectStatus(stage.set(stage.frontend(0), key), 200);
  const removals: unknown[] = [];
  stage.listen(stage.cluster.controller, (message, fields) => {
    if (message.startsWith('node removed')) removals.push(fields.node);
  });
  const isThere = () => Object.hasOwn(stage.map.nodes, name);
  const untilRemoved = () => stage.until('removed', () => !isThere(), GONE_MS + LAPSES_MS);
  return { stage, node, key, removals, isThere, untilRemoved };
}

describe('R6: a node that is gone for good', () => {
  test.each(SEEDS)('is taken off the map when it lapsed long ago, seed %i', (seed) => {
    const { stage, node, key, removals, isThere, untilRemoved } = withOne(seed);
    node.crash(false);
    stage.pass(GONE_MS * 0.95);
    expect(isThere()).toBe(true);
    untilRemoved();
    expect(removals).toEqual([node.process.name]);
    for (const storage of stage.cluster.storages) {
      stage.until(
        'all know',
        () =>
          storage === node || !Object.hasOwn(stage.mapOf(storage)?.nodes ?? {}, node.process.name),
      );
    }
    stage.expectStatus(stage.get(stage.frontend(0), key), 200);
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('stays while it may have what nobody else has, seed %i', (seed) => {
    const { stage, node, key, isThere } = withOne(seed, { redundancy: 1 });
    node.crash(false);
    stage.pass(2 * GONE_MS);
    expect(isThere()).toBe(true);
    node.start();
    stage.pass(2000);
    stage.expectStatus(stage.get(stage.frontend(0), key), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('stays while the controller that counts was started anew, seed %i', (seed) => {
    const { stage, node, isThere, untilRemoved } = withOne(seed);
    const { controller } = stage.cluster;
    node.crash(false);
    stage.pass(GONE_MS * 0.8);
    controller.crash(false);
    controller.start();
    stage.pass(GONE_MS * 0.8);
    expect(isThere()).toBe(true);
    untilRemoved();
  });
});

describe('I10: a node that was removed and comes back is a new node', () => {
  test.each(SEEDS)('with its data, which it does not resume, seed %i', (seed) => {
    const { stage, node, key, untilRemoved } = withOne(seed);
    const before = stage.incarnationIdOf(node);
    node.crash(false);
    untilRemoved();
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    const resumed: unknown[] = [];
    stage.listen(stage.cluster.controller, (message, fields) => {
      if (message === 'new node') resumed.push(fields.resumes);
    });
    node.start();
    stage.until('it is back', () => Object.hasOwn(stage.map.nodes, node.process.name));
    expect(resumed).toEqual([false]);
    expect(stage.incarnationIdOf(node).incarnation).toBeGreaterThan(before.incarnation);
    stage.until('it has its share again', () => stage.isMember(node), 20_000);
    stage.expectHealed([key], 2);
  });

  test.each(SEEDS)(
    'without, by clocks that were set back, under an incarnation that it never had, seed %i',
    (seed) => {
      const { stage, node, key, untilRemoved } = withOne(seed, { fsync: undefined });
      const before = stage.incarnationIdOf(node);
      node.crash(false);
      untilRemoved();
      // One clock alone would not move the time of the cluster (H31).
      for (const { process } of stage.cluster.nodes) process.wallOffsetMs = -1_000_000;
      stage.pass(3000);
      node.start();
      stage.until('it is back', () => Object.hasOwn(stage.map.nodes, node.process.name));
      expect(stage.incarnationIdOf(node).incarnation).toBeGreaterThan(before.incarnation);
      stage.expectHealed([key], 2);
    },
  );

  test.each(SEEDS)('as the process that it was, which was merely cut off, seed %i', (seed) => {
    const { stage, node, key, untilRemoved } = withOne(seed);
    const before = stage.incarnationIdOf(node);
    stage.cut([node], stage.allBut(node));
    untilRemoved();
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    stage.heal([node], stage.allBut(node));
    stage.until('it is back', () => Object.hasOwn(stage.map.nodes, node.process.name));
    expect(isSameIncarnation(stage.incarnationIdOf(node), before)).toBe(false);
    expect(stage.incarnationIdOf(node).incarnation).toBeGreaterThan(before.incarnation);
    expect(node.process.alive).toBe(true);
    stage.expectHealed([key], 2);
  });

  test.each(SEEDS)('by the operator before its time, too, seed %i', (seed) => {
    const { stage, node, key, isThere } = withOne(seed);
    const { controller } = stage.cluster;
    const before = stage.incarnationIdOf(node);
    const remove = () => stage.ask(controller, 'remove', { node: node.process.name }).answer;
    expect(remove()).toMatchObject({ error: 'node-needed' });
    stage.cut([node], stage.allBut(node));
    stage.until('removed', () => remove() !== undefined && !isThere(), 5000, 100);
    expect(remove()).toMatchObject({ error: 'unknown-node' });
    stage.heal([node], stage.allBut(node));
    stage.until('it is back', () => Object.hasOwn(stage.map.nodes, node.process.name));
    expect(stage.incarnationIdOf(node).incarnation).toBeGreaterThan(before.incarnation);
    stage.expectHealed([key], 2);
  });
});
