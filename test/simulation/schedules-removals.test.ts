// Scripted schedules about who may be removed, and who may come back: each breaks a promise when the rule
// in its name is broken (test/mutants).

import { describe, expect, test } from 'vitest';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { plainGet } from '../../src/simulation/requests.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 1, redundancy: 2, fsync: 'interval' };

/** A partition on two nodes that has something. */
function twoCopies(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const [intact, lost] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(intact, lost);
  const frontend = stage.frontend(0);
  stage.expectStatus(stage.set(frontend, key), 200);
  return { stage, intact, lost, key, frontend };
}

describe('I8: the last copy is not removed', () => {
  test.each(SEEDS)('for one that is not heard of, though nobody may fence it, seed %i', (seed) => {
    const { stage, intact, lost, key, frontend } = twoCopies(seed);
    stage.cut([intact], stage.allBut(intact));
    const fenced = () => stage.mapOf(lost)?.nodes[intact.process.name]?.fenced === true;
    stage.until('fenced', fenced);
    stage.pass(50);
    lost.crash(false);
    lost.disk.wipe();
    stage.pass(4000);
    stage.heal([intact], stage.allBut(intact));
    stage.pass(2000);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('H9: for one that was heard of last before the decision, seed %i', (seed) => {
    const { stage, intact, lost, key, frontend } = twoCopies(seed);
    lost.crash(false);
    lost.disk.wipe();
    stage.pass(50);
    const incarnationId = stage.incarnationIdOf(intact);
    intact.crash(false);
    stage.tell(stage.cluster.controller, 'death', { ...incarnationId, returning: false });
    stage.pass(1000);
    intact.start();
    stage.pass(2000);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  });
});

test.each(SEEDS)('H12: who leaves is removed when it knows that it leaves, seed %i', (seed) => {
  const { stage, lost: leaver, key } = twoCopies(seed);
  const joiner = stage.storage(2);
  // Deaf from when its place is taken, with a lease that is fresh.
  joiner.onLog = (message, { partition }) => {
    if (message !== 'partition copied' || partition !== stage.partitionOf(key)) return;
    stage.cutTo(stage.allBut(leaver), [leaver]);
  };
  stage.drain(leaver);
  stage.until('its place is taken', () => stage.roleOf(leaver, key) === 'leaving');
  stage.pass(1500);
  stage.expectKept();
  expect(stage.roleOf(leaver, key)).toBe('leaving');
  stage.healTo(stage.allBut(leaver), [leaver]);
  stage.until('removed', () => stage.roleOf(leaver, key) === undefined);
  stage.expectKept();
  stage.expectHealed([key], 2);
});

test.each(SEEDS)('H33: a map that could be lost is no map yet, seed %i', (seed) => {
  const { stage, lost: node, key, frontend } = twoCopies(seed);
  const { controller } = stage.cluster;
  const incarnationId = stage.incarnationIdOf(node);
  // Silent, so that it is fenced first and removed well after that.
  node.crash(false);
  stage.until('fenced', () => stage.map.nodes[incarnationId.node]?.fenced === true);
  stage.pass(100);
  // What it decides next it cannot write down before it loses power.
  controller.disk.stall(3000);
  stage.pass(1500);
  const write = stage.set(frontend, key);
  stage.pass(500);
  controller.crash(true);
  node.start();
  controller.start();
  stage.until(
    'it is back',
    () => stage.incarnationIdOf(node).incarnation !== incarnationId.incarnation,
    5000,
  );
  stage.pass(1000);
  expect(stage.roleOf(node, key)).toBe('serving');
  stage.expectStatus(write, 200);
  // If that map was on the disk nevertheless, the next controller began with it, and copies have moved.
  const holders = stage.membersOf(key).map((member) => stage.named(member.node));
  expect(new Set(holders.map((holder) => stage.heldBy(holder, key))).size).toBe(1);
  stage.expectKept();
});

test.each(SEEDS)(
  'I8: a removal that was long on its way to the disk counts on no copy that is gone since, seed %i',
  (seed) => {
    const { stage, intact, lost, key, frontend } = twoCopies(seed);
    const { controller } = stage.cluster;
    stage.cut([intact], stage.allBut(intact));
    stage.until('fenced', () => stage.map.nodes[intact.process.name]?.fenced === true);
    stage.pass(100);
    // It decides to remove the silent one, and the other copy burns while that is written.
    controller.disk.stall(4000);
    stage.pass(2000);
    expect(stage.roleOf(intact, key)).toBe('serving');
    lost.crash(false);
    lost.disk.wipe();
    stage.pass(500);
    stage.heal([intact], stage.allBut(intact));
    stage.pass(3000);
    expect(stage.roleOf(intact, key)).toBe('serving');
    stage.expectStatus(stage.get(frontend, key), 200);
    // What was given up is on no disk: a controller that starts again begins without it.
    controller.crash(false);
    controller.start();
    stage.pass(3000);
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'I8: a controller that stood still takes no heartbeat that waited for a copy that lives, seed %i',
  (seed) => {
    const { stage, intact, lost, key, frontend } = twoCopies(seed);
    const { controller } = stage.cluster;
    stage.cut([intact], stage.allBut(intact));
    stage.until('fenced', () => stage.map.nodes[intact.process.name]?.fenced === true);
    stage.pass(700);
    expect(stage.roleOf(intact, key)).toBe('serving');
    // When it goes on, the lease of the one has lapsed, and of the other there are heartbeats from before it burned.
    controller.process.pause();
    stage.pass(2500);
    lost.crash(false);
    lost.disk.wipe();
    stage.pass(3000);
    stage.heal([intact], stage.allBut(intact));
    controller.process.resume();
    stage.pass(3000);
    expect(stage.roleOf(intact, key)).toBe('serving');
    stage.expectStatus(stage.get(frontend, key), 200);
    stage.expectKept();
  },
);

describe('a node that is told to stop', () => {
  test.each(SEEDS)('before it is registered begins no life, seed %i', (seed) => {
    const { stage, lost: node } = twoCopies(seed);
    node.crash(false);
    stage.cut([node], [stage.cluster.controller]);
    node.start();
    stage.pass(300);
    node.stop(5000);
    stage.pass(100);
    stage.heal([node], [stage.cluster.controller]);
    stage.pass(2000);
    expect(stage.statusOf(node).incarnation).toBe('0');
    expect(stage.map.nodes[node.process.name]?.fenced).toBe(true);
  });

  test.each(SEEDS)('says so again when the operator undrains it, seed %i', (seed) => {
    const stage = new Stage(seed, { storages: 3, frontends: 1, redundancy: 2, fsync: undefined });
    const node = stage.storage(1);
    const entry = () => stage.map.nodes[node.process.name];
    let late = false;
    node.onLog = (message) => {
      late ||= message.startsWith('leaving with');
    };
    node.stop(0);
    stage.until('draining', () => entry()?.draining === true);
    stage.ask(stage.cluster.controller, 'undrain', { node: node.process.name });
    stage.until('stopped', () => !node.process.alive, 20_000);
    expect(late).toBe(false);
    stage.pass(1000);
    expect(stage.isMember(node)).toBe(false);
    stage.expectKept();
  });
});

test.each(SEEDS)(
  'D8: who leaves with the last copies, because nobody could take them in time, leaves nothing that looks empty, seed %i',
  (seed) => {
    const stage = new Stage(seed, { ...SHAPE, redundancy: 1, fsync: undefined });
    const leaver = stage.storage(0);
    const [kept, lost] = [stage.keyOf(stage.storage(1)), stage.keyOf(leaver)];
    const frontend = stage.frontend(0);
    for (const key of [kept, lost]) stage.expectStatus(stage.set(frontend, key), 200);
    stage.cut([leaver], [stage.storage(1), stage.storage(2)]);
    let said = false;
    leaver.onLog = (message) => {
      said ||= message === 'leaving with partitions that nobody took over in time';
    };
    let ended = false;
    leaver.stop(0, () => (ended = true), 2000);
    stage.until('the node has left', () => ended);
    expect(said).toBe(true);
    stage.pass(5000);
    stage.expectStatus(stage.get(frontend, kept), 200);
    stage.expectStatus(stage.get(frontend, lost), 503);
    stage.expectStatus(stage.set(frontend, lost), 503);
    // It comes again with nothing.
    leaver.start();
    stage.pass(5000);
    stage.expectStatus(stage.get(frontend, lost), 503);
    stage.expectKept();
  },
);

describe('what an operator asks while a map is on its way to the disk', () => {
  test.each(SEEDS)(
    'R9: a node that is started again meanwhile drains all the same, seed %i',
    (seed) => {
      const stage = new Stage(seed, SHAPE);
      const { controller } = stage.cluster;
      const node = stage.storage(0);
      const before = stage.incarnationIdOf(node).incarnation;
      node.crash(false);
      controller.disk.stall(1500);
      const drain = stage.ask(controller, 'drain', { node: node.process.name });
      node.start();
      stage.until('an answer', () => drain.status !== undefined);
      stage.until('it is back', () => stage.incarnationIdOf(node).incarnation !== before);
      expect(drain.status).toBe(200);
      expect(stage.map.nodes[node.process.name]?.draining).toBe(true);
      stage.until('it holds nothing', () => !stage.isMember(node), 20_000);
      stage.expectKept();
    },
  );

  test.each(SEEDS)('R6: who comes back meanwhile is not said to be removed, seed %i', (seed) => {
    const stage = new Stage(seed, { ...SHAPE, storages: 4 });
    const { controller } = stage.cluster;
    const node = stage.storage(0);
    const { name } = node.process;
    const fenced = () => stage.map.nodes[name]?.fenced;
    stage.cut([node], stage.allBut(node));
    const isNeeded = () =>
      fenced() !== true ||
      stage.isMember(node) ||
      stage.map.witnesses.some((incarnationId) => incarnationId.node === name);
    stage.until('it is not needed', () => !isNeeded(), 60_000);
    stage.pass(1000);
    controller.disk.stall(900);
    stage.heal([node], stage.allBut(node));
    // It is heard, and the map that says so is being written.
    stage.pass(500);
    expect(fenced()).toBe(true);
    const removal = stage.ask(controller, 'remove', { node: name });
    stage.until('an answer', () => removal.status !== undefined);
    expect(fenced()).toBe(false);
    expect(removal).toMatchObject({ status: 409, answer: { error: 'node-needed' } });
    stage.expectKept();
  });
});

test('a plan with more nodes than a cluster can have is refused, and costs nothing', () => {
  const stage = new Stage(1, SHAPE);
  const ask = (add: number) => stage.cluster.controller.peek(plainGet(`/c/admin/plan?add=${add}`));
  expect(ask(256)?.status).toBe(200);
  expect(ask(257)?.status).toBe(400);
  expect(ask(1e10)?.status).toBe(400);
});
