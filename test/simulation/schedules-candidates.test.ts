// Scripted schedules about nodes that a controller without a map lets in, before a recovery finds the cluster (H32, D3).

import { expect, test } from 'vitest';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = {
  storages: 4,
  frontends: 1,
  redundancy: 3,
  fsync: undefined,
  controllerInMemory: true,
};
const AHEAD_MS = 40 * 60_000;

test.each(SEEDS)(
  'D3: one whose predecessor began by a clock that was ahead gets a higher number, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { controller, frontends } = stage.cluster;
    const [node, ...others] = stage.cluster.storages;
    if (node === undefined) throw new Error('there is no storage node');
    const setClocks = (offsetMs: number) => {
      for (const { process } of stage.cluster.nodes) process.wallOffsetMs = offsetMs;
    };
    const ends: string[] = [];
    stage.cluster.onEnd = (_, message) => ends.push(message);
    const key = stage.keysIn(0, 1)[0] ?? '';
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    // An incarnation from the future.
    setClocks(AHEAD_MS);
    stage.pass(5000);
    node.crash(false);
    node.start();
    stage.until('it is back', () => stage.isMember(node) && stage.hasLease(node), 20_000);
    const ahead = stage.incarnationIdOf(node).incarnation;
    stage.pass(5000);
    // The controller and the node begin anew, and nobody else is heard at first.
    controller.crash(false);
    node.crash(false);
    setClocks(0);
    stage.cut([controller], [...others, ...frontends]);
    controller.start();
    node.start();
    stage.pass(600);
    stage.heal([controller], [...others, ...frontends]);
    const forget = { node: node.process.name };
    stage.until('the recovery can be told', () => {
      return stage.ask(controller, 'forget', forget).status === 200;
    });
    stage.until('it is in the map', () => stage.incarnationIdOf(node).incarnation > ahead, 20_000);
    expect(ends).toEqual([]);
    stage.expectHealed([key], 3);
  },
);
