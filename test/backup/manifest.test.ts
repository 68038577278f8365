// The manifest: what goes in comes out, and what is none says why.

import { describe, expect, test } from 'vitest';
import {
  type Content,
  encodeManifest,
  fileOf,
  type Manifest,
  namesBlobs,
  parseManifest,
} from '../../src/backup/manifest.ts';
import type { ClusterId } from '../../src/cluster/model/identity.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import { firstFreshSeed, SeededRandom } from '../helpers/random.ts';

function contentFrom(random: SeededRandom, complete: boolean): Content {
  const next = random.chance(0.5)
    ? { bucket: random.below(64), afterKey: random.bytes(random.whole(1, 40)) }
    : undefined;
  return {
    bytes: random.below(2 ** 32) * 1000,
    crc: random.below(2 ** 32),
    records: random.below(1e6),
    deletes: random.below(1e6),
    expiring: random.below(1e6),
    blobs: random.chance(0.1) ? random.whole(1, 1e6) : undefined,
    complete,
    next: complete ? undefined : next,
  };
}

function manifestFrom(random: SeededRandom): Manifest {
  const digits = random.whole(1, 2);
  const finished = random.chance(0.3);
  const all = Array.from({ length: 16 ** digits }, (_, index) => index as PartitionId);
  const some = finished ? all : all.filter(() => random.chance(0.5));
  const partitions = new Map(
    some.map((partition) => [partition, contentFrom(random, finished || random.chance(0.5))]),
  );
  const blobs = { blobs: random.below(1e6), bytes: random.below(1e9), gone: random.below(10) };
  return {
    cluster: 'c' as ClusterId,
    digits,
    startedAtMs: random.below(2 ** 32),
    finishedAtMs: finished ? random.below(2 ** 32) : undefined,
    blobs: finished && namesBlobs(partitions) ? blobs : undefined,
    partitions,
  };
}

const first = firstFreshSeed();
test.each(Array.from({ length: 50 }, (_, index) => first + index))(
  'seed %i: a manifest comes back as it was',
  (seed) => {
    const manifest = manifestFrom(new SeededRandom(seed));
    expect(parseManifest(encodeManifest(manifest))).toEqual(manifest);
  },
);

test('files are named as the keys of their partition begin', () => {
  expect(fileOf(10 as PartitionId, 1)).toBe('partition-a.records');
  expect(fileOf(10 as PartitionId, 3)).toBe('partition-00a.records');
});

describe('refused', () => {
  const whole = {
    format: 1,
    cluster: 'c',
    digits: 1,
    startedAtMs: 1,
    partitions: { a: { bytes: 0, crc: 0, records: 0, deletes: 0, expiring: 0, complete: true } },
  };
  test('as it stands it is none of these', () => {
    expect(parseManifest(Buffer.from(JSON.stringify(whole)))).toBeTypeOf('object');
  });
  test.each([
    ['no JSON', '{"format": 1', /no JSON/],
    [
      'another format',
      JSON.stringify({ ...whole, format: 3 }),
      /format 3, and .* reads formats 1 and 2/,
    ],
    ['a field of another kind', JSON.stringify({ ...whole, digits: 'a' }), /digits/],
    [
      'a partition that is none',
      JSON.stringify({ ...whole, partitions: { '0a': whole.partitions.a } }),
      /0a/,
    ],
    ['finished without all', JSON.stringify({ ...whole, finishedAtMs: 2 }), /not all partitions/],
  ])('%s', (_name, text, message) => {
    expect(parseManifest(Buffer.from(text))).toMatch(message);
  });
});

test('a backup without blobs is as it was before there were any, and earlier software refuses one with them', () => {
  const content = { bytes: 1, crc: 1, records: 1, deletes: 0, expiring: 0, complete: true };
  const formatOf = (blobs: number | undefined) => {
    const partitions = new Map([[0 as PartitionId, { ...content, blobs, next: undefined }]]);
    const manifest = { cluster: 'c' as ClusterId, digits: 1, startedAtMs: 1, partitions };
    return JSON.parse(encodeManifest(manifest).toString());
  };
  expect(formatOf(undefined)).toEqual({
    format: 1,
    cluster: 'c',
    digits: 1,
    startedAtMs: 1,
    partitions: { 0: content },
  });
  expect(formatOf(3)).toMatchObject({ format: 2, partitions: { 0: { blobs: 3 } } });
});
