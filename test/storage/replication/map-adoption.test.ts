// Which maps a storage node writes when several come at once. Whole nodes with slow disks are played by the schedules.

import { expect, test } from 'vitest';
import { type ClusterMap, compareMapVersions } from '../../../src/cluster/model/cluster-map.ts';
import type { DiskResult, Runtime } from '../../../src/cluster/ports.ts';
import { MapAdoption } from '../../../src/storage/replication/map-adoption.ts';
import type { Replica } from '../../../src/storage/replication/replica.ts';
import { sampleMap } from '../../helpers/maps.ts';

test('I1: a map that waited for the disk behind a newer one does not replace it there', () => {
  const writes: ((result: DiskResult<undefined>) => void)[] = [];
  const runtime = {
    disk: {
      replace: (_name: string, _bytes: Buffer, done: (result: DiskResult<undefined>) => void) =>
        writes.push(done),
    },
    timers: { after: () => () => undefined },
    logger: { write: () => undefined },
  } as unknown as Runtime;
  const replica = {
    map: sampleMap({ number: 1 }),
    judge(map: ClusterMap) {
      return compareMapVersions(map.version, this.map.version) > 0 ? 'adopted' : 'already-newer';
    },
    obey: () => undefined,
    adopt(map: ClusterMap) {
      this.map = map;
      return 'adopted';
    },
  };
  const adoption = new MapAdoption(runtime, replica as unknown as Replica, () => undefined);
  const outcomes: string[] = [];
  for (const number of [5, 4]) {
    adoption.offer(sampleMap({ number }), 'controller', (outcome) =>
      outcomes.push(`${number} ${outcome}`),
    );
  }
  expect(writes).toHaveLength(1);
  writes[0]?.({ kind: 'done', value: undefined });
  expect(outcomes).toEqual(['5 adopted', '4 already-newer']);
  expect(writes).toHaveLength(1);
});
