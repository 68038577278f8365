// A directory is listed by scans of the one partition that has its entries, in pages.

import { describe, expect, test } from 'vitest';
import { etagOf } from '../../src/cluster/model/condition.ts';
import { partitionOf } from '../../src/cluster/model/partition.ts';
import { recordHead } from '../../src/cluster/model/record.ts';
import type { PageOutcome } from '../../src/coordinator/operations/scan/page.ts';
import { newBlobId } from '../../src/files/blob-id.ts';
import { DEFAULT_CLASS, directoryFileKey, entriesPrefix } from '../../src/files/file-key.ts';
import { encodeManifest, type FileManifest } from '../../src/files/manifest.ts';
import type { ListDirectory, ListDirectoryOutcome } from '../../src/files/outcomes.ts';
import { FileStage, recordOf } from '../helpers/file-stage.ts';

const DIRECTORY = Buffer.from('a/b');
const FIELDS = {
  size: 3,
  sha512: 'a'.repeat(128),
  md5: 'b'.repeat(32),
  modifiedMs: 1,
  contentType: 'text/plain',
  replicationClass: DEFAULT_CLASS,
  attributes: { a: '1' },
};
const INLINE: FileManifest = { ...FIELDS, kind: 'inline', content: Buffer.from('abc') };
const BLOB: FileManifest = { ...FIELDS, kind: 'blob', blob: newBlobId(1, 'c'.repeat(32)) };
const BELOW: FileManifest = { ...FIELDS, size: 0, kind: 'directory' };
const AT = (key: string) => ({ bucket: 7, afterKey: Buffer.from(key) });

function keyOf(name: string, directory = DIRECTORY): Buffer {
  const key = directoryFileKey('default', directory, Buffer.from(name));
  if (key === undefined) throw new Error(`${name} is no name`);
  return key;
}

const recordFor = (name: string, manifest: FileManifest) =>
  recordOf(keyOf(name), encodeManifest(manifest));

function list(stage: FileStage, more: Partial<ListDirectory> = {}): ListDirectoryOutcome[] {
  const told: ListDirectoryOutcome[] = [];
  const request = { domain: 'default', directory: DIRECTORY, limit: 10, ...more };
  stage.files.list(request, (outcome) => told.push(outcome));
  return told;
}

function answer(stage: FileStage, outcome: PageOutcome): void {
  stage.pages.at(-1)?.answer(outcome);
}

const pageOf = (heads: readonly ReturnType<typeof recordFor>[], next?: string): PageOutcome => ({
  kind: 'page',
  heads,
  next: next === undefined ? undefined : AT(next),
});

const names = ([outcome]: readonly ListDirectoryOutcome[]) =>
  outcome?.kind === 'page' ? outcome.entries.map(({ name }) => name.toString()) : outcome;

describe('a directory', () => {
  test('is listed as one partition has it', () => {
    const stage = new FileStage();
    const told = list(stage);
    const prefix = entriesPrefix('default', DIRECTORY) ?? Buffer.alloc(0);
    expect(stage.pages).toMatchObject([
      {
        operation: {
          kind: 'scan',
          partition: partitionOf(keyOf('x'), stage.map.digits),
          from: { bucket: 0, afterKey: Buffer.alloc(0) },
          prefix,
          deletes: false,
          since: 0n,
          count: 10,
        },
      },
    ]);
    const records = [recordFor('a', INLINE), recordFor('b', BLOB), recordFor('c', BELOW)];
    answer(stage, pageOf(records));
    const heads = records.map((record) => recordHead(record));
    expect(told).toEqual([
      {
        kind: 'page',
        entries: [
          { name: Buffer.from('a'), kind: 'inline', fields: FIELDS, head: heads[0] },
          { name: Buffer.from('b'), kind: 'blob', fields: FIELDS, head: heads[1] },
          {
            name: Buffer.from('c'),
            kind: 'directory',
            fields: { ...FIELDS, size: 0 },
            head: heads[2],
          },
        ],
        next: undefined,
      },
    ]);
    const [outcome] = told;
    const tags = outcome?.kind === 'page' && outcome.entries.map(({ head }) => etagOf(head));
    expect(tags).toEqual(records.map((record) => etagOf(record)));
  });

  test('is looked through until there are as many entries as were asked for', () => {
    const stage = new FileStage();
    const told = list(stage, { limit: 3 });
    answer(stage, pageOf([], 'one'));
    answer(stage, pageOf([recordFor('a', INLINE)], 'two'));
    expect(told).toEqual([]);
    expect(stage.pages.map(({ operation }) => [operation.from, operation.count])).toEqual([
      [{ bucket: 0, afterKey: Buffer.alloc(0) }, 3],
      [AT('one'), 3],
      [AT('two'), 2],
    ]);
    answer(stage, pageOf([recordFor('b', INLINE), recordFor('c', INLINE)], 'three'));
    expect([names(told), stage.pages.length]).toEqual([['a', 'b', 'c'], 3]);
    expect(told).toMatchObject([{ next: AT('three') }]);
  });

  test('goes on where a page has ended', () => {
    const stage = new FileStage();
    const told = list(stage, { after: AT('three') });
    expect(stage.pages[0]?.operation.from).toEqual(AT('three'));
    answer(stage, pageOf([]));
    expect(told).toEqual([{ kind: 'page', entries: [], next: undefined }]);
  });

  test('at the top is that of the domain', () => {
    const stage = new FileStage();
    list(stage, { directory: Buffer.alloc(0) });
    const key = keyOf('x', Buffer.alloc(0));
    const { partition, prefix } = stage.pages[0]?.operation ?? {};
    expect(partition).toBe(partitionOf(key, stage.map.digits));
    expect(prefix).toEqual(key.subarray(0, -1));
  });

  test('is not listed in part where nobody answers, or a record is damaged', () => {
    const failed = { kind: 'failed', code: 'unanswered', detail: 'scripted' } as const;
    for (const [outcome, expected] of [
      [failed, failed],
      [
        pageOf([recordOf(keyOf('z'), Buffer.from('no manifest'))]),
        { kind: 'failed', code: 'internal' },
      ],
    ] as const) {
      const stage = new FileStage();
      const told = list(stage);
      answer(stage, pageOf([recordFor('a', INLINE)], 'one'));
      answer(stage, outcome);
      expect(told).toMatchObject([expected]);
    }
  });

  test('has no entries where none can be: its name is too long, or has a NUL', () => {
    for (const directory of [Buffer.alloc(1100, 'x'), Buffer.from('a\0b')]) {
      const stage = new FileStage();
      expect(list(stage, { directory })).toEqual([{ kind: 'page', entries: [], next: undefined }]);
      expect(stage.pages).toEqual([]);
    }
  });

  test('cannot be listed where there is no map yet, or the cluster is a cache (H40)', () => {
    const stage = new FileStage();
    stage.map = undefined;
    expect(list(stage)).toMatchObject([{ kind: 'failed', code: 'not-ready' }]);
    const cache = new FileStage({}, { whenFull: 'evict' });
    expect(list(cache)).toMatchObject([{ kind: 'failed', code: 'cache-has-no-files' }]);
  });
});
