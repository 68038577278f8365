// The checksums of blocks, and the digests of a content: the same for a content, whatever pieces it comes in.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  BLOCK_BYTES,
  BlockChecksums,
  blockChecksum,
  blockCount,
} from '../../src/files/block-checksums.ts';
import { ContentDigests } from '../../src/files/content-digests.ts';
import { SeededRandom } from '../helpers/random.ts';

/** Cheap bytes of which no two blocks are alike. */
function contentOf(random: SeededRandom, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(random.below(2 ** 32), at);
  return bytes;
}

function cut(random: SeededRandom, bytes: Buffer): Buffer[] {
  const longest = random.pick([
    1000,
    BLOCK_BYTES - 1,
    BLOCK_BYTES,
    BLOCK_BYTES + 1,
    3 * BLOCK_BYTES,
  ]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = random.chance(0.3) ? longest : random.whole(1, longest);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

describe('the checksums of blocks', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('do not depend on the pieces, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const length = random.pick([0, 1, BLOCK_BYTES]) + BLOCK_BYTES * random.below(3);
    const content = contentOf(random, length + random.below(2) * random.below(BLOCK_BYTES));
    const digests = new ContentDigests();
    for (const piece of cut(random, content)) digests.add(piece);
    const sums = digests.end();
    expect(sums.size).toBe(content.length);
    expect(sums.sha512).toBe(createHash('sha512').update(content).digest('hex'));
    expect(sums.md5).toBe(createHash('md5').update(content).digest('hex'));
    const blocks = blockCount(content.length);
    expect(sums.checksums.length).toBe(4 * blocks);
    for (let block = 0; block < blocks; block++) {
      const bytes = content.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
      expect(bytes.length).toBeGreaterThan(0);
      expect(blockChecksum(sums.checksums, block)).toBe(crc32(bytes));
    }
  });

  test('of a piece that ends with its block are those of the block', () => {
    const content = contentOf(new SeededRandom(1), 2 * BLOCK_BYTES);
    const checksums = new BlockChecksums();
    checksums.add(content.subarray(0, BLOCK_BYTES));
    checksums.add(content.subarray(BLOCK_BYTES));
    const bytes = checksums.end();
    expect(bytes.length).toBe(8);
    expect(blockChecksum(bytes, 0)).toBe(crc32(content.subarray(0, BLOCK_BYTES)));
    expect(blockChecksum(bytes, 1)).toBe(crc32(content.subarray(BLOCK_BYTES)));
  });

  test('of nothing are none', () => {
    expect(new BlockChecksums().end().length).toBe(0);
    expect([0, 1, BLOCK_BYTES, BLOCK_BYTES + 1].map(blockCount)).toEqual([0, 1, 1, 2]);
  });
});
