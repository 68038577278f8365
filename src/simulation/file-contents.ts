// Contents of simulated files. Each is made anew for one upload, so its digest says which upload wrote it; its bytes
// follow from its number and their places, so mixed, shifted or truncated contents are recognised. All are views on one
// pattern, and cost next to nothing.

import { hash } from 'node:crypto';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import { BLOCK_BYTES } from '../files/block-checksums.ts';
import { INLINE_BYTES_MAX } from '../files/manifest.ts';

export interface FileContent {
  readonly name: string;
  readonly bytes: Buffer;
  /** In hexadecimal. */
  readonly sha512: string;
}

const MIB = 1024 * 1024;
/** Lengths at which something begins or ends: a record, a block, a window of an upload. */
const EDGES = [
  0,
  1,
  1000,
  INLINE_BYTES_MAX,
  INLINE_BYTES_MAX + 1,
  BLOCK_BYTES - 1,
  BLOCK_BYTES,
  BLOCK_BYTES + 1,
  3 * BLOCK_BYTES,
  MIB + 1,
];
/** Any other lengths: mostly short blobs, as each byte is hashed several times. */
const LENGTHS = [INLINE_BYTES_MAX + 1, 2 * BLOCK_BYTES] as const;
const EDGE_CHANCE = 0.3;
/** How many places in the pattern contents begin at; a prime, so that contents of one length differ in all blocks. */
const SHIFTS = 65_521;
const STEP = 7919;

const pattern = patternOf(2 * MIB + SHIFTS);

export class FileContents {
  readonly #byDigest = new Map<string, FileContent>();

  draw(random: SeededRandom): FileContent {
    const bytes = random.chance(EDGE_CHANCE)
      ? random.pick(EDGES)
      : Math.floor(random.between(...LENGTHS));
    return this.next(bytes);
  }

  next(length: number): FileContent {
    const number = this.#byDigest.size + 1;
    const from = (number * STEP) % SHIFTS;
    const bytes = pattern.subarray(from, from + length);
    const sha512 = hash('sha512', bytes, 'hex');
    const known = this.#byDigest.get(sha512);
    // Only the shortest are alike.
    if (known !== undefined) return known;
    const content = { name: `content ${number} of ${length} bytes`, bytes, sha512 };
    this.#byDigest.set(sha512, content);
    return content;
  }

  /** @returns undefined for what no client has sent */
  withDigest(sha512: string): FileContent | undefined {
    return this.#byDigest.get(sha512);
  }
}

/** Bytes without a period, the same in each process: xorshift32 (Marsaglia). */
function patternOf(length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = 2463534242;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state >>> 0;
  }
  return Buffer.from(words.buffer, 0, length);
}
