// A block of any blob is read each minute, so that a disk that fails is noticed though nobody asks for anything.

import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from '../../../src/files/block-checksums.ts';
import { fileTimes } from '../../../src/files/file-times.ts';
import type { BlobFiles } from '../../../src/fileserver/blob-store/blob-files.ts';
import type { BlobStore } from '../../../src/fileserver/blob-store/blob-store.ts';
import { homeOf } from '../../../src/fileserver/blob-store/places.ts';
import { BlockSampler } from '../../../src/fileserver/replicator/block-sampler.ts';
import { BlobStage, blobOf, type TestBlob } from '../../helpers/blob-stage.ts';

const TIMES = fileTimes(1);

class SamplerStage extends BlobStage {
  readonly sampler: BlockSampler;
  /** Whether the next block that is read cannot be. */
  isBroken = false;

  constructor(...blobs: readonly TestBlob[]) {
    super();
    this.start();
    for (const blob of blobs) this.put(blob);
    const { files, runtime } = this;
    const { timers, random, logger } = runtime;
    const store = {
      spoil: (...found: Parameters<BlobStore['spoil']>) => this.store.spoil(...found),
      health: this.store.health,
      files: {
        open: (...[id, opened]: Parameters<BlobFiles['open']>) =>
          this.store.files.open(id, (outcome) => {
            // The meta of the blob was read by then.
            if (this.isBroken) this.files.fail('read', '', 'broken');
            opened(outcome);
          }),
      },
    };
    this.sampler = new BlockSampler({ files, store, timers, random, logger, times: TIMES });
    this.sampler.start();
  }

  pass(samples: number): void {
    this.time.runTo(this.time.monotonicMs() + samples * (TIMES.sampleMs + 1000));
  }

  /** The bytes on the disk are others than those that were committed, at this place. */
  rot({ id, bytes }: TestBlob, at: number): void {
    const rotten = Buffer.from(bytes);
    rotten[at] = (rotten[at] ?? 0) ^ 1;
    const { data } = homeOf(id);
    this.files.take(data);
    this.files.put(data, rotten);
  }
}

describe('a disk that fails', () => {
  test('while it is read is written to no more', () => {
    const stage = new SamplerStage(blobOf(1), blobOf(2), blobOf(3));
    stage.pass(5);
    expect(stage.store.health.problem).toBeUndefined();
    stage.isBroken = true;
    stage.pass(1);
    expect(stage.store.health.problem).toMatch(/^reading a blob failed/);
  });

  test('while its folders are listed as well', () => {
    const stage = new SamplerStage(blobOf(1));
    stage.files.fail('list', 'blobs', 'broken', 2);
    stage.pass(1);
    expect(stage.store.health.problem).toMatch(/^listing blobs failed/);
  });
});

describe('a blob that has rotten', () => {
  const long = blobOf(4, 3 * BLOCK_BYTES + 5);

  test('is found in any of its blocks, and is no blob any more', () => {
    for (const at of [0, BLOCK_BYTES, 2 * BLOCK_BYTES, long.bytes.length - 1]) {
      const stage = new SamplerStage(long);
      stage.rot(long, at);
      stage.pass(60);
      expect([stage.spoiled, stage.have(long)]).toEqual([[long.id], [false]]);
    }
  });

  test('is found among others', () => {
    const others = Array.from({ length: 8 }, (_, index) => blobOf(10 + index, 1000));
    const stage = new SamplerStage(...others, blobOf(20, 0));
    const [one = blobOf(10)] = others;
    stage.rot(one, 5);
    stage.pass(400);
    expect(stage.spoiled).toEqual([one.id]);
  });
});

test('nothing is read of a file server without blobs, or one that stops', () => {
  const empty = new SamplerStage();
  empty.pass(3);
  expect(empty.store.health.problem).toBeUndefined();
  const stopped = new SamplerStage(blobOf(1));
  stopped.sampler.stop();
  stopped.isBroken = true;
  stopped.pass(3);
  expect(stopped.store.health.problem).toBeUndefined();
});
