// What there is to know of a blob, as bytes on the disk and as JSON between nodes.

import { expect, test } from 'vitest';
import {
  type BlobMeta,
  blobCommit,
  blobMeta,
  decodeMeta,
  encodeMeta,
  metaFields,
} from '../../../src/fileserver/blob-store/blob-meta.ts';
import { blobOf, CLUSTER } from '../../helpers/blob-stage.ts';

const { id, commit } = blobOf(1, 600_000);
const META: BlobMeta = {
  ...commit,
  id,
  cluster: CLUSTER,
  committedAt: 1234,
  uptimeMs: 99,
  map: { generation: 3, number: 4, nonce: 'abc' },
};
const FIELDS = {
  size: commit.size,
  crc: commit.crc.toString('base64'),
  sha512: commit.sha512,
  owner: commit.owner.toString('base64'),
  manifest: commit.manifest.toString('base64'),
};

test('it comes back from the disk and from JSON as it was', () => {
  expect(decodeMeta(id, encodeMeta(META))).toEqual(META);
  const { map: _, ...withoutMap } = META;
  expect(decodeMeta(id, encodeMeta({ ...withoutMap, map: undefined }))).toEqual({
    ...withoutMap,
    map: undefined,
  });
  expect(blobMeta(JSON.parse(JSON.stringify(metaFields(META))))).toEqual(META);
  expect(blobCommit(FIELDS)).toEqual(commit);
});

test('one of another blob is none of this one', () => {
  expect(decodeMeta(blobOf(2).id, encodeMeta(META))).toMatch(/it is of blob/);
});

test('any bit turned over is noticed', () => {
  const bytes = encodeMeta({ ...META, ...blobOf(3, 10).commit });
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(decodeMeta(id, changed), `bit ${bit}`).toBeTypeOf('string');
  }
});

test.each([
  ['size', -1],
  ['size', 1.5],
  ['size', 2 ** 60],
  ['crc', 'AAAA'],
  ['crc', `${FIELDS.crc}AAAA`],
  ['crc', 7],
  ['sha512', 'f'.repeat(127)],
  ['sha512', 'F'.repeat(128)],
  ['owner', 'no base64!'],
  ['owner', 'A'.repeat(8000)],
  ['manifest', null],
])('a commit whose %s is %s is none', (name, value) => {
  expect(() => blobCommit({ ...FIELDS, [name]: value })).toThrow(name);
});
