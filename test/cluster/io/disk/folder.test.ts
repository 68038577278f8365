// The folder of a backup, on a real disk.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { claimFolder } from '../../../../src/cluster/io/disk/folder.ts';
import { openFile, settled, temporaryFolder } from '../../../helpers/folder.ts';

test('what was written at a place is read there, and cut where it was finished', async () => {
  const { path, folder } = temporaryFolder();
  const file = await openFile(folder, 'a', true);
  await settled((done) => file.write(0, Buffer.from('0123456789'), done));
  await settled((done) => file.write(4, Buffer.from('four'), done));
  expect(await settled((done) => file.read(2, 4, done))).toEqual(Buffer.from('23fo'));
  expect(await settled((done) => file.read(8, 100, done))).toEqual(Buffer.from('89'));
  await settled((done) => file.finish(5, done));
  expect(readFileSync(join(path, 'a'), 'utf8')).toBe('0123f');
  expect((await openFile(folder, 'a')).bytes).toBe(5);
});

test('a file that is not there is only made when asked for, and none is read as undefined', async () => {
  const { folder } = temporaryFolder();
  await expect(openFile(folder, 'a')).rejects.toThrow('ENOENT');
  expect((await openFile(folder, 'a', true)).bytes).toBe(0);
  expect(await settled((done) => folder.read('b', done))).toBeUndefined();
});

test('replacements asked for at once end in their order, the last one stays', async () => {
  const { path, folder } = temporaryFolder();
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      settled((done) => folder.replace('a', Buffer.from(`content ${index}`), done)),
    ),
  );
  expect(readFileSync(join(path, 'a'), 'utf8')).toBe('content 19');
});

test("what file systems and desktops put into a folder makes it nobody else's", async () => {
  for (const name of [
    'lost+found',
    '.DS_Store',
    '._x',
    '.Trash-1000',
    '.nfs000000a1',
    '@eaDir',
    'Thumbs.db',
  ]) {
    const { path } = temporaryFolder();
    writeFileSync(join(path, name), '');
    await claimFolder(path, 'own');
  }
});

test("claimed are a new folder, an empty one and one's own; somebody else's is refused", async () => {
  const { path } = temporaryFolder();
  await claimFolder(join(path, 'new', 'one'), 'own');
  writeFileSync(join(path, 'other'), '');
  await expect(claimFolder(path, 'own')).rejects.toThrow(/has (new|other) and no own/);
  writeFileSync(join(path, 'own'), '');
  await claimFolder(path, 'own');
  await expect(claimFolder(path, 'own')).rejects.toThrow(/in use/);
});
