// The lock in a directory by itself, as processes in different network namespaces see it: without the
// abstract socket beside it, which would let only one of them get so far.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  lockDirectory,
  lockPlace,
  notLockable,
} from '../../../../src/cluster/io/disk/directory-lock.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  directories.push(path);
  return path;
}

/** What a process leaves that held the lock and is over. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(join(path, 'new'), done));
  renameSync(join(path, 'new'), join(path, 'directory.lock.0'));
  await new Promise((done) => server.close(done));
}

test('a directory is locked once', async () => {
  const path = directory();
  await lockPlace(path);
  const [held] = readdirSync(path);
  await expect(lockPlace(path)).rejects.toThrow('is in use by another process');
  expect(readdirSync(path)).toEqual([held]);
});

test('what a process left that is over does not count, and is deleted', async () => {
  const path = directory();
  await leaveStale(path);
  expect(readdirSync(path)).toEqual(['directory.lock.0']);
  await lockPlace(path);
  const files = readdirSync(path);
  expect(files.length).toBe(1);
  expect(files).not.toContain('directory.lock.0');
  await expect(lockPlace(path)).rejects.toThrow('is in use by another process');
});

test('of many that come at once where one was never two get it', async () => {
  let locked = 0;
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const path = directory();
      await leaveStale(path);
      const starts = Array.from({ length: 4 }, () => lockPlace(path));
      const ends = await Promise.allSettled(starts);
      const winners = ends.filter(({ status }) => status === 'fulfilled').length;
      expect(winners).toBeLessThanOrEqual(1);
      locked += winners;
    }),
  );
  expect(locked).toBeGreaterThan(0);
});

test('a path may be longer than that of a socket', async () => {
  const path = join(directory(), 'x'.repeat(200));
  mkdirSync(path);
  await lockPlace(path);
  await expect(lockPlace(path)).rejects.toThrow('is in use by another process');
});

test('a place without sockets is refused with a reason', async () => {
  await expect(lockPlace('/proc')).rejects.toThrow(/\/proc cannot be locked: .+ Unix sockets/);
});

test.each([
  ['no bytes', ''],
  ['zeros', '\0'.repeat(33)],
])('an id of %s is made anew, so two such directories are two (H5a)', async (_what, text) => {
  for (const path of [directory(), directory()]) {
    writeFileSync(join(path, 'directory.id'), text);
    await lockDirectory(path);
    expect(readFileSync(join(path, 'directory.id'), 'latin1')).toMatch(/^[0-9a-f]{32}\n$/);
    expect(readdirSync(path).sort()).toEqual([
      'directory.id',
      expect.stringMatching(/^directory\.lock\./),
    ]);
  }
});

test('an id that is something else is refused, by its name', async () => {
  const path = directory();
  writeFileSync(join(path, 'directory.id'), 'my notes\n');
  await expect(lockDirectory(path)).rejects.toThrow('directory.id is no id; remove that file');
  expect(readFileSync(join(path, 'directory.id'), 'utf8')).toBe('my notes\n');
});

test('where files can be made and sockets cannot, the reason is the file system', () => {
  const refused = Object.assign(new Error(), { code: 'EPERM' });
  const path = directory();
  expect(notLockable(path, refused).message).toMatch(/takes no Unix sockets, as FAT, exFAT/);
  expect(readdirSync(path)).toEqual([]);
  expect(notLockable(join(path, 'none'), refused).message).toMatch(/lsattr/);
});
