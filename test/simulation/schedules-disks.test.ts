// Scripted schedules about disks that hang, are full, or lose what they were told to sync (H35, H8): each
// breaks a promise, or a node's stop, when the rule in its name is broken (test/mutants).

import { expect, test } from 'vitest';
import { type ClusterShape, SimulatedCluster } from '../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { World } from '../../src/simulation/world.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 4, frontends: 1, redundancy: 2, fsync: 'interval' };

test.each(SEEDS)('H35: a member whose disk hangs gives its partitions up, seed %i', (seed) => {
  const stage = new Stage(seed, { ...SHAPE, storages: 3 });
  const [hung, other] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(hung, other);
  const frontend = stage.frontend(0);
  stage.expectStatus(stage.set(frontend, key), 200);
  hung.disk.stall(600_000);
  // Long enough for a stall to be noticed (2 s), the member to be removed, and a set to go through.
  let answers = '';
  for (let round = 0; round < 4; round++) {
    const outcome = stage.set(frontend, key);
    stage.until('an answer', () => outcome.reply !== undefined);
    answers += `${outcome.reply?.status} `;
  }
  expect(stage.roleOf(hung, key)).toBe(undefined);
  expect(answers).toContain('200');
});

test.each(SEEDS)('D2: a witness that cannot store a map any more is replaced, seed %i', (seed) => {
  const stage = new Stage(seed, SHAPE);
  const frontend = stage.frontend(0);
  const [full, dead] = stage.map.witnesses.map(({ node }) => stage.named(node));
  if (full === undefined || dead === undefined) throw new Error('there are three witnesses');
  // 1. The disk of a witness is full: it gives its partitions up, and all is well.
  full.disk.fill();
  for (let index = 0; index < 40; index++) stage.set(frontend, `key${index}`);
  stage.until('it holds nothing', () => !stage.isMember(full), 20_000);
  stage.pass(10_000);
  const key = 'key1';
  stage.expectStatus(stage.set(frontend, key), 200);
  // 2. Much later one other node dies for good, unwitnessed by anybody.
  dead.crash(false);
  stage.pass(20_000);
  const held = stage.map.partitions.filter(({ members }) =>
    members.some(({ node }) => node === dead.process.name),
  );
  expect(held.length).toBe(0);
  stage.expectKept();
});

test.each(SEEDS)('H35: a node whose disk was full goes on by itself, seed %i', (seed) => {
  const stage = new Stage(seed, { ...SHAPE, storages: 3, logFileBytes: 400 });
  const [full, other] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(full, other);
  const frontend = stage.frontend(0);
  const { incarnation } = full.process;
  for (let round = 0; round < 3; round++) {
    if (round % 2 === 0) full.disk.fill();
    else full.disk.fail('open', 1000, 'EMFILE');
    // Until its log wants another file.
    let tries = 0;
    const holdsNothing = () => {
      if (tries++ % 20 === 0) stage.set(frontend, `key${tries % 400}`);
      return !stage.isMember(full);
    };
    stage.until('it holds nothing', holdsNothing, 20_000);
    stage.expectStatus(stage.set(frontend, key), 200);
    full.disk.mend();
    stage.until('it holds something again', () => stage.isMember(full), 60_000);
    stage.pass(5000);
  }
  expect([full.process.alive, full.process.incarnation]).toEqual([true, incarnation]);
  // What it has in its log now has no hole.
  full.crash(false);
  full.start();
  stage.pass(10_000);
  stage.expectKept();
});

test.each(
  (['remove', 'replace', 'truncate'] as const).flatMap((how) =>
    SEEDS.slice(0, 3).map((seed) => [how, seed] as const),
  ),
)('H8: a node whose log somebody %ss acknowledges nothing on it, seed %i', (how, seed) => {
  const stage = new Stage(seed, { ...SHAPE, storages: 3 });
  const [struck, other] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(struck, other);
  const frontend = stage.frontend(0);
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.pass(3000);
  struck.disk.tamper('records-00000001.log', how);
  stage.until('it holds nothing', () => !stage.isMember(struck), 20_000);
  expect(bytesOf(struck.peek(plainGet('/readyz'))).toString()).toMatch(
    /\[-\]disk failed: records-00000001\.log was (removed|replaced|truncated): not by this node/,
  );
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.expectKept();
});

test.each(SEEDS)('D4: a node whose log failed can still be stopped, seed %i', (seed) => {
  const stage = new Stage(seed, { ...SHAPE, storages: 3 });
  const [full, other] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(full, other);
  full.disk.fill();
  stage.set(stage.frontend(0), key);
  stage.pass(1000);
  let ended = false;
  full.stop(0, () => {
    ended = true;
  });
  // Three times the drain timeout.
  stage.pass(30_000);
  expect(ended).toBe(true);
});

/** What the system drops of what it could not sync is drawn: in a third of the runs it is the set. */
const DROPS = Array.from({ length: 24 }, (_, index) => index + 1);

test.each(DROPS)('H8: a store whose sync failed is not complete, seed %i', (seed) => {
  const stage = new Stage(seed, { ...SHAPE, storages: 3 });
  const [failed, other] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(failed, other);
  const frontend = stage.frontend(0);
  stage.expectStatus(stage.set(frontend, key), 200);
  stage.pass(3000);
  failed.disk.fail('sync');
  stage.expectStatus(stage.set(frontend, key), 200);
  // The sync of every second fails; the node is restarted before it gave its partitions up, or is the last copy.
  stage.until('the log has failed', () => {
    const reply = failed.peek(plainGet('/readyz'));
    return bytesOf(reply).toString().includes('[-]disk');
  });
  // It takes a write to note that.
  stage.pass(5);
  failed.crash(false);
  failed.start();
  stage.pass(1000);
  for (let round = 0; round < 20; round++) {
    stage.get(frontend, key);
    stage.pass(10);
  }
  stage.expectKept();
});

test.each(SEEDS)('H8: a sync that failed is noted as soon as it can be, seed %i', (seed) => {
  const stage = new Stage(seed, { ...SHAPE, storages: 3 });
  const [failed, other] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(failed, other);
  failed.disk.fail('sync');
  failed.disk.fail('replace', 3);
  stage.expectStatus(stage.set(stage.frontend(0), key), 200);
  stage.until('the sync has failed', () => failed.disk.hasUntoldLoss);
  stage.pass(10);
  expect(failed.disk.hasUntoldLoss).toBe(true);
  stage.until('it is noted', () => !failed.disk.hasUntoldLoss, 10_000);
  failed.crash(false);
  failed.start();
  stage.pass(10_000);
  stage.expectKept();
});

test.each(SEEDS)('H8: whatever a power loss leaves of a log, the node starts, seed %i', (seed) => {
  const stage = new Stage(seed, { ...SHAPE, storages: 3, logFileBytes: 400 });
  const [lost, other] = [stage.storage(0), stage.storage(1)];
  const key = stage.keyOf(lost, other);
  const frontend = stage.frontend(0);
  let cut = 0;
  lost.onLog = (message) => {
    if (message === 'the end of the log is cut off') cut++;
  };
  for (let round = 0; round < 12; round++) {
    stage.expectStatus(stage.set(frontend, key), 200);
    for (let index = 0; index < 30; index++) stage.set(frontend, `key${index}`);
    stage.pass(500 + 60 * round);
    lost.crash(true);
    lost.start();
    stage.pass(6000);
    expect(lost.process.alive).toBe(true);
  }
  expect(cut).toBeGreaterThan(0);
  stage.expectKept();
});

test.each(SEEDS)(
  'D5: a cluster is founded once the disk of its controller has room, seed %i',
  (seed) => {
    const world = new World(seed);
    const cluster = new SimulatedCluster(world, SHAPE);
    cluster.controller.disk.fill();
    for (const node of cluster.nodes) node.start();
    // By now all nodes have come, and wait.
    world.runUntil(3000);
    const state = () => {
      const reply = cluster.controller.peek(plainGet('/status'));
      return reply === undefined ? undefined : JSON.parse(bytesOf(reply).toString());
    };
    expect(state()).toMatchObject({ ready: false });
    cluster.controller.disk.mend();
    world.runUntil(world.nowMs + 1000);
    expect(state()).toMatchObject({ ready: true });
  },
);
