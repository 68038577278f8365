// What a recovery makes of the promises (H32): pure, with promises played by the test. Nodes a and b hold
// every partition.

import { describe, expect, test } from 'vitest';
import type { ClusterMap, NodeEntry } from '../../src/cluster/cluster-map.ts';
import type { Epoch } from '../../src/cluster/identity.ts';
import { type Promises, recovered } from '../../src/controller/recovery.ts';
import { incarnationOf, nodeId, sampleMap } from '../helpers/maps.ts';

type Lives = Readonly<Record<'a' | 'b', number>>;

/** A map in which a and b live, and hold everything, under these incarnations. */
function mapOf(generation: number, epoch: number, lives: Lives, since?: number): ClusterMap {
  const sample = sampleMap();
  const nodes = Object.entries(lives).map(([node, incarnation]) => [
    node,
    {
      ...(sample.nodes[node] as NodeEntry),
      incarnation: incarnationOf(incarnation),
      completeSince: since === undefined ? undefined : incarnationOf(since),
    },
  ]);
  const members = Object.entries(lives).map(([node, incarnation]) => ({
    node: nodeId(node),
    incarnation: incarnationOf(incarnation),
    role: 'serving' as const,
  }));
  return {
    ...sample,
    version: { generation, number: 1 },
    nodes: Object.fromEntries(nodes),
    partitions: sample.partitions.map(() => ({ epoch: epoch as Epoch, members })),
  };
}

function frozen(map: ClusterMap): ClusterMap {
  return { ...map, partitions: map.partitions.map((entry) => ({ ...entry, frozen: true })) };
}

/** Each promised in its life of that map. */
function promisesOf(maps: Readonly<Partial<Record<'a' | 'b', ClusterMap>>>): Promises {
  return new Map(
    Object.entries(maps).map(([name, map]) => {
      const node = nodeId(name);
      const { address, store, incarnation } = map.nodes[name] as NodeEntry;
      return [node, { reply: { node, address, store, incarnation, generation: 50, map }, map }];
    }),
  );
}

const livesIn = ({ partitions }: ClusterMap) =>
  Object.fromEntries(
    (partitions[0]?.members ?? []).map(({ node, incarnation }) => [node, incarnation]),
  );

describe('an entry', () => {
  const published = frozen(mapOf(50, 1, { a: 2, b: 1 }, 1));
  /** Only b knows it: its new life opened an epoch before the old controller was lost. */
  const later = mapOf(3, 2, { a: 1, b: 2 }, 1);

  test('stays frozen while a member has not promised', () => {
    const map = recovered(published, promisesOf({ a: published }));
    expect(map.partitions[0]).toMatchObject({ epoch: 1, frozen: true });
    expect(map.promised).toEqual(['a']);
  });

  test('of a higher epoch that comes late goes to the lives that have all that its members had', () => {
    const map = recovered(published, promisesOf({ a: published, b: later }));
    // Above all that the lost controller may have opened and only frontends heard of.
    expect(map.partitions[0]).toMatchObject({ epoch: 1_000_002 });
    expect(map.partitions[0]).not.toHaveProperty('frozen');
    expect(livesIn(map)).toEqual({ a: 2, b: 2 });
    expect(map.nodes.b?.incarnation).toBe(2);
    expect(map.promised).toBeUndefined();
  });

  test('keeps the life that is over when the present one may miss something (H8)', () => {
    const incomplete = frozen(mapOf(50, 1, { a: 2, b: 1 }));
    const map = recovered(incomplete, promisesOf({ a: incomplete, b: later }));
    expect(livesIn(map)).toEqual({ a: 1, b: 2 });
  });

  test('that nothing new is known of leaves the map as it is', () => {
    const map = recovered(published, promisesOf({ a: published }));
    expect(recovered(map, promisesOf({ a: published }))).toBe(map);
  });
});
