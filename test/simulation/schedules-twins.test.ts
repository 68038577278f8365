// Scripted schedules about two processes of one node: a name that was given twice, and a data directory that was copied.

import { describe, expect, test } from 'vitest';
import type { Address, NodeId } from '../../src/cluster/model/identity.ts';
import {
  CHUNK_RECORD_BYTES,
  protocolTimes,
  VALUE_BYTES_MAX_DEFAULT,
} from '../../src/cluster/model/limits.ts';
import { type ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { StorageNode } from '../../src/storage/storage-node.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'interval' };
const TWIN = 'twin:1' as Address;

/** A cluster, and another process that says that it is its first storage node. */
function withTwin(seed: number, shape: Partial<ClusterShape> = {}) {
  const stage = new Stage(seed, { ...SHAPE, ...shape });
  const { network, controller } = stage.cluster;
  const original = stage.storage(0);
  const twin = new SimulatedNode(
    stage.world,
    network,
    TWIN,
    (runtime) =>
      new StorageNode(runtime, {
        controller: controller.address,
        address: TWIN,
        node: 'storage0' as NodeId,
        nodeIsGiven: true,
        fsync: 'interval',
        valueBytesMax: VALUE_BYTES_MAX_DEFAULT,
        copyChunkBytes: CHUNK_RECORD_BYTES,
        times: protocolTimes(1),
      }),
    original.keepsData,
  );
  let incarnations = 0;
  stage.listen(controller, (message) => {
    if (message === 'new life of a node') incarnations++;
  });
  const readiness = () => bytesOf(twin.peek(plainGet('/readyz'))).toString();
  const addressOf = () => stage.map.nodes[original.process.name as NodeId]?.address;
  return {
    stage,
    original,
    twin,
    controller,
    readiness,
    addressOf,
    incarnationIds: () => incarnations,
  };
}

describe.each(['interval', undefined] as const)(
  'a second process of one name, --fsync %s',
  (fsync) => {
    test.each(SEEDS)('takes no node from one that lives, seed %i', (seed) => {
      const { stage, original, twin, readiness, addressOf, incarnationIds } = withTwin(seed, {
        fsync,
      });
      const before = stage.incarnationIdOf(original);
      twin.start();
      for (let round = 0; round < 20; round++) {
        stage.expectStatus(stage.set(stage.frontend(0), `key${round}`), 200);
        stage.pass(500);
        // As a supervisor would.
        if (!twin.process.alive) twin.start();
        if (!original.process.alive) original.start();
      }
      expect(incarnationIds()).toBe(0);
      expect(stage.incarnationIdOf(original)).toEqual(before);
      expect(addressOf()).toBe(original.address);
      expect(readiness()).toMatch(
        /lives at storage0:1, and twin:1 says that it is storage0 as well/,
      );
      stage.expectKept();
    });

    test.each(SEEDS)('takes its place once that one is gone, seed %i', (seed) => {
      const { stage, original, twin, addressOf, incarnationIds } = withTwin(seed, { fsync });
      twin.start();
      stage.pass(2000);
      original.crash(false);
      stage.until('it is the node', () => addressOf() === TWIN, 3000);
      stage.pass(5000);
      expect(incarnationIds()).toBe(1);
      // The first one is the newcomer now.
      original.start();
      stage.pass(5000);
      expect(addressOf()).toBe(TWIN);
      expect(incarnationIds()).toBe(1);
    });
  },
);

test.each(SEEDS)(
  'a copy of a data directory evicts nobody, nor after a new start of the controller, seed %i',
  (seed) => {
    const { stage, original, twin, controller, readiness, addressOf, incarnationIds } =
      withTwin(seed);
    stage.expectStatus(stage.set(stage.frontend(0), 'a'), 200);
    const before = stage.incarnationIdOf(original);
    twin.disk.restore(original.disk.image());
    twin.start();
    stage.pass(5000);
    controller.crash(false);
    controller.start();
    stage.pass(10_000);
    expect(stage.incarnationIdOf(original)).toEqual(before);
    expect([addressOf(), incarnationIds()]).toEqual([original.address, 0]);
    expect(readiness()).toMatch(/copy of the data directory/);
    stage.expectStatus(stage.get(stage.frontend(0), 'a'), 200);
    stage.expectKept();
  },
);

test('who starts again at its own address is not asked about, however fast', () => {
  const { stage, original, incarnationIds } = withTwin(1);
  for (let round = 1; round <= 5; round++) {
    original.crash(false);
    original.start();
    stage.until('it is back', () => incarnationIds() === round, 400);
  }
  stage.expectHealed([], 2);
});

test('one that is silent is not taken for gone while its heartbeats come', () => {
  const { stage, original, twin, controller, addressOf, incarnationIds } = withTwin(1);
  twin.start();
  // It hears nothing any more, and its heartbeats come as long as its stream holds.
  stage.cutTo([controller], [original]);
  stage.pass(350);
  expect([addressOf(), incarnationIds()]).toEqual([original.address, 0]);
  stage.expectKept();
});

test.each(SEEDS)(
  'a stream that breaks is no proof that nobody listens there: a copy gets nothing, seed %i',
  (seed) => {
    const { stage, original, twin, addressOf, incarnationIds } = withTwin(seed);
    const keys = Array.from({ length: 40 }, (_, index) => `key${index}`);
    const setAll = () => {
      for (const key of keys) stage.set(stage.frontend(0), key);
      stage.pass(1000);
    };
    setAll();
    const before = stage.incarnationIdOf(original);
    twin.disk.restore(original.disk.image());
    // What comes now the copy does not have.
    setAll();
    twin.start();
    stage.pass(500);
    stage.cluster.network.faults = { ...stage.cluster.network.faults, resets: 0.3 };
    stage.pass(1500);
    stage.cluster.network.faults = { ...stage.cluster.network.faults, resets: 0 };
    stage.pass(5000);
    expect(stage.incarnationIdOf(original)).toEqual(before);
    expect([addressOf(), incarnationIds()]).toEqual([original.address, 0]);
    stage.expectKept();
  },
);
