// What a recovery makes of the promises (H32): pure, with promises played by the test. Nodes a and b hold
// every partition.

import { describe, expect, test } from 'vitest';
import type { ClusterMap, NodeEntry } from '../../src/cluster/cluster-map.ts';
import type { Address, Epoch } from '../../src/cluster/identity.ts';
import { protocolTimes } from '../../src/cluster/limits.ts';
import type { ControlCall, Runtime } from '../../src/cluster/runtime.ts';
import { type Promises, Recovery, recovered } from '../../src/controller/recovery.ts';
import { CLUSTER, incarnationOf, nodeId, sampleMap } from '../helpers/maps.ts';

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

test.each([
  ['a promise to another recovery', 20, undefined, 21],
  ['a map of as high a generation', 10, 10, 11],
  ['a promise to this one', 10, undefined, 10],
])('%s: the generation is above every other', (_what, promised, ofMap, expected) => {
  const asked: { readonly generation: number; readonly answer: (message: unknown) => void }[] = [];
  const timers: (() => void)[] = [];
  const runtime = {
    clock: { monotonicMs: () => 0, wallMs: () => 10_000 },
    timers: { after: (_ms: number, callback: () => void) => timers.push(callback) },
    log: { write: () => undefined },
    network: {
      call: ({ message }: ControlCall, callback: (outcome: unknown) => void) => {
        const { generation } = message as unknown as { generation: number };
        const answer = (reply: unknown) =>
          callback({ kind: 'answered', status: 200, message: reply });
        asked.push({ generation, answer });
      },
    },
  } as unknown as Runtime;
  const options = { times: protocolTimes(1), cluster: CLUSTER, above: 0 };
  const recovery = new Recovery(runtime, options, () => undefined);
  const { address, store } = sampleMap().nodes.a as NodeEntry;
  recovery.found(address);
  recovery.found('127.0.0.1:2' as Address);
  const map = ofMap === undefined ? undefined : mapOf(ofMap, 1, { a: 1, b: 1 });
  asked[0]?.answer({ node: 'a', address, store, incarnation: 1, generation: promised, map });
  timers.shift()?.();
  expect(asked.at(-1)?.generation).toBe(expected);
});
