// The blobs of a backup: which records name one, what is copied and what is not, and what becomes of those that nobody has. The
// file layer is scripted, the files are real.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BlobBackup, type BlobBackupOutcome } from '../../src/backup/blob-backup.ts';
import { namingRecord, pathOfBlob } from '../../src/backup/blob-file.ts';
import { checksumOf } from '../../src/backup/checksum.ts';
import { type Content, fileOf } from '../../src/backup/manifest.ts';
import type { PartitionId } from '../../src/cluster/model/partition.ts';
import { encodeRecord, type StoredRecord } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { type BlobId, newBlobId } from '../../src/files/blob-id.ts';
import { ContentDigests } from '../../src/files/content-digests.ts';
import { classKey, DEFAULT_CLASS, flatFileKey } from '../../src/files/file-key.ts';
import { encodeManifest, type FileManifest } from '../../src/files/manifest.ts';
import type { FileLayer } from '../../src/files/outcomes.ts';
import { TestBody } from '../helpers/blob-stage.ts';
import { openFile, settled, temporaryFolder } from '../helpers/folder.ts';

function fieldsOf(content: Buffer) {
  const digests = new ContentDigests();
  digests.add(content);
  const { size, sha512, md5 } = digests.end();
  return { size, sha512, md5, modifiedMs: 1, replicationClass: DEFAULT_CLASS };
}

interface KnownFile {
  readonly blob: BlobId;
  readonly content: Buffer;
  readonly record: StoredRecord;
}

function file(number: number, bytes = 300_000): KnownFile {
  const content = Buffer.alloc(bytes, `content ${number}`);
  const blob = newBlobId(number, `${number % 10}`.repeat(32));
  const manifest = encodeManifest({ ...fieldsOf(content), kind: 'blob', blob });
  return { blob, content, record: recordOf(`file ${number}`, manifest) };
}

function recordOf(path: string, value: Buffer, tombstone = false): StoredRecord {
  const key = flatFileKey('s', Buffer.from(path)) as Buffer;
  return encodeRecord({ key, version: 1n as Version, value, tombstone });
}

const INLINE = {
  ...fieldsOf(Buffer.from('x')),
  kind: 'inline',
  content: Buffer.from('x'),
} as const;

test('a record that names a blob is told from all others', () => {
  const { record, blob } = file(1);
  expect(namingRecord(record)?.manifest.blob).toBe(blob);
  const user = encodeRecord({
    key: Buffer.from('user'),
    version: 1n as Version,
    value: encodeManifest({ ...fieldsOf(Buffer.alloc(9)), kind: 'blob', blob }),
  });
  const class_ = encodeRecord({
    key: classKey(DEFAULT_CLASS),
    version: 1n as Version,
    value: Buffer.from('{"copies":2}'),
  });
  const others = [
    user,
    class_,
    recordOf('inline', encodeManifest(INLINE)),
    recordOf('damaged', Buffer.from('none')),
    recordOf('deleted', Buffer.alloc(0), true),
  ];
  expect(others.map(namingRecord)).toEqual(others.map(() => undefined));
});

interface Scripted {
  /** What file servers send; nobody has the others. */
  readonly bodies?: ReadonlyMap<BlobId, () => TestBody>;
  /** What the record of each says now; those of the others are absent. */
  readonly now?: ReadonlyMap<string, FileManifest>;
}

async function backUp(
  { path, folder }: ReturnType<typeof temporaryFolder>,
  files: readonly KnownFile[],
  { bodies = new Map(), now = new Map() }: Scripted,
) {
  const bytes = Buffer.concat([
    recordOf('inline', encodeManifest(INLINE)),
    ...files.map(({ record }) => record),
  ]);
  writeFileSync(join(path, fileOf(0 as PartitionId, 1)), bytes);
  const content: Content = {
    bytes: bytes.length,
    crc: checksumOf(bytes, 0),
    records: files.length + 1,
    deletes: 0,
    expiring: 0,
    blobs: files.length,
    complete: true,
    next: undefined,
  };
  const opened: BlobId[] = [];
  const layer: Pick<FileLayer, 'find' | 'open'> = {
    open: ({ manifest }, _range, callback) => {
      if (manifest.kind !== 'blob') throw new Error('only blobs are opened');
      opened.push(manifest.blob);
      const body = bodies.get(manifest.blob)?.();
      if (body !== undefined) return callback({ kind: 'open', body });
      return callback({ kind: 'failed', code: 'file-unreadable', detail: 'nobody has it' });
    },
    find: (key, callback) => {
      const manifest = now.get(key.toString('latin1'));
      if (manifest === undefined) return callback({ kind: 'absent' });
      return callback({ kind: 'found', file: { manifest, record: key as never } });
    },
  };
  const partitions = new Map([[0 as PartitionId, content]]);
  let backup: BlobBackup | undefined;
  const outcome = await new Promise<BlobBackupOutcome>((resolve) => {
    backup = new BlobBackup(layer, folder, { digits: 1, partitions }, resolve);
    backup.start();
  });
  return { outcome, opened, figures: backup?.figures };
}

const bodyOf = (content: Buffer) => () => TestBody.of(content);
const bodiesOf = (files: readonly KnownFile[]) =>
  new Map(files.map(({ blob, content }) => [blob, bodyOf(content)] as const));

function lay(path: string, blob: BlobId, content: Buffer): void {
  const target = join(path, pathOfBlob(blob).file);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
}

describe('blobs', () => {
  test('are copied, but for those that are there and right', async () => {
    const place = temporaryFolder();
    const files = Array.from({ length: 9 }, (_, index) => file(index));
    const [right, flipped, short, long] = files as [KnownFile, KnownFile, KnownFile, KnownFile];
    lay(place.path, right.blob, right.content);
    const wrong = Buffer.from(flipped.content);
    wrong[200_000] = 1;
    lay(place.path, flipped.blob, wrong);
    lay(place.path, short.blob, short.content.subarray(1));
    lay(place.path, long.blob, Buffer.concat([long.content, Buffer.from('more')]));
    const { outcome, opened, figures } = await backUp(place, files, { bodies: bodiesOf(files) });
    expect(outcome).toEqual({ missing: [] });
    expect(opened).not.toContain(right.blob);
    expect(figures).toMatchObject({ blobs: 9, copied: 8, bytes: 9 * 300_000, gone: 0, missing: 0 });
    for (const { blob, content } of files) {
      expect(readFileSync(join(place.path, pathOfBlob(blob).file)).equals(content)).toBe(true);
    }
  });

  test('whose bytes are not those of the record, or break off, are missing', async () => {
    const place = temporaryFolder();
    const files = [file(1), file(2), file(3)];
    const [one, two] = files as [KnownFile, KnownFile];
    const bodies = bodiesOf(files);
    bodies.set(one.blob, bodyOf(Buffer.alloc(300_000, 'other')));
    const broken = { kind: 'broken', why: 'failed' } as const;
    bodies.set(two.blob, () => new TestBody([two.content.subarray(0, 100)], broken));
    const { outcome, figures } = await backUp(place, files, { bodies });
    expect(outcome.missing.map(({ name }) => name.path.toString()).sort()).toEqual([
      'file 1',
      'file 2',
    ]);
    expect(figures).toMatchObject({ blobs: 1, copied: 1, missing: 2 });
  });

  test('that nobody has are gone where the record has gone, and missing where it names them still', async () => {
    const place = temporaryFolder();
    const files = [file(1), file(2), file(3)];
    const [, overwritten, named] = files as [KnownFile, KnownFile, KnownFile];
    const nowOf = ({ content }: KnownFile, blob: BlobId): FileManifest => ({
      ...fieldsOf(content),
      kind: 'blob',
      blob,
    });
    const keyOf = (path: string) => flatFileKey('s', Buffer.from(path))?.toString('latin1') ?? '';
    const now = new Map([
      [keyOf('file 2'), nowOf(overwritten, file(9).blob)],
      [keyOf('file 3'), nowOf(named, named.blob)],
    ]);
    const { outcome, figures } = await backUp(place, files, { now });
    expect(outcome.missing.map(({ name }) => name.path.toString())).toEqual(['file 3']);
    expect(figures).toMatchObject({ blobs: 0, gone: 2, missing: 1 });
    expect(existsSync(join(place.path, pathOfBlob(named.blob).file))).toBe(false);
  });

  test('end the backup where the directory cannot be written', async () => {
    const place = temporaryFolder();
    const one = file(1);
    // A file where a directory is to be.
    const blobs = await openFile(place.folder, 'blobs', true);
    await settled((done) => blobs.finish(0, done));
    const { outcome } = await backUp(place, [one], { bodies: bodiesOf([one]) });
    expect(outcome.broken).toMatch(/blobs\/.. ?.*cannot be written/);
  });
});
