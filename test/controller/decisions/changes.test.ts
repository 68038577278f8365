// What a new map is told as in the log: a line for each node and what became of it, however many partitions there are.

import { expect, test } from 'vitest';
import type { ClusterMap, Member } from '../../../src/cluster/model/cluster-map.ts';
import type { Epoch } from '../../../src/cluster/model/identity.ts';
import type { LogFields } from '../../../src/cluster/ports.ts';
import { changesBetween } from '../../../src/controller/decisions/changes.ts';
import { OfflineWatch, offlineStatus } from '../../../src/controller/routes/offline.ts';
import { memberOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

/** Of so many partitions, all with these members. */
function mapOf(members: readonly Member[], count: number, epoch = 1): ClusterMap {
  const map = sampleMap();
  const entry = { epoch: epoch as Epoch, members };
  return { ...map, partitions: Array.from({ length: count }, () => ({ ...entry })) };
}

test.each([1, 16, 768, 4096])('members of %i partitions: a line for each node', (count) => {
  const [a, b] = [memberOf('a', 'serving'), memberOf('b', 'serving')];
  const before = mapOf([a, b], count);
  const lines = (members: readonly Member[]) =>
    changesBetween(before, mapOf(members, count, 2)).map(({ message, fields }) => [
      message,
      fields.node,
      fields.partitions,
    ]);
  expect(lines([a, memberOf('b', 'serving', 2)])).toEqual([['member resumed', 'b', count]]);
  expect(lines([a])).toEqual([['member removed', 'b', count]]);
  expect(lines([memberOf('a', 'leaving'), memberOf('c', 'serving')])).toEqual([
    ['member removed', 'b', count],
    ['member leaves', 'a', count],
    ['member joins', 'c', count],
  ]);
});

test('a line names the first partitions, and how many more there are', () => {
  const before = mapOf([memberOf('a', 'serving')], 20);
  const [change] = changesBetween(before, mapOf([memberOf('a', 'leaving')], 20, 2));
  expect(change?.fields.which).toBe('0, 1, 2, 3, 4, 5, 6, 7 and 12 more');
});

test('partitions that go offline are one line, with the way out; others later one more; all back one', () => {
  const lines: [string, LogFields | undefined][] = [];
  const watch = new OfflineWatch({ write: (_, message, fields) => lines.push([message, fields]) });
  const served = mapOf([memberOf('a', 'serving')], 300);
  const lost = mapOf([memberOf('a', 'serving', 99)], 300);
  const half = {
    ...lost,
    partitions: [...lost.partitions.slice(0, 100), ...served.partitions.slice(100)],
  };
  for (const map of [served, half, half, lost, lost, half, served, served]) watch.published(map);
  expect(lines.map(([message, fields]) => [message, fields?.partitions])).toEqual([
    ['partitions are offline', 100],
    ['partitions are offline', 300],
    ['no partition is offline any more', undefined],
  ]);
  expect(lines[0]?.[1]?.help).toContain('velour accept-loss');
  expect(offlineStatus(served)).toBeUndefined();
  expect(offlineStatus(lost)).toEqual({
    partitions: '0, 1, 2, 3, 4, 5, 6, 7 and 292 more',
    help: expect.stringContaining('velour accept-loss'),
  });
});

test('those of a node that is fenced are offline, those that are frozen wait for something else', () => {
  const map = mapOf([memberOf('a', 'serving')], 2);
  const fenced = { ...map, nodes: { [nodeId('a')]: { ...sampleNode(1), fenced: true } } };
  expect(offlineStatus(fenced)).toMatchObject({ partitions: '0, 1' });
  const frozen = {
    ...fenced,
    partitions: fenced.partitions.map((entry) => ({ ...entry, frozen: true as const })),
  };
  expect(offlineStatus(frozen)).toBeUndefined();
});
