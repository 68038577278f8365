// A real folder for a test, with promises in place of callbacks; gone with the test.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openFolder } from '../../src/cluster/io/disk/folder.ts';
import type { DiskResult, Folder, FolderFile } from '../../src/cluster/ports.ts';

export function temporaryFolder(): { readonly path: string; readonly folder: Folder } {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return { path, folder: openFolder(path) };
}

/** @throws what failed */
export function settled<T>(begin: (callback: (result: DiskResult<T>) => void) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    begin((result) =>
      result.kind === 'done' ? resolve(result.value) : reject(new Error(result.detail)),
    ),
  );
}

export async function openFile(folder: Folder, name: string, create = false): Promise<FolderFile> {
  const file = await settled<FolderFile>((done) => folder.open(name, { create }, done));
  onTestFinished(() => file.close());
  return file;
}
