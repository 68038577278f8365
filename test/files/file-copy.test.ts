// A file is copied without its bytes: links at the holders of its blob, and then the record of the destination (FILES.md, COPY).

import { describe, expect, test } from 'vitest';
import { NO_CONDITION } from '../../src/cluster/model/condition.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { type BlobId, newBlobId, randomPartOf } from '../../src/files/blob-id.ts';
import { classOfCopies } from '../../src/files/classes.ts';
import { DEFAULT_CLASS } from '../../src/files/file-key.ts';
import {
  decodeManifest,
  encodeManifest,
  FILE_ATTRIBUTES_BYTES_MAX,
  type FileManifest,
} from '../../src/files/manifest.ts';
import type { CopyFile, SetFileOutcome } from '../../src/files/outcomes.ts';
import { placementOf } from '../../src/files/placement.ts';
import { FileStage, fileKeyOf, KEY, recordOf, TIMES } from '../helpers/file-stage.ts';
import { fileServer, fileServersOf } from '../helpers/scripted-file-servers.ts';

const TO = fileKeyOf('the copy');
const BLOB = newBlobId(1, 'b'.repeat(32));
const FIELDS = {
  size: 100_000,
  sha512: 'a'.repeat(128),
  md5: 'b'.repeat(32),
  modifiedMs: 1,
  contentType: 'text/plain',
  replicationClass: DEFAULT_CLASS,
  attributes: { lock: 'one' },
};
const LONG_FILE: FileManifest = { ...FIELDS, kind: 'blob', blob: BLOB };
const SMALL: FileManifest = { ...FIELDS, size: 5, kind: 'inline', content: Buffer.from('small') };
const DIRECTORY: FileManifest = { ...FIELDS, size: 0, kind: 'directory' };
const ATTRIBUTES = { property: 'kept' };

class CopyStage extends FileStage {
  readonly copied: SetFileOutcome[] = [];

  copy(manifest: FileManifest, more: Partial<CopyFile> = {}): void {
    const from = { manifest, record: recordOf(KEY, encodeManifest(manifest)) };
    const request = { from, to: TO, attributes: ATTRIBUTES, condition: NO_CONDITION, ...more };
    this.files.copy(request, (outcome) => void this.copied.push(outcome));
  }

  /** The servers in the order in which copies of the blob belong on them. */
  get order(): readonly string[] {
    return placementOf(BLOB, this.map.fileServers).map(({ id }) => `${id}`);
  }

  /** The id of the link that was asked for. */
  get link(): BlobId {
    const call = this.network.calls.find(({ path }) => path.endsWith('/link'));
    return call?.path.split('/')[2] as BlobId;
  }

  answerLinks(statuses: Readonly<Record<string, number>>): void {
    for (const [server, status] of Object.entries(statuses)) {
      this.network.oneCall(server, 'link').answer(status);
    }
  }

  get ends(): readonly string[] {
    return this.copied.map((outcome) =>
      'code' in outcome ? `${outcome.kind} ${outcome.code}` : outcome.kind,
    );
  }

  /** What the one set gives the destination. */
  get set(): FileManifest {
    expect(this.sets).toHaveLength(1);
    expect(this.sets[0]?.request.key).toEqual(TO);
    return decodeManifest(this.sets[0]?.request.value ?? Buffer.alloc(0));
  }
}

describe('what is in its record', () => {
  test.each([
    ['a small file', SMALL],
    ['a directory', DIRECTORY],
  ])('is copied by one set, with attributes of its own: %s', (_what, manifest) => {
    const stage = new CopyStage();
    stage.copy(manifest);
    expect(stage.set).toEqual({ ...manifest, attributes: ATTRIBUTES });
    stage.store();
    expect(stage.ends).toEqual(['stored']);
    stage.expectNothingLeft();
  });

  test('is copied on a condition', () => {
    const stage = new CopyStage();
    const condition = { ifNoneMatch: 'any' } as const;
    stage.copy(SMALL, { condition });
    expect(stage.writes[0]?.request).toMatchObject({ key: TO, condition });
    const there = recordOf(TO, encodeManifest(SMALL));
    stage.writes[0]?.answer({ kind: 'unmet', why: 'present', record: there } as never);
    expect(stage.copied).toMatchObject([{ kind: 'unmet', file: { manifest: SMALL } }]);
  });
});

describe('a blob', () => {
  test('is linked where its copies are, under an id of the same place, and then named', () => {
    const stage = new CopyStage();
    stage.copy(LONG_FILE);
    const [one = '', other = '', third = ''] = stage.order;
    expect([...stage.network.asked].sort()).toEqual([`${one} link`, `${other} link`].sort());
    const { link } = stage;
    expect(link).not.toBe(BLOB);
    expect(randomPartOf(link)).toBe(randomPartOf(BLOB));
    const named = { ...LONG_FILE, blob: link, attributes: ATTRIBUTES };
    const asked = stage.network.oneCall(one, 'link');
    expect(asked.message).toEqual({
      from: BLOB,
      owner: TO.toString('base64'),
      manifest: encodeManifest(named).toString('base64'),
    });
    stage.answerLinks({ [one]: 200 });
    // F1: nothing is named before as many copies are there as the acknowledgement says.
    expect(stage.sets).toEqual([]);
    stage.answerLinks({ [other]: 200 });
    expect(stage.set).toEqual(named);
    expect(stage.copied).toEqual([]);
    stage.store();
    expect(stage.copied).toMatchObject([{ kind: 'stored', file: { manifest: named } }]);
    expect([stage.lookedAt, third]).toEqual([[], third]);
    stage.expectNothingLeft();
  });

  test('is of the class that is asked for, which says how many copies are linked', () => {
    const stage = new CopyStage();
    const replicationClass = classOfCopies(1);
    stage.copy(LONG_FILE, { replicationClass });
    const [one = ''] = stage.order;
    expect(stage.network.asked).toEqual([`${one} link`]);
    stage.answerLinks({ [one]: 200 });
    expect(stage.set).toMatchObject({ replicationClass });
  });

  test('is linked under another id each time', () => {
    const stage = new CopyStage();
    stage.copy(LONG_FILE);
    stage.copy(LONG_FILE);
    const ids = stage.network.calls.map(({ path }) => path.split('/')[2]);
    expect(new Set(ids).size).toBe(2);
  });

  test('is fetched by the next server where one of its holders has lost it', () => {
    const stage = new CopyStage();
    stage.copy(LONG_FILE);
    const [one = '', other = '', third = ''] = stage.order;
    stage.answerLinks({ [one]: 404, [other]: 200 });
    const pull = stage.network.oneCall(third, 'pull');
    expect(pull.path).toBe(`/blobs/${stage.link}/pull`);
    expect(pull.message).toEqual({ from: `${other}:1` });
    expect(stage.sets).toEqual([]);
    pull.answer(200);
    stage.store();
    expect(stage.ends).toEqual(['stored']);
  });

  test('of three copies is acknowledged with two, and a holder is told that one is missing', () => {
    const stage = new CopyStage(fileServersOf('a', 'b', 'c', 'd'));
    stage.hasClass(3);
    stage.copy(LONG_FILE);
    const [one = '', two = '', three = ''] = stage.order;
    stage.answerLinks({ [one]: 200, [two]: 404, [three]: 200 });
    stage.store();
    expect(stage.ends).toEqual(['stored']);
    expect(stage.lookedAt).toEqual([`${one} ${stage.link}`]);
  });

  test('that nobody has where it belongs is linked wherever it is', () => {
    const stage = new CopyStage({
      ...fileServersOf('a', 'b', 'c'),
      d: fileServer('d', { state: 'draining' }),
    });
    stage.copy(LONG_FILE);
    const [one = '', other = '', third = ''] = stage.order;
    stage.answerLinks({ [one]: 404, [other]: 404 });
    stage.answerLinks({ [third]: 404, d: 200 });
    // F1: the copy of a server that drains is none that counts, and two others fetch it there.
    const pull = stage.network.oneCall(one, 'pull');
    expect(pull.message).toEqual({ from: 'd:1' });
    pull.answer(200);
    expect(stage.sets).toEqual([]);
    stage.network.oneCall(other, 'pull').answer(200);
    stage.store();
    expect(stage.ends).toEqual(['stored']);
  });

  test.each([
    ['nobody has it', 404, 'not-stored file-unreadable', 3],
    ['too few can have it', 200, 'not-stored no-file-server', 3],
  ])('is not copied where %s, and what was made is dropped', (_what, first, end, drops) => {
    const stage = new CopyStage();
    stage.copy(LONG_FILE);
    const [one = '', other = ''] = stage.order;
    stage.answerLinks({ [one]: first, [other]: 404 });
    for (const call of stage.network.calls) if (!call.isAnswered) call.fail();
    expect(stage.ends).toEqual([end]);
    expect([stage.sets, stage.dropped.length]).toEqual([[], drops]);
  });

  test('is dropped where its record certainly does not name it, and only there', () => {
    for (const [outcome, drops] of [
      [{ kind: 'unmet', why: 'present', record: undefined }, 2],
      [{ kind: 'not-stored', code: 'storage-full', detail: '' }, 2],
      [{ kind: 'unknown', version: 1n as Version }, 0],
    ] as const) {
      const stage = new CopyStage();
      stage.copy(LONG_FILE, { condition: { ifNoneMatch: 'any' } });
      for (const { server } of [...stage.network.calls]) stage.answerLinks({ [server]: 200 });
      stage.writes[0]?.answer(outcome as never);
      expect([stage.copied[0]?.kind, stage.dropped.length]).toEqual([outcome.kind, drops]);
    }
  });

  test('is not named where its links are so old that they may be collected (F2)', () => {
    const stage = new CopyStage();
    stage.copy(LONG_FILE);
    stage.pass(TIMES.manifestMs + 1);
    for (const { server } of [...stage.network.calls]) stage.answerLinks({ [server]: 200 });
    expect([stage.ends, stage.dropped.length]).toEqual([['not-stored not-stored'], 2]);
  });

  test('that the destination had is looked at by its holders: nothing names it any more', () => {
    const stage = new CopyStage();
    const former = newBlobId(2, 'c'.repeat(32));
    stage.hasFile({ ...LONG_FILE, blob: former }, TO);
    stage.copy(LONG_FILE);
    for (const { server } of [...stage.network.calls]) stage.answerLinks({ [server]: 200 });
    expect(stage.lookedAt).toEqual([]);
    stage.store(false);
    const holders = placementOf(former, stage.map.fileServers).slice(0, 2);
    expect(stage.lookedAt).toEqual(holders.map(({ id }) => `${id} ${former}`).sort());
  });
});

describe('nothing is copied', () => {
  test('with more attributes than a record keeps', () => {
    const stage = new CopyStage();
    stage.copy(SMALL, { attributes: { a: 'x'.repeat(FILE_ATTRIBUTES_BYTES_MAX) } });
    expect([stage.ends, stage.sets]).toEqual([['not-stored bad-parameter'], []]);
  });

  test('of a blob where nobody tells how many copies there are to be, or no server is left', () => {
    const unanswered = new CopyStage();
    unanswered.isReaderHeld = true;
    unanswered.copy(LONG_FILE);
    unanswered.reads
      .at(-1)
      ?.answer({ kind: 'failed', code: 'partition-offline', detail: 'scripted' });
    expect(unanswered.ends).toEqual(['not-stored unanswered']);
    const empty = new CopyStage({});
    empty.copy(LONG_FILE);
    expect(empty.ends).toEqual(['not-stored no-file-server']);
  });

  test('in a cache (H40)', () => {
    const stage = new CopyStage({}, { whenFull: 'evict' });
    stage.copy(SMALL);
    expect(stage.ends).toEqual(['not-stored cache-has-no-files']);
  });
});
