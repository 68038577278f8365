// Placement over random memberships: distinct nodes, distinct hosts, balance, and nothing moved that
// need not be.

import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../../src/cluster/model/identity.ts';
import {
  type Assignment,
  type PlacementNode,
  place,
} from '../../../src/controller/decisions/placement.ts';
import { type FlowEdge, leastCost } from '../../helpers/least-cost-flow.ts';
import { SeededRandom } from '../../helpers/random.ts';

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

const node = (index: number, host: string): PlacementNode => ({ id: `n${index}` as NodeId, host });

function loads(
  assignment: Assignment,
  nodes: readonly PlacementNode[],
): ReadonlyMap<NodeId, number> {
  const counts = new Map(nodes.map(({ id }) => [id, 0]));
  for (const ids of assignment) for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function groupByHost(
  nodes: readonly PlacementNode[],
): ReadonlyMap<string, readonly PlacementNode[]> {
  const hosts = new Map<string, PlacementNode[]>();
  for (const each of nodes) hosts.set(each.host, [...(hosts.get(each.host) ?? []), each]);
  return hosts;
}

/** Replicas that are where they were not before. */
function moved(before: Assignment, after: Assignment): number {
  return after.reduce(
    (sum, ids, partition) => sum + ids.filter((id) => !before[partition]?.includes(id)).length,
    0,
  );
}

function expectValid(assignment: Assignment, nodes: readonly PlacementNode[], redundancy: number) {
  const hostOf = new Map(nodes.map(({ id, host }) => [id, host]));
  const hosts = new Set(hostOf.values());
  for (const ids of assignment) {
    expect(ids).toHaveLength(redundancy);
    expect(new Set(ids).size).toBe(redundancy);
    for (const id of ids) expect(hostOf.has(id)).toBe(true);
    if (hosts.size >= redundancy) {
      expect(new Set(ids.map((id) => hostOf.get(id))).size).toBe(redundancy);
    }
  }
}

/**
 * Within 1 of each other, but for hosts that hold as much as they may: with enough hosts that is one
 * replica of every partition, shared among the host's nodes.
 */
function expectBalanced(
  assignment: Assignment,
  nodes: readonly PlacementNode[],
  redundancy: number,
) {
  const counts = loads(assignment, nodes);
  const byHost = groupByHost(nodes);
  const loadsOf = (those: readonly PlacementNode[]) => those.map(({ id }) => counts.get(id) ?? 0);
  const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
  for (const those of byHost.values()) expect(spread(loadsOf(those))).toBeLessThanOrEqual(1);
  if (byHost.size < redundancy) return;
  const open = [...byHost.values()].filter(
    (those) => loadsOf(those).reduce((sum, load) => sum + load, 0) < assignment.length,
  );
  const openLoads = open.flatMap(loadsOf);
  if (openLoads.length === 0) return;
  expect(spread(openLoads)).toBeLessThanOrEqual(1);
  // A full host's nodes hold less than the others would like to give them, never more but by rounding.
  for (const count of counts.values())
    expect(count).toBeLessThanOrEqual(Math.max(...openLoads) + 1);
}

describe('a first placement', () => {
  test.each(SEEDS)('is valid and balanced, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const hosts = random.whole(1, 10);
    const nodes = Array.from({ length: random.whole(1, 24) }, (_, index) =>
      node(index, `host ${random.below(hosts)}`),
    );
    const redundancy = random.whole(1, Math.min(5, nodes.length));
    const assignment = place({ nodes, partitions: random.pick([16, 256]), redundancy });
    expectValid(assignment, nodes, redundancy);
    expectBalanced(assignment, nodes, redundancy);
  });

  test('on one host, every node is within one partition of its share', () => {
    for (let count = 3; count <= 20; count++) {
      const nodes = Array.from({ length: count }, (_, index) => node(index, 'host'));
      const counts = [...loads(place({ nodes, partitions: 256, redundancy: 3 }), nodes).values()];
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });

  test('gives a node many partners, so that its load spreads when it goes', () => {
    const nodes = Array.from({ length: 10 }, (_, index) => node(index, `host ${index}`));
    const assignment = place({ nodes, partitions: 256, redundancy: 3 });
    for (const { id } of nodes) {
      const partners = new Set(assignment.filter((ids) => ids.includes(id)).flat());
      expect(partners.size).toBeGreaterThanOrEqual(8);
    }
  });

  test('the same request gives the same assignment', () => {
    const nodes = Array.from({ length: 7 }, (_, index) => node(index, `host ${index % 3}`));
    const request = { nodes, partitions: 256, redundancy: 3 };
    expect(place(request)).toEqual(place(request));
  });

  test('4,096 partitions on 64 nodes', () => {
    const nodes = Array.from({ length: 64 }, (_, index) => node(index, `host ${index % 20}`));
    const assignment = place({ nodes, partitions: 4096, redundancy: 3 });
    expectValid(assignment, nodes, 3);
    expectBalanced(assignment, nodes, 3);
  });

  test('fewer nodes than replicas break an invariant', () => {
    expect(() => place({ nodes: [node(1, 'a')], partitions: 16, redundancy: 2 })).toThrow(
      'as many nodes',
    );
  });

  test('a node that is named twice breaks an invariant', () => {
    const nodes = [node(1, 'a'), node(1, 'b')];
    expect(() => place({ nodes, partitions: 16, redundancy: 1 })).toThrow('there once');
  });
});

describe('a change', () => {
  /** What must move at least, for these very loads: an independent least-cost flow. */
  function leastMoves(
    before: Assignment,
    after: Assignment,
    nodes: readonly PlacementNode[],
    redundancy: number,
  ): number | undefined {
    const hosts = groupByHost(nodes);
    let share = 1;
    const places = () =>
      [...hosts.values()].reduce((sum, those) => sum + Math.min(share, those.length), 0);
    while (places() < redundancy) share++;
    const counts = loads(after, nodes);
    const edges: FlowEdge[] = nodes.map(({ id }) => ({
      from: id,
      to: 'sink',
      capacity: counts.get(id) ?? 0,
      cost: 0,
    }));
    for (const [partition, ids] of before.entries()) {
      edges.push({ from: 'source', to: `p${partition}`, capacity: redundancy, cost: 0 });
      for (const [host, those] of hosts) {
        const hub = `p${partition} ${host}`;
        edges.push({ from: `p${partition}`, to: hub, capacity: share, cost: 0 });
        for (const { id } of those) {
          edges.push({ from: hub, to: id, capacity: 1, cost: ids.includes(id) ? 0 : 1 });
        }
      }
    }
    return leastCost(edges, 'source', 'sink', before.length * redundancy);
  }

  test.each(SEEDS)('adding or removing a node moves the least that can move, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const hosts = random.whole(1, 8);
    const redundancy = random.whole(1, 3);
    let nodes = Array.from({ length: random.whole(redundancy + 1, 10) }, (_, index) =>
      node(index, `host ${random.below(hosts)}`),
    );
    let assignment = place({ nodes, partitions: 16, redundancy });
    for (let step = 0; step < 4; step++) {
      const removes = nodes.length > redundancy && random.chance(0.5);
      const gone = removes ? random.pick(nodes) : undefined;
      nodes = removes
        ? nodes.filter((other) => other !== gone)
        : [...nodes, node(100 + step, `host ${random.below(hosts)}`)];
      const after = place({ nodes, partitions: 16, redundancy, previous: assignment });
      expectValid(after, nodes, redundancy);
      expectBalanced(after, nodes, redundancy);
      expect(moved(assignment, after)).toBe(leastMoves(assignment, after, nodes, redundancy));
      assignment = after;
    }
  });

  test.each(SEEDS)('wherever the replicas were, the least moves, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const hosts = random.whole(1, 6);
    const redundancy = random.whole(1, 4);
    const all = Array.from({ length: random.whole(redundancy + 1, 9) }, (_, index) =>
      node(index, `host ${random.below(hosts)}`),
    );
    const nodes = all.slice(random.below(all.length - redundancy + 1));
    const before = Array.from({ length: random.pick([8, 16]) }, () =>
      random
        .shuffled(all)
        .slice(0, redundancy)
        .map(({ id }) => id),
    );
    const after = place({ nodes, partitions: before.length, redundancy, previous: before });
    expectValid(after, nodes, redundancy);
    expectBalanced(after, nodes, redundancy);
    expect(moved(before, after)).toBe(leastMoves(before, after, nodes, redundancy));
  });

  test('with another redundancy the placement is valid, and a third replica moves no other', () => {
    const nodes = Array.from({ length: 6 }, (_, index) => node(index, `host ${index}`));
    const before = place({ nodes, partitions: 64, redundancy: 2 });
    const three = place({ nodes, partitions: 64, redundancy: 3, previous: before });
    expectValid(three, nodes, 3);
    expectBalanced(three, nodes, 3);
    expect(moved(before, three)).toBe(64);
    const two = place({ nodes, partitions: 64, redundancy: 2, previous: three });
    expectValid(two, nodes, 2);
    expectBalanced(two, nodes, 2);
  });

  test('from 4 to 5 nodes a fifth moves, and back again the same', () => {
    const nodes = Array.from({ length: 5 }, (_, index) => node(index, 'host'));
    const four = place({ nodes: nodes.slice(0, 4), partitions: 256, redundancy: 3 });
    const five = place({ nodes, partitions: 256, redundancy: 3, previous: four });
    expect(moved(four, five)).toBe(153);
    const back = place({
      nodes: nodes.slice(0, 4),
      partitions: 256,
      redundancy: 3,
      previous: five,
    });
    expect(moved(five, back)).toBe(153);
  });

  test('nothing moves when nothing changed', () => {
    const nodes = Array.from({ length: 9 }, (_, index) => node(index, `host ${index % 4}`));
    const before = place({ nodes, partitions: 256, redundancy: 3 });
    expect(moved(before, place({ nodes, partitions: 256, redundancy: 3, previous: before }))).toBe(
      0,
    );
  });
});
