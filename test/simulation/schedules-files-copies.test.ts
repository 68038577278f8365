// Scripted schedules about downloads and copies (FILES.md, section 3): a reader gets one version or a visible break, and copies
// come and go as servers do.

import { describe, expect, test } from 'vitest';
import { VERSION_ZERO } from '../../src/cluster/model/version.ts';
import { DEFAULT_CLASS } from '../../src/files/file-key.ts';
import { homeOf } from '../../src/fileserver/blob-store/places.ts';
import { setClass } from '../../src/simulation/file-class.ts';
import type { FileServerNode } from '../../src/simulation/file-oracles.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { BYTES, FILE_TIMES, FileStage, PIECE_MS } from './file-stage.ts';
import { SEEDS } from './founded.ts';

/** Long enough for each file server to go through all of its blobs. */
const PASS_MS = 2 * FILE_TIMES.passMs + 1000;

/** The holder that sends: its downloads are more than none. */
function untilRead(stage: FileStage, holders: readonly FileServerNode[]): FileServerNode {
  const isSending = (node: FileServerNode) => node.files.reads > before.get(node);
  const before = new ReadCounts(holders);
  stage.until('somebody reads', () => holders.some(isSending), 10_000, 0.2);
  return stage.some(holders.filter(isSending));
}

class ReadCounts {
  readonly #counts: ReadonlyMap<FileServerNode, number>;

  constructor(nodes: readonly FileServerNode[]) {
    this.#counts = new Map(nodes.map((node) => [node, node.files.reads]));
  }

  get(node: FileServerNode): number {
    return this.#counts.get(node) ?? 0;
  }
}

describe('a download', () => {
  test.each(SEEDS)('goes on at another copy when a server dies, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a', { bytes: 2 * BYTES });
    const download = stage.read('a', { isPart: false, pieceMs: PIECE_MS });
    const sender = untilRead(stage, stage.holders(blob));
    stage.pass(PIECE_MS);
    sender.crash(false);
    stage.until('the end of the read', () => download.end !== undefined, 30_000);
    expect(download.end).toEqual({ kind: 'whole', name });
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('goes on at another copy when a disk hangs, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a', { bytes: 2 * BYTES });
    for (const holder of stage.holders(blob)) {
      holder.files.hang(20_000);
      expect(stage.expectRead('a', name)).toBeLessThan(10_000);
      // Records do not notice.
      stage.expectStatus(stage.set(stage.frontend(1), 'key'), 200);
      holder.files.mend();
    }
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('of the old version ends as it began, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { name } = stage.stored('a', { bytes: 2 * BYTES });
    const download = stage.read('a', { isPart: false, pieceMs: PIECE_MS });
    stage.pass(PIECE_MS);
    stage.stored('a', { bytes: 2 * BYTES });
    stage.until('the end of the read', () => download.end !== undefined, 30_000);
    expect(download.end).toEqual({ kind: 'whole', name });
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('breaks off visibly where no copy is left, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a', { bytes: 2 * BYTES });
    const download = stage.read('a', { isPart: false, pieceMs: PIECE_MS });
    untilRead(stage, stage.holders(blob));
    stage.pass(PIECE_MS);
    for (const node of stage.servers) node.crash(false);
    stage.until('the end of the read', () => download.end !== undefined, 30_000);
    expect(download.end).toEqual({ kind: 'broken' });
    const failed = stage.read('a');
    stage.until('the end of a read', () => failed.end !== undefined, 30_000);
    expect(failed.end).toEqual({ kind: 'failed' });
    for (const node of stage.servers) node.start();
    stage.pass(2000);
    stage.expectRead('a', name);
    stage.expectFilesHealed();
  });
});

describe('rot', () => {
  test.each(SEEDS)('is not served, and the copy is fetched again, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a');
    const rotten = stage.oneHolder(blob);
    rotten.files.rot(homeOf(blob).data);
    for (let round = 0; round < 6; round++) stage.expectRead('a', name);
    stage.until('it was found', () => rotten.files.paths.includes(`corrupt/${blob}`), 60_000, 50);
    stage.expectFilesHealed();
    expect(stage.holders(blob)).toContain(rotten);
    expect(rotten.files.isRotten(homeOf(blob).data)).toBe(false);
  });

  test.each(SEEDS)('of a meta is as good as a missing blob, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a');
    const rotten = stage.oneHolder(blob);
    rotten.files.rot(homeOf(blob).meta);
    for (let round = 0; round < 6; round++) stage.expectRead('a', name);
    stage.expectFilesHealed();
    expect(stage.holders(blob)).toContain(rotten);
  });

  test.each(SEEDS)('that nobody reads is found while others have a copy, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob } = stage.stored('a');
    const rotten = stage.oneHolder(blob);
    rotten.files.rot(homeOf(blob).data);
    stage.until('it was found', () => rotten.files.paths.includes(`corrupt/${blob}`), 90_000, 50);
    stage.expectFilesHealed();
  });
});

describe('a class', () => {
  test.each(SEEDS)('that is changed gives old files more copies, and fewer, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a');
    let former = 2;
    for (const copies of [3, 1, 2]) {
      let isSet = false;
      // Who asks meanwhile may see either number.
      stage.fileOracles.setCopies(DEFAULT_CLASS, Math.min(copies, former));
      former = copies;
      const unknown = { version: VERSION_ZERO };
      setClass(stage.world, stage.cluster, { name: DEFAULT_CLASS, copies }, unknown, (stays) => {
        expect(stays).toBe(true);
        stage.fileOracles.setCopies(DEFAULT_CLASS, copies);
        isSet = true;
      });
      stage.until('the class is set', () => isSet);
      stage.untilAtRest();
      expect(stage.holders(blob)).toHaveLength(copies);
      stage.expectRead('a', name);
    }
    stage.expectFilesHealed();
  });
});

describe('a file server', () => {
  test.each(SEEDS)('that is restarted moves nothing, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a');
    const holders = stage.holders(blob);
    for (const holder of holders) {
      holder.crash(seed % 2 === 0);
      stage.pass(FILE_TIMES.lostMs / 2);
      holder.start();
      stage.pass(PASS_MS);
      expect(stage.holders(blob)).toEqual(holders);
    }
    expect(stage.filesIn('trash')).toEqual([]);
    stage.expectRead('a', name);
    stage.expectFilesHealed();
  });

  test.each(SEEDS)(
    'that is lost is replaced, and has its place again when it is back, seed %i',
    (seed) => {
      const stage = new FileStage(seed);
      const { blob, name } = stage.stored('a');
      const other = stage.oneOther(blob);
      const lost = stage.oneHolder(blob);
      lost.crash(false);
      stage.until('another one has a copy', () => stage.holders(blob).includes(other), 60_000, 50);
      stage.expectRead('a', name);
      lost.start();
      stage.expectFilesHealed();
      // The map has not changed: the copies are where they were.
      expect(stage.holders(blob)).not.toContain(other);
      expect(stage.holders(blob)).toContain(lost);
    },
  );

  test.each(SEEDS)('that is away lets the others say that copies are missing, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob } = stage.stored('a');
    const away = stage.oneHolder(blob);
    const left = stage.some(stage.holders(blob).filter((node) => node !== away));
    const said = () => bytesOf(left.peek(plainGet('/readyz?verbose'))).toString();
    stage.pass(PASS_MS);
    expect(said()).toMatch(/^\[\+\]copies ok$/m);
    away.crash(false);
    stage.until(
      'it is said',
      () => /^\[!\]copies warning: blobs that lacked copies .*: 1;/m.test(said()),
      60_000,
      50,
    );
    away.start();
    stage.expectFilesHealed();
    stage.pass(PASS_MS);
    expect(said()).toMatch(/^\[\+\]copies ok$/m);
  });

  test.each(SEEDS)('with an empty disk gets its copies before any is trimmed, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a');
    const other = stage.oneOther(blob);
    const lost = stage.oneHolder(blob);
    lost.crash(true);
    lost.files.wipe();
    stage.until('another one has a copy', () => stage.holders(blob).includes(other), 60_000, 50);
    lost.start();
    stage.expectFilesHealed();
    expect(stage.holders(blob)).not.toContain(other);
    stage.expectRead('a', name);
  });

  test.each(SEEDS)('that was away finds out what was overwritten and deleted, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const a = stage.stored('a');
    const b = stage.stored('b');
    const away = stage.oneHolder(a.blob);
    away.crash(false);
    stage.pass(2000);
    const now = stage.stored('a');
    stage.remove('b');
    // Longer than anything is kept, by the clock: nothing may be judged by the time that it was away.
    stage.pass(60_000);
    away.start();
    stage.pass(2000);
    stage.expectRead('a', now.name);
    stage.expectAbsent('b');
    stage.expectFilesHealed();
    expect(stage.holders(a.blob)).toEqual([]);
    expect(stage.holders(b.blob)).toEqual([]);
  });

  test.each(SEEDS)('that reaches no record throws nothing away, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a');
    const holders = stage.holders(blob);
    stage.cut(stage.servers, stage.cluster.storages);
    stage.pass(FILE_TIMES.ownerlessMs + FILE_TIMES.trashMs + PASS_MS);
    expect(stage.holders(blob)).toEqual(holders);
    stage.expectRead('a', name);
    stage.expectFilesHealed();
  });

  test.each(SEEDS)('that drains serves on, until others have all that it has, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob, name } = stage.stored('a');
    const draining = stage.oneHolder(blob);
    const other = stage.oneOther(blob);
    stage.command('drain', draining);
    stage.until('another one has a copy', () => stage.holders(blob).includes(other), 60_000, 50);
    expect(stage.holders(blob)).toContain(draining);
    const next = stage.stored('a');
    expect(stage.holders(next.blob)).not.toContain(draining);
    stage.expectRead('a', next.name);
    stage.command('undrain', draining);
    stage.expectFilesHealed();
    expect(name).not.toBe(next.name);
  });

  test.each(SEEDS)('of another cluster ends itself, and keeps its blobs, seed %i', (seed) => {
    const stage = new FileStage(seed);
    const { blob } = stage.stored('a');
    const holders = stage.holders(blob);
    const ended = new Map<string, string>();
    stage.cluster.onEnd = ({ process }, message) => ended.set(process.name, message);
    // The records are lost with all machines that had any: somebody founds another cluster in their place.
    for (const node of stage.cluster.nodes) node.crash(true);
    for (const node of [stage.cluster.controller, ...stage.cluster.storages]) node.disk.wipe();
    for (const node of stage.cluster.nodes) node.start();
    stage.until('all end', () => ended.size === stage.servers.length, 60_000, 50);
    for (const message of ended.values()) expect(message).toContain('holds blobs of cluster');
    expect(stage.holders(blob)).toEqual(holders);
  });
});
