// Scripted schedules about who becomes a node of the cluster: new ones are played by their messages.

import { describe, expect, test } from 'vitest';
import { STORAGE_NODES_MAX } from '../../src/cluster/model/limits.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'interval' };

/** A life of a storage node that has nothing. */
function register({ stage, node }: { stage: Stage; node: string }) {
  return stage.ask(stage.cluster.controller, 'register', {
    node,
    address: `${node}:1`,
    store: `store of ${node}`,
    process: `process of ${node}`,
    wallMs: Math.floor(stage.cluster.controller.process.wallMs()),
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

describe('D5, H32: a controller that looks for its map founds no other cluster', () => {
  /** Its disk is gone; those that have the data do not reach it at first. */
  function lost(seed: number) {
    const stage = new Stage(seed, SHAPE);
    const { controller, storages } = stage.cluster;
    const key = stage.keyOf(stage.storage(0), stage.storage(1));
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    const { cluster } = stage.map;
    controller.crash(false);
    controller.disk.wipe();
    stage.cut([controller], storages);
    const fresh = ['new0', 'new1', 'new2'].map((node) => ({ stage, node }));
    const expectFound = () => {
      stage.heal([controller], storages);
      stage.pass(3000);
      expect(stage.map.cluster).toBe(cluster);
      // Who starts now knows of one cluster only.
      stage.frontend(0).crash(false);
      stage.frontend(0).start();
      stage.pass(500);
      stage.expectStatus(stage.get(stage.frontend(0), key), 200);
      stage.expectKept();
    };
    return { stage, controller, storages, fresh, expectFound };
  }

  test.each(SEEDS)('with --recover, though enough new nodes come first, seed %i', (seed) => {
    const { stage, controller, fresh, expectFound } = lost(seed);
    stage.cluster.controllerRecovers = true;
    controller.start();
    stage.pass(100);
    for (const node of fresh) {
      const { answer } = register(node);
      expect(answer).toMatchObject({
        error: 'not-ready',
        detail: expect.stringContaining('no storage node that has a map came yet'),
      });
    }
    expect(stage.statusOf(controller).waitingFor).toContain('leave --recover away');
    expectFound();
    const { answer } = register({ stage, node: 'new0' });
    expect(heartbeat({ stage, node: 'new0' }, incarnationIn(answer)).status).toBe(200);
  });

  test.each(SEEDS)('without a directory, once it recovers by itself, seed %i', (seed) => {
    const { stage, controller, storages, fresh, expectFound } = lost(seed);
    // Without a directory it would found a cluster with the new ones, were nothing else there.
    Object.assign(controller, { keepsData: false });
    controller.start();
    stage.pass(100);
    const lives = fresh.map((node) => incarnationIn(register(node).answer));
    // One of three is no majority: the recovery goes on.
    stage.heal([controller], storages.slice(0, 1));
    stage.pass(1000);
    for (const [index, node] of fresh.entries()) {
      const reply = heartbeat(node, lives[index] ?? 0);
      expect(reply.answer).toMatchObject({ error: 'not-ready' });
    }
    expectFound();
  });
});
