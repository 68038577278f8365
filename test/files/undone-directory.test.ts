// A directory that is undone is there again where somebody has stored a file in it meanwhile, and gone where nobody has.

import { expect, test } from 'vitest';
import type { PageOutcome } from '../../src/coordinator/operations/scan/page.ts';
import { DEFAULT_CLASS, directoryFileKey, type FileKey } from '../../src/files/file-key.ts';
import { encodeManifest, type FileManifest } from '../../src/files/manifest.ts';
import type { SetFileOutcome } from '../../src/files/outcomes.ts';
import { keepIfUsed } from '../../src/files/undone-directory.ts';
import { MemoryOperations } from '../helpers/memory-operations.ts';

const MADE: FileManifest = {
  kind: 'directory',
  size: 0,
  sha512: 'a'.repeat(128),
  md5: 'b'.repeat(32),
  modifiedMs: 1,
  replicationClass: DEFAULT_CLASS,
  attributes: undefined,
};
const UNDONE = { kind: 'unmet', file: undefined, isUndone: true } as const;
const keyOf = (directory: string, name: string) =>
  directoryFileKey('default', Buffer.from(directory), Buffer.from(name)) as FileKey;
const KEY = keyOf('a', 'b');

/** @param listed what a scan of the directory answers */
function play(memory: MemoryOperations, listed: PageOutcome) {
  const told: SetFileOutcome[] = [];
  const asked: string[] = [];
  const parts = {
    ...memory.operations,
    router: { map: { digits: 1 } as never },
    pages: {
      page: ({ prefix }: { prefix: Buffer }, callback: (outcome: PageOutcome) => void) => {
        asked.push(prefix.toString('latin1').slice(2));
        callback(listed);
      },
    },
  };
  keepIfUsed(parts, { key: KEY, manifest: MADE }, UNDONE, (outcome) => told.push(outcome));
  return { told, asked };
}

const page = (...heads: readonly Buffer[]): PageOutcome =>
  ({ kind: 'page', heads, next: undefined }) as unknown as PageOutcome;

test('it stays gone where nothing is in it', () => {
  const memory = new MemoryOperations();
  const { told, asked } = play(memory, page());
  expect(asked).toEqual(['d:default\0a/b\0']);
  expect(told).toEqual([UNDONE]);
  expect(memory.recordOf(KEY)).toBeUndefined();
});

test('it is there again where a file is in it, and nobody is told what became of it', () => {
  const memory = new MemoryOperations();
  const file = { ...MADE, kind: 'inline', content: Buffer.alloc(0) } as const;
  const { told } = play(memory, page(memory.keep(keyOf('a/b', 'f'), encodeManifest(file))));
  expect(told).toEqual([{ kind: 'unknown', version: undefined }]);
  expect(memory.recordOf(KEY)).toBeDefined();
});

test('it is there again where nobody can say what is in it', () => {
  const memory = new MemoryOperations();
  const { told } = play(memory, { kind: 'failed', code: 'unanswered', detail: 'nobody is there' });
  expect(told).toEqual([{ kind: 'unknown', version: undefined }]);
  expect(memory.recordOf(KEY)).toBeDefined();
});

test('whoever has made it anew meanwhile keeps his', () => {
  const memory = new MemoryOperations();
  const theirs = memory.keep(KEY, encodeManifest({ ...MADE, modifiedMs: 7 }));
  const { told } = play(memory, { kind: 'failed', code: 'unanswered', detail: 'nobody is there' });
  expect(told).toHaveLength(1);
  expect(memory.recordOf(KEY)).toBe(theirs);
});
