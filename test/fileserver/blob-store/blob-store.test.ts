// How blobs come, stay and go: what is acknowledged survives whatever crash, and what is not is nowhere.

import { describe, expect, test } from 'vitest';
import type { FilesResult } from '../../../src/cluster/files.ts';
import { linkedBlobId } from '../../../src/files/blob-id.ts';
import type { OpenOutcome } from '../../../src/fileserver/blob-store/blob-files.ts';
import type { BlobMeta } from '../../../src/fileserver/blob-store/blob-meta.ts';
import { homeOf } from '../../../src/fileserver/blob-store/places.ts';
import type { CommitOutcome } from '../../../src/fileserver/blob-store/store-outcomes.ts';
import {
  BlobStage,
  blobOf,
  CLUSTER,
  commitOf,
  STAGED_MS,
  type TestBlob,
  TestBody,
} from '../../helpers/blob-stage.ts';
import { SeededRandom } from '../../helpers/random.ts';

type Looked = FilesResult<boolean>;

const LARGE_BYTES = 20 * 1024 * 1024;

function started(): BlobStage {
  const stage = new BlobStage();
  stage.start();
  return stage;
}

function staged(stage: BlobStage) {
  return stage.files.paths.filter((path) => path.startsWith('incoming/'));
}

describe('an upload', () => {
  test('is nothing before its commit, and a blob after it', () => {
    const stage = started();
    const blob = blobOf(1);
    expect(stage.stage(blob)).toEqual({ kind: 'received', bytes: blob.bytes.length });
    expect(stage.have(blob)).toEqual([false]);
    expect(stage.ask((done) => stage.store.files.open(blob.id, done))).toEqual({ kind: 'absent' });
    expect(stage.commit(blob)).toBe('committed');
    expect(stage.have(blob)).toEqual([true]);
    expect(stage.hasBytes(blob)).toBe(true);
    const { meta } = stage.ask<{ meta: object }>((done) =>
      stage.store.files.meta(blob.id, done as never),
    );
    expect(meta).toMatchObject({
      ...blob.commit,
      id: blob.id,
      cluster: CLUSTER,
      map: { generation: 1, number: 7 },
    });
    expect(staged(stage)).toEqual([]);
    expect(stage.store.blobs.count).toEqual({ blobs: 1, bytes: blob.bytes.length });
    expect(stage.files.openFiles).toBe(0);
  });

  test('may be empty', () => {
    const stage = started();
    const blob = blobOf(1, 0);
    stage.put(blob);
    expect(stage.have(blob)).toEqual([true]);
  });

  test('of unknown length takes its room as it comes', () => {
    const stage = started();
    const blob = blobOf(1, 3_000_000);
    const pieces = [blob.bytes.subarray(0, 2_000_000), blob.bytes.subarray(2_000_000)];
    expect(stage.stage(blob, new TestBody(pieces))).toMatchObject({ kind: 'received' });
    expect(stage.commit(blob)).toBe('committed');
    expect(stage.hasBytes(blob)).toBe(true);
  });

  test('is synced while it comes, and never again as a whole at the end', () => {
    const stage = started();
    const blob = blobOf(1, LARGE_BYTES);
    stage.stage(blob);
    const syncs = () =>
      stage.files.calls.filter(({ call, path }) => call === 'sync' && path.endsWith(blob.id));
    expect(syncs()).toHaveLength(1);
    expect(stage.commit(blob)).toBe('committed');
    expect(syncs()).toHaveLength(2);
  });

  test.each([
    ['breaks off', { kind: 'broken', why: 'gone' } as const],
    // F3: a body that ended early is no file.
    ['ends early', { kind: 'end' } as const],
  ])('that %s leaves nothing, and its id is free again', (_, last) => {
    const stage = started();
    const blob = blobOf(1);
    const body = new TestBody([blob.bytes.subarray(0, 70_000)], last, blob.bytes.length);
    expect(stage.stage(blob, body)).toEqual({ kind: 'broken', why: 'gone' });
    expect(staged(stage)).toEqual([]);
    expect(stage.files.openFiles).toBe(0);
    expect(stage.commit(blob)).toBe('absent');
    stage.put(blob);
    expect(stage.hasBytes(blob)).toBe(true);
  });

  test('that nobody commits goes after a while', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.stage(blob);
    stage.time.runTo(stage.time.monotonicMs() + 0.9 * STAGED_MS);
    expect(staged(stage)).toHaveLength(1);
    stage.time.runTo(stage.time.monotonicMs() + 0.2 * STAGED_MS);
    expect(staged(stage)).toEqual([]);
    expect(stage.store.staged).toBe(0);
    expect(stage.commit(blob)).toBe('absent');
  });

  test('that is just being committed does not go', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.stage(blob);
    const untilMs = stage.time.monotonicMs() + STAGED_MS;
    stage.time.runTo(untilMs - 10_000.05);
    const answer = stage.begin<CommitOutcome>((done) =>
      stage.store.commit(blob.id, CLUSTER, blob.commit, done),
    );
    stage.time.runTo(untilMs);
    expect(answer).toEqual([{ kind: 'committed' }]);
    expect(stage.hasBytes(blob)).toBe(true);
  });

  test('of an id that a blob has, or another upload, is refused, and harms neither', () => {
    const stage = started();
    const [blob, other] = [blobOf(1), blobOf(2)];
    stage.stage(blob);
    expect(stage.stage({ ...other, id: blob.id })).toBe('taken');
    expect(stage.commit(blob)).toBe('committed');
    expect(stage.stage({ ...other, id: blob.id })).toBe('taken');
    expect(stage.hasBytes(blob)).toBe(true);
    stage.ask((done) => stage.store.discard(blob.id, done));
    expect(stage.stage({ ...other, id: blob.id })).toBe('taken');
  });

  test('holds about a MiB at most while the disk is slow', () => {
    const stage = started();
    const blob = blobOf(1, LARGE_BYTES);
    const body = TestBody.of(blob.bytes);
    const answer = stage.begin((done) =>
      stage.store.begin(blob.id, body.length, (begun) => {
        if (begun.kind === 'begun') begun.receive(body, done);
      }),
    );
    // Until the first write is under way.
    stage.time.runTo(stage.time.monotonicMs() + 0.31);
    expect(body.reads).toBeGreaterThan(1);
    expect(body.reads * 65_536).toBeLessThanOrEqual(1024 * 1024 + 65_536);
    stage.time.runTo(stage.time.monotonicMs() + 10_000);
    expect(answer).toHaveLength(1);
  });

  test('that is dropped while its bytes come is nowhere', () => {
    const stage = started();
    const blob = blobOf(1, LARGE_BYTES);
    const body = TestBody.of(blob.bytes);
    const answer = stage.begin((done) =>
      stage.store.begin(blob.id, body.length, (begun) => {
        if (begun.kind === 'begun') begun.receive(body, done);
      }),
    );
    stage.time.runTo(stage.time.monotonicMs() + 1);
    const early = stage.begin<CommitOutcome>((done) =>
      stage.store.commit(blob.id, CLUSTER, blob.commit, done),
    );
    expect(early).toEqual([{ kind: 'absent', isComing: true }]);
    expect(stage.ask((done) => stage.store.discard(blob.id, done))).toEqual({ kind: 'moved' });
    expect(answer).toEqual([{ kind: 'dropped' }]);
    expect(body.isDiscarded).toBe(true);
    expect(staged(stage)).toEqual([]);
    expect(stage.store.staged).toBe(0);
  });
});

describe('the room', () => {
  test('is taken by what is announced, and given back by what breaks off', () => {
    const stage = started();
    stage.files.state = { problem: undefined, freeBytes: 500_000, totalBytes: 1_000_000 };
    stage.room.looked(stage.files.state);
    // 5 percent of the whole are kept free.
    expect(stage.store.roomBytes).toBe(450_000);
    const [first, second] = [blobOf(1, 300_000), blobOf(2, 300_000)];
    const never = { length: 300_000, read: () => undefined, discard: () => undefined };
    stage.begin((done) =>
      stage.store.begin(first.id, 300_000, (begun) => {
        if (begun.kind === 'begun') begun.receive(never, done);
      }),
    );
    expect(stage.stage(second)).toBe('full');
    expect(stage.store.roomBytes).toBe(150_000);
    stage.ask((done) => stage.store.discard(first.id, done));
    stage.time.runTo(stage.time.monotonicMs() + 100);
    expect(stage.store.roomBytes).toBe(450_000);
    expect(stage.stage(second)).toMatchObject({ kind: 'received' });
    expect(stage.store.roomBytes).toBe(150_000);
  });

  test('is short before it is used up, so that the trash makes some', () => {
    const stage = started();
    stage.files.state = { problem: undefined, freeBytes: 100_000, totalBytes: 1_000_000 };
    stage.room.looked(stage.files.state);
    expect([stage.store.roomBytes, stage.room.missingBytes]).toEqual([50_000, 0]);
    expect(stage.stage(blobOf(1, 20_000))).toMatchObject({ kind: 'received' });
    // What does not fit is refused: it must not need to be begun for the trash to give way.
    expect(stage.stage(blobOf(2, 40_000))).toBe('full');
    expect([stage.store.roomBytes, stage.room.missingBytes]).toEqual([30_000, 20_000]);
    stage.room.freed(20_000);
    expect(stage.stage(blobOf(3, 40_000))).toMatchObject({ kind: 'received' });
  });

  test('ends a body of unknown length when there is none for the next MiB', () => {
    const stage = started();
    stage.files.state = { problem: undefined, freeBytes: 2_000_000, totalBytes: 2_000_000 };
    stage.room.looked(stage.files.state);
    const blob = blobOf(1, 3_000_000);
    const pieces = Array.from({ length: 30 }, (_, index) =>
      blob.bytes.subarray(index * 100_000, (index + 1) * 100_000),
    );
    const body = new TestBody(pieces);
    expect(stage.stage(blob, body)).toEqual({ kind: 'full' });
    expect(body.isDiscarded).toBe(true);
    expect(staged(stage)).toEqual([]);
  });
});

describe('a commit', () => {
  test.each([
    ['another length', { size: 99_999 }],
    ['another checksum', { crc: commitOf(Buffer.alloc(100_000)).crc }],
  ])('with %s makes nothing a blob, and what was staged is gone', (_, other) => {
    const stage = started();
    const blob = blobOf(1);
    stage.stage(blob);
    expect(stage.commit(blob, other)).toBe('differs');
    expect(stage.files.paths.filter((path) => path.includes(blob.id))).toEqual([]);
    expect(stage.commit(blob)).toBe('absent');
  });

  test('is the same when it comes again, also after a restart, and refused when it says otherwise', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.put(blob);
    expect(stage.commit(blob)).toBe('committed');
    expect(stage.commit(blob, { owner: Buffer.from('another') })).toBe('taken');
    expect(stage.commit(blob, { sha512: '0'.repeat(128) })).toBe('taken');
    stage.files.kill();
    stage.start();
    expect(stage.commit(blob)).toBe('committed');
    expect(stage.store.blobs.count.blobs).toBe(1);
  });

  test('that comes twice at once is one', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.stage(blob);
    const answers = [1, 2].map(() =>
      stage.begin<CommitOutcome>((done) => stage.store.commit(blob.id, CLUSTER, blob.commit, done)),
    );
    stage.time.runTo(stage.time.monotonicMs() + 1000);
    expect(answers).toEqual([[{ kind: 'committed' }], [{ kind: 'committed' }]]);
    expect(stage.store.blobs.count.blobs).toBe(1);
  });

  test.each([
    ['the bytes', 'sync', ''],
    ['the meta', 'sync', '.meta'],
    ['the meta', 'append', '.meta'],
    ['the names', 'rename', 'blobs/'],
  ] as const)('that cannot bring %s to the disk is none (%s)', (_, call, path) => {
    const stage = started();
    const blob = blobOf(1);
    stage.stage(blob);
    stage.files.fail(call, path === '' ? `${blob.id}` : path, 'full');
    expect(stage.commit(blob)).toBe('failed');
    expect(stage.have(blob)).toEqual([false]);
    expect(staged(stage)).toEqual([]);
    expect(stage.store.health.problem).toBeUndefined();
  });

  test('on a disk that fails ends all writing, and reading goes on', () => {
    const stage = started();
    const [first, second] = [blobOf(1), blobOf(2)];
    stage.put(first);
    stage.stage(second);
    stage.files.fail('sync', second.id, 'broken');
    expect(stage.commit(second)).toBe('failed');
    expect(stage.store.health.problem).toBe('committing a blob failed: EBROKEN');
    expect(stage.have(first)).toEqual([true]);
  });

  test('finds a sync that failed in the middle of the upload', () => {
    const stage = started();
    const blob = blobOf(1, LARGE_BYTES);
    stage.files.fail('sync', blob.id, 'broken');
    const received = stage.stage(blob);
    if (typeof received === 'object' && received.kind === 'received') {
      expect(stage.commit(blob)).toBe('failed');
    }
    expect(stage.have(blob)).toEqual([false]);
    expect(stage.store.health.problem).toBeDefined();
  });
});

describe('a crash', () => {
  /** Uploads, commits, links and deletes; what was acknowledged is noted as it happens. */
  function play(stage: BlobStage) {
    const blobs = [blobOf(1, 300_000), blobOf(2), blobOf(3, 0)] as const;
    const linked = { ...blobs[0], id: blobOf(4).id };
    const acknowledged = new Set<string>();
    const discarded = new Set<string>();
    const put = (index: number) => {
      const blob = blobs[index];
      if (blob === undefined) return link();
      const body = TestBody.of(blob.bytes);
      return stage.store.begin(blob.id, body.length, (begun) => {
        if (begun.kind !== 'begun') return;
        begun.receive(body, () =>
          stage.store.commit(blob.id, CLUSTER, blob.commit, (outcome) => {
            if (outcome.kind === 'committed') acknowledged.add(blob.id);
            put(index + 1);
          }),
        );
      });
    };
    const link = () => {
      const { owner, manifest } = blobs[0].commit;
      stage.store.link(linked.id, CLUSTER, { from: blobs[0].id, owner, manifest }, (outcome) => {
        if (outcome.kind === 'committed') acknowledged.add(linked.id);
        discarded.add(blobs[1].id);
        stage.store.discard(blobs[1].id, () => undefined);
      });
    };
    put(0);
    stage.time.runTo(stage.time.monotonicMs() + 1000);
    return { blobs: [...blobs, linked], acknowledged, discarded };
  }

  const lengthOfPlay = () => {
    const stage = started();
    const before = stage.files.calls.length;
    play(stage);
    return stage.files.calls.length - before;
  };
  const CALLS = lengthOfPlay();

  /** Two blobs of one folder. */
  function neighbours(): readonly [TestBlob, TestBlob] {
    const id = linkedBlobId(blobOf(1).id, 'e'.repeat(32));
    return [blobOf(1), { ...blobOf(2), id }];
  }

  test.each(['the process is killed', 'the machine loses power'])(
    'F1, F6: when %s, at any call, what was acknowledged is whole, and nothing is half here',
    (kind) => {
      expect(CALLS).toBeGreaterThan(30);
      const rounds = kind === 'the process is killed' ? 3 : 8;
      for (let calls = 1; calls <= CALLS; calls++) {
        for (let round = 0; round < rounds; round++) {
          const stage = started();
          stage.files.callsMax = stage.files.calls.length + calls;
          stage.files.movesMax = round;
          const { blobs, acknowledged, discarded } = play(stage);
          if (kind === 'the process is killed') stage.files.kill();
          else stage.files.losePower(new SeededRandom(calls * 1000 + round));
          stage.start();
          const where = `after ${calls} calls, round ${round}`;
          for (const blob of blobs) {
            const [isHere] = stage.have(blob);
            const opened = stage.ask<OpenOutcome>((done) => stage.store.files.open(blob.id, done));
            if (acknowledged.has(blob.id)) {
              expect(isHere || discarded.has(blob.id), where).toBe(true);
              // Also from the trash.
              expect(opened.kind, where).toBe('open');
            }
            if (opened.kind !== 'open') continue;
            opened.file.close();
            const bytes = Buffer.alloc(blob.bytes.length);
            const place = opened.isTrash ? `trash/${blob.id}` : homeOf(blob.id).data;
            stage.files.contentOf(place)?.copy(bytes);
            expect(bytes.equals(blob.bytes), where).toBe(true);
          }
          expect(staged(stage), where).toEqual([]);
          // Each blob is two files, in one folder.
          const halves = stage.files.paths
            .filter((path) => /^(?:blobs|trash|corrupt)\//.test(path))
            .map((path) => path.replace(/\.meta$/, ''));
          const odd = halves.filter((path) => halves.filter((each) => each === path).length !== 2);
          expect(odd, where).toEqual([]);
          expect(stage.store.blobs.count.blobs, where).toBe(
            stage.have(...blobs).filter((isHere) => isHere).length,
          );
          expect(stage.files.openFiles, where).toBe(0);
          // An upload of what is there counts these as its copies.
          const told = blobs.filter((blob) => stage.have(blob)[0]);
          stage.files.losePower(new SeededRandom(calls * 1000 + round));
          stage.start();
          for (const blob of told) expect(stage.hasBytes(blob), where).toBe(true);
        }
      }
    },
  );

  test('F1: what is told of as here while it is still being committed survives', () => {
    for (let tenths = 1; tenths < 60; tenths++) {
      const stage = started();
      const [neighbour, blob] = neighbours();
      stage.put(neighbour);
      stage.put(blob);
      stage.ask((done) => stage.store.discard(blob.id, done));
      // Now the folder is settled.
      expect(stage.have(neighbour)).toEqual([true]);
      const trashed = stage.ask<{ meta: BlobMeta }>((done) =>
        stage.store.files.trashed(blob.id, done as never),
      );
      stage.begin((done) => stage.store.restore(trashed.meta, done));
      stage.time.runTo(stage.time.monotonicMs() + tenths / 10);
      const looked = stage.begin<Looked>((done) => stage.store.files.isHere(blob.id, done));
      stage.time.runTo(stage.time.monotonicMs() + 0.25);
      stage.files.losePower(new SeededRandom(tenths));
      if (looked[0]?.kind !== 'done' || !looked[0].value) continue;
      expect(stage.hasBytes(blob), `after ${tenths}`).toBe(true);
    }
  });

  test('F1: a folder that was settled counts no later commit before its names survive', () => {
    let told = 0;
    for (let tenths = 1; tenths < 60; tenths++) {
      const stage = started();
      const [neighbour, blob] = neighbours();
      stage.put(neighbour);
      expect(stage.have(neighbour)).toEqual([true]);
      stage.stage(blob);
      stage.begin((done) => stage.store.commit(blob.id, CLUSTER, blob.commit, done));
      stage.time.runTo(stage.time.monotonicMs() + tenths / 10);
      const looked = stage.begin<Looked>((done) => stage.store.files.isHere(blob.id, done));
      stage.time.runTo(stage.time.monotonicMs() + 0.25);
      stage.files.losePower(new SeededRandom(tenths));
      if (looked[0]?.kind !== 'done' || !looked[0].value) continue;
      told++;
      expect(stage.hasBytes(blob), `after ${tenths}`).toBe(true);
    }
    expect(told).toBeGreaterThan(0);
  });

  test('F1: a commit that is sent again after a restart, and acknowledged then, survives', () => {
    let acknowledged = 0;
    for (let calls = 1; calls < 30; calls++) {
      const stage = started();
      const blob = blobOf(1);
      stage.stage(blob);
      stage.files.callsMax = stage.files.calls.length + calls;
      stage.begin((done) => stage.store.commit(blob.id, CLUSTER, blob.commit, done));
      stage.time.runTo(stage.time.monotonicMs() + 1000);
      stage.files.kill();
      stage.start();
      if (stage.commit(blob) !== 'committed') continue;
      acknowledged++;
      stage.files.losePower(new SeededRandom(calls));
      stage.start();
      expect(stage.hasBytes(blob), `after ${calls} calls`).toBe(true);
    }
    expect(acknowledged).toBeGreaterThan(0);
  });
});

describe('who left an upload', () => {
  const unstage = (stage: BlobStage, blob: TestBlob) =>
    stage.ask<undefined>((done) => stage.store.unstage(blob.id, () => done(undefined)));

  test('has what was staged removed, and its id is free again', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.stage(blob);
    unstage(stage, blob);
    expect([staged(stage), stage.files.openFiles]).toEqual([[], 0]);
    expect(stage.commit(blob)).toBe('absent');
    stage.put(blob);
  });

  test('has one that is still coming broken off', () => {
    const stage = started();
    const blob = blobOf(1);
    const never = { length: 300_000, read: () => undefined, discard: () => undefined };
    const received = stage.begin<{ kind: string } | string>((done) =>
      stage.store.begin(blob.id, never.length, (begun) =>
        begun.kind === 'begun' ? begun.receive(never, done) : done(begun.kind),
      ),
    );
    unstage(stage, blob);
    expect(received).toHaveLength(1);
    expect(staged(stage)).toEqual([]);
  });

  test('F5: takes no copy away that came from elsewhere meanwhile', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.put(blob);
    unstage(stage, blob);
    expect(stage.have(blob)).toEqual([true]);
  });
});

describe('a folder whose names cannot be settled', () => {
  test('has no blobs that count, and keeps them', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.put(blob);
    stage.start();
    for (let times = 0; times < 3; times++) {
      stage.files.fail('makeDirectory', homeOf(blob.id).folder, 'broken');
    }
    expect(stage.have(blob)).toEqual([false]);
    expect(stage.ask((done) => stage.store.files.isHere(blob.id, done))).toMatchObject({
      kind: 'failed',
      fault: 'broken',
    });
    expect(stage.commit(blob)).toBe('failed');
    expect(stage.store.health.problem).toBeDefined();
    expect(stage.hasBytes(blob)).toBe(true);
    expect(stage.have(blob)).toEqual([true]);
  });
});

describe('a blob that is given up', () => {
  test('goes to the trash, is served from there, and counts as being here no more', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.put(blob);
    expect(stage.ask((done) => stage.store.discard(blob.id, done))).toEqual({ kind: 'moved' });
    expect(stage.have(blob)).toEqual([false]);
    const opened = stage.ask<OpenOutcome>((done) => stage.store.files.open(blob.id, done));
    expect(opened).toMatchObject({ kind: 'open', isTrash: true });
    if (opened.kind === 'open') opened.file.close();
    expect(stage.store.blobs.count).toEqual({ blobs: 0, bytes: 0 });
    expect(stage.store.trash.count).toEqual({ blobs: 1, bytes: blob.bytes.length });
    expect(stage.ask((done) => stage.store.discard(blob.id, done))).toEqual({ kind: 'absent' });
  });

  test('comes back from there', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.put(blob);
    stage.ask((done) => stage.store.discard(blob.id, done));
    const trashed = stage.ask<{ kind: string; meta?: never }>((done) =>
      stage.store.files.trashed(blob.id, done as never),
    );
    expect(trashed.kind).toBe('meta');
    if (trashed.meta === undefined) throw new Error('it has a meta');
    expect(stage.ask((done) => stage.store.restore(trashed.meta as never, done))).toEqual({
      kind: 'moved',
    });
    expect(stage.have(blob)).toEqual([true]);
    expect(stage.hasBytes(blob)).toBe(true);
    expect(stage.store.trash.count).toEqual({ blobs: 0, bytes: 0 });
  });

  test('is gone at once where it was only staged', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.stage(blob);
    expect(stage.ask((done) => stage.store.discard(blob.id, done))).toEqual({ kind: 'moved' });
    expect(stage.files.paths.filter((path) => path.includes(blob.id))).toEqual([]);
    expect(stage.files.openFiles).toBe(0);
  });
});

describe('a link', () => {
  const owner = { owner: Buffer.from('other owner'), manifest: Buffer.from('other manifest') };

  test('has the same bytes and an owner of its own, and outlives the blob that it was made of', () => {
    const stage = started();
    const [blob, linked] = [blobOf(1), blobOf(2)];
    stage.put(blob);
    const link = () =>
      stage.ask<CommitOutcome>((done) =>
        stage.store.link(linked.id, CLUSTER, { from: blob.id, ...owner }, done),
      );
    expect(link()).toEqual({ kind: 'committed' });
    expect(link()).toEqual({ kind: 'committed' });
    stage.ask((done) => stage.store.discard(blob.id, done));
    expect(stage.have(blob, linked)).toEqual([false, true]);
    expect(stage.hasBytes(linked, blob)).toBe(true);
    const { meta } = stage.ask<{ meta: object }>((done) =>
      stage.store.files.meta(linked.id, done as never),
    );
    expect(meta).toMatchObject({ ...owner, id: linked.id, sha512: blob.commit.sha512 });
  });

  test('of what is not here is none, and one of an id that is taken neither', () => {
    const stage = started();
    const [blob, other] = [blobOf(1), blobOf(2)];
    stage.put(blob);
    stage.put(other);
    const link = (id: typeof blob.id, from: typeof blob.id) =>
      stage.ask<CommitOutcome>((done) => stage.store.link(id, CLUSTER, { from, ...owner }, done))
        .kind;
    expect(link(blobOf(3).id, blobOf(4).id)).toBe('absent');
    expect(link(other.id, blob.id)).toBe('taken');
    expect(stage.hasBytes(other)).toBe(true);
  });
});

describe('a blob whose bytes are wrong', () => {
  test('is taken away once, whoever finds it, and the copy that comes then stays', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.put(blob);
    const { meta } = stage.ask<{ meta: never }>((done) =>
      stage.store.files.meta(blob.id, done as never),
    );
    stage.store.spoil(blob.id, meta);
    stage.time.runTo(stage.time.monotonicMs() + 100);
    expect(stage.have(blob)).toEqual([false]);
    expect(stage.store.corrupt.count.blobs).toBe(1);
    expect(stage.spoiled).toEqual([blob.id]);
    stage.put(blob);
    // A reader that had begun before.
    stage.store.spoil(blob.id, meta);
    stage.time.runTo(stage.time.monotonicMs() + 100);
    expect(stage.have(blob)).toEqual([true]);
  });

  test('or whose meta is wrong is not served, and is taken away as well', () => {
    const stage = started();
    const blob = blobOf(1);
    stage.put(blob);
    const path = homeOf(blob.id).meta;
    const bytes = Buffer.from(stage.files.contentOf(path) ?? '');
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    stage.files.put(path, bytes);
    expect(stage.ask((done) => stage.store.files.open(blob.id, done))).toEqual({ kind: 'absent' });
    expect(stage.have(blob)).toEqual([false]);
    expect(stage.files.paths.filter((each) => each.startsWith('corrupt/'))).toHaveLength(2);
    expect(stage.files.openFiles).toBe(0);
  });
});

test('which blobs are here is told in the order of the question, of both files', () => {
  const stage = started();
  const blobs = Array.from({ length: 20 }, (_, index) => blobOf(index, 10));
  for (const blob of blobs.filter((_, index) => index % 3 === 0)) stage.put(blob);
  const lost = blobs[9];
  if (lost === undefined) throw new Error('there are ten');
  stage.files.take(homeOf(lost.id).data);
  expect(stage.have(...blobs)).toEqual(
    blobs.map((blob, index) => index % 3 === 0 && blob !== lost),
  );
  expect(stage.ask((done) => stage.store.files.have([], done))).toEqual(Buffer.alloc(0));
});
