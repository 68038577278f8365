// What is told of as being on the disk has a name there: each new name is synced in its directory, up to one that was there.

import fs, { mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { FilesCallback, FilesResult } from '../../../../src/cluster/files.ts';
import { openDisk } from '../../../../src/cluster/io/disk/disk.ts';
import { openFiles } from '../../../../src/cluster/io/disk/files.ts';
import { claimFolder, openFolder } from '../../../../src/cluster/io/disk/folder.ts';
import { openFile, settled } from '../../../helpers/folder.ts';

let top = '';
let synced: Set<string>;

/** What was synced so far, below the top; the top itself is ''. */
function noteSync(descriptor: number): void {
  synced.add(relative(top, readlinkSync(`/proc/self/fd/${descriptor}`)));
}

beforeEach(async () => {
  top = mkdtempSync(join(tmpdir(), 'velour-test-'));
  synced = new Set();
  const handle = await open(top);
  const handles = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const { sync } = handles;
  const { fsyncSync } = fs;
  handles.sync = function (this: FileHandle) {
    noteSync(this.fd);
    return sync.call(this);
  };
  fs.fsyncSync = (descriptor) => {
    noteSync(descriptor);
    fsyncSync(descriptor);
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    handles.sync = sync;
    fs.fsyncSync = fsyncSync;
    syncBuiltinESMExports();
    rmSync(top, { recursive: true });
  });
});

const done = <T>(ask: (callback: FilesCallback<T>) => void): Promise<FilesResult<T>> =>
  new Promise((resolve) => ask(resolve));

test.each([
  ['a data directory', openDisk],
  ['a directory of files', openFiles],
  ['a folder', (path: string) => claimFolder(path, 'own')],
] as const)('%s that is made with those above it', async (_, make) => {
  await make(join(top, 'a', 'b', 'c'));
  for (const above of ['', 'a', 'a/b']) expect(synced, above).toContain(above);
});

test('directories below the top, and the names that are in them by then', async () => {
  const files = await openFiles(join(top, 'files'));
  synced.clear();
  expect((await done((told) => files.makeDirectory('a/b', told))).kind).toBe('done');
  expect(synced).toEqual(new Set(['files', 'files/a', 'files/a/b']));
});

test('files of a backup, and the folders that they are in', async () => {
  const folder = openFolder(top);
  await settled<undefined>((told) => folder.makeDirectory('blobs/ab', told));
  expect(synced).toEqual(new Set(['', 'blobs']));
  synced.clear();
  const file = await openFile(folder, 'blobs/ab/c', true);
  await settled<undefined>((told) => file.finish(0, told));
  expect(synced).toEqual(new Set(['blobs/ab', 'blobs/ab/c']));
  synced.clear();
  await settled<undefined>((told) => folder.replace('blobs/state', Buffer.from('x'), told));
  expect(synced).toContain('blobs');
});
