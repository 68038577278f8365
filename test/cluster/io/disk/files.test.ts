// The port Files on real directories: its contract, and what only a real directory can have happen to it.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type {
  Files,
  FilesCallback,
  FilesResult,
  FilesState,
  NewFile,
} from '../../../../src/cluster/files.ts';
import { openFiles } from '../../../../src/cluster/io/disk/files.ts';
import { filesContract } from '../../../contracts/files.ts';
import { until } from '../../../helpers/cluster.ts';
import { MemoryFiles } from '../../../helpers/memory-files.ts';
import { smallDisk } from '../../../helpers/small-disk.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) {
    rmSync(directory, { recursive: true, force: true });
  }
});

async function opened(): Promise<{ readonly path: string; readonly files: Files }> {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  directories.push(path);
  return { path, files: await openFiles(path) };
}

function asked<T>(ask: (callback: FilesCallback<T>) => void): Promise<FilesResult<T>> {
  return new Promise((resolve) => ask(resolve));
}

async function done<T>(ask: (callback: FilesCallback<T>) => void): Promise<T> {
  const result = await asked(ask);
  if (result.kind === 'failed') throw new Error(result.detail);
  return result.value;
}

filesContract('a real directory', async () => {
  const { files } = await opened();
  // The lock is this process's: only another process can open the directory a second time.
  return { files, reopen: async () => files, settled: (promise) => promise };
});

test('directories are 0700 and files 0600, whatever the umask', async () => {
  const before = process.umask(0);
  try {
    const { path, files } = await opened();
    await done<undefined>((callback) => files.makeDirectory('a/b', callback));
    (await done<NewFile>((callback) => files.create('a/b/file', callback))).close();
    const modes = ['a', 'a/b', 'a/b/file'].map((name) => statSync(join(path, name)).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  } finally {
    process.umask(before);
  }
});

test('a directory that is open is refused to the next', async () => {
  const { path } = await opened();
  await expect(openFiles(path)).rejects.toThrow('is in use by another process');
});

describe('what other hands do to the directory', () => {
  test('a lock that was removed is told', async () => {
    const { path, files } = await opened();
    const lock = readdirSync(path).find((name) => name.startsWith('directory.lock.')) ?? '';
    unlinkSync(join(path, lock));
    const { problem } = await done<FilesState>((callback) => files.look(callback));
    expect(problem).toContain('was removed');
  });

  test('one that was moved is not made anew, and another in its place is told', async () => {
    const { path, files } = await opened();
    directories.push(`${path}-moved`);
    renameSync(path, `${path}-moved`);
    const made = await asked<undefined>((callback) => files.makeDirectory('a/b', callback));
    expect(made).toMatchObject({ kind: 'failed', fault: 'absent' });
    expect(await asked<unknown>((callback) => files.look(callback))).toMatchObject({
      kind: 'failed',
      fault: 'absent',
    });
    mkdirSync(path);
    const { problem } = await done<FilesState>((callback) => files.look(callback));
    expect(problem).toContain('was moved or removed');
  });
});

test('a path that is not below the directory is a bug, not a failure', async () => {
  const { files } = await opened();
  for (const path of ['../outside', 'a/../../outside', '/etc/passwd', '', 'a//b', '.']) {
    expect(() => files.open(path, () => undefined)).toThrow('stays below');
  }
});

test('a full disk is told from other failures, and has room again', async ({ skip }) => {
  const disk = smallDisk(4);
  if (disk === undefined) return skip('no file system can be mounted here');
  try {
    const files = await openFiles(join(disk.path, 'files'));
    const file = await done<NewFile>((callback) => files.create('file', callback));
    const appended = await asked<undefined>((callback) =>
      file.append([Buffer.alloc(1000), Buffer.alloc(8 * 1024 * 1024)], callback),
    );
    expect(appended).toMatchObject({ kind: 'failed', fault: 'full', detail: 'ENOSPC' });
    const state = await done<FilesState>((callback) => files.look(callback));
    expect([state.freeBytes, state.totalBytes]).toEqual([0, 4 * 1024 * 1024]);
    file.close();
    await done<undefined>((callback) => files.unlink('file', callback));
    // The bytes go when the file is closed, for which nothing waits.
    await until(async () => {
      const again = await asked<NewFile>((callback) => files.create('file', callback));
      if (again.kind === 'failed') return false;
      const one = Buffer.alloc(1);
      const written = await asked<undefined>((callback) => again.value.append([one], callback));
      again.value.close();
      await done<undefined>((callback) => files.unlink('file', callback));
      return written.kind === 'done';
    });
  } finally {
    disk.release();
  }
});

test('a path that is no directory is refused with what to do', async () => {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  directories.push(path);
  writeFileSync(join(path, 'file'), '');
  await expect(openFiles(join(path, 'file'))).rejects.toThrow('ENOTDIR; it is no directory');
});

describe('what tests have in place of a directory', () => {
  filesContract('files in memory', async () => {
    const time = new VirtualTime();
    const files = new MemoryFiles(time);
    const settled = async <T>(promise: Promise<T>): Promise<T> => {
      time.runTo(time.monotonicMs() + 100);
      return promise;
    };
    const reopen = async () => {
      files.kill();
      return files;
    };
    return { files, reopen, settled };
  });
});
