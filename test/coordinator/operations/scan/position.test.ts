// The cursor of a scan: a place comes back, and what no frontend printed is no cursor.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../../src/cluster/model/partition.ts';
import { SeededRandom } from '../../../../src/cluster/seeded-random.ts';
import {
  parseCursor,
  printCursor,
  type ScanPosition,
} from '../../../../src/coordinator/operations/scan/position.ts';

const positionOf = (partition: number, bucket: number, key: string): ScanPosition => ({
  partition: partition as PartitionId,
  from: { bucket, afterKey: Buffer.from(key, 'latin1') },
});

describe('a cursor', () => {
  test.each([
    [1, positionOf(0, 0, '')],
    [1, positionOf(15, 63, 'k')],
    [2, positionOf(255, 0, '\xff\x00/+=')],
    [3, positionOf(4095, 5, '\xff'.repeat(1025))],
  ])('of %i digits comes back as it was', (digits, position) => {
    const text = printCursor(position, digits);
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(parseCursor(text, digits)).toEqual(position);
  });

  test('of other digits is none: it comes from another cluster', () => {
    const text = printCursor(positionOf(3, 1, 'k'), 1);
    expect(parseCursor(text, 2)).toBeUndefined();
    expect(parseCursor(text, 3)).toBeUndefined();
  });

  test('of a longer key than any is none, whatever its checksum says', () => {
    const text = printCursor(positionOf(3, 1, 'k'.repeat(1026)), 1);
    expect(parseCursor(text, 1)).toBeUndefined();
  });

  test('that was made by hand, cut or changed is none', () => {
    const text = printCursor(positionOf(3, 1, 'key'), 1);
    for (const made of ['', 'AA', 'cursor', '0', `${text}A`, `${text}=`, ` ${text}`, `${text}\n`]) {
      expect(parseCursor(made, 1)).toBeUndefined();
    }
    for (let length = 0; length < text.length; length++) {
      expect(parseCursor(text.slice(0, length), 1)).toBeUndefined();
    }
    const random = new SeededRandom(1);
    for (let round = 0; round < 2000; round++) {
      const at = random.below(text.length);
      const other = random.pick([
        ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-',
      ]);
      const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
      if (changed !== text) expect(parseCursor(changed, 1)).toBeUndefined();
    }
  });

  test('of a partition that there is not is none', () => {
    expect(parseCursor(printCursor(positionOf(16, 0, ''), 1), 1)).toBeUndefined();
  });
});
