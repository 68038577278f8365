// Bytes of blobs on their way to clients: exactly those that were asked for, or a stream that breaks (F3, F6).

import { describe, expect, test } from 'vitest';
import type { FilesCallback, OpenFile } from '../../../src/cluster/files.ts';
import type { BytePart } from '../../../src/cluster/http/byte-stream.ts';
import { BLOCK_BYTES } from '../../../src/files/block-checksums.ts';
import type { ByteRange } from '../../../src/files/outcomes.ts';
import { BlobReading } from '../../../src/fileserver/downloads/blob-reading.ts';
import { BlockBuffers } from '../../../src/fileserver/downloads/block-buffers.ts';
import { commitOf } from '../../helpers/blob-stage.ts';
import { firstFreshSeed, SeededRandom } from '../../helpers/random.ts';

const SEEDS = Array.from({ length: 20 }, (_, index) => firstFreshSeed() + index);

/** A file whose reads end when the test says so. */
class SlowFile implements OpenFile {
  readonly bytes: Buffer;
  readonly #waiting: (() => void)[] = [];
  isClosed = false;
  readsAtOnce = 0;
  fails = false;

  constructor(bytes: Buffer) {
    this.bytes = Buffer.from(bytes);
  }

  read(position: number, into: Buffer, callback: FilesCallback<number>): void {
    if (this.isClosed) throw new Error('nothing is read of a closed file');
    this.#waiting.push(() => {
      if (this.fails) return callback({ kind: 'failed', fault: 'broken', detail: 'EIO' });
      return callback({ kind: 'done', value: this.bytes.copy(into, 0, position) });
    });
    this.readsAtOnce = Math.max(this.readsAtOnce, this.#waiting.length);
  }

  close(): void {
    if (this.isClosed) throw new Error('closed twice');
    this.isClosed = true;
  }

  /** One of the reads under way ends. @returns false when there is none */
  endRead(random?: SeededRandom): boolean {
    const [read] = this.#waiting.splice(random?.below(this.#waiting.length) ?? 0, 1);
    read?.();
    return read !== undefined;
  }
}

function reading(bytes: Buffer, range?: ByteRange, blocksAhead = 3) {
  const file = new SlowFile(bytes);
  const spoiled: number[] = [];
  let [sent, over] = [0, 0];
  const content = commitOf(bytes);
  const memory = { buffers: new BlockBuffers(), blocksAhead };
  const stream = new BlobReading({ content, file }, range, memory, {
    sent: (count) => {
      sent += count;
    },
    spoiled: (block) => spoiled.push(block),
    over: () => over++,
  });
  const pieces: Buffer[] = [];
  let last: BytePart | undefined;
  let mostHeld = 0;
  const readAll = (random?: SeededRandom) => {
    let isAsking = false;
    const ask = () => {
      isAsking = true;
      stream.read((part) => {
        isAsking = false;
        if (part.kind === 'bytes') pieces.push(part.bytes);
        else last = part;
      });
    };
    while (last === undefined) {
      if (!isAsking) ask();
      else if (!file.endRead(random)) break;
      mostHeld = Math.max(mostHeld, file.readsAtOnce);
    }
    return { bytes: Buffer.concat(pieces), last, mostHeld };
  };
  return { file, stream, readAll, spoiled, figures: () => ({ sent, over }) };
}

const random = new SeededRandom(7);
const content = (bytes: number) => {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) buffer.writeUInt32LE(random.below(2 ** 32), at);
  return buffer;
};
const LONG = content(5 * BLOCK_BYTES + 1234);

test.each([0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, LONG.length])(
  'a blob of %i bytes comes whole',
  (bytes) => {
    const { readAll, stream, file, figures } = reading(LONG.subarray(0, bytes));
    expect(stream.length).toBe(bytes);
    const read = readAll();
    expect(read.last).toEqual({ kind: 'end' });
    expect(read.bytes.equals(LONG.subarray(0, bytes))).toBe(true);
    expect(file.isClosed).toBe(true);
    expect(figures()).toEqual({ sent: bytes, over: 1 });
  },
);

test.each(SEEDS)(
  'seed %i: any range comes as it is in the blob, in whatever order the disk reads',
  (seed) => {
    const seeded = new SeededRandom(seed);
    const first = seeded.below(LONG.length);
    const last = first + seeded.below(LONG.length - first);
    const blocksAhead = 1 + seeded.below(4);
    const { readAll, stream, spoiled } = reading(LONG, { first, last }, blocksAhead);
    expect(stream.length).toBe(last - first + 1);
    const read = readAll(seeded);
    expect(read.last).toEqual({ kind: 'end' });
    expect(read.bytes.equals(LONG.subarray(first, last + 1))).toBe(true);
    expect(read.mostHeld).toBeLessThanOrEqual(blocksAhead);
    expect(spoiled).toEqual([]);
  },
);

test.each(SEEDS)(
  'seed %i: memory is used again for as long as it is released, never before',
  (seed) => {
    const seeded = new SeededRandom(seed);
    const { file, stream } = reading(LONG);
    const held: { at: number; bytes: Buffer; release: () => void }[] = [];
    const memories = new Set<ArrayBufferLike>();
    const isReleased = seeded.chance(0.5);
    let [at, isEnded] = [0, false];
    const isRight = ({ at, bytes }: (typeof held)[number]) =>
      bytes.equals(LONG.subarray(at, at + bytes.length));
    while (!isEnded) {
      stream.read((part) => {
        if (part.kind !== 'bytes') {
          isEnded = true;
          return;
        }
        const { bytes, release = () => undefined } = part;
        memories.add(bytes.buffer);
        held.push({ at, bytes, release });
        at += bytes.length;
      });
      while (!isEnded && file.endRead(seeded));
      expect(held.every(isRight)).toBe(true);
      if (isReleased) for (const piece of held.splice(0)) piece.release();
    }
    expect(at).toBe(LONG.length);
    // Three blocks ahead and the one that is handed over; the short last one has memory of its own.
    if (isReleased) expect(memories.size).toBeLessThan(6);
    else expect(memories.size).toBe(6);
  },
);

describe('F6: of a block whose checksum is wrong no byte is sent', () => {
  test.each(SEEDS)('seed %i', (seed) => {
    const seeded = new SeededRandom(seed);
    const { readAll, file, spoiled, figures } = reading(LONG);
    const at = seeded.below(LONG.length);
    file.bytes[at] = (file.bytes[at] ?? 0) ^ (1 << seeded.below(8));
    const block = Math.floor(at / BLOCK_BYTES);
    const read = readAll(seeded);
    expect(read.last).toEqual({ kind: 'broken', why: 'failed' });
    // Those before it are right, and a client that goes on elsewhere has so much more.
    expect(read.bytes.equals(LONG.subarray(0, block * BLOCK_BYTES))).toBe(true);
    expect(spoiled).toEqual([block]);
    while (file.endRead(seeded));
    expect(file.isClosed).toBe(true);
    expect(figures().over).toBe(1);
  });

  test('nor of one that only a part of is asked for', () => {
    const { readAll, file, spoiled } = reading(LONG, { first: BLOCK_BYTES, last: BLOCK_BYTES + 9 });
    file.bytes[2 * BLOCK_BYTES - 1] = ~(file.bytes[2 * BLOCK_BYTES - 1] ?? 0) & 0xff;
    expect(readAll().bytes).toHaveLength(0);
    expect(spoiled).toEqual([1]);
  });

  test('nor of a file that is too short, or cannot be read', () => {
    const short = reading(LONG);
    Object.assign(short.file, { bytes: LONG.subarray(0, LONG.length - 1) });
    expect(short.readAll().last).toEqual({ kind: 'broken', why: 'failed' });
    expect(short.spoiled).toEqual([5]);
    const failing = reading(LONG);
    failing.file.fails = true;
    expect(failing.readAll().last).toEqual({ kind: 'broken', why: 'failed' });
    expect(failing.spoiled).toEqual([0]);
  });
});

test('a client that leaves closes the file, once what is being read is read', () => {
  const { stream, file, figures } = reading(LONG);
  stream.read(() => {
    throw new Error('nothing comes after discard');
  });
  stream.discard();
  stream.discard();
  expect(file.isClosed).toBe(false);
  while (file.endRead());
  expect(file.isClosed).toBe(true);
  expect(figures().over).toBe(1);
});

test('a client that asks for nothing has nothing read for it', () => {
  const { stream, file, figures } = reading(LONG);
  expect(file.readsAtOnce).toBe(0);
  stream.discard();
  expect(figures().over).toBe(1);
});
