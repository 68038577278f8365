// The id of an event: a place comes back, and what no frontend printed is none.

import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../../src/cluster/model/partition.ts';
import { PartitionSet } from '../../../../src/cluster/model/partition-set.ts';
import { SeededRandom } from '../../../../src/cluster/seeded-random.ts';
import {
  parsePlace,
  printPlace,
  setChecksum,
  type WatchPlace,
} from '../../../../src/coordinator/operations/watch/place.ts';
import { incarnationId } from '../../../helpers/maps.ts';

const followed = (node: string, next: number, partitions = 7, incarnation = 1) => ({
  incarnationId: incarnationId(node, incarnation),
  next,
  partitions,
});

describe('the id of an event', () => {
  test.each<[string, WatchPlace]>([
    ['nothing followed', []],
    ['one node', [followed('a', 1)]],
    [
      'several nodes',
      [followed('a', 2 ** 48 - 1, 2 ** 32 - 1, 2 ** 53 - 1), followed('10.0.0.1:12500', 0, 0, 0)],
    ],
    ['a node with a long name in other letters', [followed('ü'.repeat(300), 5)]],
  ])('with %s comes back, and needs no encoding in a URL', (_, place) => {
    const text = printPlace(place);
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(parsePlace(text)).toEqual(place);
  });

  test('that was made by hand, cut or changed is none', () => {
    const text = printPlace([followed('a', 3), followed('b', 4)]);
    for (const made of ['', 'AA', 'x', '0', `${text}A`, `${text}=`, ` ${text}`, `${text}\n`]) {
      expect(parsePlace(made)).toBeUndefined();
    }
    for (let length = 0; length < text.length; length++) {
      expect(parsePlace(text.slice(0, length))).toBeUndefined();
    }
    const random = new SeededRandom(1);
    for (let round = 0; round < 2000; round++) {
      const at = random.below(text.length);
      const other = random.pick([
        ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-',
      ]);
      const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
      if (changed !== text) expect(parsePlace(changed)).toBeUndefined();
    }
  });

  test('whose checksum is right and whose content is none is refused', () => {
    // The length of a name that goes beyond the end, and a format of a later version.
    const printed = Buffer.from(printPlace([followed('a', 3)]), 'base64url');
    for (const [at, byte] of [
      [1, 0xff],
      [0, 2],
    ] as const) {
      const content = Buffer.from(printed.subarray(0, -4));
      content[at] = byte;
      expect(parsePlace(withChecksum(content))).toBeUndefined();
    }
    expect(parsePlace(withChecksum(Buffer.of(1, 0)))).toBeUndefined();
    expect(parsePlace(withChecksum(printed.subarray(0, -10)))).toBeUndefined();
  });

  test('tells sets of partitions apart', () => {
    const checksums = new Set<number>();
    for (let partition = 0; partition < 4096; partition++) {
      const set = PartitionSet.empty(4096);
      set.add(partition as PartitionId);
      checksums.add(setChecksum(set));
    }
    expect(checksums.size).toBe(4096);
  });
});

function withChecksum(content: Buffer): string {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(content));
  return Buffer.concat([content, crc]).toString('base64url');
}
