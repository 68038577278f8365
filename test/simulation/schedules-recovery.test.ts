// Scripted schedules about a controller that lost its map and finds it again (H32): each breaks a promise
// when the rule in its name is broken (test/mutants).

import { expect, test } from 'vitest';
import type { Epoch } from '../../src/cluster/identity.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'always' };

/** A key on two nodes that has something; the third node holds nothing. */
function twoCopies(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const { controller } = stage.cluster;
  const [one, other, third] = [stage.storage(0), stage.storage(1), stage.storage(2)];
  const frontend = stage.frontend(0);
  const key = stage.keyOf(one, other);
  stage.drain(third);
  stage.until('the third holds nothing', () => !stage.isMember(third));
  stage.pass(1000);
  stage.expectStatus(stage.set(frontend, key), 200);
  return { stage, controller, one, other, third, frontend, key };
}

/** Its disk is gone, and the operator starts it with --recover. */
function loseController({ cluster }: Stage): void {
  cluster.controller.crash(false);
  cluster.controller.disk.wipe();
  cluster.controllerRecovers = true;
}

/** The parent says so, and the node is removed at once. */
function removeAsDead(stage: Stage, node: SimulatedNode, key: string): void {
  const life = stage.lifeOf(node);
  node.crash(false);
  stage.tell(stage.cluster.controller, 'death', { ...life, returning: false });
  stage.until('removed', () => stage.roleOf(node, key) === undefined);
}

test.each([
  ...SEEDS.map((seed) => ({ seed, restarts: false })),
  ...SEEDS.map((seed) => ({ seed, restarts: true })),
])(
  'H32: a partition stays frozen until all members that its entry names have promised, seed $seed, the controller restarts meanwhile: $restarts',
  ({ seed, restarts }) => {
    const { stage, controller, one, other, third, frontend, key } = twoCopies(seed);
    // It never hears that the other one was removed.
    stage.cutTo(stage.allBut(third), [third]);
    removeAsDead(stage, other, key);
    stage.expectStatus(stage.set(frontend, key), 200);
    loseController(stage);
    stage.cut([one], stage.allBut(one));
    stage.healTo(stage.allBut(third, one), [third]);
    other.start();
    controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    stage.pass(2000);
    stage.expectStatus(stage.get(frontend, key), 503);
    stage.expectKept();
    if (restarts) {
      stage.cluster.controllerRecovers = false;
      controller.crash(false);
      controller.start();
    }
    stage.heal([one], stage.allBut(one));
    stage.pass(3000);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)('H32: who promised follows no earlier generation any more, seed %i', (seed) => {
  const { stage, controller, one, other, third, frontend, key } = twoCopies(seed);
  const old = stage.map;
  loseController(stage);
  third.crash(false);
  other.crash(false);
  controller.start();
  stage.pass(2000);
  // The controller of before was only cut off. It removes the dead, and tells the one that is left.
  const partitions = old.partitions.map(({ epoch, members }) => ({
    epoch: (epoch + 1) as Epoch,
    members: members.filter(({ node }) => node === one.process.name),
  }));
  const version = { ...old.version, number: old.version.number + 1 };
  const told = stage.ask(one, 'storageMap', { map: { ...old, version, partitions } });
  stage.set(frontend, key);
  stage.pass(3000);
  other.start();
  stage.until('a map', () => stage.map.version.generation > old.version.generation);
  stage.pass(3000);
  stage.expectStatus(stage.get(frontend, key), 200);
  stage.expectKept();
  expect(told.answer).toMatchObject({ error: 'overruled' });
});

test.each(SEEDS)(
  'H32: an entry that comes with a late promise goes to the lives that its members have by now, seed %i',
  (seed) => {
    const { stage, controller, one, other, third, frontend, key } = twoCopies(seed);
    stage.cutTo(stage.allBut(one), [one]);
    stage.cutTo(stage.allBut(third), [third]);
    // Its new life opens an epoch that it alone hears of.
    other.crash(false);
    other.start();
    stage.until('resumed', () => stage.mapOf(other)?.version.number === stage.map.version.number);
    loseController(stage);
    stage.cut([other], stage.allBut(other));
    stage.heal([one, third], stage.allBut(other));
    controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    stage.pass(1000);
    one.crash(false);
    one.start();
    stage.pass(1000);
    stage.heal([other], stage.allBut(other));
    stage.until('thawed', () => !stage.map.partitions[stage.partitionOf(key)]?.frozen);
    other.crash(false);
    stage.pass(1000);
    stage.expectStatus(stage.get(frontend, key), 200);
    other.start();
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H32: of two promises on their way to the disk the higher one holds, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const node = stage.storage(0);
    const { cluster, version } = stage.map;
    const higher = version.generation + 10;
    const prepare = (generation: number) => stage.ask(node, 'prepare', { cluster, generation });
    const [first, second] = [prepare(higher), prepare(higher - 5)];
    stage.pass(1000);
    expect(first.answer).toMatchObject({ generation: higher });
    expect(second.answer).toMatchObject({ generation: higher });
    node.crash(false);
    node.start();
    stage.pass(1000);
    const third = prepare(higher - 1);
    stage.pass(1000);
    expect(third.answer).toMatchObject({ generation: higher });
  },
);

test.each(SEEDS)(
  'H32: an epoch that only a frontend heard of is not opened again for others, seed %i',
  (seed) => {
    const { stage, controller, one, other, frontend, key } = twoCopies(seed);
    const life = stage.lifeOf(other);
    other.crash(false);
    stage.tell(controller, 'death', { ...life, returning: false });
    stage.until('fenced', () => stage.mapOf(one)?.nodes[life.node]?.fenced === true);
    // The one that is left never hears that it is alone; the frontend does.
    stage.cutTo([controller], [one]);
    stage.until('removed', () => stage.roleOf(other, key) === undefined);
    stage.pass(100);
    loseController(stage);
    stage.cut([frontend], [controller]);
    stage.healTo([controller], [one]);
    other.start();
    controller.start();
    const isBack = () => stage.lifeOf(other).incarnation > life.incarnation;
    stage.until('back', () => stage.map.version.generation > 1 && isBack());
    stage.until('known', () => stage.mapOf(one)?.version.number === stage.map.version.number);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  },
);
