// What a command leaves of its --output: the whole of it, or what was there before.

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { OutputFile } from '../../src/commands/output-file.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'velour-output-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

function folder(): string {
  return mkdtempSync(join(FOLDER, 'f-'));
}

test('is as before until it is whole, also for who named the file like a part of it', async () => {
  const own = folder();
  const path = join(own, 'page');
  writeFileSync(path, 'before');
  writeFileSync(`${path}.partial`, 'of somebody else');
  const file = await OutputFile.open(path);
  await file.write('after');
  expect(readFileSync(path, 'utf8')).toBe('before');
  await file.finish();
  expect(readFileSync(path, 'utf8')).toBe('after');
  expect(readFileSync(`${path}.partial`, 'utf8')).toBe('of somebody else');
  expect(readdirSync(own).sort()).toEqual(['page', 'page.partial']);
});

test('nothing stays of one that is given up', async () => {
  const own = folder();
  const path = join(own, 'page');
  const file = await OutputFile.open(path);
  await file.write('half');
  await file.abandon();
  expect(readdirSync(own)).toEqual([]);
});

test('a link stays one, and what it points to is replaced', async () => {
  const own = folder();
  mkdirSync(join(own, 'far'));
  const target = join(own, 'far', 'page');
  const link = join(own, 'link');
  writeFileSync(target, 'before');
  symlinkSync(target, link);
  const file = await OutputFile.open(link);
  await file.write('after');
  await file.finish();
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(target, 'utf8')).toBe('after');
});

test('a pipe stays one, and who reads it gets the bytes', async () => {
  const path = join(folder(), 'pipe');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  const reading = import('node:fs/promises').then(({ readFile }) => readFile(path, 'utf8'));
  const file = await OutputFile.open(path);
  await file.write('through');
  await file.finish();
  expect(await reading).toBe('through');
  expect(lstatSync(path).isFIFO()).toBe(true);
});

test('what cannot be written is refused at once, by its name', async () => {
  const own = folder();
  await expect(OutputFile.open(own)).rejects.toMatchObject({
    exitCode: 70,
    message: `${own} cannot be written: EISDIR`,
  });
  const absent = join(own, 'absent', 'page');
  await expect(OutputFile.open(absent)).rejects.toMatchObject({
    exitCode: 70,
    message: `${absent} cannot be written: ENOENT`,
  });
  expect(existsSync(join(own, 'absent'))).toBe(false);
});
