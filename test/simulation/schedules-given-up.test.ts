// Scripted schedules about what a node gives up that the map gives to others (H29): not before those others know the map
// that says so, for without them a recovery finds the map before it (H32), in which the node has everything.

import { expect, test } from 'vitest';
import type { SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE = { storages: 4, frontends: 2, redundancy: 2, fsync: 'always' } as const;

/** A key on two nodes; one of them leaves, and a third one serves in its place. */
function leaving(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const { controller } = stage.cluster;
  const [stays, leaver] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(stays, leaver);
  const frontend = stage.frontend(0);
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.drain(leaver);
  stage.until('it leaves', () => stage.roleOf(leaver, key) === 'leaving', 10_000, 0.25);
  // It has left as soon as the controller hears that its members know of it; so nothing is heard before all do.
  const { storages } = stage.cluster;
  stage.cutTo(storages, [controller]);
  stage.until('all know', () =>
    storages.every((node) => stage.mapOf(node)?.version.number === stage.map.version.number),
  );
  stage.healTo(storages, [controller]);
  return { stage, controller, leaver, key, frontend };
}

/** Nobody else hears that it left. */
function leavesAlone(stage: Stage, leaver: SimulatedNode, key: string): void {
  const { controller } = stage.cluster;
  const others = stage.allBut(leaver, controller);
  stage.cutTo([controller], others);
  stage.cut([leaver], others);
  stage.until('it left', () => stage.roleOf(leaver, key) === undefined);
  stage.until('it knows', () => stage.mapOf(leaver)?.version.number === stage.map.version.number);
  stage.pass(500);
}

/** The controller loses its state, and finds the map again by what the others know. */
function recoversWithout(stage: Stage, leaver: SimulatedNode): void {
  const { controller } = stage.cluster;
  stage.cut([leaver], [controller]);
  controller.crash(false);
  controller.disk.wipe();
  stage.cluster.controllerRecovers = true;
  stage.healTo([controller], stage.allBut(leaver, controller));
  controller.start();
  stage.until('a map', () => stage.map.version.generation > 1);
}

test.each(SEEDS)(
  'H29, H32: who left has what it had until those who have it now know that it left, seed %i',
  (seed) => {
    const { stage, controller, leaver, key, frontend } = leaving(seed);
    // 1. The leaver alone hears that it left.
    const others = stage.allBut(leaver, controller);
    stage.cutTo([controller], others);
    stage.cut([leaver], others);
    stage.until('it left', () => stage.roleOf(leaver, key) === undefined);
    stage.until('it knows', () => stage.mapOf(leaver)?.version.number === stage.map.version.number);
    stage.pass(500);
    // 2. The controller finds the map again without it: there it is on its way out, and then stays after all.
    stage.cut([leaver], [controller]);
    controller.crash(false);
    controller.disk.wipe();
    stage.cluster.controllerRecovers = true;
    stage.healTo([controller], others);
    controller.start();
    stage.until('a map', () => stage.map.version.generation > 1);
    expect(stage.roleOf(leaver, key)).toBe('leaving');
    stage.ask(controller, 'undrain', { node: stage.incarnationIdOf(leaver).node });
    stage.heal([leaver], [controller, ...others]);
    stage.until('it serves again', () => stage.roleOf(leaver, key) === 'serving');
    stage.until('it knows', () => stage.mapOf(leaver)?.version.generation !== 1);
    stage.pass(2000);
    for (let round = 0; round < 10; round++) {
      stage.expectStatus(stage.get(frontend, key), 200);
      stage.pass(20);
    }
    stage.expectHealed([key], 2);
  },
);

test.each(SEEDS)(
  'H29, H32: what they know of a later generation says nothing of the map before it, seed %i',
  (seed) => {
    const { stage, controller, leaver, key, frontend } = leaving(seed);
    leavesAlone(stage, leaver, key);
    recoversWithout(stage, leaver);
    expect(stage.roleOf(leaver, key)).toBe('leaving');
    stage.ask(controller, 'undrain', { node: stage.incarnationIdOf(leaver).node });
    // All others have the maps of the recovery, and the first answer that the leaver hears says so.
    stage.pass(400);
    stage.heal([leaver], [controller]);
    stage.pass(4000);
    stage.heal([leaver], stage.allBut(leaver));
    stage.pass(3000);
    for (let round = 0; round < 10; round++) {
      stage.expectStatus(stage.get(frontend, key), 200);
      stage.pass(20);
    }
    stage.expectHealed([key], 2);
  },
);

test.each(SEEDS)('H29: once they know, it gives up what it had, seed %i', (seed) => {
  const { stage, leaver, key } = leaving(seed);
  stage.until('it left', () => stage.roleOf(leaver, key) === undefined);
  stage.until('given up', () => stage.heldBy(leaver, key) === undefined);
  stage.expectHealed([key], 2);
});
