// One decision after the other of a controller whose nodes are played by the test: what it takes to
// fence, to remove, to let go, to take back. Three nodes a, b, c; every partition on a and b.

import { describe, expect, test } from 'vitest';
import type {
  ClusterMap,
  Member,
  MemberRole,
  PartitionEntry,
} from '../../../src/cluster/model/cluster-map.ts';
import type { Epoch } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import type { HeartbeatRequest } from '../../../src/cluster/wire/control-messages.ts';
import { decide } from '../../../src/controller/decisions/decide.ts';
import { withEntry, withNode } from '../../../src/controller/decisions/membership.ts';
import { Rebalancing } from '../../../src/controller/decisions/rebalancing.ts';
import { stillHolds } from '../../../src/controller/decisions/safety.ts';
import { Observations } from '../../../src/controller/observations/observations.ts';
import {
  heartbeatOf,
  incarnationOf,
  memberOf,
  nodeId,
  sampleMap,
  sampleNode,
} from '../../helpers/maps.ts';

const times = protocolTimes(1);
const FIRST = 0 as PartitionId;

/** Moves nothing, so that a test sees one step alone. */
class NoRebalancing extends Rebalancing {
  override step(map: ClusterMap): ClusterMap {
    return map;
  }
}
const IDLE = new NoRebalancing();

function incarnationIdOf(node: string) {
  return { node: nodeId(node), incarnation: incarnationOf(1) };
}

/**
 * @param roles of the members of every partition
 * @param rebalances whether replicas also move for balance
 * @param others nodes beside a, b and c, which are the witnesses
 */
function controllerOf(
  roles: Readonly<Record<string, MemberRole>> = { a: 'serving', b: 'serving' },
  rebalances = false,
  others: readonly string[] = [],
  redundancy = 2,
) {
  let nowMs = 0;
  const sample = sampleMap();
  let map: ClusterMap = {
    ...sample,
    redundancy,
    witnesses: ['a', 'b', 'c'].map(incarnationIdOf),
    nodes: {
      ...sample.nodes,
      c: sampleNode(3),
      ...Object.fromEntries(others.map((node, index) => [node, sampleNode(4 + index)])),
    },
    partitions: sample.partitions.map(({ epoch }) => ({
      epoch,
      members: Object.entries(roles).map(([node, role]) => memberOf(node, role)),
    })),
  };
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs };
  const observations = new Observations(times, { clock, logger: { write: () => undefined } });
  const rebalancing = new Rebalancing();
  const decideOnce = () => {
    observations.update(map, nowMs);
    const next = decide(map, observations.at(nowMs), {
      rebalancing: rebalances ? rebalancing : IDLE,
      recovery: undefined,
    });
    if (next !== map) observations.decidedMs = nowMs;
    map = next;
    observations.update(map, nowMs);
  };
  const beat = (node: string, words: Partial<HeartbeatRequest> = {}) =>
    observations.heard({ ...heartbeatOf(incarnationIdOf(node), map), ...words }, nowMs);
  /** Whatever it joins it has copied at once. */
  const joinsOf = (node: string) =>
    map.partitions.flatMap(({ members }, partition) =>
      members.flatMap((member) =>
        member.node === node && member.role === 'joining'
          ? [{ partition: partition as PartitionId, joinEpoch: member.joinEpoch }]
          : [],
      ),
    );
  return {
    observations,
    beat,
    joinsOf,
    /** So long, with a heartbeat of each of these and a decision every 50 ms. */
    pass(milliseconds: number, beating: readonly string[], words?: Partial<HeartbeatRequest>) {
      for (const end = nowMs + milliseconds; nowMs < end; ) {
        nowMs += times.decideMs;
        observations.detector.tick(nowMs);
        for (const node of beating) beat(node, words);
        decideOnce();
      }
    },
    /** As `pass`, and whatever a node joins it has copied at once. */
    passJoining(milliseconds: number, beating: readonly string[]) {
      for (const end = nowMs + milliseconds; nowMs < end; ) {
        nowMs += times.decideMs;
        observations.detector.tick(nowMs);
        for (const node of beating) beat(node, { joined: joinsOf(node) });
        decideOnce();
      }
    },
    /** So long, while of so many frontends some say at each decision that these answer nothing (H11). */
    passReported(
      milliseconds: number,
      frontends: { readonly known: number; readonly saying: number; readonly silent: string[] },
    ) {
      for (const end = nowMs + milliseconds; nowMs < end; ) {
        for (let index = 0; index < frontends.known; index++) {
          observations.frontends.polled(`frontend${index}:1`, nowMs);
          if (index >= frontends.saying) continue;
          observations.reachability.reported(
            `frontend${index}:1`,
            frontends.silent.map(incarnationIdOf),
            nowMs,
          );
        }
        nowMs += times.decideMs;
        observations.detector.tick(nowMs);
        for (const node of ['a', 'b', 'c']) beat(node, { joined: joinsOf(node) });
        decideOnce();
      }
    },
    /** How many partitions it is a member of. */
    partitionsOf: (node: string) =>
      map.partitions.filter(({ members }) => members.some((member) => member.node === node)).length,
    drain(...nodes: readonly string[]) {
      for (const node of nodes) map = withEntry(map, nodeId(node), { draining: true });
    },
    /** A new life of it, of another store. */
    renew(node: string) {
      map = withNode(map, nodeId(node), sampleNode(99, 2), false);
    },
    died: (node: string, returning = false) =>
      observations.detector.died(incarnationIdOf(node), nowMs, returning),
    map: () => map,
    view: () => observations.at(nowMs),
    roles: (partition = FIRST): Readonly<Record<string, MemberRole>> => {
      const members: readonly Member[] = map.partitions[partition]?.members ?? [];
      return Object.fromEntries(members.map(({ node, role }) => [node, role]));
    },
  };
}

describe('a silent node', () => {
  test('is fenced, and removed no sooner than its lease has lapsed behind the witnesses (R6)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.pass(times.suspicionMs + 100, ['b', 'c']);
    expect(controller.map().nodes.a?.fenced).toBe(true);
    controller.pass(times.fenceWaitMs - 200, ['b', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'serving' });
    controller.pass(300, ['b', 'c']);
    expect(controller.roles()).not.toHaveProperty('a');
  });

  test('is unfenced when it is heard again in time, and still a member (R6)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.pass(times.suspicionMs + 100, ['b', 'c']);
    controller.pass(100, ['a', 'b', 'c']);
    expect(controller.map().nodes.a?.fenced).toBe(false);
    expect(controller.roles()).toEqual({ a: 'serving', b: 'serving' });
  });

  test('stays while the witnesses that know of its fence are too few (R6)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    const { version } = controller.map();
    // b and c are heard, and have not adopted the map that fences a.
    controller.pass(10 * times.fenceWaitMs, ['b', 'c'], { mapVersion: version });
    expect(controller.map().nodes.a?.fenced).toBe(true);
    expect(controller.roles()).toMatchObject({ a: 'serving' });
  });

  test('is fenced though another witness is dead: the dead know of every fence (D2)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.died('c', true);
    controller.pass(times.suspicionMs + 100, ['b']);
    expect(controller.map().nodes.a?.fenced).toBe(true);
    controller.pass(times.fenceWaitMs + 100, ['b']);
    expect(controller.roles()).toEqual({ b: 'serving' });
  });

  test('stays when the others are heard with a map of before its fence only (H9, I8)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.died('a');
    const { version } = controller.map();
    // What they say may have been on its way since before.
    controller.pass(1000, ['b', 'c'], { mapVersion: version });
    expect(controller.roles()).toMatchObject({ a: 'serving' });
    controller.pass(100, ['b', 'c']);
    expect(controller.roles()).toEqual({ b: 'serving' });
  });

  test('stays when nobody else that serves was heard of since (H9, I8)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.pass(10 * times.fenceWaitMs, ['c']);
    expect(controller.roles()).toMatchObject({ a: 'serving', b: 'serving' });
  });
});

describe('a decision that was a while on its way to the disk (I8)', () => {
  /** What it decides when a has lapsed and b is there. */
  const decided = () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.pass(times.suspicionMs + 100, ['b', 'c']);
    const earlier = controller.map();
    controller.pass(times.fenceWaitMs + 100, ['b', 'c']);
    expect(controller.roles()).toEqual({ b: 'serving' });
    return { controller, earlier, next: controller.map() };
  };
  const AWAY_MS = 2.5 * times.heartbeatMs + times.decideMs;

  test('holds while the copy that it counts on is heard, and no longer', () => {
    const { controller, earlier, next } = decided();
    expect(stillHolds(next, earlier, controller.view())).toBe(true);
    controller.pass(AWAY_MS, ['b', 'c']);
    expect(stillHolds(next, earlier, controller.view())).toBe(true);
    controller.pass(AWAY_MS, ['c']);
    expect(stillHolds(next, earlier, controller.view())).toBe(false);
    expect(stillHolds(next, next, controller.view())).toBe(true);
  });

  test('does not hold when that copy is dead', () => {
    const { controller, earlier, next } = decided();
    controller.died('b');
    expect(stillHolds(next, earlier, controller.view())).toBe(false);
  });

  test('holds where only a joiner goes, or what was frozen is decided', () => {
    const { controller, next } = decided();
    controller.died('b');
    const earlierOf = (entry: Partial<PartitionEntry>) => ({
      ...next,
      partitions: next.partitions.map((each) => ({ ...each, ...entry })),
    });
    const joiner = earlierOf({ members: [memberOf('b', 'serving'), memberOf('c', 'joining')] });
    expect(stillHolds(next, joiner, controller.view())).toBe(true);
    const frozen = earlierOf({ members: [memberOf('a', 'serving')], frozen: true });
    expect(stillHolds(next, frozen, controller.view())).toBe(true);
  });
});

test('with every node drained all copies stay where they are (R9)', () => {
  const controller = controllerOf(undefined, true);
  controller.drain('a', 'b', 'c');
  controller.pass(1000, ['a', 'b', 'c']);
  expect(controller.roles()).toEqual({ a: 'serving', b: 'serving' });
});

describe('the witnesses', () => {
  const names = (incarnationIds: readonly { node: string }[] = []) =>
    incarnationIds.map(({ node }) => node);

  test('stay when they leave and nobody can take their place', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.drain('a', 'b');
    controller.pass(1000, ['a', 'b', 'c']);
    expect(names(controller.map().witnesses).sort()).toEqual(['a', 'b', 'c']);
  });

  test('are replaced when they cannot store maps, though they live and have the last copies (H35)', () => {
    const controller = controllerOf({ a: 'serving' }, false, ['d']);
    const others = ['b', 'c', 'd'];
    controller.pass(100, ['a', ...others]);
    for (let round = 0; round < 4; round++) {
      controller.beat('a', { writable: false });
      controller.pass(times.decideMs, others);
    }
    expect(names(controller.map().witnesses)).toEqual(['b', 'c', 'd']);
    expect(controller.map().nodes.a?.fenced).toBe(false);
  });

  test('stay when they cannot store maps and nobody can take their place (H35)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.pass(1000, ['a'], { writable: true });
    for (let round = 0; round < 20; round++) {
      controller.beat('b', { writable: false });
      controller.beat('c', { writable: false });
      controller.pass(times.decideMs, ['a']);
    }
    expect(names(controller.map().witnesses).sort()).toEqual(['a', 'b', 'c']);
    expect(controller.map().nextWitnesses).toBeUndefined();
  });

  test('are replaced when they are silent and have lapsed, not when they are silent (D2)', () => {
    const controller = controllerOf(undefined, false, ['d']);
    const others = ['b', 'c', 'd'];
    controller.pass(100, ['a', ...others]);
    controller.pass(times.suspicionMs + times.fenceWaitMs - 50, others);
    expect(names(controller.map().nextWitnesses ?? controller.map().witnesses)).toContain('a');
    controller.pass(500, others);
    expect(names(controller.map().witnesses)).toEqual(['b', 'c', 'd']);
  });

  test('stay when they have lapsed and nobody can take their place, before those that are heard (D2)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.pass(times.suspicionMs + 2 * times.fenceWaitMs, ['b', 'c']);
    expect(names(controller.map().witnesses)).toEqual(['a', 'b', 'c']);
    expect(controller.map().nextWitnesses).toBeUndefined();
  });

  test('keep their office over a restart that is expected (D4)', () => {
    const controller = controllerOf(undefined, false, ['d']);
    controller.pass(100, ['a', 'b', 'c', 'd']);
    controller.died('a', true);
    controller.pass(times.resumeWindowMs - 100, ['b', 'c', 'd']);
    expect(names(controller.map().witnesses)).toEqual(['a', 'b', 'c']);
    expect(controller.map().nextWitnesses).toBeUndefined();
  });

  test('have changed only when who is fenced in that very decision has lapsed (H13)', () => {
    const controller = controllerOf(undefined, false, ['d', 'e']);
    const others = ['a', 'b', 'c', 'd'];
    controller.pass(100, [...others, 'e']);
    controller.pass(times.suspicionMs - 100, others);
    controller.drain('c');
    controller.pass(200, others);
    expect(controller.map().nodes.e?.fenced).toBe(true);
    expect(controller.map().nextWitnesses).toBeDefined();
    controller.pass(times.fenceWaitMs, others);
    expect(controller.map().nextWitnesses).toBeUndefined();
    expect(names(controller.map().witnesses)).toEqual(['a', 'b', 'd']);
  });

  test('have changed only when who is unfenced in that very decision obeys (H13)', () => {
    const controller = controllerOf(undefined, false, ['d', 'e']);
    const others = ['a', 'b', 'c', 'd'];
    controller.pass(100, [...others, 'e']);
    const { version } = controller.map();
    controller.pass(times.suspicionMs + times.fenceWaitMs + 200, others);
    controller.drain('c');
    controller.pass(times.decideMs, others);
    for (const node of others) controller.beat(node);
    expect(controller.map().nextWitnesses).toBeDefined();
    // It is heard with a map of long ago, as the joint step could end.
    controller.beat('e', { mapVersion: version });
    controller.pass(times.decideMs, others);
    expect(controller.map().nodes.e?.fenced).toBe(false);
    expect(controller.map().nextWitnesses).toBeDefined();
    controller.pass(2 * times.decideMs, [...others, 'e']);
    expect(controller.map().nextWitnesses).toBeUndefined();
  });

  test('have changed only when an earlier life that is still a member has lapsed (H13, D8)', () => {
    const controller = controllerOf(undefined, false, ['d']);
    const others = ['a', 'c', 'd'];
    controller.pass(100, ['b', ...others]);
    controller.renew('b');
    const pass = (milliseconds: number) => {
      for (let waited = 0; waited < milliseconds; waited += times.decideMs) {
        controller.beat('b', { incarnation: incarnationOf(2) });
        controller.pass(times.decideMs, others);
      }
    };
    pass(times.fenceWaitMs - 100);
    expect(controller.roles()).toHaveProperty('b');
    expect(controller.map().nextWitnesses).toBeDefined();
    pass(300);
    expect(controller.map().nextWitnesses).toBeUndefined();
  });

  test('get their office with the joint map on their disks; the others need only obey it (H13)', () => {
    const controller = controllerOf(undefined, false, ['d']);
    controller.pass(100, ['a', 'b', 'c', 'd']);
    const { version } = controller.map();
    controller.drain('c');
    controller.pass(times.decideMs, ['a', 'b', 'c', 'd']);
    const obeyed = () => ({ mapVersion: version, obeyedVersion: controller.map().version });
    for (let round = 0; round < 3; round++) {
      for (const node of ['a', 'b', 'c', 'd']) controller.beat(node, obeyed());
      controller.pass(times.decideMs, []);
    }
    expect(controller.map().nextWitnesses).toBeDefined();
    controller.beat('d');
    controller.pass(times.decideMs, []);
    expect(names(controller.map().witnesses)).toEqual(['a', 'b', 'd']);
  });

  test('change to others when one that was chosen proves to be dead as well (H13)', () => {
    const controller = controllerOf(undefined, false, ['d', 'e']);
    controller.pass(100, ['a', 'b', 'c', 'd', 'e']);
    controller.died('c');
    controller.pass(100, ['a', 'b', 'e']);
    expect(names(controller.map().nextWitnesses)).toEqual(['a', 'b', 'd']);
    controller.pass(times.suspicionMs + 2 * times.fenceWaitMs, ['a', 'b', 'e']);
    expect(names(controller.map().witnesses)).toEqual(['a', 'b', 'e']);
    expect(controller.map().nextWitnesses).toBeUndefined();
  });
});

describe('a node whose death is proven', () => {
  test('is removed at once, without any wait (H5)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.died('a');
    controller.pass(2 * times.decideMs, ['b', 'c']);
    expect(controller.roles()).not.toHaveProperty('a');
  });

  test('keeps its place for the resume window when it returns, and no longer (D4)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.died('a', true);
    controller.pass(times.resumeWindowMs - 100, ['b', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'serving' });
    controller.pass(300, ['b', 'c']);
    expect(controller.roles()).not.toHaveProperty('a');
  });
});

describe('a node that cannot write (H35)', () => {
  test('leaves what others have, and is gone once it knows that', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    controller.pass(times.decideMs, ['b', 'c']);
    controller.beat('a', { writable: false, mapVersion: controller.map().version });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'leaving', b: 'serving' });
    controller.beat('a', { writable: false });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).not.toHaveProperty('a');
  });

  test('is fenced when it cannot even store the map in which it leaves', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    const { version } = controller.map();
    for (let waited = 0; waited < times.suspicionMs + 200; waited += times.decideMs) {
      controller.beat('a', { writable: false, mapVersion: version });
      controller.pass(times.decideMs, ['b', 'c']);
    }
    expect(controller.map().nodes.a?.fenced).toBe(true);
  });

  test('is gone without a fence when it says that it obeys the map in which it leaves (H12)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    const { version } = controller.map();
    controller.beat('a', { writable: false, mapVersion: version });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'leaving' });
    const obeyedVersion = controller.map().version;
    controller.beat('a', { writable: false, mapVersion: version, obeyedVersion });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).not.toHaveProperty('a');
  });

  test('acknowledges fences as a witness when it says what it obeys, and only then (R6)', () => {
    for (const tells of [true, false]) {
      const controller = controllerOf({ b: 'serving', a: 'serving' });
      controller.pass(100, ['a', 'b', 'c']);
      const { version } = controller.map();
      for (let waited = 0; waited < times.suspicionMs + 2 * times.fenceWaitMs; waited += 50) {
        const obeyedVersion = tells ? controller.map().version : undefined;
        controller.beat('c', { writable: false, mapVersion: version, obeyedVersion });
        controller.pass(times.decideMs, ['b']);
      }
      expect(controller.map().nodes.a?.fenced).toBe(tells);
      expect(Object.keys(controller.roles())).toEqual(tells ? ['b'] : ['b', 'a']);
    }
  });

  test('is no copy that others are removed for, though it obeys the map of their fence (I8)', () => {
    const controller = controllerOf();
    controller.pass(100, ['a', 'b', 'c']);
    const { version } = controller.map();
    controller.died('a');
    for (let round = 0; round < 20; round++) {
      const obeyedVersion = controller.map().version;
      controller.beat('b', { mapVersion: version, obeyedVersion });
      controller.pass(times.decideMs, ['c']);
    }
    expect(controller.roles()).toMatchObject({ a: 'serving', b: 'serving' });
  });

  test('is no joiner: what it begins to copy it ends never (R8)', () => {
    const controller = controllerOf({ a: 'joining', b: 'serving' });
    controller.pass(100, ['a', 'b', 'c']);
    controller.beat('a', { writable: false });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).toEqual({ b: 'serving' });
  });

  test('keeps what nobody else has', () => {
    const controller = controllerOf({ a: 'serving' });
    controller.pass(100, ['a']);
    controller.pass(10 * times.suspicionMs, ['a'], { writable: false });
    expect(controller.roles()).toEqual({ a: 'serving' });
    expect(controller.map().nodes.a?.fenced).toBe(false);
  });
});

describe('a node that frontends do not reach, though the controller does (H11)', () => {
  const settled = () => {
    const controller = controllerOf({ a: 'serving', b: 'serving' }, true);
    controller.passReported(5000, { known: 3, saying: 0, silent: [] });
    expect(controller.partitionsOf('a')).toBeGreaterThan(8);
    return controller;
  };

  test.each([
    { known: 1, saying: 1 },
    { known: 2, saying: 1 },
    { known: 3, saying: 2 },
  ])('gives its partitions up when $saying of $known say so', ({ known, saying }) => {
    const controller = controllerOf({ a: 'serving', b: 'serving' }, true);
    controller.passReported(5000, { known, saying: 0, silent: [] });
    controller.passReported(5000, { known, saying, silent: ['a'] });
    expect(controller.partitionsOf('a')).toBe(0);
    expect(controller.map().partitions.every(({ members }) => members.length === 2)).toBe(true);
  });

  test('stays when fewer than half say so', () => {
    const controller = settled();
    const before = controller.map();
    controller.passReported(10_000, { known: 3, saying: 1, silent: ['a'] });
    expect(controller.map()).toBe(before);
  });

  test('stays when half of the nodes or more are said to be out of reach', () => {
    const controller = settled();
    const before = controller.map();
    for (const silent of [
      ['a', 'b', 'c'],
      ['a', 'b'],
    ]) {
      controller.passReported(10_000, { known: 1, saying: 1, silent });
      expect(controller.map()).toBe(before);
    }
  });

  test('goes as a drained one does: no sooner than others have everything, and knowing it', () => {
    const controller = settled();
    controller.passReported(times.decideMs, { known: 3, saying: 3, silent: ['a'] });
    for (let round = 0; round < 100; round++) {
      const { partitions } = controller.map();
      for (const { members } of partitions) {
        const serving = members.filter(({ role }) => role === 'serving').length;
        expect(serving).toBeGreaterThanOrEqual(2);
      }
      controller.passReported(times.decideMs, { known: 3, saying: 3, silent: ['a'] });
    }
    expect(controller.partitionsOf('a')).toBe(0);
  });

  test('is given nothing before the last word of it is a while ago', () => {
    const controller = settled();
    controller.passReported(5000, { known: 3, saying: 3, silent: ['a'] });
    const quiet = { known: 3, saying: 0, silent: [] };
    controller.passReported(times.rejoinBarMs - 100, quiet);
    expect(controller.partitionsOf('a')).toBe(0);
    controller.passReported(10_000, quiet);
    expect(controller.partitionsOf('a')).toBeGreaterThan(8);
  });

  test('stays whatever somebody says who is no frontend that polls', () => {
    const controller = settled();
    const before = controller.map();
    for (let index = 0; index < 10; index++) {
      controller.observations.reachability.reported(
        `other${index}:1`,
        [incarnationIdOf('a')],
        5000,
      );
    }
    controller.passReported(2000, { known: 3, saying: 0, silent: [] });
    expect(controller.map()).toBe(before);
  });
});

describe('who leaves', () => {
  test('goes only once it knows that it leaves (H12)', () => {
    const controller = controllerOf({ a: 'leaving', b: 'serving', c: 'serving' });
    controller.pass(100, ['b', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'leaving' });
    controller.pass(times.decideMs, ['a', 'b', 'c']);
    controller.pass(times.decideMs, ['a', 'b', 'c']);
    expect(controller.roles()).toEqual({ b: 'serving', c: 'serving' });
  });

  test('serves again when those that served are dead: it is the last copy', () => {
    const controller = controllerOf({ a: 'leaving', b: 'serving' }, true);
    controller.pass(times.decideMs, ['c']);
    controller.died('b');
    controller.pass(4 * times.decideMs, ['a', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'serving' });
  });
});

describe('who joins', () => {
  test('serves when it says so of this very attempt, at the next epoch (R8, H16)', () => {
    const controller = controllerOf({ a: 'joining', b: 'serving' });
    const joined = (joinEpoch: number) => [{ partition: FIRST, joinEpoch: joinEpoch as Epoch }];
    controller.pass(100, ['b', 'c']);
    controller.beat('a', { joined: joined(2) });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'joining' });
    const before = controller.map().partitions[FIRST]?.epoch ?? 0;
    controller.beat('a', { joined: joined(1) });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'serving' });
    expect(controller.map().partitions[FIRST]?.epoch).toBe(before + 1);
  });

  test('stays for as long as its copy gets on, and no longer (R8)', () => {
    const controller = controllerOf({ a: 'joining', b: 'serving' });
    const copying = (steps: number, joinEpoch = 1) => ({
      copying: controller
        .joinsOf('a')
        .map(({ partition }) => ({ partition, joinEpoch: joinEpoch as Epoch, steps })),
    });
    const all = ['a', 'b', 'c'];
    for (const steps of [1, 2, 3]) {
      controller.pass(times.joinLimitMs - 1000, all, copying(steps));
      expect(controller.roles()).toMatchObject({ a: 'joining' });
    }
    // Neither an older heartbeat nor an earlier attempt says anything new.
    controller.pass(500, all, copying(1));
    controller.pass(500, all, copying(9, 0));
    expect(controller.roles()).toMatchObject({ a: 'joining' });
    controller.pass(2000, all, copying(3));
    const attempts = controller.joinsOf('a').filter(({ joinEpoch }) => joinEpoch === 1);
    expect(attempts).toEqual([]);
  });

  test('is removed without any wait when its copy is stuck (R8)', () => {
    const controller = controllerOf({ a: 'joining', b: 'serving' });
    controller.pass(times.joinLimitMs - 1000, ['a', 'b', 'c']);
    expect(controller.roles()).toMatchObject({ a: 'joining' });
    controller.pass(2000, ['a', 'b', 'c']);
    const attempts = controller
      .map()
      .partitions[FIRST]?.members.filter(
        (member) => member.role === 'joining' && member.joinEpoch === 1,
      );
    expect(attempts).toEqual([]);
  });
});

describe('a joiner without memory', () => {
  const attempt = (joinEpoch: number) => [{ partition: FIRST, joinEpoch: joinEpoch as Epoch }];

  test('is removed at once, when it says so of this very attempt (R8)', () => {
    const controller = controllerOf({ a: 'joining', b: 'serving' });
    controller.pass(100, ['b', 'c']);
    controller.beat('a', { withoutMemory: attempt(2) });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).toEqual({ a: 'joining', b: 'serving' });
    controller.beat('a', { withoutMemory: attempt(1) });
    controller.pass(times.decideMs, ['b', 'c']);
    expect(controller.roles()).toEqual({ b: 'serving' });
    expect(controller.roles(1 as PartitionId)).toEqual({ a: 'joining', b: 'serving' });
  });

  test('is removed also while other moves are paced: deletes wait for it', () => {
    const controller = controllerOf({ a: 'joining', b: 'serving' });
    controller.pass(100, ['a', 'b', 'c']);
    controller.observations.decidedMs = 100;
    controller.pass(times.decideMs, ['a', 'b', 'c'], { withoutMemory: attempt(1) });
    expect(controller.roles()).toEqual({ b: 'serving' });
  });

  test('keeps what it serves, and is given nothing for a while', () => {
    const controller = controllerOf({ a: 'serving', b: 'serving' }, true);
    controller.pass(100, ['a', 'b']);
    controller.beat('c', { withoutMemory: attempt(1) });
    controller.passJoining(times.rejoinBarMs - 1000, ['a', 'b', 'c']);
    expect(controller.partitionsOf('c')).toBe(0);
    controller.beat('a', { withoutMemory: attempt(1) });
    controller.passJoining(10_000, ['a', 'b', 'c']);
    expect(controller.partitionsOf('c')).toBeGreaterThan(8);
    expect(controller.partitionsOf('a')).toBeGreaterThan(8);
  });
});

test('nobody joins where the source is not heard, and perhaps gone: it would drop what it has (H29)', () => {
  const controller = controllerOf({ a: 'serving' }, true);
  // Nobody but b, so that no fence of a can be acknowledged.
  controller.pass(times.suspicionMs + 100, []);
  controller.pass(1000, ['b']);
  expect(controller.map().nodes.a?.fenced).toBe(false);
  expect(controller.partitionsOf('b')).toBe(0);
  controller.pass(1000, ['a', 'b']);
  expect(controller.partitionsOf('b')).toBeGreaterThan(0);
});

describe('R8: who was only silent keeps its place for a while', () => {
  const everybody = ['a', 'b', 'c', 'd'];
  const others = ['b', 'c', 'd'];

  /** Four nodes with their shares, of which a is silent until it is removed. */
  function without(redundancy: number) {
    const roles = Object.fromEntries(
      everybody.slice(0, redundancy).map((node) => [node, 'serving' as const]),
    );
    const controller = controllerOf(roles, true, ['d'], redundancy);
    controller.passJoining(10_000, everybody);
    const share = 4 * redundancy;
    expect(everybody.map(controller.partitionsOf)).toEqual(Array(4).fill(share));
    for (let waited = 0; controller.partitionsOf('a') > 0; waited += times.decideMs) {
      expect(waited).toBeLessThan(5000);
      controller.pass(times.decideMs, others);
    }
    /** What others have by now of what was the silent one's. */
    const taken = () =>
      others.reduce((sum, node) => sum + controller.partitionsOf(node) - share, 0);
    return { controller, share, taken };
  }

  test('while two others serve: nobody begins to copy before', () => {
    const { controller, taken } = without(3);
    controller.pass(times.replaceAfterMs - times.fenceWaitMs - 500, others);
    expect(taken()).toBe(0);
    controller.pass(1500, others);
    expect(taken()).toBeGreaterThan(0);
  });

  test('and gets it back when it is heard again', () => {
    const { controller, share, taken } = without(3);
    controller.pass(1000, others);
    controller.passJoining(5000, everybody);
    expect([controller.partitionsOf('a'), taken()]).toEqual([share, 0]);
  });

  test('every one of them, though it had more than its share without it, and until all are back', () => {
    const nodes = [...everybody, 'e'];
    const controller = controllerOf(
      { a: 'serving', b: 'serving', c: 'serving' },
      true,
      ['d', 'e'],
      3,
    );
    controller.passJoining(10_000, nodes);
    const shares = () => nodes.map(controller.partitionsOf);
    const before = shares();
    expect([...before].sort()).toEqual([10, 10, 10, 9, 9]);
    const silent = nodes[before.indexOf(10)] ?? '';
    const rest = nodes.filter((node) => node !== silent);
    controller.pass(5000, rest);
    expect(shares()).toEqual(before.map((share, index) => (nodes[index] === silent ? 0 : share)));
    controller.passJoining(5000, nodes);
    expect(shares()).toEqual(before);
  });

  test('but not where one copy is left: others begin at once', () => {
    const { controller, taken } = without(2);
    controller.pass(2 * times.moveMs, others);
    expect(taken()).toBeGreaterThan(0);
  });

  test.each(['is dead for good', 'is to drain'])('nor when it %s', (what) => {
    const { controller, taken } = without(3);
    if (what === 'is to drain') controller.drain('a');
    else controller.died('a');
    controller.pass(2 * times.moveMs, others);
    expect(taken()).toBeGreaterThan(0);
  });
});

describe('maps that only move replicas', () => {
  /** With a third node that is to have its share of 16 partitions, and copies all it joins at once. */
  function growing() {
    const controller = controllerOf(undefined, true);
    /** @returns how many maps there were */
    const pass = (milliseconds: number, words?: Partial<HeartbeatRequest>) => {
      const first = controller.map().version.number;
      for (let passed = 0; passed < milliseconds; passed += times.decideMs) {
        controller.pass(times.decideMs, ['a', 'b'], words);
        controller.beat('c', { joined: controller.joinsOf('c') });
      }
      return controller.map().version.number - first;
    };
    // Up to the first of them.
    let tries = 0;
    while (pass(times.decideMs) === 0) expect(tries++).toBeLessThan(10);
    return { controller, pass };
  }

  test('are a while apart, since each costs every node something', () => {
    const { pass } = growing();
    expect(pass(2 * times.moveMs)).toBe(2);
  });

  test('follow at once while a node drains: somebody waits for it', () => {
    const { controller, pass } = growing();
    controller.drain('b');
    expect(pass(times.moveMs)).toBeGreaterThan(2);
  });

  test('follow at once where copies are large: these take longer than the maps', () => {
    const { pass } = growing();
    expect(pass(2 * times.moveMs, { payloadBytes: 1e9 })).toBeGreaterThan(2);
  });

  test('hold up no fence', () => {
    const { controller } = growing();
    controller.died('b');
    controller.pass(times.decideMs, ['a']);
    expect(controller.map().nodes.b?.fenced).toBe(true);
  });
});

test('nothing to do is the same map, and no new version', () => {
  const controller = controllerOf();
  controller.pass(100, ['a', 'b', 'c']);
  const before = controller.map();
  controller.pass(1000, ['a', 'b', 'c']);
  expect(controller.map()).toBe(before);
});
