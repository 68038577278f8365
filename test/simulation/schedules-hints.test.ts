// Scripted schedules about frontends that start while the controller is away: they have their map from storage nodes or
// from a file, and whatever it is, they return nothing that is old (H2).

import { describe, expect, test } from 'vitest';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 4, frontends: 2, redundancy: 3, fsync: 'interval' };
const KNOWS: ClusterShape = { ...SHAPE, frontendsKnowStorages: true };
const KEEPS: ClusterShape = { ...SHAPE, frontendsKeepMaps: true };

/** A key that is set, and a frontend that is stopped. */
function stopped(seed: number, shape: ClusterShape) {
  const stage = new Stage(seed, shape);
  const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
  const key = 'key';
  stage.expectStatus(stage.set(other, key), 200);
  // Its map is in its file by now, if it keeps one.
  stage.pass(2000);
  frontend.crash(false);
  return { stage, frontend, other, key, controller: stage.cluster.controller };
}

/** Its map and the time of the nodes. */
const START_MS = 1500;

function serves(stage: Stage, frontend: SimulatedNode, key: string): void {
  stage.expectStatus(stage.get(frontend, key), 200);
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.expectStatus(stage.get(frontend, key), 200);
}

describe('H1: a frontend to which the controller is lost', () => {
  /**
   * 1. The only member of a partition is down, and the map says that the partition is offline.
   * 2. A frontend has that map when the controller's machine goes away for it.
   * 3. The member is back. By that map nobody can be asked about the partition, so no answer tells of a newer map.
   */
  test.each(SEEDS)('hears that a partition is served again, seed %i', (seed) => {
    const stage = new Stage(seed, { ...SHAPE, redundancy: 1 });
    const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
    const key = 'key';
    stage.expectStatus(stage.set(other, key), 200);
    const member = stage.cluster.storages.find((node) => stage.roleOf(node, key) === 'serving');
    if (member === undefined) throw new Error('nobody serves');
    member.crash(false);
    const offline = () => stage.map.nodes[member.process.name]?.fenced === true;
    stage.until('it is fenced', offline, 20_000);
    stage.pass(1000);
    stage.cut([frontend], [stage.cluster.controller]);
    member.start();
    stage.until('it serves again', () => !offline(), 20_000);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  });
});

describe('H1: a frontend that starts while the controller is away', () => {
  test.each(SEEDS)('serves nothing when it was told of nobody, seed %i', (seed) => {
    const { stage, frontend, key, controller } = stopped(seed, SHAPE);
    controller.crash(false);
    frontend.start();
    stage.pass(START_MS);
    stage.expectStatus(stage.get(frontend, key), 503);
  });

  test.each(SEEDS)('serves by the map of storage nodes that it was told of, seed %i', (seed) => {
    const { stage, frontend, key, controller } = stopped(seed, KNOWS);
    controller.crash(false);
    // One of them is gone as well, and is not removed before the controller is back.
    const gone = stage.cluster.storages.find((node) => stage.roleOf(node, key) === undefined);
    gone?.crash(false);
    frontend.start();
    stage.pass(START_MS);
    serves(stage, frontend, key);
    controller.start();
    stage.pass(3000);
    serves(stage, frontend, key);
    stage.expectHealed([key], 3);
  });

  test.each(SEEDS)('serves by the map of its file, seed %i', (seed) => {
    const { stage, frontend, key, controller } = stopped(seed, KEEPS);
    controller.crash(false);
    frontend.start();
    stage.pass(START_MS);
    serves(stage, frontend, key);
    stage.expectHealed([key], 3);
  });

  test.each(SEEDS)('serves what is new though its file is old, seed %i', (seed) => {
    const { stage, frontend, other, key, controller } = stopped(seed, KEEPS);
    // Meanwhile a member of the key gives up all that it has, and is started anew.
    const member = stage.cluster.storages.find((node) => stage.roleOf(node, key) === 'serving');
    if (member === undefined) throw new Error('nobody serves');
    stage.drain(member);
    stage.until('it has nothing', () => !stage.isMember(member), 20_000);
    stage.expectStatus(stage.set(other, key), 200);
    controller.crash(false);
    frontend.start();
    stage.pass(START_MS);
    for (let count = 0; count < 10; count++) serves(stage, frontend, key);
    stage.expectKept();
  });

  test.each(SEEDS)('warns of a file that is damaged, and serves all the same, seed %i', (seed) => {
    const { stage, frontend, key, controller } = stopped(seed, { ...KNOWS, ...KEEPS });
    controller.crash(false);
    frontend.disk
      .port()
      .replace('frontend.map', Buffer.from('velour-fog frontend map'), () => undefined);
    let warned = false;
    stage.listen(frontend, (message) => {
      warned ||= message.startsWith('the map file is of no use');
    });
    frontend.start();
    stage.pass(START_MS);
    expect(warned).toBe(true);
    serves(stage, frontend, key);
    stage.expectKept();
  });

  test.each(SEEDS)('has the newest map of those that it is told, seed %i', (seed) => {
    const { stage, frontend, key, controller } = stopped(seed, { ...KNOWS, ...KEEPS });
    const [deaf, member] = [stage.storage(0), stage.storage(1)];
    stage.cutTo([controller, ...stage.allBut(deaf)], [deaf]);
    stage.drain(member);
    stage.until('it gives something up', () => stage.map.version.number > 3, 20_000);
    controller.crash(false);
    stage.healTo(stage.allBut(deaf), [deaf]);
    frontend.start();
    stage.pass(START_MS);
    const adopted = Number(/velourfog_map_number (\d+)/.exec(metricsOf(frontend))?.[1]);
    const newest = Math.max(
      ...stage.cluster.storages.map((node) => stage.mapOf(node)?.version.number ?? 0),
    );
    expect(adopted).toBe(newest);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  });
});

function metricsOf(frontend: SimulatedNode): string {
  return bytesOf(frontend.peek(plainGet('/metrics'))).toString();
}
