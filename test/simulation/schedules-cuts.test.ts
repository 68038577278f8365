// Scripted schedules about links of frontends that are cut: to one storage node (H11), or to the controller.

import { describe, expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 4, frontends: 3, redundancy: 3, fsync: 'interval' };
const { unreachableMs, rejoinBarMs } = protocolTimes(1);

function cutOff(seed: number, shape: ClusterShape = SHAPE) {
  const stage = new Stage(seed, shape);
  const { frontends } = stage.cluster;
  const node = stage.storage(0);
  const key = ['a', 'b', 'c', 'd', 'e'].find((each) => stage.roleOf(node, each) !== undefined);
  if (key === undefined) throw new Error('it has none of these keys');
  stage.expectStatus(stage.set(stage.frontend(0), key), 200);
  return { stage, frontends, node, key };
}

/** For so long, sets through every frontend all the time. @returns the share that was acknowledged */
function load(
  stage: Stage,
  key: string,
  frontends: readonly SimulatedNode[],
  milliseconds: number,
) {
  const sets = [];
  for (let passed = 0; passed < milliseconds; passed += 250) {
    for (const frontend of frontends) sets.push(stage.set(frontend, key));
    stage.pass(250);
  }
  stage.pass(6500);
  return sets.filter(({ reply }) => reply?.status === 200).length / sets.length;
}

describe('H11: a node that frontends do not reach', () => {
  test.each(SEEDS)('gives up what it has when half of them say so, seed %i', (seed) => {
    const { stage, frontends, node, key } = cutOff(seed);
    const some = frontends.slice(0, 2);
    stage.cut(some, [node]);
    stage.pass(unreachableMs - 1000);
    expect(stage.isMember(node)).toBe(true);
    stage.until('it has nothing any more', () => !stage.isMember(node));
    expect(stage.map.nodes[node.process.name]?.fenced).toBe(false);
    // While the cut lasts it is given nothing, and all frontends can set.
    const { length } = stage.map.partitions;
    expect(stage.map.partitions.filter(({ members }) => members.length === 3)).toHaveLength(length);
    const { version } = stage.map;
    expect(load(stage, key, frontends, rejoinBarMs + 5000)).toBe(1);
    expect(stage.map.version).toEqual(version);
    stage.heal(some, [node]);
    stage.pass(rejoinBarMs - 5000);
    expect(stage.isMember(node)).toBe(false);
    stage.until('it has its share again', () => stage.isMember(node), 20_000);
    stage.expectHealed([key], 3);
  });

  test.each(SEEDS)('one way is enough, seed %i', (seed) => {
    const { stage, frontends, node, key } = cutOff(seed);
    stage.cutTo([node], frontends);
    stage.until('it has nothing any more', () => !stage.isMember(node));
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('keeps it while fewer than half say so, seed %i', (seed) => {
    const { stage, node, key } = cutOff(seed);
    const { version } = stage.map;
    stage.cut([stage.frontend(0)], [node]);
    stage.pass(3 * unreachableMs);
    expect(stage.map.version).toEqual(version);
    stage.expectStatus(stage.set(stage.frontend(1), key), 200);
    stage.expectStatus(stage.get(stage.frontend(0), key), 200);
    stage.expectHealed([key], 3);
  });

  test.each(SEEDS)('keeps it while they reach half of the nodes at most, seed %i', (seed) => {
    const { stage, frontends, key } = cutOff(seed);
    const { version } = stage.map;
    for (const count of [2, 4]) {
      stage.cut(frontends, stage.cluster.storages.slice(0, count));
      stage.pass(2 * unreachableMs);
    }
    expect(stage.map.version).toEqual(version);
    stage.expectHealed([key], 3);
  });

  test.each(SEEDS)('keeps it when they slept over a short cut, seed %i', (seed) => {
    const { stage, frontends, node, key } = cutOff(seed);
    const { version } = stage.map;
    stage.cut(frontends, [node]);
    stage.pass(1500);
    for (const { process } of frontends) process.pause();
    // Their next round is due before the answers to the last one come.
    stage.pass(1500);
    stage.heal(frontends, [node]);
    stage.pass(2 * unreachableMs);
    for (const { process } of frontends) process.resume();
    stage.pass(unreachableMs);
    expect(stage.map.version).toEqual(version);
    stage.expectHealed([key], 3);
  });
});

test.each(SEEDS)(
  'R4: a frontend that the controller does not reach learns from those that have its set that the others are gone, seed %i',
  (seed) => {
    const stage = new Stage(seed, { ...SHAPE, storages: 3, frontends: 1, redundancy: 2 });
    const [left, gone] = [stage.storage(0), stage.storage(1)];
    const frontend = stage.frontend(0);
    const key = stage.keyOf(left, gone);
    stage.cut([frontend], [stage.cluster.controller]);
    gone.crash(false);
    const set = stage.set(frontend, key);
    stage.until('answered', () => set.reply !== undefined);
    stage.expectStatus(set, 200);
    stage.expectKept();
  },
);

// Seed 72000017 of the long runs: the witness renews its lease, and tells the controller that it lives. It was to give up
// what it had, and could not say that it knew; sets waited for it for as long as the links were cut.
test.each(SEEDS)(
  'H11: one that only a witness hears is given up, and sets go on, seed %i',
  (seed) => {
    const stage = new Stage(seed, { ...SHAPE, storages: 5 });
    const { controller, frontends, storages } = stage.cluster;
    const [node, friend] = stage.map.witnesses.map(({ node: name }) => stage.named(name));
    if (node === undefined || friend === undefined) throw new Error('there are three witnesses');
    const key = ['a', 'b', 'c', 'd', 'e'].find((each) => stage.roleOf(node, each) !== undefined);
    if (key === undefined) throw new Error('it has none of these keys');
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    const others = storages.filter((other) => other !== node && other !== friend);
    stage.cut([node], [controller, ...frontends, ...others]);
    stage.pass(unreachableMs + 5000);
    stage.expectStatus(stage.set(stage.frontend(0), key), 200);
    stage.expectKept();
    stage.heal([node], [controller, ...frontends, ...others]);
    stage.expectHealed([key], 3);
  },
);

// TCP repeats what it could not send after ever longer pauses, so a connection that outlived a cut may be silent for as
// long again. A heartbeat on it would come long after the node was given up; on a new one it comes at once.
test.each(SEEDS)('D18: a node is heard of as soon as its way is mended, seed %i', (seed) => {
  const stage = new Stage(seed, SHAPE);
  const node = stage.storage(0);
  stage.cut([node], stage.allBut(node));
  const isFenced = () => stage.map.nodes[node.process.name]?.fenced;
  stage.until('fenced', () => isFenced() === true);
  stage.pass(60_000);
  stage.heal([node], stage.allBut(node));
  stage.until('unfenced', () => isFenced() === false, 1000);
});
