// H46: what a watch of all partitions tells, and when it says that something may have been missed. The nodes are scripted
// (followed-nodes.ts); real ones are in the simulations.

import { describe, expect, test } from 'vitest';
import type { ClusterMap } from '../../../../src/cluster/model/cluster-map.ts';
import { type PartitionId, partitionOf } from '../../../../src/cluster/model/partition.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import { FollowingStage, headOf, partitions, printed } from '../../../helpers/followed-nodes.ts';
import { memberOf, sampleMap, sampleNode } from '../../../helpers/maps.ts';

const EVEN = [0, 2, 4, 6, 8, 10, 12, 14];
const ODD = EVEN.map((each) => each + 1);
const ALL = [...EVEN, ...ODD].toSorted((a, b) => a - b);

/** The map with the members of some partitions exchanged. */
function changed(
  map: ClusterMap,
  of: readonly number[],
  ...members: readonly string[]
): ClusterMap {
  const nodes = { ...map.nodes, c: sampleNode(3) };
  const entries = map.partitions.map((entry, index) =>
    of.includes(index)
      ? { ...entry, members: members.map((node) => memberOf(node, 'serving')) }
      : entry,
  );
  return { ...map, nodes, partitions: entries };
}

/** A watch that follows the even partitions at a from change 10 on, and the odd ones at b from 20 on. */
function started(query: Parameters<FollowingStage['watch']>[0] = {}) {
  const stage = new FollowingStage(sampleMap());
  const seen = stage.watch(query);
  stage.answer('a', { next: 10 });
  stage.answer('b', { next: 20 });
  return { stage, seen, nodes: stage.nodes };
}

describe('a question that the node does not hold', () => {
  test('is asked again after a pause, as the node holds no more, but at once where it was held', () => {
    const { stage, nodes } = started();
    expect(nodes.asked('a')).toMatchObject({ from: 10, isHeld: true });
    stage.answer('a', { next: 10 });
    expect(nodes.isAsked('a')).toBe(false);
    stage.pass(5 * stage.context.times.retryMs);
    expect(nodes.isAsked('a')).toBe(true);
    stage.pass(stage.context.times.mapPollMs - 100);
    stage.answer('a', { next: 10 });
    expect(nodes.isAsked('a')).toBe(true);
    // It was looked through as far as that, and there may be more.
    stage.answer('a', { next: 11 });
    expect(nodes.asked('a')).toMatchObject({ from: 11 });
  });
});

describe('a watch', () => {
  test('asks each member for its share from now on, and for an answer at once', () => {
    const { nodes } = beginning();
    expect(nodes.asked('a')).toMatchObject({ from: undefined, isHeld: false });
    expect([...nodes.asked('a').partitions]).toEqual(EVEN);
    expect([...nodes.asked('b').partitions]).toEqual(ODD);
  });

  test('starts once every partition is followed, and no sooner', () => {
    const { stage, seen } = beginning();
    stage.answer('a', { next: 10 });
    expect(seen.isStarted).toBe(false);
    stage.answer('b', { next: 20 });
    expect(seen.isStarted).toBe(true);
    expect(seen.watch).toMatchObject({ followed: 16, wanted: 16 });
  });

  test('starts after a while without those that nobody answers for, and says how many they are', () => {
    const { stage, seen } = beginning();
    stage.answer('a', { next: 10 });
    stage.pass(stage.context.times.getDeadlineMs);
    expect(seen.isStarted).toBe(true);
    expect(seen.watch).toMatchObject({ followed: 8, wanted: 16 });
    expect(seen.read()).toEqual([]);
    // What was set there after the start was not told.
    stage.answer('b', { next: 20 });
    expect(seen.steps).toEqual(['missed']);
  });

  test('then waits for changes, and tells them in order, a step for each answer', () => {
    const { stage, seen, nodes } = started();
    expect(nodes.asked('a')).toMatchObject({ from: 10, isHeld: true });
    expect(nodes.asked('b')).toMatchObject({ from: 20, isHeld: true });
    seen.readOn();
    stage.answer('a', { next: 12, heads: [headOf('x', 5), headOf('y', 6)] });
    stage.answer('b', { next: 21, gone: [{ key: Buffer.from('z'), version: 7n as Version }] });
    stage.pass(stage.context.times.mapPollMs - 100);
    stage.answer('a', { next: 12 });
    expect(seen.steps).toEqual(['x 5, y 6', 'gone z 7']);
    expect(nodes.asked('a')).toMatchObject({ from: 12, isHeld: true });
    expect(nodes.asked('b')).toMatchObject({ from: 21, isHeld: true });
  });

  test('asks for nothing more of a node while its answer is not taken', () => {
    const { stage, seen, nodes } = started();
    stage.answer('a', { next: 11, heads: [headOf('x', 5)] });
    expect(nodes.isAsked('a')).toBe(false);
    expect(nodes.isAsked('b')).toBe(true);
    seen.readOn();
    expect(seen.steps).toEqual(['x 5']);
    expect(nodes.asked('a')).toMatchObject({ from: 11 });
  });

  test('keys that are not for its caller are no step, and do not hold up others', () => {
    const { stage, seen } = started();
    seen.readOn();
    stage.answer('a', { next: 11, heads: [headOf('\xffown', 4)] });
    expect(seen.steps).toEqual([]);
    stage.answer('a', { next: 12, heads: [headOf('\xffown', 4), headOf('x', 5)] });
    expect(seen.steps).toEqual(['x 5']);
  });

  test('of one key asks one member for one partition', () => {
    const stage = new FollowingStage(sampleMap());
    const prefix = Buffer.from('key');
    const seen = stage.watch({ partition: 3 as PartitionId, prefix, isExact: true, values: true });
    expect(stage.nodes.isAsked('a')).toBe(false);
    expect(stage.nodes.asked('b')).toMatchObject({ prefix, isExact: true, values: true });
    expect([...stage.nodes.asked('b').partitions]).toEqual([3]);
    stage.answer('b', { next: 5 });
    expect(seen.isStarted).toBe(true);
    expect(seen.watch).toMatchObject({ followed: 1, wanted: 1 });
  });

  test('a busy node does not hide the others', () => {
    const { stage, seen, nodes } = started();
    const told: string[] = [];
    for (let round = 0; round < 6; round++) {
      // Both have something to tell again before the next step is asked for.
      for (const node of ['a', 'b']) {
        if (!nodes.isAsked(node)) continue;
        stage.answer(node, { next: 30 + round, heads: [headOf(node, 100 + round)] });
      }
      seen.watch.next((step) => told.push(printed(step).charAt(0)));
      stage.pass();
    }
    expect(told).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
  });

  test('ignores the answer to a question that was for other partitions', () => {
    const { stage, seen, nodes } = started();
    seen.readOn();
    const stale = nodes.asked('a');
    // Partition 1 moves to a, so a is asked anew.
    stage.adopt(changed(sampleMap(), [1], 'a'));
    stage.pass();
    expect([...nodes.asked('a').partitions]).toEqual([0, 1, ...EVEN.slice(1)]);
    stale.answer({ next: 30, heads: [headOf('stale', 5)] });
    stage.pass();
    expect(seen.steps).toEqual([]);
    // What it told is told again, with all the others.
    expect(nodes.asked('a')).toMatchObject({ from: 10, isHeld: false });
    stage.answer('a', { next: 31, heads: [headOf('stale', 5)] });
    expect(seen.steps).toEqual(['missed', 'stale 5']);
  });

  test('when it is stopped asks no more, gives no more, and leaves streams that nobody else has', () => {
    const { stage, seen, nodes } = started();
    const other = stage.watch();
    stage.answer('a', { next: 10 });
    seen.readOn();
    seen.watch.stop();
    seen.watch.stop();
    expect(seen.isEnded).toBe(true);
    expect(stage.listeners).toBe(1);
    expect(nodes.links.filter(({ isClosed }) => !isClosed)).toHaveLength(2);
    for (const question of nodes.links.flatMap(({ questions }) => [...questions])) {
      question.answer({ next: 50, heads: [headOf('late', 9)] });
    }
    stage.pass(60_000);
    expect(seen.steps).toEqual([]);
    other.watch.stop();
    expect(stage.listeners).toBe(0);
    expect(nodes.links.every(({ isClosed }) => isClosed)).toBe(true);
    stage.pass(60_000);
    expect(nodes.links.every(({ isClosed }) => isClosed)).toBe(true);
  });

  test('that is stopped before it has started never starts', () => {
    const { stage, seen } = beginning();
    stage.answer('a', { next: 10 });
    seen.watch.stop();
    stage.pass(60_000);
    expect(seen.isStarted).toBe(false);
  });
});

describe('H46: something may have been missed', () => {
  test('where a member does not answer for a partition any more, but only once another one does', () => {
    const { stage, seen, nodes } = started();
    seen.readOn();
    stage.answer('a', { next: 11, lost: partitions(0) });
    expect(seen.steps).toEqual([]);
    expect(seen.watch.followed).toBe(15);
    expect([...nodes.asked('a').partitions]).toEqual(EVEN.slice(1));
    // It is asked of another one after a pause. Nobody knows yet what that one has.
    stage.pass(10_000);
    expect([...nodes.asked('b').partitions]).toEqual([0, ...ODD]);
    expect(nodes.asked('b')).toMatchObject({ isHeld: false, from: 20 });
    expect(seen.steps).toEqual([]);
    stage.answer('b', { next: 25 });
    expect(seen.steps).toEqual(['missed']);
    expect(seen.watch.followed).toBe(16);
  });

  test('and not for as long as nobody answers for it', () => {
    const { stage, seen } = started();
    seen.readOn();
    stage.answer('a', { next: 11, lost: partitions(0) });
    for (let round = 0; round < 6; round++) {
      stage.pass(2000);
      for (const node of ['a', 'b']) {
        if (stage.nodes.isAsked(node)) stage.answer(node, { next: 30, lost: partitions(0) });
      }
    }
    expect(seen.steps).toEqual([]);
  });

  test('where the same member has forgotten changes', () => {
    const { stage, seen } = started();
    seen.readOn();
    stage.answer('a', { next: 5000, lost: partitions(...EVEN) });
    stage.pass(10_000);
    stage.answer('b', { next: 25 });
    expect(seen.steps).toEqual(['missed']);
  });

  test('where a newer map names other members, and what the old ones told is told before', () => {
    const { stage, seen, nodes } = started();
    seen.readOn();
    stage.adopt(changed(sampleMap(), [0, 2], 'c'));
    stage.pass();
    expect([...nodes.asked('c').partitions]).toEqual([0, 2]);
    expect(nodes.asked('c')).toMatchObject({ isHeld: false, from: undefined });
    expect(seen.steps).toEqual([]);
    // What is left with a goes on where it was.
    stage.answer('a', { next: 12, lost: partitions(0, 2), heads: [headOf(keyIn(4), 5)] });
    expect(nodes.asked('a')).toMatchObject({ from: 12, isHeld: true });
    expect([...nodes.asked('a').partitions]).toEqual(EVEN.slice(2));
    expect(seen.steps).toEqual([`${keyIn(4)} 5`]);
    stage.answer('c', { next: 3 });
    expect(seen.steps).toEqual([`${keyIn(4)} 5`, 'missed']);
  });

  test('but not where a newer map has a new member beside the one that is followed', () => {
    const { stage, seen, nodes } = started();
    seen.readOn();
    stage.adopt(changed(sampleMap(), ALL, 'c', 'b', 'a'));
    stage.pass(10);
    expect(nodes.links).toHaveLength(2);
    expect([...nodes.asked('a').partitions]).toEqual(EVEN);
    expect(seen.steps).toEqual([]);
  });

  test('where a node is back as another incarnation', () => {
    const { stage, seen, nodes } = started();
    seen.readOn();
    const map = sampleMap();
    const partitionsAgain = map.partitions.map((entry) => ({
      ...entry,
      members: [memberOf('a', 'serving', 2), memberOf('b', 'serving')],
    }));
    stage.adopt({
      ...map,
      nodes: { ...map.nodes, a: sampleNode(1, 2) },
      partitions: partitionsAgain,
    });
    stage.pass();
    expect(nodes.asked('a2')).toMatchObject({ from: undefined, isHeld: false });
    stage.answer('a2', { next: 2 });
    expect(seen.steps).toEqual(['missed']);
  });

  test('but not where a stream breaks: the node still knows what it had', () => {
    const { stage, seen, nodes } = started();
    seen.readOn();
    stage.answer('a', { next: 15, heads: [headOf('x', 5)] });
    nodes.break('a');
    stage.pass(5000);
    expect(nodes.asked('a')).toMatchObject({ from: 15 });
    stage.answer('a', { next: 16, heads: [headOf('y', 6)] });
    stage.pass(60_000);
    expect(seen.steps).toEqual(['x 5', 'y 6']);
  });

  test('where a node is out of reach several times in a row, and another one is asked', () => {
    const { stage, seen, nodes } = started();
    seen.readOn();
    for (let time = 0; time < 3; time++) {
      nodes.break('a');
      stage.pass(time < 2 ? 5000 : 0);
    }
    stage.pass(5000);
    expect([...nodes.asked('b').partitions]).toEqual(ALL);
    expect(seen.steps).toEqual([]);
    stage.answer('b', { next: 25 });
    expect(seen.steps).toEqual(['missed']);
  });

  test('where a node answers nothing at all for longer than it may', () => {
    const { stage, seen, nodes } = started();
    seen.readOn();
    stage.nodes.asked('b');
    for (let turn = 0; turn < 40 && nodes.asked('b').partitions.size < 16; turn++) {
      stage.pass(3000);
      if (nodes.asked('b').isHeld) stage.answer('b', { next: 20 });
    }
    stage.answer('b', { next: 20 });
    expect(seen.steps).toEqual(['missed']);
  });

  test('and a map that moves few partitions has only these looked at: there may be thousands of watches', () => {
    const { stage } = started();
    const before = stage.looks;
    stage.adopt(sampleMap());
    expect(stage.looks).toBe(before);
    stage.adopt(changed(sampleMap(), [1, 3], 'a'));
    expect(stage.looks).toBe(before + 2);
  });

  test('and what the member told of a partition before it lost that is not told after it', () => {
    const { stage, seen } = started();
    const [inLost, inKept] = [keyIn(0), keyIn(2)];
    // 1. Nobody reads what a tells.
    stage.answer('a', { next: 12, heads: [headOf(inLost, 5), headOf(inKept, 6)] });
    // 2. The key is deleted, and its partition goes to c, which does not tell what was before.
    stage.adopt(changed(sampleMap(), [0], 'c'));
    stage.pass();
    stage.answer('c', { next: 3 });
    // 3. Who scans at `missed` does not find the key, and must not be told of it later.
    expect(seen.read()).toEqual(['missed', `${inKept} 6`]);
  });

  test('and what a member tells together with the loss is not told', () => {
    const { stage, seen } = started();
    const gone = { key: Buffer.from(keyIn(0)), version: 9n as Version };
    seen.readOn();
    // Its records are set aside, so that the key only seems to be gone.
    stage.answer('a', {
      next: 12,
      lost: partitions(0),
      gone: [gone],
      heads: [headOf(keyIn(2), 6)],
    });
    expect(seen.steps).toEqual([`${keyIn(2)} 6`]);
    stage.answer('a', { next: 13, heads: [headOf(keyIn(4), 7)] });
    expect(seen.steps).toEqual([`${keyIn(2)} 6`, `${keyIn(4)} 7`]);
  });

  test('is said once for all that was missed', () => {
    const { stage, seen } = started();
    stage.answer('a', { next: 11, lost: partitions(0, 2) });
    stage.pass(10_000);
    stage.answer('b', { next: 25 });
    expect(seen.read()).toEqual(['missed']);
    expect(seen.read()).toEqual([]);
  });

  test('is said once for what is missed in short succession after that, and what changes is told meanwhile', () => {
    const { stage, seen } = started();
    seen.readOn();
    const pauseMs = 100 * stage.context.times.retryMs;
    stage.adopt(changed(sampleMap(), [0], 'c'));
    stage.pass();
    stage.answer('c', { next: 3 });
    expect(seen.steps).toEqual(['missed']);
    for (const partitions of [
      [0, 2],
      [0, 2, 4],
    ]) {
      stage.pass(pauseMs / 4);
      stage.adopt(changed(sampleMap(), partitions, 'c'));
      stage.pass();
      stage.answer('c', { next: 3, heads: [headOf(keyIn(2), partitions.length)] });
    }
    expect(seen.steps).toEqual(['missed', `${keyIn(2)} 2`, `${keyIn(2)} 3`]);
    expect(seen.watch.place).toEqual([]);
    stage.pass(pauseMs);
    expect(seen.steps.slice(3)).toEqual(['missed']);
  });
});

describe('H46: who comes back', () => {
  function place() {
    const { stage, seen } = started();
    seen.readOn();
    stage.answer('a', { next: 12, heads: [headOf('x', 5)] });
    return seen.watch.place;
  }

  test('goes on at the same members for the same partitions, and has missed nothing', () => {
    const stage = new FollowingStage(sampleMap());
    const seen = stage.watch({ since: place() });
    expect(stage.nodes.asked('a')).toMatchObject({ from: 12, isHeld: false });
    expect(stage.nodes.asked('b')).toMatchObject({ from: 20, isHeld: false });
    stage.answer('a', { next: 13, heads: [headOf('y', 6)] });
    stage.answer('b', { next: 20 });
    expect(seen.isStarted).toBe(true);
    expect(seen.read()).toEqual(['y 6']);
  });

  test('is told that something is missing where the partitions of a member are others now', () => {
    const since = place();
    // Partition 1 is a's as well now: what it knows from 12 on is not what b was asked for from 20 on.
    const stage = new FollowingStage(changed(sampleMap(), [1], 'a'));
    const seen = stage.watch({ since });
    expect(stage.nodes.asked('a')).toMatchObject({ from: undefined });
    stage.answer('a', { next: 13 });
    stage.answer('b', { next: 20 });
    expect(seen.read()).toEqual(['missed']);
  });

  test('is told so where the member has forgotten its changes, or has another incarnation', () => {
    const since = place();
    const forgetful = new FollowingStage(sampleMap());
    const seen = forgetful.watch({ since });
    forgetful.answer('a', { next: 99, lost: partitions(...EVEN) });
    forgetful.pass(10_000);
    forgetful.answer('b', { next: 20 });
    expect(seen.read()).toEqual(['missed']);
    const map = sampleMap();
    const again = new FollowingStage({
      ...map,
      nodes: { ...map.nodes, a: sampleNode(1, 2) },
      partitions: map.partitions.map((entry) => ({
        ...entry,
        members: [memberOf('a', 'serving', 2), memberOf('b', 'serving')],
      })),
    });
    const other = again.watch({ since });
    again.answer('a2', { next: 2 });
    again.answer('b', { next: 20 });
    expect(other.read()).toEqual(['missed']);
  });

  test('is told so with a place that nothing was followed at', () => {
    const stage = new FollowingStage(sampleMap());
    const seen = stage.watch({ since: [] });
    stage.answer('a', { next: 10 });
    stage.answer('b', { next: 20 });
    expect(seen.read()).toEqual(['missed']);
  });

  test('is told again what was not taken yet, and not told again what was', () => {
    const { stage, seen } = started();
    const before = seen.watch.place;
    stage.answer('a', { next: 12, heads: [headOf('x', 5)] });
    expect(seen.watch.place).toEqual(before);
    seen.readOn();
    expect(seen.watch.place).not.toEqual(before);
    expect(nextOf(seen.watch.place)).toEqual({ a: 12, b: 20 });
    // An answer with nothing in it goes further as well.
    stage.answer('b', { next: 29 });
    expect(nextOf(seen.watch.place)).toEqual({ a: 12, b: 29 });
  });

  test('has no place at a member that is not followed', () => {
    const { stage, seen } = beginning();
    stage.answer('a', { next: 10 });
    expect(nextOf(seen.watch.place)).toEqual({ a: 10 });
  });

  test('before it has read that something is missing is told so again', () => {
    const { stage, seen } = started();
    // 1. Somebody reads slowly: a step waits while a partition goes from a to b.
    stage.answer('a', { next: 11, lost: partitions(0) });
    stage.pass(10_000);
    stage.answer('b', { next: 25 });
    // 2. It goes away with the place of that moment, and has not seen `missed`.
    const since = seen.watch.place;
    // 3. Whoever follows the same partitions at the same members must not go on from there.
    const map = changed(changed(sampleMap(), [0], 'b'), ODD, 'b');
    const next = new FollowingStage(changed(map, EVEN.slice(1), 'a'));
    const back = next.watch({ since });
    next.answer('a', { next: 12 });
    next.answer('b', { next: 26 });
    expect(back.read()).toEqual(['missed']);
  });
});

function keyIn(partition: number): string {
  for (let index = 0; ; index++) {
    if (partitionOf(Buffer.from(`key${index}`), 1) === partition) return `key${index}`;
  }
}

function nextOf(
  place: readonly { readonly incarnationId: { readonly node: string }; next: number }[],
) {
  return Object.fromEntries(place.map(({ incarnationId: { node }, next }) => [node, next]));
}

/** A watch that nobody has answered yet. */
function beginning() {
  const stage = new FollowingStage(sampleMap());
  return { stage, seen: stage.watch(), nodes: stage.nodes };
}
