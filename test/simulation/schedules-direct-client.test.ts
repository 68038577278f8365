// Scripted schedules about the direct client: an application in the place of a frontend sees what a frontend would, and
// leaves nothing behind when it closes it.

import { expect, test } from 'vitest';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import type { DirectApplication } from '../../src/simulation/direct-application.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = {
  storages: 4,
  frontends: 1,
  redundancy: 3,
  fsync: 'interval',
  hasApplication: true,
};

function staged(seed: number): { stage: Stage; application: SimulatedNode<DirectApplication> } {
  const stage = new Stage(seed, SHAPE);
  const { application } = stage.cluster;
  if (application === undefined) throw new Error('the shape has an application');
  application.start();
  stage.until('the direct client is ready', () => application.living?.isReady === true);
  return { stage, application };
}

test.each(SEEDS)(
  'G1, G2: what it stores frontends read, and the other way round (seed %i)',
  (seed) => {
    const { stage, application } = staged(seed);
    const frontend = stage.frontend(0);
    for (const key of ['key1', 'key2', 'key3']) {
      stage.expectStatus(stage.get(application, key), 404);
      stage.expectStatus(stage.set(application, key), 200);
      stage.expectStatus(stage.get(frontend, key), 200);
      stage.expectStatus(stage.set(frontend, key), 200);
      stage.expectStatus(stage.get(application, key), 200);
      stage.expectStatus(stage.delete(application, key), 200);
      stage.expectStatus(stage.get(frontend, key), 404);
    }
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'it rides through the death of a storage node, and says who is gone (seed %i)',
  (seed) => {
    const { stage, application } = staged(seed);
    const victim = stage.storage(1);
    const keys = stage.map.partitions.flatMap((_, partition) => stage.keysIn(partition, 1));
    for (const key of keys) stage.expectStatus(stage.set(application, key), 200);
    const said: string[] = [];
    stage.listen(stage.cluster.controller, (message) => said.push(message));
    victim.crash(false);
    for (const key of keys) stage.expectStatus(stage.get(application, key), 200);
    for (const key of keys) stage.expectStatus(stage.set(application, key), 200);
    expect(said).toContain('node fenced');
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'its scan lists each key once, also while a storage node dies and without the controller (seed %i)',
  (seed) => {
    const { stage, application } = staged(seed);
    const { core } = application.living ?? {};
    if (core === undefined) throw new Error('it lives');
    const keys = stage.map.partitions.flatMap((_, partition) => stage.keysIn(partition, 2));
    for (const key of keys) stage.expectStatus(stage.set(application, key), 200);
    stage.expectStatus(stage.set(application, 'gone'), 200);
    stage.expectStatus(stage.delete(application, 'gone'), 200);
    const everything = Number.POSITIVE_INFINITY;
    const scan = core.scan({ prefix: Buffer.alloc(0), values: true, limit: everything });
    const listed: string[] = [];
    let pages = 0;
    let isOver = false;
    const goOn = () =>
      scan.next((step) => {
        if (step.kind === 'failed') throw new Error(step.detail);
        listed.push(...step.records.map(({ key }) => key.toString()));
        if (++pages === 3) {
          stage.storage(1).crash(false);
          stage.cluster.controller.crash(false);
        }
        isOver = step.next === undefined;
        if (!isOver) goOn();
      });
    goOn();
    stage.until('the scan is over', () => isOver, 60_000);
    expect(pages).toBeGreaterThan(3);
    expect(listed.sort()).toEqual(keys.sort());
    stage.expectKept();
  },
);

test('D14: it is no frontend for the controller, and a cut from it moves nothing (H11)', () => {
  const { stage, application } = staged(1);
  const victim = stage.storage(1);
  const before = JSON.stringify(stage.map.partitions);
  stage.cut([application], [victim]);
  stage.pass(15_000);
  const status = bytesOf(stage.cluster.controller.peek(plainGet('/status'))).toString();
  expect(status).not.toContain('application');
  expect(status).not.toContain('direct-client');
  expect(JSON.stringify(stage.map.partitions)).toBe(before);
  stage.heal([application], [victim]);
  stage.expectKept();
});

test('H31: a ttl ends by the time of the cluster, however wrong the clock of the application', () => {
  const { stage, application } = staged(1);
  application.process.wallOffsetMs = -3_600_000;
  stage.pass(3000);
  stage.expectStatus(stage.set(application, 'key1', 0, 2), 200);
  stage.expectStatus(stage.get(stage.frontend(0), 'key1'), 200);
  stage.pass(2500);
  stage.expectStatus(stage.get(stage.frontend(0), 'key1'), 404);
  stage.expectStatus(stage.get(application, 'key1'), 404);
});

test('closed it sends and hears nothing, also with calls under way', () => {
  const { stage, application } = staged(1);
  const { core } = application.living ?? {};
  if (core === undefined) throw new Error('it lives');
  const under = [stage.get(application, 'key1'), stage.set(application, 'key1')];
  core.close();
  const received = () =>
    stage.cluster.storages.map((node) =>
      Number(
        /^velourfog_operations_total\{operation="time",answer="time"\} (\d+)$/m.exec(
          bytesOf(node.peek(plainGet('/metrics'))).toString(),
        )?.[1] ?? 0,
      ),
    );
  stage.pass(2000);
  expect(under.map(({ reply }) => reply)).toEqual([undefined, undefined]);
  // Only the frontend still asks for the time, once a second.
  const before = received();
  stage.pass(10_000);
  for (const [index, count] of received().entries()) {
    expect(count).toBeGreaterThan(0);
    expect(count - (before[index] ?? 0)).toBeLessThanOrEqual(12);
  }
});
