// Scripted schedules about uploads (FILES.md, section 3): whoever dies, stops or is cut off, an acknowledged file has its
// copies, and one that was not acknowledged leaves nothing.

import { describe, expect, test } from 'vitest';
import type { BlobId } from '../../src/files/blob-id.ts';
import { BYTES, FILE_TIMES, FileStage, PIECE_MS, type Upload } from './file-stage.ts';
import { SEEDS } from './founded.ts';

/** Runs until both copies of an upload under way are committed, and its record is not set yet. @returns its blob */
function untilCommitted(stage: FileStage, former: BlobId | undefined): BlobId {
  const ids = (index: number) =>
    stage.fileOracles.homes(stage.some(stage.servers.slice(index))).map(({ id }) => id);
  const found = () => {
    const all = stage.servers.flatMap((_, index) => ids(index)).filter((id) => id !== former);
    return all.find((id) => all.indexOf(id) !== all.lastIndexOf(id));
  };
  stage.until('both copies are committed', () => found() !== undefined, 10_000, 0.02);
  return found() as BlobId;
}

function untilUnderWay(stage: FileStage): void {
  stage.until('two copies are being written', () => stage.filesIn('incoming').length === 2);
  stage.pass(PIECE_MS);
}

/** The servers to which an upload is being sent. */
function targetsOf(stage: FileStage) {
  return stage.servers.filter(({ files }) =>
    files.paths.some((path) => path.startsWith('incoming/')),
  );
}

describe('a frontend', () => {
  test.each(SEEDS)('that dies before the commit leaves nothing, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { name } = stage.stored('a');
    stage.put('a', { pieceMs: PIECE_MS });
    untilUnderWay(stage);
    stage.front(0).crash(false);
    stage.until('nothing is left', () => stage.filesIn('incoming').length === 0);
    stage.expectRead('a', name);
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('that dies before it has set the record leaves garbage, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const former = stage.stored('a');
    stage.put('a');
    const blob = untilCommitted(stage, former.blob);
    stage.front(0).crash(false);
    stage.pass(1000);
    // The old version stays visible, and the blob for so long as its upload might be finished.
    stage.expectRead('a', former.name);
    stage.pass(FILE_TIMES.supersededMs / 2);
    expect(stage.holders(blob)).toHaveLength(2);
    stage.expectFilesHealed();
    expect(stage.holders(blob)).toEqual([]);
    const paths = () => stage.filesIn('trash').filter((path) => path.includes(blob));
    stage.until('the trash is empty', () => paths().length === 0, 60_000, 100);
    stage.expectRead('a', former.name);
  });

  test.each(SEEDS)('that slept sets no record that is too late, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const former = stage.stored('a');
    const upload = stage.put('a');
    const blob = untilCommitted(stage, former.blob);
    stage.front(0).process.pause();
    stage.pass(FILE_TIMES.ownerlessMs + 10_000);
    stage.front(0).process.resume();
    expect(stage.answered(upload)).toMatchObject({ kind: 'not-stored' });
    stage.expectRead('a', former.name);
    stage.expectFilesHealed();
    expect(stage.holders(blob)).toEqual([]);
  });

  test.each(SEEDS)('that slept for less than that finds its blob there, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const former = stage.stored('a');
    const upload = stage.put('a');
    const blob = untilCommitted(stage, former.blob);
    stage.front(0).process.pause();
    stage.pass(0.85 * FILE_TIMES.manifestMs);
    stage.front(0).process.resume();
    expect(stage.expectStored(upload)).toEqual({ blob });
    stage.expectRead('a', upload.name);
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('that is cut off from one server takes others, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const [cut] = stage.servers;
    stage.cut([stage.front(0)], cut === undefined ? [] : [cut]);
    for (let round = 0; round < 3; round++) {
      const { blob } = stage.stored('a');
      expect(stage.holders(blob)).not.toContain(cut);
    }
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('that reaches too few servers refuses, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { name } = stage.stored('a');
    const upload = stage.put('a', { pieceMs: PIECE_MS });
    untilUnderWay(stage);
    stage.cut([stage.front(0)], stage.servers.slice(1));
    expect(stage.answered(upload)).toMatchObject({ kind: 'not-stored', code: 'no-file-server' });
    expect(stage.answered(stage.put('a'))).toMatchObject({
      kind: 'not-stored',
      code: 'no-file-server',
    });
    stage.expectRead('a', name);
    stage.expectFilesHealed();
    stage.expectRead('a', name);
  });
});

describe('a file server', () => {
  test.each(SEEDS)('that dies in mid-upload is replaced by a copy, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const upload = stage.put('a', { pieceMs: PIECE_MS });
    untilUnderWay(stage);
    const victim = stage.some(targetsOf(stage));
    victim.crash(seed % 2 === 0);
    const { blob } = stage.expectStored(upload);
    expect(stage.holders(blob)).toHaveLength(2);
    expect(stage.holders(blob)).not.toContain(victim);
    stage.expectRead('a', upload.name);
    victim.start();
    // Nothing of what had begun there is left.
    stage.until('it has started', () => stage.filesIn('incoming').length === 0);
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('that dies in mid-upload with no other fails it, seed %i', (seed) => {
    const stage = new FileStage(seed, 2);
    const { name } = stage.stored('a');
    const upload = stage.put('a', { pieceMs: PIECE_MS });
    untilUnderWay(stage);
    stage.some(targetsOf(stage)).crash(false);
    expect(stage.answered(upload)).toMatchObject({ kind: 'not-stored', code: 'no-file-server' });
    stage.expectRead('a', name);
    stage.expectFilesHealed();
    stage.expectRead('a', name);
  });

  test.each(SEEDS)('that hangs in mid-upload is left behind, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const upload = stage.put('a', { pieceMs: PIECE_MS });
    untilUnderWay(stage);
    const victim = stage.some(targetsOf(stage));
    victim.files.hang(60_000);
    const { blob } = stage.expectStored(upload);
    expect(stage.holders(blob)).not.toContain(victim);
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('that loses power has what was acknowledged, seed %i', (seed) => {
    const stage = new FileStage(seed, 2);
    const uploads: Upload[] = [];
    for (const path of ['a', 'b', 'c']) {
      const upload = stage.put(path);
      stage.expectStored(upload);
      uploads.push(upload);
    }
    for (const node of stage.servers) node.crash(true);
    for (const node of stage.servers) node.start();
    stage.pass(2000);
    for (const [index, path] of ['a', 'b', 'c'].entries()) {
      stage.expectRead(path, uploads[index]?.name ?? '');
    }
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('whose disk fails to sync or to rename counts for nothing, seed %i', (seed) => {
    const stage = new FileStage(seed);
    for (const call of ['sync', 'rename', 'append'] as const) {
      const upload = stage.put('a', { pieceMs: 5 });
      untilUnderWayAnyhow(stage);
      const victim = stage.some(targetsOf(stage));
      victim.files.fail(call, 'broken');
      const { blob } = stage.expectStored(upload);
      expect(stage.holders(blob).filter((node) => node !== victim)).toHaveLength(2);
      victim.crash(true);
      victim.start();
      stage.pass(2000);
      stage.expectRead('a', upload.name);
    }
    stage.expectFilesHealed();
  });
});

function untilUnderWayAnyhow(stage: FileStage): void {
  stage.until('two copies are being written', () => stage.filesIn('incoming').length === 2);
}

describe('a body', () => {
  test.each(['broken', 'early', 'wrong digest'] as const)('that is %s is no file', (ending) => {
    for (const seed of SEEDS) {
      const stage = new FileStage(seed);
      const { name } = stage.stored('a');
      for (let round = 0; round < 4; round++) {
        expect(stage.answered(stage.put('a', { ending })).kind).not.toBe('stored');
      }
      stage.expectRead('a', name);
      stage.expectFilesHealed();
      stage.expectRead('a', name);
    }
  });

  test('of two uploads at once the loser is garbage', () => {
    for (const seed of SEEDS) {
      const stage = new FileStage(seed);
      const uploads = [stage.put('a', {}, stage.front(0)), stage.put('a', {}, stage.front(1))];
      const blobs = uploads.map((upload) => stage.expectStored(upload).blob);
      expect(new Set(blobs).size).toBe(2);
      stage.expectFilesHealed();
      expect(stage.filesIn('blobs')).toHaveLength(4);
    }
  });
});

describe('a full disk', () => {
  test.each(SEEDS)('is no target, goes on serving, and takes deletes, seed %i', (seed) => {
    const stage = new FileStage(seed, 3, ['a', 'c']);
    const a = stage.stored('a');
    const b = stage.stored('b');
    const full = stage.oneHolder(a.blob);
    full.files.limit(1000);
    stage.pass(2000);
    const c = stage.stored('c', { bytes: BYTES });
    expect(stage.holders(c.blob)).not.toContain(full);
    for (const node of stage.servers) node.files.limit(1000);
    stage.pass(2000);
    expect(stage.answered(stage.put('c'))).toMatchObject({
      kind: 'not-stored',
      code: 'storage-full',
    });
    for (const [path, name] of [
      ['a', a.name],
      ['b', b.name],
      ['c', c.name],
    ] as const) {
      stage.expectRead(path, name);
    }
    stage.remove('b');
    stage.expectAbsent('b');
    stage.until('its blob goes', () => stage.holders(b.blob).length === 0, 60_000, 100);
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('that fills in mid-upload is replaced by another, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const upload = stage.put('a', { pieceMs: PIECE_MS });
    untilUnderWay(stage);
    const full = stage.some(targetsOf(stage));
    full.files.limit(10_000);
    const { blob } = stage.expectStored(upload);
    expect(stage.holders(blob)).not.toContain(full);
    stage.expectFilesHealed();
  });
});
