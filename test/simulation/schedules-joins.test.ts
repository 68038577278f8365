// Scripted schedules about copies that are made while sets go on: each breaks a promise when the rule in
// its name is broken (test/mutants).

import { describe, expect, test } from 'vitest';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 2, redundancy: 2, fsync: 'interval' };

/** A partition on two nodes; when the second one is drained, the third one joins. */
function staying(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const [source, leaver, joiner] = [stage.storage(0), stage.storage(1), stage.storage(2)];
  const key = stage.keyOf(source, leaver);
  const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
  const roleOfJoiner = () => stage.roleOf(joiner, key);
  const joins = () => stage.until('it joins', () => roleOfJoiner() === 'joining');
  return { stage, source, leaver, joiner, key, frontend, other, roleOfJoiner, joins };
}

describe('H14: a copy comes from where no set can be acknowledged without the joiner', () => {
  test.each(SEEDS)('not from a member that has not heard of the join, seed %i', (seed) => {
    const { stage, source, leaver, key, frontend, roleOfJoiner } = staying(seed);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.cutTo([stage.cluster.controller], [source, leaver, frontend]);
    stage.drain(leaver);
    for (let round = 0; round < 80; round++) {
      stage.set(frontend, key);
      stage.pass(5);
    }
    stage.until('the copy counts', () => roleOfJoiner() === 'serving');
    stage.pass(500);
    stage.expectKept();
    stage.expectHealed([key], 2);
  });

  test.each(SEEDS)('H14b: nor does a set of before the join arrive behind it, seed %i', (seed) => {
    const { stage, leaver, frontend, roleOfJoiner } = staying(seed);
    stage.drain(leaver);
    // Each key once: another set would mask one that is lost.
    for (let index = 0; index < 150; index++) {
      stage.set(frontend, `key${index}`);
      stage.pass(3);
    }
    stage.until('the copy counts', () => roleOfJoiner() === 'serving');
    stage.until('all moved', () => !stage.isMember(leaver));
    stage.expectKept();
  });
});

test.each(SEEDS)('H16: a report of an earlier attempt promotes nobody, seed %i', (seed) => {
  const { stage, leaver, joiner, key, frontend, roleOfJoiner, joins } = staying(seed);
  const { controller } = stage.cluster;
  stage.expectStatus(stage.set(frontend, key), 200);
  // 1. It copies everything, and is cut off before it can say so.
  joiner.onLog = (message, { partition }) => {
    if (message !== 'partition copied' || partition !== stage.partitionOf(key)) return;
    joiner.onLog = () => undefined;
    stage.cut([joiner], stage.allBut(joiner));
  };
  stage.drain(leaver);
  joins();
  // 2. It is given up, and the others go on.
  stage.until('given up', () => roleOfJoiner() === undefined);
  stage.expectStatus(stage.set(frontend, key), 200);
  // 3. It says so, is heard, and joins once more, and does not hear of that; what it copied was of the earlier attempt.
  let hears = true;
  stage.listen(controller, (message, { node }) => {
    if (!hears || message !== 'member joins' || node !== joiner.process.name) return;
    hears = false;
    stage.cutTo([controller], [joiner]);
  });
  stage.heal([joiner], [controller]);
  joins();
  // As long as its stream holds, which it gives up after two heartbeats without an answer.
  stage.pass(350);
  stage.expectKept();
  expect(roleOfJoiner()).toBe('joining');
  stage.expectHealed([key], 2);
});

describe('H18: whose word counts that a set is the newest', () => {
  test.each(SEEDS)('not that of a joiner, which has no older record yet, seed %i', (seed) => {
    const { stage, source, leaver, joiner, key, frontend, other, joins } = staying(seed);
    frontend.process.wallOffsetMs = -9000;
    stage.expectStatus(stage.set(other, key), 200);
    stage.cut([joiner], [source, leaver]);
    stage.drain(leaver);
    joins();
    stage.pass(100);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.expectKept();
    stage.expectHealed([key], 2);
  });

  test.each(SEEDS)('nor one given at an earlier epoch, seed %i', (seed) => {
    const stage = new Stage(seed, { ...SHAPE, storages: 4, redundancy: 3 });
    const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
    const removed = stage.named(stage.membersOf('a')[0]?.node ?? '');
    // 1. A member and a frontend do not hear that the member was removed.
    const side = [removed, frontend];
    stage.cut(side, stage.allBut(...side));
    stage.until('removed', () => stage.roleOf(removed, 'a') === undefined);
    // 2. A set of a clock that is ahead is acknowledged without them.
    other.process.wallOffsetMs = 5000;
    stage.expectStatus(stage.set(other, 'a'), 200);
    // 3. The removed member applies a set that begins now; those who count have a newer one.
    const others = stage.cluster.storages.filter((node) => node !== removed);
    stage.heal([frontend], others);
    stage.expectStatus(stage.set(frontend, 'a'), 200);
    stage.expectKept();
    stage.expectHealed(['a'], 3);
  });
});

test.each(SEEDS)('H36: a copy that a crash could take away does not count, seed %i', (seed) => {
  const { stage, leaver, joiner, key, frontend, roleOfJoiner } = staying(seed);
  for (const each of stage.keysIn(stage.partitionOf(key), 20)) stage.set(frontend, each);
  stage.pass(1000);
  stage.cluster.network.delayMs = () => 20;
  stage.drain(leaver);
  const adopted = () =>
    stage
      .mapOf(joiner)
      ?.partitions[stage.partitionOf(key)]?.members.some(
        ({ node, role }) => node === joiner.process.name && role === 'joining',
      ) === true;
  stage.until('it knows that it joins', adopted);
  joiner.disk.stall(1000);
  stage.cluster.network.delayMs = () => 1;
  for (let waited = 0; waited < 600 && roleOfJoiner() === 'joining'; waited++) stage.pass(1);
  joiner.crash(false);
  joiner.start();
  stage.pass(3000);
  stage.expectKept();
  stage.expectHealed([key], 2);
});

/**
 * What a joiner drops is set again by nobody, in one order of events.
 * @param laterMs how long after the drop the last member is reached
 * @returns whether the order that the seed gave has what is needed: a delete that only one of two forgot
 */
function dropsWhatCame(seed: number, laterMs: number): boolean {
  const times = { antiEntropyMs: 600, tombstoneGraceMs: 300 };
  const stage = new Stage(seed, { ...SHAPE, storages: 3, frontends: 3, redundancy: 2, times });
  const { controller, storages } = stage.cluster;
  const [source, leaver, joiner] = [stage.storage(0), stage.storage(1), stage.storage(2)];
  const partition = stage.partitionOf(stage.keyOf(source, leaver));
  const [key = '', deleted = ''] = stage.keysIn(partition, 2);
  const [late, frontend, dying] = [stage.frontend(0), stage.frontend(1), stage.frontend(2)];
  // 1. A set gets its version, and reaches nobody yet.
  stage.cut([late], storages);
  const set = stage.set(late, key);
  stage.pass(5);
  // 2. A later delete of another key is forgotten by the source alone: only its floor is above the set.
  stage.expectStatus(stage.delete(frontend, deleted), 200);
  stage.until('forgotten', () => stage.heldBy(source, deleted) === undefined);
  stage.cut([source], [leaver]);
  stage.cut([joiner], [source, leaver]);
  // 3. One joins that cannot copy yet; it and the leaver apply the set.
  stage.drain(leaver);
  stage.until('it joins', () => stage.roleOf(joiner, key) === 'joining');
  stage.pass(30);
  if (stage.heldBy(leaver, deleted) === undefined) return false;
  stage.heal([late], [leaver, joiner]);
  const isApplied = () => [leaver, joiner].every((node) => stage.heldBy(node, key) !== undefined);
  stage.until('applied', isApplied);
  stage.pass(20);
  // 4. It copies, and drops what the source may have deleted.
  stage.cutTo([joiner], [controller]);
  stage.heal([joiner], [source]);
  stage.until('dropped', () => stage.heldBy(joiner, key) === undefined);
  stage.pass(laterMs === 120 ? 0 : laterMs);
  // 5. The source gets something newer that nobody else has, and then the set.
  stage.cut([dying], [leaver, joiner]);
  stage.set(dying, key);
  stage.until('half set', () => stage.heldBy(source, key) !== undefined);
  dying.crash(false);
  stage.heal([late], [source]);
  stage.pass(120);
  stage.healTo([joiner], [controller]);
  stage.until('promoted', () => stage.roleOf(joiner, key) === 'serving');
  stage.until('answered', () => set.reply !== undefined);
  stage.expectKept();
  return true;
}

test.each([120, 2500])(
  'H26: what a joiner drops was not acknowledged, the last member reached after %i ms',
  (laterMs) => {
    let played = 0;
    for (let seed = 1; played < 5 && seed <= 60; seed++) if (dropsWhatCame(seed, laterMs)) played++;
    expect(played).toBe(5);
  },
);

test.each(SEEDS)(
  'R8: a copy that gets on may take longer than one that does not, seed %i',
  (seed) => {
    const limitMs = 3000;
    const stage = new Stage(seed, {
      ...SHAPE,
      copyChunkBytes: 50,
      times: { joinLimitMs: limitMs },
    });
    const [source, leaver, joiner] = [stage.storage(0), stage.storage(1), stage.storage(2)];
    const key = stage.keyOf(source, leaver);
    const keys = stage.keysIn(stage.partitionOf(key), 2000);
    const sets = keys.map((each) => stage.set(stage.frontend(0), each));
    for (const each of sets) stage.expectStatus(each, 200);
    const memberOf = () =>
      stage.map.partitions[stage.partitionOf(key)]?.members.find(
        ({ node }) => node === joiner.process.name,
      );
    const attempts = new Set<number>();
    stage.drain(leaver);
    stage.until('it joins', () => stage.roleOf(joiner, key) === 'joining');
    const startMs = stage.world.nowMs;
    for (const isOver = () => stage.roleOf(joiner, key) === 'serving'; !isOver(); stage.pass(50)) {
      const member = memberOf();
      if (member?.role === 'joining') attempts.add(member.joinEpoch);
      expect(attempts.size).toBeLessThan(2);
    }
    expect(stage.world.nowMs - startMs).toBeGreaterThan(limitMs);
    stage.expectKept();
  },
);
