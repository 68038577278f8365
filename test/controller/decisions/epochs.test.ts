// The only place that opens an epoch (I5, H32), and what becomes of the last one.

import { describe, expect, test } from 'vitest';
import type { PartitionEntry } from '../../../src/cluster/model/cluster-map.ts';
import { EPOCH_MAX, type Epoch } from '../../../src/cluster/model/identity.ts';
import type { LogFields } from '../../../src/cluster/ports.ts';
import { EpochWatch, openEpoch, spentShare } from '../../../src/controller/decisions/epochs.ts';
import { withMembers, withNode } from '../../../src/controller/decisions/membership.ts';
import { memberOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

const entryAt = (epoch: number, frozen?: true): PartitionEntry => ({
  epoch: epoch as Epoch,
  members: [memberOf('a', 'serving')],
  ...(frozen && { frozen }),
});

describe('an epoch', () => {
  test('is the next one, and is told to its members (H16)', () => {
    const entry = openEpoch(entryAt(7), (joinEpoch) => [memberOf('b', 'joining', 1, joinEpoch)]);
    expect(entry).toEqual({ epoch: 8, members: [memberOf('b', 'joining', 1, 8)] });
  });

  test('of a frozen entry is above all that a lost controller may have opened, and thaws it', () => {
    const members = [memberOf('b', 'serving')];
    expect(withMembers(entryAt(7, true), members)).toEqual({ epoch: 1_000_007, members });
  });

  test('beyond the last one is not opened: the entry stays as it is, frozen or not', () => {
    const last = entryAt(EPOCH_MAX);
    const frozen = entryAt(EPOCH_MAX - 999_999, true);
    for (const entry of [last, frozen]) expect(openEpoch(entry, () => [])).toBe(entry);
    expect(openEpoch(entryAt(EPOCH_MAX - 1), () => []).epoch).toBe(EPOCH_MAX);
    expect(openEpoch(entryAt(EPOCH_MAX - 1_000_000, true), () => []).epoch).toBe(EPOCH_MAX);
  });

  test('beyond the last one is no place for a new life either', () => {
    const map = sampleMap({ epoch: EPOCH_MAX });
    const next = withNode(map, nodeId('a'), sampleNode(1, 2), true);
    expect(next.partitions).toEqual(map.partitions);
  });
});

test('that epochs run out is said once a start, years before they do', () => {
  const lines: (LogFields | undefined)[] = [];
  const watch = new EpochWatch({ write: (_level, _message, fields) => lines.push(fields) });
  watch.published(sampleMap({ epoch: EPOCH_MAX / 20 }));
  expect(lines).toEqual([]);
  watch.published(sampleMap({ epoch: EPOCH_MAX / 8 }));
  watch.published(sampleMap({ epoch: EPOCH_MAX / 4 }));
  expect(lines).toEqual([{ spentShare: 1 / 8 }]);
  expect(spentShare(sampleMap({ epoch: EPOCH_MAX }))).toBe(1);
});
