// When a node drops what the map has given to others (H29). Whole clusters in which it matters are played by
// schedules-given-up and schedules-returning.

import { expect, test } from 'vitest';
import type { ClusterMap, MapVersion } from '../../../src/cluster/model/cluster-map.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import { MEMORY_ONLY } from '../../../src/storage/log/durability.ts';
import { LoggedStore } from '../../../src/storage/logged-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { Retained } from '../../../src/storage/replication/retained.ts';
import { incarnationId, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

const PARTITION = 3 as PartitionId;
const version = (generation: number, number: number): MapVersion => ({ generation, number });

test.each([
  ['the map that took it', version(1, 5), true],
  ['a later map of its generation', version(1, 6), true],
  ['an earlier map', version(1, 4), false],
  // H32: a recovery's map, which may have found this node to be a member with everything.
  ['a map of a later generation', version(2, 1), false],
])('H29: members that have adopted %s %o: dropped %s', (_what, adopted, isDropped) => {
  const store = new SegmentStore();
  const record = { key: Buffer.from('k'), version: 1n as Version, value: Buffer.from('v') };
  store.put(PARTITION, encodeRecord(record));
  const retained = new Retained(new LoggedStore(store, MEMORY_ONLY), nodeId('z'));
  const map: ClusterMap = {
    ...sampleMap({ number: 5 }),
    nodes: { ...sampleMap().nodes, z: sampleNode(3) },
  };
  retained.mapAdopted(map);
  expect(retained.partitions).toEqual([PARTITION]);
  retained.heardAdopted(
    ['a', 'b'].map((node) => ({ ...incarnationId(node), mapVersion: adopted })),
    map.version,
  );
  expect(retained.partitions).toEqual(isDropped ? [] : [PARTITION]);
});
