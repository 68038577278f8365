// Scripted schedules about deletes that are forgotten, and what may come back after that: each breaks a
// promise when the rule in its name is broken (test/mutants).

import { describe, expect, test } from 'vitest';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = {
  storages: 3,
  frontends: 2,
  redundancy: 2,
  fsync: 'interval',
  times: { antiEntropyMs: 600, tombstoneGraceMs: 300 },
  // Not compacted: what is to be read back is what was appended.
  logFileBytes: 1_000_000,
};

/** A partition on two nodes, of three; and two of its keys. */
function partitionOfTwo(seed: number) {
  const stage = new Stage(seed, SHAPE);
  const [one, two, third] = [stage.storage(0), stage.storage(1), stage.storage(2)];
  const partition = stage.partitionOf(stage.keyOf(one, two));
  const [key = '', other = ''] = stage.keysIn(partition, 2);
  const [late, frontend] = [stage.frontend(0), stage.frontend(1)];
  const forgottenBy = (...nodes: SimulatedNode[]) =>
    stage.until('forgotten', () => nodes.every((node) => stage.heldBy(node, key) === undefined));
  const roleOf = (node: SimulatedNode) => stage.roleOf(node, key);
  return { stage, one, two, third, key, other, late, frontend, forgottenBy, roleOf };
}

/** The first frontend sends a set that does not arrive, and goes on trying; later ones do not know of it. */
function withLateSet(seed: number) {
  const parts = partitionOfTwo(seed);
  const { stage, late, key } = parts;
  stage.cut([late], stage.cluster.storages);
  stage.set(late, key);
  stage.pass(1500);
  return parts;
}

describe('a forgotten delete', () => {
  test.each(SEEDS)('H24: keeps away a set of before it, seed %i', (seed) => {
    const { stage, one, two, key, late, frontend, forgottenBy } = withLateSet(seed);
    stage.expectStatus(stage.delete(frontend, key), 200);
    forgottenBy(one, two);
    stage.heal([late], [one]);
    stage.pass(5000);
    expect(stage.heldBy(one, key)).toBeUndefined();
    stage.expectStatus(stage.get(frontend, key), 404);
    stage.expectKept();
  });

  test.each(SEEDS)('H26: a joiner drops what came before it knew of that, seed %i', (seed) => {
    const { stage, one, two, third, key, late, frontend, forgottenBy, roleOf } = withLateSet(seed);
    stage.expectStatus(stage.delete(frontend, key), 200);
    forgottenBy(one, two);
    stage.cut([third], [one, two]);
    stage.drain(two);
    stage.heal([late], [third]);
    stage.until('the joiner has the old set', () => stage.heldBy(third, key) !== undefined);
    expect(roleOf(third)).toBe('joining');
    stage.heal([third], [one, two]);
    stage.until('the copy counts', () => roleOf(third) === 'serving');
    stage.expectStatus(stage.get(frontend, key), 404);
    stage.expectKept();
  });

  test.each(SEEDS)('D7: and what it dropped does not come back with its log, seed %i', (seed) => {
    const { stage, one, two, third, key, late, frontend, forgottenBy, roleOf } = withLateSet(seed);
    stage.expectStatus(stage.delete(frontend, key), 200);
    forgottenBy(one, two);
    stage.cut([third], [one, two]);
    stage.drain(two);
    stage.heal([late], [third]);
    stage.until('the joiner has the old set', () => stage.heldBy(third, key) !== undefined);
    stage.heal([third], [one, two]);
    stage.until('the copy counts', () => roleOf(third) === 'serving');
    late.crash(false);
    stage.pass(500);
    third.crash(false);
    third.start();
    stage.pass(2000);
    expect(roleOf(third)).toBe('serving');
    expect(stage.heldBy(third, key)).toBeUndefined();
    stage.expectKept();
  });

  test.each(SEEDS)('D7: is known of after a restart also to who copied it, seed %i', (seed) => {
    const { stage, one, two, third, key, late, frontend, forgottenBy, roleOf } = withLateSet(seed);
    stage.expectStatus(stage.delete(frontend, key), 200);
    forgottenBy(one, two);
    stage.drain(two);
    stage.until('the copy counts', () => roleOf(third) === 'serving');
    stage.until('it is alone with the first', () => roleOf(two) === undefined);
    third.crash(false);
    third.start();
    stage.pass(1500);
    stage.heal([late], [third]);
    stage.pass(4000);
    expect(stage.heldBy(third, key)).toBeUndefined();
    stage.expectKept();
  });

  test.each(SEEDS)(
    'H27: takes no other key with it when its partition is copied, seed %i',
    (seed) => {
      const { stage, one, two, third, key, other, frontend, forgottenBy, roleOf } =
        partitionOfTwo(seed);
      stage.expectStatus(stage.set(frontend, other), 200);
      stage.expectStatus(stage.delete(frontend, key), 200);
      forgottenBy(one, two);
      stage.drain(two);
      stage.until('the copy counts', () => roleOf(third) === 'serving');
      expect(stage.heldBy(third, other)).toBe(stage.heldBy(one, other));
      stage.expectStatus(stage.get(frontend, other), 200);
      stage.expectHealed([key, other], 2);
    },
  );
});

describe('a delete is not forgotten', () => {
  test.each(SEEDS)('H26: while a member joins, seed %i', (seed) => {
    const { stage, one, two, third, key, frontend, forgottenBy, roleOf } = partitionOfTwo(seed);
    stage.cut([third], [one, two]);
    stage.drain(two);
    stage.until('it joins', () => roleOf(third) === 'joining');
    stage.pass(100);
    stage.expectStatus(stage.delete(frontend, key), 200);
    stage.pass(3000);
    expect([one, two].map((node) => stage.heldBy(node, key))).toEqual(['deleted', 'deleted']);
    stage.heal([third], [one, two]);
    stage.until('the copy counts', () => roleOf(third) === 'serving');
    forgottenBy(one, third);
    stage.expectHealed([key], 2);
  });

  test.each(SEEDS)('H28: before every other member is known to have it, seed %i', (seed) => {
    const { stage, one, two, key, late, frontend } = partitionOfTwo(seed);
    stage.expectStatus(stage.set(frontend, key), 200);
    stage.pass(100);
    // One member alone gets the delete, and its frontend is gone.
    stage.cut([two], [one, late]);
    stage.delete(late, key);
    stage.pass(100);
    late.crash(false);
    expect([one, two].map((node) => stage.heldBy(node, key))).toEqual(['deleted', 'value 1']);
    stage.pass(3000);
    expect(stage.heldBy(one, key)).toBe('deleted');
    stage.heal([two], [one]);
    stage.pass(3000);
    stage.expectStatus(stage.get(frontend, key), 404);
    stage.expectKept();
  });
});

test.each(SEEDS)('D7: what a member gave up does not come back with its log, seed %i', (seed) => {
  const { stage, one, two, third, key, frontend, forgottenBy, roleOf } = partitionOfTwo(seed);
  stage.expectStatus(stage.set(frontend, key), 200);
  // 1. Its place goes to another one, and the delete is forgotten meanwhile.
  stage.cut([one], stage.allBut(one));
  stage.until('another took its place', () => !roleOf(one) && roleOf(third) === 'serving');
  stage.expectStatus(stage.delete(frontend, key), 200);
  forgottenBy(two, third);
  // 2. It joins again, with an empty partition.
  stage.heal([one], stage.allBut(one));
  stage.pass(1000);
  stage.drain(third);
  stage.until('it serves again', () => roleOf(one) === 'serving');
  stage.pass(1000);
  // 3. It restarts, and reads its log from the beginning.
  one.crash(false);
  one.start();
  stage.pass(3000);
  expect(roleOf(one)).toBe('serving');
  expect(stage.heldBy(one, key)).toBeUndefined();
  stage.expectKept();
});
