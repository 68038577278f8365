// When the names in a folder of blobs survive: once it was settled, and no name in it has begun to change since.

import { expect, test } from 'vitest';
import type { FilesCallback, FilesFailure } from '../../../src/cluster/files.ts';
import { Folders } from '../../../src/fileserver/blob-store/folders.ts';

const DONE = { kind: 'done', value: undefined } as const;
const BROKEN: FilesFailure = { kind: 'failed', fault: 'broken', detail: 'EIO' };

function played() {
  const asked: FilesCallback<undefined>[] = [];
  const folders = new Folders({ makeDirectory: (_, callback) => void asked.push(callback) });
  const told: string[] = [];
  return {
    folders,
    asked,
    told,
    settle: () => folders.settle('a', ({ kind }) => told.push(kind)),
    make: () => folders.make('a', ({ kind }) => told.push(kind)),
  };
}

test('a settled folder is settled once, and made no more', () => {
  const { asked, told, settle, make } = played();
  settle();
  expect(told).toEqual([]);
  asked[0]?.(DONE);
  settle();
  make();
  expect([asked.length, told]).toEqual([1, ['done', 'done', 'done']]);
});

test('a name that changes makes it unsettled, and not unmade', () => {
  const { folders, asked, told, settle, make } = played();
  make();
  asked[0]?.(DONE);
  folders.changing('a');
  make();
  expect([asked.length, told]).toEqual([1, ['done', 'done']]);
  settle();
  expect(asked.length).toBe(2);
});

test('one that changes while the folder is being settled does so as well', () => {
  const { folders, asked, told, settle } = played();
  settle();
  folders.changing('a');
  settle();
  // The first one, and the second, which began behind the change.
  asked[0]?.(DONE);
  folders.changing('b');
  settle();
  expect(asked.length).toBe(3);
  asked[1]?.(DONE);
  asked[2]?.(DONE);
  settle();
  expect([asked.length, told]).toEqual([3, ['done', 'done', 'done', 'done']]);
});

test('a failure settles and makes nothing, and is told', () => {
  const { asked, told, settle, make } = played();
  settle();
  asked[0]?.(BROKEN);
  make();
  asked[1]?.(BROKEN);
  settle();
  expect([asked.length, told]).toEqual([3, ['failed', 'failed']]);
});
