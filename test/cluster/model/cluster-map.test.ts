// A map from outside is checked whole, and versions compare by generation first.

import { describe, expect, test } from 'vitest';
import {
  type ClusterMap,
  clusterMap,
  compareMapVersions,
  movedPartitions,
  nodeEntry,
  offlinePartitions,
  parseMapVersion,
  partitionEntry,
  printMapVersion,
  serialiserOf,
} from '../../../src/cluster/model/cluster-map.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { Malformed } from '../../../src/cluster/wire/shapes.ts';
import { memberOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

const good = sampleMap();
const changed = (change: (map: Record<string, unknown>) => void): unknown => {
  const copy = JSON.parse(JSON.stringify(good));
  change(copy);
  return copy;
};

describe('a map from outside', () => {
  test('comes through JSON as it was', () => {
    expect(clusterMap(JSON.parse(JSON.stringify(good)))).toEqual(good);
  });

  test.each<[string, (map: never) => void]>([
    ['no object', () => undefined],
    ['another number of partitions', (map: ClusterMap) => (map.partitions as unknown[]).pop()],
    ['a member that is no node', (map: { nodes: object }) => (map.nodes = {})],
    ['digits above 3', (map: { digits: number }) => (map.digits = 4)],
    ['a version of half a number', (map: { version: object }) => (map.version = { generation: 1 })],
    [
      'a node twice',
      (map: { partitions: { members: unknown[] }[] }) =>
        map.partitions[0]?.members.push(map.partitions[0].members[0]),
    ],
    [
      'an unknown role',
      (map: { partitions: { members: { role: string }[] }[] }) => {
        const member = map.partitions[0]?.members[0];
        if (member !== undefined) member.role = 'king';
      },
    ],
    [
      'an epoch of 0',
      (map: { partitions: { epoch: number }[] }) => {
        const entry = map.partitions[0];
        if (entry !== undefined) entry.epoch = 0;
      },
    ],
  ])('is refused with %s', (what, change) => {
    const value = what === 'no object' ? [] : changed(change as (map: unknown) => void);
    expect(() => clusterMap(value)).toThrow(Malformed);
  });

  test('the error names the place', () => {
    const value = changed((map) => {
      map.nodes = { a: { address: 'nowhere', incarnation: 1, store: 's' } };
    });
    expect(() => clusterMap(value)).toThrow('nodes.a.address is not host:port');
  });
});

describe('looking into a map', () => {
  test.each(['constructor', 'toString', '__proto__'])('%s is a node only if it is one', (name) => {
    expect(nodeEntry(good, nodeId(name))).toBeUndefined();
    const stranger = changed((map) => {
      const [entry] = map.partitions as { members: { node: string }[] }[];
      for (const member of entry?.members.slice(0, 1) ?? []) member.node = name;
    });
    expect(() => clusterMap(stranger)).toThrow(`names ${name}, which is no node`);
    const entry = sampleNode(3);
    const nodes = Object.fromEntries([...Object.entries(good.nodes), [name, entry]]);
    const adopted = clusterMap(JSON.parse(JSON.stringify({ ...good, nodes })));
    expect(nodeEntry(adopted, nodeId(name))).toEqual(entry);
  });

  test('a partition beyond the last one is an error, not an empty entry', () => {
    expect(partitionEntry(good, 15 as PartitionId)).toBe(good.partitions[15]);
    expect(() => partitionEntry(good, 16 as PartitionId)).toThrow(RangeError);
  });
});

test('versions compare by generation, then number, and print and parse', () => {
  const versions = [
    { generation: 1, number: 9 },
    { generation: 2, number: 1 },
    { generation: 2, number: 2 },
    { generation: 10, number: 0 },
  ];
  for (const [index, version] of versions.entries()) {
    expect(parseMapVersion(printMapVersion(version))).toEqual(version);
    for (const higher of versions.slice(index + 1)) {
      expect(compareMapVersions(version, higher)).toBeLessThan(0);
      expect(compareMapVersions(higher, version)).toBeGreaterThan(0);
    }
  }
  for (const text of ['', '1', '1.', '1.2.', '-1.2', 'a.b']) {
    expect(parseMapVersion(text)).toBeUndefined();
  }
});

test('a partition is offline when nobody in it may answer a get', () => {
  const [first, ...rest] = good.partitions;
  if (first === undefined) throw new Error('a map has partitions');
  const joining = first.members.map((member) => memberOf(member.node, 'joining'));
  expect(offlinePartitions(good)).toBe(0);
  const fenced = Object.entries(good.nodes).map(([node, entry]) => [
    node,
    { ...entry, fenced: true },
  ]);
  expect(offlinePartitions({ ...good, nodes: Object.fromEntries(fenced) })).toBe(16);
  expect(
    offlinePartitions({ ...good, partitions: [{ ...first, members: joining }, ...rest] }),
  ).toBe(1);
});

test('the partitions that moved are those for which others may answer gets', () => {
  const moved = (...maps: readonly [ClusterMap | undefined, ClusterMap]) =>
    movedPartitions(...maps);
  const all = good.partitions.map((_, index) => index);
  const withMembers = (...nodes: readonly string[]): ClusterMap => ({
    ...good,
    partitions: good.partitions.map((entry, index) =>
      index === 3 ? { ...entry, members: nodes.map((node) => memberOf(node, 'serving')) } : entry,
    ),
  });
  expect(moved(undefined, good)).toEqual(all);
  expect(moved(good, good)).toEqual([]);
  expect(moved({ ...good, cluster: 'another' as ClusterMap['cluster'] }, good)).toEqual(all);
  const [one, two] = [withMembers('a', 'b'), withMembers('b', 'a')];
  expect(moved(one, two)).toEqual([]);
  expect(moved(one, withMembers('a'))).toEqual([3]);
  expect(moved(withMembers('a'), one)).toEqual([3]);
  expect(moved(withMembers('a'), withMembers('b'))).toEqual([3]);
  const frozen: ClusterMap = {
    ...good,
    partitions: good.partitions.map((entry, index) =>
      index === 5 ? { ...entry, frozen: true } : entry,
    ),
  };
  expect(moved(good, frozen)).toEqual([5]);
});

test('H39a: the first member judges that has all records, and one who leaves judges on', () => {
  const [joiner, leaver, other] = [
    memberOf('127.0.0.1:1', 'joining'),
    memberOf('127.0.0.1:2', 'leaving'),
    memberOf('127.0.0.1:3', 'serving'),
  ];
  const [entry] = good.partitions;
  if (entry === undefined) throw new Error('a map has partitions');
  const members = [joiner, leaver, other];
  expect(serialiserOf({ ...entry, members })).toBe(leaver);
  expect(serialiserOf({ ...entry, members, frozen: true })).toBeUndefined();
  expect(serialiserOf({ ...entry, members: [joiner] })).toBeUndefined();
});
