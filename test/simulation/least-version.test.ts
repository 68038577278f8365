// The checker of reads that demand a version can fail: hand-made histories, good and bad.

import { describe, expect, test } from 'vitest';
import type { Version } from '../../src/cluster/model/version.ts';
import { History } from '../../src/simulation/history.ts';
import { isAcknowledged, olderThanDemanded } from '../../src/simulation/least-version.ts';

describe('H21: a get that demands a version', () => {
  const read = (version: number | undefined, value?: string) => {
    const kept = new History();
    kept.end(kept.begin('set', 'k', 0, 'x'), 9, 504, '0000000000000005');
    kept.end(kept.begin('set', 'k', 0, 'w'), 1, 200, '0000000000000004');
    const demanding = kept.begin('get', 'k', 10, value, { minVersion: 5n as Version });
    const text = version?.toString(16).padStart(16, '0');
    kept.end(demanding, 11, value === undefined ? 404 : 200, text);
    return olderThanDemanded(kept.operations);
  };

  test('may have it or something newer', () => {
    expect(read(5, 'x')).toEqual([]);
    expect(read(4, 'w').join()).toContain('older than demanded');
    expect(read(undefined, 'x').join()).toContain('older than demanded');
    expect(read(4).join()).toContain('older than demanded');
  });

  test('an acknowledged one, or a lower one, must be there, unless it was given up', () => {
    const kept = new History();
    kept.end(kept.begin('set', 'k', 0, 'x'), 1, 200, '0000000000000005');
    kept.end(kept.begin('set', 'k', 2, 'y'), 3, 504, '0000000000000006');
    kept.end(kept.begin('get', 'k', 4), 5, 200, '0000000000000006');
    const isThere = (version: bigint, beforeMs: number, key = 'k') =>
      isAcknowledged(kept, key, version as Version, beforeMs);
    expect(isThere(5n, 2)).toBe(true);
    expect(isThere(4n, 2)).toBe(true);
    expect(isThere(5n, 1)).toBe(false);
    expect(isThere(6n, 9)).toBe(false);
    expect(isThere(5n, 2, 'other')).toBe(false);
    kept.acceptLoss(['k'], 9);
    expect(isThere(5n, 2)).toBe(false);
  });
});
