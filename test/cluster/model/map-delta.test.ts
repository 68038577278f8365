// What changed from map to map is enough to have the newest, laid over any that it was made for, and over no other.

import { describe, expect, test } from 'vitest';
import type { ClusterMap, PartitionEntry } from '../../../src/cluster/model/cluster-map.ts';
import { clusterMap } from '../../../src/cluster/model/cluster-map.ts';
import type { ClusterId, Epoch } from '../../../src/cluster/model/identity.ts';
import {
  deltaBetween,
  type MapDelta,
  mapDelta,
  received,
} from '../../../src/cluster/model/map-delta.ts';
import { memberOf, sampleMap, sampleNode } from '../../helpers/maps.ts';

/** The next map, with these entries in the place of what was there. */
function next(
  map: ClusterMap,
  changed: Readonly<Record<number, PartitionEntry>>,
  head: Partial<ClusterMap> = {},
): ClusterMap {
  const { generation, number } = map.version;
  return {
    ...map,
    ...head,
    version: { generation, number: number + 1 },
    partitions: map.partitions.map((entry, partition) => changed[partition] ?? entry),
  };
}

const entry = (epoch: number, ...nodes: string[]): PartitionEntry => ({
  epoch: epoch as Epoch,
  members: nodes.map((node) => memberOf(node, 'serving')),
});

/** As it comes through a socket. */
const sent = (delta: MapDelta): MapDelta => mapDelta(JSON.parse(JSON.stringify(delta)));
const news = (delta: MapDelta) => ({ map: undefined, delta });
const asSent = (map: ClusterMap) => clusterMap(JSON.parse(JSON.stringify(map)));

const first = sampleMap();
const second = next(first, { 3: entry(2, 'a'), 7: entry(2, 'b') });
const third = next(
  second,
  { 3: entry(3, 'a', 'c') },
  { nodes: { ...second.nodes, c: sampleNode(3) } },
);

describe('what changed', () => {
  test('names the entries that are other ones, and no more', () => {
    expect(Object.keys(deltaBetween(first, second).partitions)).toEqual(['3', '7']);
    expect(Object.keys(deltaBetween(second, third).partitions)).toEqual(['3']);
    expect(deltaBetween(first, third)).toMatchObject({ since: first.version, nodes: third.nodes });
  });

  test('makes the newest map of the one that it was made for, and of each between', () => {
    for (const known of [first, second]) {
      const outcome = received(news(sent(deltaBetween(first, third))), asSent(known));
      expect(outcome).toEqual({ kind: 'map', map: asSent(third) });
    }
  });

  test('keeps what did not change as the very same', () => {
    const known = asSent(first);
    const outcome = received(news(sent(deltaBetween(first, second))), known);
    const partitions = outcome.kind === 'map' ? outcome.map.partitions : [];
    expect(partitions.filter((one, index) => one === known.partitions[index])).toHaveLength(14);
  });

  test.each<[string, MapDelta, ClusterMap | undefined]>([
    ['an older map', deltaBetween(second, third), first],
    ['no map', deltaBetween(first, second), undefined],
    ['another cluster', deltaBetween(first, second), { ...first, cluster: 'other' as ClusterId }],
    [
      'another generation',
      { ...deltaBetween(first, second), version: { generation: 2, number: 9 } },
      { ...first, version: { generation: 2, number: 5 } },
    ],
    [
      'entries that name a node that is gone',
      deltaBetween(first, next(first, {}, { nodes: { a: sampleNode(1) } })),
      first,
    ],
    ['an entry that is none', deltaBetween(first, next(first, { 0: entry(2, 'x') })), first],
    ...['16', '01', '1e0', '-0', '', 'length', '__proto__'].map(
      (partition): [string, MapDelta, ClusterMap] => [
        `a partition ${JSON.stringify(partition)}`,
        {
          ...deltaBetween(first, second),
          partitions: Object.fromEntries([[partition, entry(2, 'a')]]),
        },
        first,
      ],
    ),
    [
      'a map of a generation that it goes beyond',
      { ...deltaBetween(first, second), version: { generation: 2, number: 1 } },
      first,
    ],
  ])('is of no use over %s', (_what, delta, known) => {
    expect(received(news(sent(delta)), known)).toEqual({ kind: 'unusable' });
  });

  test('is nothing to whoever knows as much, and a whole map is always one', () => {
    const none = { kind: 'none' };
    expect(received(news(deltaBetween(first, second)), third)).toEqual(none);
    expect(received(news(deltaBetween(first, second)), second)).toEqual(none);
    expect(received({ map: undefined, delta: undefined }, first)).toEqual(none);
    expect(received({ map: second, delta: undefined }, undefined)).toEqual({
      kind: 'map',
      map: second,
    });
  });
});
