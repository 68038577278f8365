// Scripted schedules about a controller whose nodes promised themselves to another one's recovery, which then came to
// nothing: an operator who moved the controller to another machine, and back before that one had published a map (H32).

import { describe, expect, test } from 'vitest';
import type { ClusterMap, PartitionEntry } from '../../src/cluster/model/cluster-map.ts';
import { mapReply } from '../../src/cluster/wire/control-messages.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { WALL_START_MS } from '../../src/simulation/process.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import type { World } from '../../src/simulation/world.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'always' };
/** Of a supervisor. */
const STARTS_AGAIN_MS = 1000;

/** A supervisor of the controller. @returns why it ended, each time */
function supervise({ cluster, world }: Stage): readonly string[] {
  const { controller } = cluster;
  const ends: string[] = [];
  controller.process.onFatal = ({ message }) => {
    ends.push(message);
    controller.ended();
    world.at(STARTS_AGAIN_MS, () => controller.start());
  };
  return ends;
}

/** Another machine gets the controller's address, and is to recover there, with all nodes but these in reach. */
function moveTo(stage: Stage, ...unreached: readonly SimulatedNode[]): SimulatedNode {
  const { cluster } = stage;
  cluster.controllerRecovers = true;
  cluster.moveController();
  stage.cut([cluster.controller], unreached);
  return cluster.controller;
}

/** A second in which recoveries begin, above all generations of before, in seconds since 1970. */
const SECOND = WALL_START_MS / 1000 + 3600;

/** Starts a controller whose clock says that this second has just begun. */
function startAt(controller: SimulatedNode, { nowMs }: World): void {
  controller.process.wallOffsetMs = SECOND * 1000 - WALL_START_MS - nowMs;
  controller.start();
}

/** Of those given, one that holds a partition together with this node. */
function partnerOf(
  { map }: Stage,
  node: SimulatedNode,
  among: readonly SimulatedNode[],
): SimulatedNode {
  const isHeldBy = ({ process }: SimulatedNode, { members }: PartitionEntry) =>
    members.some((member) => member.node === process.name);
  const shared = map.partitions.filter((entry) => isHeldBy(node, entry));
  const partner = among.find((each) => shared.some((entry) => isHeldBy(each, entry)));
  if (partner === undefined) throw new Error(`nobody has a partition with ${node.process.name}`);
  return partner;
}

/** The operator thinks better of it, and leaves the other one alone. */
function moveBack({ cluster }: Stage): void {
  cluster.controllerRecovers = false;
  cluster.moveController();
}

/** @param aheadMs of the clock of the machine that the controller was moved to, and by whose time it recovered */
function failedRecovery(seed: number, { aheadMs }: { readonly aheadMs: number }) {
  const stage = new Stage(seed, SHAPE);
  const { cluster } = stage;
  const { controller } = cluster;
  const frontend = stage.frontend(0);
  const key = stage.keyOf(stage.storage(0), stage.storage(1));
  stage.expectStatus(stage.set(frontend, key), 200);
  const ends = supervise(stage);
  // It finds one node, which is no majority, so it publishes nothing.
  const second = moveTo(stage, stage.storage(1), stage.storage(2));
  second.process.wallOffsetMs = aheadMs;
  second.start();
  stage.pass(1500);
  moveBack(stage);
  second.crash(false);
  return { stage, controller, frontend, key, ends };
}

// By the time of the second its generation is above that of all others.
describe.each([{ seconds: 0 }, { seconds: 3600 }])(
  'H32: a recovery came to nothing, its clock $seconds s ahead',
  ({ seconds }) => {
    test.each(SEEDS)('the controller of before ends once, and goes above it, seed %i', (seed) => {
      const { stage, controller, frontend, key, ends } = failedRecovery(seed, {
        aheadMs: seconds * 1000,
      });
      const { generation } = stage.map.version;
      stage.until('above it', () => stage.map.version.generation > generation);
      stage.pass(4000);
      expect(ends).toHaveLength(1);
      expect(ends[0]).toMatch(/^node storage0 has promised itself to the recovery of another/);
      expect(controller.process.alive).toBe(true);
      for (const node of stage.cluster.storages) {
        expect(stage.mapOf(node)?.version).toEqual(stage.map.version);
        expect(stage.hasLease(node)).toBe(true);
      }
      stage.expectStatus(stage.get(frontend, key), 200);
      stage.expectStatus(stage.set(frontend, key), 200);
      stage.expectKept();
    });
  },
);

test.each(SEEDS)(
  'H32: nothing is acknowledged in a generation that was opened above a promise without asking, seed %i',
  (seed) => {
    const { stage, controller, frontend, key, ends } = failedRecovery(seed, { aheadMs: 0 });
    // That recovery may still live, and take what this one says for the truth: both of its nodes promised.
    const other = stage.storage(1);
    other.crash(false);
    stage.pass(9000);
    expect(ends).toHaveLength(1);
    expect(controller.process.alive).toBe(true);
    stage.expectStatus(stage.set(frontend, key), 503);
    other.start();
    stage.until('both are asked', () => !stage.map.partitions.some(({ frozen }) => frozen));
    stage.pass(3000);
    stage.expectStatus(stage.set(frontend, key), 200);
    expect(ends).toHaveLength(1);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H32: a node that is bound by a promise is so in its next life, seed %i',
  (seed) => {
    const stage = new Stage(seed, SHAPE);
    const { cluster } = stage;
    const { controller } = cluster;
    const ends = supervise(stage);
    const bound = stage.storage(0);
    // It lives on, and may find the others at any time.
    moveTo(stage, stage.storage(1), stage.storage(2)).start();
    stage.pass(1500);
    moveBack(stage);
    // The power of the rack of both: this start hears of no promise.
    bound.crash(false);
    controller.crash(false);
    stage.pass(2000);
    controller.start();
    stage.pass(3000);
    const opened = stage.map;
    expect(opened.version.generation).toBeGreaterThan(1);
    expect(opened.recoveredAs?.generation).toBe(1);
    bound.start();
    stage.until('asked', () => (stage.mapOf(bound)?.recoveredAs?.generation ?? 0) > 1);
    expect(stage.map.recoveredAs?.generation).toBeGreaterThan(opened.version.generation);
    expect(ends).toHaveLength(1);
    stage.expectKept();
  },
);

test.each(SEEDS)('H32: nodes that are bound by two recoveries follow again, seed %i', (seed) => {
  const stage = new Stage(seed, SHAPE);
  const { cluster } = stage;
  const frontend = stage.frontend(0);
  const key = stage.keyOf(stage.storage(0), stage.storage(1));
  const ends = supervise(stage);
  const second = moveTo(stage);
  // In each of its lives it finds another node, and never a majority.
  for (const found of [stage.storage(0), stage.storage(1)]) {
    const others = cluster.storages.filter((node) => node !== found);
    stage.cut([second], others);
    second.start();
    stage.pass(1500);
    second.crash(false);
    stage.heal([second], others);
  }
  moveBack(stage);
  stage.pass(10_000);
  expect(ends.length).toBeGreaterThan(0);
  expect(ends.length).toBeLessThan(3);
  for (const node of cluster.storages) expect(stage.hasLease(node)).toBe(true);
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.expectKept();
});

test.each(SEEDS)('H32: a recovery that goes on is waited for, seed %i', (seed) => {
  const stage = new Stage(seed, SHAPE);
  const { cluster } = stage;
  const { controller } = cluster;
  const ends: string[] = [];
  controller.process.onFatal = ({ message }) => {
    ends.push(message);
    controller.ended();
  };
  // Without the third it waits for a while, and then goes on without it.
  const second = moveTo(stage, stage.storage(2));
  second.start();
  const isPromised = () => /2 nodes promised/.test(String(second.peek(plainGet('/c/map'))?.body));
  stage.until('promised', isPromised);
  // It knows its nodes by now, and they speak with the one of before again.
  moveBack(stage);
  stage.until('published', () => stage.mapOf(stage.storage(0))?.version.generation !== 1);
  stage.pass(3000);
  // Not overruled, but of yesterday.
  expect(ends).toHaveLength(1);
  expect(ends[0]).toMatch(/which is newer than the one that this controller started from/);
});

test.each(SEEDS)(
  'H32: a node whose promise has a recovery of the same second, which came to nothing, promises the one that published, seed %i',
  (seed) => {
    const stage = new Stage(seed, { ...SHAPE, storages: 5 });
    const { cluster, world } = stage;
    const frontend = stage.frontend(0);
    // Without two of the three witnesses nobody can tell whether an entry of theirs went on without them.
    const [first, other] = stage.map.witnesses.map(({ node }) => stage.named(node));
    if (first === undefined || other === undefined) throw new Error('there are three witnesses');
    const reached = cluster.storages.filter((node) => node !== first && node !== other);
    const key = stage.keyOf(first, partnerOf(stage, first, reached));
    const isFrozen = () => stage.map.partitions[stage.partitionOf(key)]?.frozen === true;
    stage.expectStatus(stage.set(frontend, key), 200);
    // It finds one node, which is no majority.
    cluster.controller.crash(false);
    const second = moveTo(stage, ...cluster.storages.filter((node) => node !== first));
    startAt(second, world);
    const isPromised = () => /1 nodes promised/.test(String(second.peek(plainGet('/c/map'))?.body));
    stage.until('promised', isPromised);
    second.crash(false);
    // By its clock it is the same second: it takes the same number, finds the others, and publishes.
    const third = moveTo(stage, first, other);
    const ends = supervise(stage);
    startAt(third, world);
    stage.until('published', () => stage.map.version.generation !== 1);
    expect(stage.map.version.generation).toBe(SECOND);
    expect(isFrozen()).toBe(true);
    stage.heal([third], [first]);
    stage.until('its entries go on', () => !isFrozen());
    stage.pass(3000);
    // Where the nonce of the one that came to nothing is the greater one, it overrules the other, which goes above it.
    expect(ends.length).toBeLessThan(2);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
  },
);

function published(controller: SimulatedNode): ClusterMap | undefined {
  const reply = controller.peek(plainGet('/c/map'));
  return mapReply(JSON.parse(bytesOf(reply).toString())).map;
}

/** Whether the node has an incarnation of this controller, whose map it may lack still. */
function isRegistered(node: SimulatedNode): boolean {
  const said = bytesOf(node.peek(plainGet('/readyz?verbose'))).toString();
  return said.includes('[+]registered ok');
}

describe.each([
  { what: 'whose disk had no room until then', isRestarted: false },
  { what: 'which is started from its old state after that', isRestarted: true },
])(
  'H32: another controller has recovered the map, and the one of before, $what,',
  ({ isRestarted }) => {
    test.each(SEEDS)('is followed by nobody who has not promised yet, seed %i', (seed) => {
      const stage = new Stage(seed, { ...SHAPE, storages: 4 });
      const { cluster } = stage;
      const former = cluster.controller;
      const late = stage.storage(3);
      const frontend = stage.frontend(0);
      const others = cluster.storages.filter((node) => node !== late);
      const key = stage.keyOf(late, partnerOf(stage, late, others));
      stage.expectStatus(stage.set(frontend, key), 200);
      // The power of all, so that no member stands for an entry alone, and those of the one who comes late are frozen.
      for (const node of [former, ...cluster.storages]) node.crash(false);
      if (!isRestarted) {
        // All come to it, and it cannot store the first map of its generation.
        former.disk.fill();
        for (const node of [former, ...cluster.storages]) node.start();
        stage.pass(1500);
        for (const node of cluster.storages) node.crash(false);
      }
      const second = moveTo(stage);
      const ends = supervise(stage);
      for (const node of [second, ...cluster.storages]) if (node !== late) node.start();
      stage.until('recovered', () => stage.map.version.generation !== 1);
      const { generation } = stage.map.version;
      stage.pass(3000);
      late.start();
      stage.until('registered', () => isRegistered(late));
      stage.cut([second], [late]);
      if (isRestarted) former.start();
      else former.disk.free();
      stage.pass(3000);
      // Whoever has not promised yet follows the greater generation.
      expect(published(former)?.version.generation ?? 0).toBeLessThan(generation);
      former.crash(false);
      stage.heal([second], [late]);
      stage.until('followed', () => stage.mapOf(late)?.version.generation === generation);
      stage.pass(2000);
      expect(ends).toEqual([]);
      expect(stage.hasLease(late)).toBe(true);
      stage.expectStatus(stage.get(frontend, key), 200);
      stage.expectKept();
    });
  },
);
