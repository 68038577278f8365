// The start of a file server on its directory: whose it is, what it refuses, and what it tidies up.

import { describe, expect, test } from 'vitest';
import type { ClusterId, NodeId } from '../../../src/cluster/model/identity.ts';
import { writePersistently } from '../../../src/cluster/persistent-write.ts';
import {
  decodeStoreIdentity,
  encodeStoreIdentity,
  type StoreIdentity,
} from '../../../src/fileserver/blob-store/identity-file.ts';
import { claimFor, openStore } from '../../../src/fileserver/blob-store/opening.ts';
import { BlobStage, blobOf, CLUSTER } from '../../helpers/blob-stage.ts';

const IDENTITY: StoreIdentity = {
  node: 'f1' as NodeId,
  store: 'a store' as never,
  cluster: CLUSTER,
};

function open(stage: BlobStage, node = 'f1', nodeIsGiven = false): StoreIdentity {
  const options = { node: node as NodeId, nodeIsGiven };
  return stage.ask((opened) => openStore(stage.files, stage.runtime.random, options, opened));
}

test('a new directory gets an identity that stays, and the folders of blobs', () => {
  const stage = new BlobStage();
  const identity = open(stage);
  expect(identity).toEqual({ node: 'f1', store: 'f'.repeat(32), cluster: undefined });
  expect(open(stage, 'f2')).toEqual(identity);
  expect(stage.files.paths).toEqual(['fileserver.identity']);
  stage.put(blobOf(1));
});

test('its cluster is noted once and for all', () => {
  const stage = new BlobStage();
  const identity = open(stage);
  const claimed = { ...identity, cluster: 'c' as ClusterId };
  const failure = stage.ask<string | undefined>((written) =>
    writePersistently(stage.runtime, claimFor(stage.files, claimed), written),
  );
  expect(failure).toBeUndefined();
  expect(open(stage)).toEqual(claimed);
});

test('the note waits for a full disk, and not for a broken one', () => {
  const stage = new BlobStage();
  const claim = claimFor(stage.files, open(stage));
  expect(['ENOSPC', 'EDQUOT', 'EMFILE', 'EIO', 'EROFS'].map(claim.isWaitedFor)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('incoming/ is emptied: nothing in it was acknowledged', () => {
  const stage = new BlobStage();
  open(stage);
  stage.put(blobOf(1));
  stage.stage(blobOf(2));
  stage.files.put('incoming/anything', Buffer.from('left'));
  stage.files.kill();
  open(stage);
  expect(stage.files.paths.filter((path) => path.startsWith('incoming/'))).toEqual([]);
  expect(stage.have(blobOf(1))).toEqual([true]);
});

describe('refused, with nothing changed', () => {
  const refused = (stage: BlobStage, message: RegExp, node?: string) => {
    const contents = () =>
      stage.files.paths.map((path) => [path, stage.files.contentOf(path)?.toString('latin1')]);
    const before = contents();
    expect(() => open(stage, node, node !== undefined)).toThrow(message);
    expect(contents()).toEqual(before);
  };

  test.each([
    ['storage.identity', /has storage\.identity: it is that of a storage node; give .* another/],
    ['controller.state', /it is that of a controller/],
    ['blobs/00/11/x', /has blobs\/ and no fileserver\.identity, .* put back that file/],
    ['incoming/upload.tmp', /has incoming\/ and no fileserver\.identity/],
    ['trash/x', /has trash\/ and no/],
  ])('a directory that has %s and no identity', (path, message) => {
    const stage = new BlobStage();
    stage.files.put(path, Buffer.from('somebody else'));
    refused(stage, message);
  });

  test('but not for what file systems and people put there', () => {
    const stage = new BlobStage();
    stage.files.put('lost+found/x', Buffer.alloc(0));
    stage.files.put('README', Buffer.alloc(0));
    expect(open(stage).node).toBe('f1');
  });

  test('the directory of another file server, where the operator named one', () => {
    const stage = new BlobStage();
    stage.files.put('fileserver.identity', encodeStoreIdentity(IDENTITY));
    refused(
      stage,
      /belongs to file server f1, not f2; give --name f1, or another --data-dir/,
      'f2',
    );
    expect(open(stage, 'f1', true)).toEqual(IDENTITY);
  });

  test.each([
    ['later software', Buffer.from('{"format":2,"crc":"00000000","node":"f1"}\n'), /of format 2/],
    ['nothing', Buffer.alloc(100), /it is empty/],
    ['no JSON', Buffer.from('{'), /it is damaged/],
  ])('an identity of %s', (_, bytes, message) => {
    const stage = new BlobStage();
    stage.files.put('fileserver.identity', bytes);
    refused(stage, message);
  });

  test('an identity that cannot be read', () => {
    const stage = new BlobStage();
    stage.files.put('fileserver.identity', encodeStoreIdentity(IDENTITY));
    stage.files.fail('read', 'fileserver.identity', 'broken');
    refused(stage, /fileserver\.identity cannot be read: EBROKEN/);
  });
});

test('any bit of an identity turned over is noticed', () => {
  const bytes = encodeStoreIdentity(IDENTITY);
  expect(decodeStoreIdentity(bytes)).toEqual(IDENTITY);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(decodeStoreIdentity(changed), `bit ${bit}`).toBeTypeOf('string');
  }
});
