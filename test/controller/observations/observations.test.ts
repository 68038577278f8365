// What the controller tells a node that retains something of the maps that the others have (H29).

import { expect, test } from 'vitest';
import type { ClusterMap, NodeEntry } from '../../../src/cluster/model/cluster-map.ts';
import type { NodeId } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import { Observations } from '../../../src/controller/observations/observations.ts';
import { incarnationOf, nodeId, sampleMap } from '../../helpers/maps.ts';

const A = { node: nodeId('a'), incarnation: incarnationOf(1) };
const B = { node: nodeId('b'), incarnation: incarnationOf(1) };
const version = (number: number) => ({ generation: 1, number });
/** As earlier software says it. */
const has = (number: number) => ({ mapVersion: version(number), obeyedVersion: undefined });

function knowing() {
  const clock = { monotonicMs: () => 0, wallMs: () => 0, awakeMs: () => 0 };
  return new Observations(protocolTimes(1), { clock, logger: { write: () => undefined } });
}

test('a map that is obeyed, and could not be stored, is not told as adopted: a recovery would not find it', () => {
  const observations = knowing();
  observations.acknowledged(A, { mapVersion: version(3), obeyedVersion: version(5) });
  expect(observations.adoptedBy(sampleMap())).toEqual([{ ...A, mapVersion: version(3) }]);
});

test('what was adopted stays so when an earlier word comes late', () => {
  const observations = knowing();
  for (const number of [4, 2]) observations.acknowledged(B, has(number));
  expect(observations.adoptedBy(sampleMap())).toEqual([{ ...B, mapVersion: version(4) }]);
});

test('lives that are over are not told, and nobody is while there is no map', () => {
  const observations = knowing();
  observations.acknowledged({ ...A, incarnation: incarnationOf(9) }, has(3));
  observations.acknowledged(B, has(3));
  expect(observations.adoptedBy(sampleMap())).toEqual([{ ...B, mapVersion: version(3) }]);
  expect(observations.adoptedBy(undefined)).toEqual([]);
});

test('a death is known as long as the map names the incarnation, be it as a member or witness only', () => {
  const observations = knowing();
  const map = sampleMap();
  const next = { ...A, incarnation: incarnationOf(2) };
  observations.detector.died(A, 0, false);
  observations.published(map, undefined);
  expect(observations.detector.death(A)).toBeDefined();
  const entry = map.nodes[A.node] as NodeEntry;
  const succeeded = {
    ...map,
    nodes: { ...map.nodes, a: { ...entry, incarnation: incarnationOf(2) } },
  };
  observations.published(succeeded, map);
  expect(observations.detector.death(A)).toBeDefined();
  const left = withoutNode(succeeded, A.node);
  observations.detector.died(next, 0, false);
  observations.published({ ...left, nodes: succeeded.nodes }, succeeded);
  expect([A, next].map((each) => observations.detector.death(each) !== undefined)).toEqual([
    false,
    true,
  ]);
});

test('what a node reported is forgotten when it leaves the map, and not before it came', () => {
  const observations = knowing();
  const map = sampleMap();
  const without = withoutNode(map, A.node);
  observations.acknowledged(A, has(3));
  observations.acknowledged(B, has(3));
  observations.published(without, undefined);
  observations.published(map, without);
  expect(observations.adopted.of(A)).toEqual(version(3));
  observations.published(without, map);
  expect([A, B].map((each) => observations.adopted.of(each))).toEqual([undefined, version(3)]);
});

/** The same map, in which nothing names the node. */
function withoutNode(map: ClusterMap, node: NodeId): ClusterMap {
  const others = <T extends { readonly node: NodeId }>(all: readonly T[]) =>
    all.filter((each) => each.node !== node);
  return {
    ...map,
    nodes: Object.fromEntries(Object.entries(map.nodes).filter(([name]) => name !== node)),
    witnesses: others(map.witnesses),
    partitions: map.partitions.map((entry) => ({ ...entry, members: others(entry.members) })),
  };
}
