// How the map changes: founding, new lives of nodes, generations.

import { describe, expect, test } from 'vitest';
import { whenFullOf } from '../../../src/cluster/model/cluster-map.ts';
import type { NodeId } from '../../../src/cluster/model/identity.ts';
import {
  foundMap,
  nextIncarnation,
  withNode,
} from '../../../src/controller/decisions/membership.ts';
import { CLUSTER, incarnationOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

describe('founding', () => {
  const nodes = new Map<NodeId, ReturnType<typeof sampleNode>>(
    [1, 2, 3, 4].map((port) => [nodeId(`n${port}`), sampleNode(port, 100 + port)]),
  );
  const map = foundMap({ cluster: CLUSTER, digits: 2, redundancy: 3, timeScale: 1, nodes });

  test('gives every partition K serving members at epoch 1', () => {
    expect(map.partitions).toHaveLength(256);
    for (const { epoch, members } of map.partitions) {
      expect(epoch).toBe(1);
      expect(members.map(({ role }) => role)).toEqual(['serving', 'serving', 'serving']);
    }
  });

  test('names each member by the incarnation that registered (H6)', () => {
    for (const { members } of map.partitions) {
      for (const member of members)
        expect(member.incarnation).toBe(nodes.get(member.node)?.incarnation);
    }
  });

  test('of a cache says so, of a store leaves the map as it always was (H40)', () => {
    const cache = foundMap({
      cluster: CLUSTER,
      digits: 2,
      redundancy: 3,
      whenFull: 'evict',
      timeScale: 1,
      nodes,
    });
    const store = foundMap({
      cluster: CLUSTER,
      digits: 2,
      redundancy: 3,
      whenFull: 'refuse',
      timeScale: 1,
      nodes,
    });
    expect(whenFullOf(cache)).toBe('evict');
    expect(whenFullOf(store)).toBe('refuse');
    expect(JSON.stringify(store)).toBe(JSON.stringify(map));
    expect(JSON.stringify(store)).not.toContain('whenFull');
  });

  test('opens the first generation', () => {
    expect(map.version).toEqual({ generation: 1, number: 1 });
  });
});

describe('a new life of a node', () => {
  const map = sampleMap();
  const entry = sampleNode(9, 2);

  test('that resumes takes its memberships over at the next epoch (R7, H7)', () => {
    const next = withNode(map, nodeId('a'), entry, true);
    expect(next.nodes.a).toEqual(entry);
    for (const [index, { epoch, members }] of next.partitions.entries()) {
      expect(epoch).toBe((map.partitions[index]?.epoch ?? 0) + 1);
      expect(members.find(({ node }) => node === 'a')).toMatchObject({
        incarnation: 2,
        role: 'serving',
      });
      expect(members.find(({ node }) => node === 'b')).toMatchObject({ incarnation: 1 });
    }
  });

  test('leaves the partitions alone that it is no member of (R7)', () => {
    const partitions = map.partitions.map((partition, index) =>
      index % 2 === 0 ? partition : { ...partition, members: partition.members.slice(1) },
    );
    const next = withNode({ ...map, partitions }, nodeId('a'), entry, true);
    for (const [index, partition] of next.partitions.entries()) {
      if (index % 2 === 0) expect(partition.epoch).toBe(2);
      else expect(partition).toEqual(partitions[index]);
    }
  });

  test('that does not resume is a member of nothing (H6)', () => {
    const next = withNode(map, nodeId('a'), entry, false);
    expect(next.nodes.a).toEqual(entry);
    expect(next.partitions).toEqual(map.partitions);
  });

  test('takes over nothing of a life before the last one: that store is lost (H6, I5)', () => {
    // 1. Life 1 is a member. 2. Life 2 has an empty disk, and is not. 3. Life 3 has all of life 2: nothing.
    const second = withNode(map, nodeId('a'), sampleNode(9, 2), false);
    const third = withNode(second, nodeId('a'), sampleNode(9, 3), true);
    expect(third.nodes.a).toEqual(sampleNode(9, 3));
    expect(third.partitions).toEqual(map.partitions);
  });

  test('is another version, and leaves the old map as it was', () => {
    const before = JSON.stringify(map);
    expect(withNode(map, nodeId('a'), entry, true).version).toEqual({ generation: 1, number: 2 });
    expect(JSON.stringify(map)).toBe(before);
  });
});

test.each([
  ['the clock', 5000.7, undefined, undefined, 5000],
  ['above the last one though the clock went back', 5000, undefined, 6000, 6001],
  ["the node's own", 5000, 5500, 5400, 5500],
  ["above the last one though the node's own is not", 5000, 5300, 5400, 5401],
])('an incarnation is %s', (_what, wallMs, proposed, known, expected) => {
  const brand = (value: number | undefined) =>
    value === undefined ? undefined : incarnationOf(value);
  expect(nextIncarnation(wallMs, brand(proposed), [brand(known), undefined])).toBe(expected);
});
