// Scripted schedules about processes with another scale of the protocol times than the rest (D12): leases of
// such a node would outlast what the controller waits for.

import { describe, expect, test } from 'vitest';
import type { FatalError } from '../../src/cluster/http/errors.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { Link } from '../../src/cluster/ports.ts';
import type { SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { Stage } from './founded.ts';

/** A cluster of scale 1, and the scale that each process has from its next start on. */
function scaled() {
  const scales = new Map<string, number>();
  const stage = new Stage(1, {
    storages: 3,
    frontends: 2,
    redundancy: 3,
    fsync: 'always',
    timesOf: (process) => protocolTimes(scales.get(process) ?? 1),
  });
  const ends = new Map<string, FatalError>();
  for (const { process } of stage.cluster.nodes) {
    process.onFatal = (error) => ends.set(process.name, error);
  }
  stage.expectStatus(stage.set(stage.frontend(0), 'a'), 200);
  const restart = (node: SimulatedNode, scale: number) => {
    node.crash(false);
    scales.set(node.process.name, scale);
    node.start();
  };
  const expectEnded = ({ process }: SimulatedNode, text: RegExp) => {
    stage.until('it ends', () => !process.alive);
    expect(ends.get(process.name)?.exitCode).toBe(78);
    expect(ends.get(process.name)?.message).toMatch(text);
  };
  return { stage, restart, expectEnded, ends };
}

describe('D12: who has another scale than the controller', () => {
  test.each([10, 0.5])('as a storage node is not registered, and ends: %d', (scale) => {
    const { stage, restart, expectEnded } = scaled();
    const node = stage.storage(0);
    const { incarnation } = stage.incarnationIdOf(node);
    restart(node, scale);
    expectEnded(
      node,
      new RegExp(`node storage0 has --time-scale ${scale}, and the controller has 1:`),
    );
    expect(stage.incarnationIdOf(node).incarnation).toBe(incarnation);
    const metrics = stage.cluster.controller.peek(plainGet('/metrics'));
    expect(bytesOf(metrics).toString()).toMatch(
      /^velourfog_refused_messages_total\{reason="other-time-scale"\} 1$/m,
    );
    restart(node, 1);
    stage.until('it is back', () => stage.incarnationIdOf(node).incarnation > incarnation);
    stage.expectHealed(['a'], 3);
  });

  test.each([10, 0.5])('as a frontend gets no map, and ends: %d', (scale) => {
    const { stage, restart, expectEnded } = scaled();
    restart(stage.frontend(0), scale);
    expectEnded(
      stage.frontend(0),
      new RegExp(
        `frontend frontend0:1 has --time-scale ${scale}, and the controller has 1: start all`,
      ),
    );
    stage.expectStatus(stage.get(stage.frontend(1), 'a'), 200);
  });

  test('opens no stream to a storage node', () => {
    const { stage } = scaled();
    const node = stage.storage(0);
    const warnings: unknown[] = [];
    node.onLog = (message, { problem }) => warnings.push([message, problem]);
    const incarnationId = stage.incarnationIdOf(node);
    const hello = { purpose: 'operations', ...incarnationId, cluster: stage.map.cluster } as const;
    const open = (timeScale: number | undefined) =>
      node.living?.accept({ ...hello, timeScale }, {} as Link);
    for (const timeScale of [10, 10, 0.5, Number.NaN]) {
      expect(open(timeScale)).toMatchObject({
        refused: `who opens this stream has --time-scale ${timeScale}, and node storage0 has 1: start all of a cluster with the same`,
      });
    }
    expect(warnings).toHaveLength(3);
    for (const timeScale of [1, undefined]) expect(open(timeScale)).toHaveProperty('received');
  });
});

describe('D12: a controller with another scale than its cluster', () => {
  test('does not start with a smaller one: there are longer leases than it would wait for', () => {
    const { stage, restart, expectEnded } = scaled();
    const { controller } = stage.cluster;
    restart(controller, 0.5);
    expectEnded(controller, /nodes of this cluster were started with --time-scale 1, .* with 0\.5/);
    stage.pass(5000);
    stage.expectStatus(stage.set(stage.frontend(0), 'a'), 200);
    restart(controller, 1);
    stage.pass(3000);
    stage.expectHealed(['a'], 3);
  });

  test('that is larger waits longer than it must, and keeps it', () => {
    const { stage, restart, expectEnded, ends } = scaled();
    const { controller } = stage.cluster;
    restart(controller, 2);
    stage.pass(5000);
    // Whoever runs goes on; whoever starts has to have the same.
    expect(ends.size).toBe(0);
    stage.expectStatus(stage.set(stage.frontend(0), 'a'), 200);
    restart(stage.storage(0), 1);
    expectEnded(stage.storage(0), /has --time-scale 1, and the controller has 2:/);
    for (const node of [...stage.cluster.storages, ...stage.cluster.frontends]) restart(node, 2);
    stage.pass(20_000);
    expect(stage.map.timeScale).toBe(2);
    stage.expectStatus(stage.set(stage.frontend(0), 'a'), 200);
    restart(controller, 1);
    expectEnded(controller, /nodes of this cluster were started with --time-scale 2, .* with 1:/);
    restart(controller, 2);
    stage.expectHealed(['a'], 3);
  });

  test('that is larger by mistake, and admitted nobody, is started with the right one again', () => {
    const { stage, restart, ends } = scaled();
    const { controller } = stage.cluster;
    restart(controller, 2);
    stage.pass(5000);
    stage.cluster.controllerRecovers = true;
    restart(controller, 1);
    stage.pass(10_000);
    expect(ends.size).toBe(0);
    stage.expectStatus(stage.set(stage.frontend(0), 'a'), 200);
    restart(stage.storage(0), 1);
    stage.expectHealed(['a'], 3);
  });

  test('and without its state ends nobody who holds anything', () => {
    const { stage, restart, ends } = scaled();
    const { controller } = stage.cluster;
    stage.cluster.controllerRecovers = true;
    restart(controller, 0.5);
    stage.pass(10_000);
    expect(ends.size).toBe(0);
    stage.expectStatus(stage.set(stage.frontend(0), 'a'), 200);
    restart(controller, 1);
    stage.pass(5000);
    stage.expectHealed(['a'], 3);
  });
});
