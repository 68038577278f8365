// The count of the blobs after a start, while others come and go; and what a crash has left half done.

import { expect, test } from 'vitest';
import { Census } from '../../../src/fileserver/blob-store/census.ts';
import { homeOf } from '../../../src/fileserver/blob-store/places.ts';
import { BlobStage, blobOf, CLUSTER, TestBody } from '../../helpers/blob-stage.ts';

function withBlobs(count: number) {
  const stage = new BlobStage();
  stage.start();
  const blobs = Array.from({ length: count }, (_, index) => blobOf(index, 100 + index));
  for (const blob of blobs) stage.put(blob);
  return { stage, blobs };
}

test('all are counted again at a start, those in the trash apart', () => {
  const { stage, blobs } = withBlobs(20);
  for (const { id } of blobs.slice(0, 5)) stage.ask((done) => stage.store.discard(id, done));
  const counts = () => [stage.store.blobs.count, stage.store.trash.count];
  const before = counts();
  expect(before).toMatchObject([{ blobs: 15 }, { blobs: 5 }]);
  stage.files.kill();
  stage.start();
  expect(counts()).toEqual(before);
  expect(stage.store.blobs.isComplete).toBe(true);
});

test('what comes and goes meanwhile counts once, whenever it does', () => {
  for (let delayMs = 0; delayMs < 12; delayMs += 0.05) {
    const { stage, blobs } = withBlobs(4);
    stage.files.kill();
    const store = stage.storeOnly();
    const counted = stage.begin<undefined>((done) =>
      new Census(stage.runtime, stage.files, store, () => done(undefined)).start(),
    );
    stage.time.runTo(stage.time.monotonicMs() + delayMs);
    const [gone, stays] = blobs;
    if (gone === undefined || stays === undefined) throw new Error('there are four');
    const [newer, inPlace] = [blobOf(100, 1000), { ...blobOf(101, 2000) }];
    // The folder of a blob that is there already.
    Object.assign(inPlace, { id: `${inPlace.id.slice(0, 12)}${stays.id.slice(12, 31)}0` });
    for (const blob of [newer, inPlace]) {
      store.begin(blob.id, blob.bytes.length, (begun) => {
        if (begun.kind !== 'begun') throw new Error(begun.kind);
        begun.receive(TestBody.of(blob.bytes), () =>
          store.commit(blob.id, CLUSTER, blob.commit, () => undefined),
        );
      });
    }
    store.discard(gone.id, () => undefined);
    stage.time.runTo(stage.time.monotonicMs() + 10_000);
    expect(counted, `${delayMs} ms`).toHaveLength(1);
    const bytes = blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
    expect(store.blobs.count, `${delayMs} ms`).toEqual({
      blobs: 5,
      bytes: bytes - gone.bytes.length + 3000,
    });
    expect(store.trash.count, `${delayMs} ms`).toEqual({ blobs: 1, bytes: gone.bytes.length });
  }
});

test('what a crash left between two renames is ended or removed', () => {
  const { stage, blobs } = withBlobs(5);
  const [toTrash, fromTrash, toCorrupt, cutOff, bytesGone] = blobs.map(({ id }) => id);
  if (!toTrash || !fromTrash || !toCorrupt || !cutOff || !bytesGone) throw new Error('five');
  const move = (from: string, to: string) => {
    const bytes = stage.files.contentOf(from);
    if (bytes === undefined) throw new Error(`${from} is there`);
    stage.files.take(from);
    stage.files.put(to, bytes);
  };
  move(homeOf(toTrash).meta, `trash/${toTrash}.meta`);
  move(homeOf(fromTrash).data, `trash/${fromTrash}`);
  move(homeOf(toCorrupt).meta, `corrupt/${toCorrupt}.meta`);
  stage.files.take(homeOf(cutOff).meta);
  stage.files.take(homeOf(bytesGone).data);
  stage.files.put('blobs/ab/cd/a stranger', Buffer.from('of somebody'));
  stage.start();
  expect(stage.files.paths.filter((path) => path.startsWith('blobs/'))).toEqual([
    'blobs/ab/cd/a stranger',
  ]);
  expect(stage.files.paths.filter((path) => /^(?:trash|corrupt)\//.test(path))).toEqual(
    [
      `trash/${toTrash}`,
      `trash/${toTrash}.meta`,
      `trash/${fromTrash}`,
      `trash/${fromTrash}.meta`,
      `corrupt/${toCorrupt}`,
      `corrupt/${toCorrupt}.meta`,
    ].sort(),
  );
  expect(stage.store.blobs.count).toEqual({ blobs: 0, bytes: 0 });
  // Others have the bytes that are gone.
  expect(stage.spoiled).toEqual([bytesGone]);
});

test('F2: a blob that is just being committed is not taken for half of one', () => {
  for (let delayMs = 0; delayMs < 20; delayMs += 0.05) {
    const stage = new BlobStage();
    stage.start();
    const [blob, other] = [blobOf(1, 1000), blobOf(2, 1000)];
    // In the folder of another one, so that it is gone through.
    const inPlace = { ...blob, id: `${other.id.slice(0, -1)}0` as typeof blob.id };
    stage.put(other);
    stage.stage(inPlace);
    new Census(stage.runtime, stage.files, stage.store, () => undefined).start();
    stage.time.runTo(stage.time.monotonicMs() + delayMs);
    const committed = stage.begin((done) =>
      stage.store.commit(inPlace.id, CLUSTER, inPlace.commit, done),
    );
    stage.time.runTo(stage.time.monotonicMs() + 10_000);
    expect(committed).toEqual([{ kind: 'committed' }]);
    expect(stage.hasBytes(inPlace), `${delayMs} ms`).toBe(true);
  }
});

test('a folder that cannot be listed is gone through later', () => {
  const { stage } = withBlobs(3);
  stage.files.kill();
  stage.files.fail('list', 'blobs/', 'shortage', 2);
  stage.store = stage.storeOnly();
  const counted = stage.begin<undefined>((done) =>
    new Census(stage.runtime, stage.files, stage.store, () => done(undefined)).start(),
  );
  stage.time.runTo(stage.time.monotonicMs() + 100_000);
  expect(counted).toHaveLength(1);
  expect(stage.store.blobs.count.blobs).toBe(3);
});
