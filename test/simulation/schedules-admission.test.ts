// Scripted schedules about who becomes a node of the cluster: new ones are played by their messages.

import { expect, test } from 'vitest';
import { STORAGE_NODES_MAX } from '../../src/cluster/limits.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'interval' };

/** A life of a storage node that has nothing. */
function register({ stage, node }: { stage: Stage; node: string }) {
  return stage.ask(stage.cluster.controller, 'register', {
    node,
    address: `${node}:1`,
    store: `store of ${node}`,
    process: `process of ${node}`,
  });
}

function heartbeat({ stage, node }: { stage: Stage; node: string }, incarnation: number) {
  return stage.ask(stage.cluster.controller, 'heartbeat', {
    node,
    incarnation,
    mapVersion: { generation: 0, number: 0 },
    items: 0,
    payloadBytes: 0,
    writable: true,
    joined: [],
    vouched: [],
  });
}

function incarnationIn(answer: unknown): number {
  return (answer as { incarnation: number }).incarnation;
}

test('more nodes than a map can have are refused, though they come all at once', () => {
  const stage = new Stage(1, SHAPE);
  const { controller } = stage.cluster;
  const others = Array.from({ length: STORAGE_NODES_MAX }, (_, index) => ({
    stage,
    node: `other${index}`,
  }));
  const lives = others.map((other) => incarnationIn(register(other).answer));
  for (const [index, other] of others.entries()) heartbeat(other, lives[index] ?? 0);
  stage.pass(3000);
  expect(Object.keys(stage.map.nodes).length).toBe(STORAGE_NODES_MAX);
  const refusal = { status: 409, answer: { error: 'too-many-nodes' } };
  const last = { stage, node: `other${STORAGE_NODES_MAX - 1}` };
  expect(heartbeat(last, lives.at(-1) ?? 0)).toMatchObject(refusal);
  expect(register({ stage, node: 'another' })).toMatchObject(refusal);
  // A node that is in it may begin another life, and the controller can read what it has written.
  const known = stage.storage(0);
  known.crash(false);
  known.disk.wipe();
  known.start();
  controller.crash(false);
  controller.start();
  stage.until('it is back', () => stage.hasLease(known));
});
