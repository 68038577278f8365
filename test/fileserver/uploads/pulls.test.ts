// A file server that is told to fetch a blob which it has already, or had.

import { expect, test } from 'vitest';
import type { FilesFault } from '../../../src/cluster/files.ts';
import type { HttpReply } from '../../../src/cluster/http/http.ts';
import type { Address } from '../../../src/cluster/model/identity.ts';
import { homeOf } from '../../../src/fileserver/blob-store/places.ts';
import { Pulls } from '../../../src/fileserver/uploads/pulls.ts';
import { BlobStage, blobOf, CLUSTER } from '../../helpers/blob-stage.ts';

const FAULTS: readonly FilesFault[] = ['shortage', 'broken'];

function pulled(stage: BlobStage, store = stage.store): number {
  const pulls = new Pulls(stage.runtime, 1);
  const from = '127.0.0.1:1' as Address;
  return stage.ask<HttpReply>((done) =>
    pulls.pull({ store, cluster: CLUSTER }, blobOf(1).id, from, done),
  ).status;
}

test.each(FAULTS)('F5: a blob that cannot be looked at stays where it is (%s)', (fault) => {
  const stage = new BlobStage();
  stage.start();
  const blob = blobOf(1);
  stage.put(blob);
  for (const call of ['makeDirectory', 'bytesOf'] as const) {
    // Whatever is looked at first after a start.
    const store = stage.storeOnly();
    const { folder, data } = homeOf(blob.id);
    stage.files.fail(call, call === 'bytesOf' ? data : folder, fault);
    expect(pulled(stage, store), call).toBeGreaterThanOrEqual(500);
    expect(stage.hasBytes(blob), call).toBe(true);
    expect(stage.spoiled, call).toEqual([]);
    expect(pulled(stage, store), call).toBe(200);
  }
});

test('F5: a meta without its bytes makes room for the copy', () => {
  const stage = new BlobStage();
  stage.start();
  const blob = blobOf(1);
  stage.put(blob);
  stage.files.take(homeOf(blob.id).data);
  expect(pulled(stage)).toBe(502);
  expect(stage.spoiled).toEqual([blob.id]);
  expect(stage.files.paths.filter((path) => path.startsWith('blobs/'))).toEqual([]);
});
