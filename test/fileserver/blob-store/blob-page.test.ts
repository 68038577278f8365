// The list of all blobs, page by page: each that is there throughout is in it exactly once, whatever the length of a page.

import { expect, test } from 'vitest';
import type { BlobId } from '../../../src/files/blob-id.ts';
import { type BlobPage, pageOfBlobs } from '../../../src/fileserver/blob-store/blob-page.ts';
import { homeOf } from '../../../src/fileserver/blob-store/places.ts';
import { BlobStage, blobOf, type TestBlob } from '../../helpers/blob-stage.ts';

/** Blobs of which some share a folder. */
function stageWith(count: number): { stage: BlobStage; blobs: readonly TestBlob[] } {
  const stage = new BlobStage();
  stage.start();
  const blobs = Array.from({ length: count }, (_, index) => {
    const blob = blobOf(index, 100);
    const end = `${(index % 3).toString().repeat(4)}${blob.id.slice(16)}`;
    return { ...blob, id: `${blob.id.slice(0, 12)}${end}` as BlobId };
  });
  for (const blob of blobs) stage.put(blob);
  return { stage, blobs };
}

function page(stage: BlobStage, after: BlobId | undefined, limit: number): readonly BlobId[] {
  const found = stage.ask<BlobPage>((done) => pageOfBlobs(stage.files, after, limit, done));
  if (found.kind === 'failed') throw new Error(found.detail);
  return found.ids;
}

test.each([1, 2, 3, 5, 100])('with %i a page', (limit) => {
  const { stage, blobs } = stageWith(13);
  const gone = blobs[4] as TestBlob;
  stage.ask((done) => stage.store.discard(gone.id, done));
  const met: BlobId[] = [];
  for (let after: BlobId | undefined; ; ) {
    // As the route gives them: no more than were asked for.
    const ids = page(stage, after, limit).slice(0, limit);
    if (ids.length === 0) break;
    met.push(...ids);
    after = ids.at(-1);
  }
  const there = blobs.filter((blob) => blob !== gone).map(({ id }) => id);
  expect([...met].sort()).toEqual([...there].sort());
  const places = met.map((id) => homeOf(id).meta);
  expect(places).toEqual([...places].sort());
});

test('what went since the page before takes nothing with it', () => {
  const { stage } = stageWith(9);
  const all = page(stage, undefined, 100);
  const [, , third] = all;
  expect(page(stage, third, 100)).toEqual(all.slice(3));
  stage.ask((done) => stage.store.discard(third as BlobId, done));
  expect(page(stage, third, 100)).toEqual(all.slice(3));
});

test('an empty directory has an empty page', () => {
  const stage = new BlobStage();
  stage.start();
  expect(page(stage, undefined, 10)).toEqual([]);
});
