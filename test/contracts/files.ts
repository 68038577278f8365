// What every implementation of the port Files must do, as one suite: it runs on real directories, and on whatever stands
// in for them.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  FileList,
  Files,
  FilesCallback,
  FilesResult,
  NewFile,
  OpenFile,
} from '../../src/cluster/files.ts';

export interface FilesFixture {
  readonly files: Files;
  /** The same directory, as the next process finds it that uses it. */
  reopen(): Promise<Files>;
  /** Lets happen what is under way, where it does not by itself. */
  settled<T>(promise: Promise<T>): Promise<T>;
}

export function filesContract(name: string, make: () => Promise<FilesFixture>): void {
  let fixture: FilesFixture;
  let files: Files;
  const opened = new Set<{ close(): void }>();
  afterEach(() => {
    for (const file of opened) file.close();
    opened.clear();
  });
  beforeEach(async () => {
    fixture = await make();
    files = fixture.files;
  });

  const asked = <T>(ask: (callback: FilesCallback<T>) => void) =>
    fixture.settled(new Promise<FilesResult<T>>((resolve) => ask(resolve)));
  const done = async <T>(ask: (callback: FilesCallback<T>) => void): Promise<T> => {
    const result = await asked(ask);
    if (result.kind === 'failed') throw new Error(`${result.fault}: ${result.detail}`);
    return result.value;
  };
  const faultOf = async <T>(ask: (callback: FilesCallback<T>) => void) => {
    const result = await asked(ask);
    return result.kind === 'failed' ? result.fault : 'none';
  };
  const create = async (path: string) => {
    const file = await done<NewFile>((callback) => files.create(path, callback));
    opened.add(file);
    return file;
  };
  const close = (file: { close(): void }) => {
    opened.delete(file);
    file.close();
  };
  const append = (file: NewFile, ...texts: readonly string[]) =>
    done<undefined>((callback) =>
      file.append(
        texts.map((text) => Buffer.from(text)),
        callback,
      ),
    );
  const write = async (path: string, text: string) => {
    const file = await create(path);
    await append(file, text);
    await done<undefined>((callback) => file.sync(callback));
    close(file);
  };
  const open = async (path: string, from = files) => {
    const file = await done<OpenFile>((callback) => from.open(path, callback));
    opened.add(file);
    return file;
  };
  const readFrom = async (file: OpenFile, position: number, bytes: number) => {
    const into = Buffer.alloc(bytes);
    const filled = await done<number>((callback) => file.read(position, into, callback));
    return into.toString('latin1', 0, filled);
  };
  const read = async (path: string, from = files) => {
    const file = await open(path, from);
    const text = await readFrom(file, 0, 1000);
    close(file);
    return text;
  };
  const namesIn = async (path: string, count = 10) => {
    const list = await done<FileList>((callback) => files.list(path, callback));
    const names: string[] = [];
    for (;;) {
      const entries = await done<readonly { name: string; isDirectory: boolean }[]>((callback) =>
        list.next(count, callback),
      );
      expect(entries.length).toBeLessThanOrEqual(count);
      if (entries.length === 0) break;
      names.push(...entries.map((entry) => `${entry.name}${entry.isDirectory ? '/' : ''}`));
    }
    list.close();
    return names.sort();
  };
  const makeDirectory = (path: string) =>
    done<undefined>((callback) => files.makeDirectory(path, callback));
  const rename = (...moves: readonly (readonly [from: string, to: string])[]) =>
    done<undefined>((callback) =>
      files.rename(
        moves.map(([from, to]) => ({ from, to })),
        callback,
      ),
    );

  describe(`${name}: a tree of files`, () => {
    test('what is appended is read back, piece behind piece, by the next process too', async () => {
      await makeDirectory('a/b');
      const file = await create('a/b/file');
      await append(file, 'one ', 'two ');
      await append(file);
      await append(file, 'three');
      expect(await read('a/b/file')).toBe('one two three');
      await done<undefined>((callback) => file.sync(callback));
      close(file);
      expect(await done<number>((callback) => files.bytesOf('a/b/file', callback))).toBe(13);
      expect(await read('a/b/file', await fixture.reopen())).toBe('one two three');
    });

    test('a file that was renamed has changed since', async () => {
      await write('old', 'x');
      const changed = (path: string) => done<number>((callback) => files.changedMs(path, callback));
      const before = await changed('old');
      await rename(['old', 'new']);
      expect(await changed('new')).toBeGreaterThanOrEqual(before);
      expect(await faultOf<number>((callback) => files.changedMs('old', callback))).toBe('absent');
    });

    test('a file is read at any place, and less than asked for only at its end', async () => {
      await write('file', '0123456789');
      const file = await open('file');
      const parts = await Promise.all([
        readFrom(file, 4, 3),
        readFrom(file, 8, 5),
        readFrom(file, 10, 5),
        readFrom(file, 99, 5),
        readFrom(file, 0, 2),
      ]);
      expect(parts).toEqual(['456', '89', '', '', '01']);
      close(file);
    });

    test('appending goes on while a sync is under way', async () => {
      const file = await create('file');
      await append(file, 'synced ');
      const syncing = done<undefined>((callback) => file.sync(callback));
      await append(file, 'and more');
      await syncing;
      expect(await read('file')).toBe('synced and more');
    });

    test('long pieces come whole', async () => {
      const file = await create('file');
      const pieces = [Buffer.alloc(300_000, 'a'), Buffer.alloc(1, 'b'), Buffer.alloc(70_000, 'c')];
      await done<undefined>((callback) => file.append(pieces, callback));
      expect(await done<number>((callback) => files.bytesOf('file', callback))).toBe(370_001);
      const reading = await open('file');
      expect(await readFrom(reading, 299_998, 6)).toBe('aabccc');
    });

    test('a name that is taken is not created, nor linked to, and what has it stays', async () => {
      await write('file', 'first');
      await write('other', 'second');
      expect(await faultOf<NewFile>((callback) => files.create('file', callback))).toBe('exists');
      const link = (callback: FilesCallback<undefined>) =>
        files.link({ from: 'other', to: 'file' }, callback);
      expect(await faultOf(link)).toBe('exists');
      expect(await read('file')).toBe('first');
    });

    test('what is not there is absent, and may be unlinked', async () => {
      await write('file', 'no directory');
      for (const path of ['missing', 'missing/file', 'file/file']) {
        expect(await faultOf<OpenFile>((callback) => files.open(path, callback))).toBe('absent');
        expect(await faultOf<number>((callback) => files.bytesOf(path, callback))).toBe('absent');
      }
      const place = (callback: FilesCallback<NewFile>) => files.create('missing/file', callback);
      expect(await faultOf(place)).toBe('absent');
      expect(await faultOf<FileList>((callback) => files.list('missing', callback))).toBe('absent');
      const move = (callback: FilesCallback<undefined>) =>
        files.rename([{ from: 'missing', to: 'elsewhere' }], callback);
      expect(await faultOf(move)).toBe('absent');
      expect(await faultOf<undefined>((callback) => files.unlink('missing', callback))).toBe(
        'none',
      );
    });

    test('a directory is made with those above it, and made again without harm', async () => {
      await makeDirectory('a/b/c');
      await write('a/b/c/file', 'kept');
      await makeDirectory('a/b/c');
      await makeDirectory('a');
      expect(await read('a/b/c/file')).toBe('kept');
    });

    test('files are renamed in their order, in place of what is there', async () => {
      await makeDirectory('a');
      await makeDirectory('b');
      await write('a/one', 'first');
      await write('a/two', 'second');
      await write('b/two', 'replaced');
      await rename(['a/one', 'b/one'], ['a/two', 'b/two'], ['b/one', 'b/last']);
      expect(await namesIn('a')).toEqual([]);
      expect(await namesIn('b')).toEqual(['last', 'two']);
      expect(await read('b/last')).toBe('first');
      expect(await read('b/two', await fixture.reopen())).toBe('second');
    });

    test('a rename that fails leaves those behind it undone', async () => {
      await write('one', 'first');
      await write('three', 'third');
      const moves = [
        { from: 'one', to: 'moved' },
        { from: 'two', to: 'lost' },
        { from: 'three', to: 'never' },
      ];
      const failing = (callback: FilesCallback<undefined>) => files.rename(moves, callback);
      expect(await faultOf(failing)).toBe('absent');
      expect(await read('moved')).toBe('first');
      expect(await read('three')).toBe('third');
    });

    test('a link is the same bytes, and stays when the other name goes', async () => {
      await makeDirectory('a');
      await write('file', 'shared');
      await done<undefined>((callback) => files.link({ from: 'file', to: 'a/link' }, callback));
      await done<undefined>((callback) => files.unlink('file', callback));
      expect(await read('a/link')).toBe('shared');
      expect(await faultOf<OpenFile>((callback) => files.open('file', callback))).toBe('absent');
    });

    test('an open file is read to its end though it was moved or unlinked', async () => {
      await write('moved', 'still here');
      await write('unlinked', 'here as well');
      const [moved, unlinked] = [await open('moved'), await open('unlinked')];
      await rename(['moved', 'elsewhere']);
      await done<undefined>((callback) => files.unlink('unlinked', callback));
      expect(await readFrom(moved, 0, 100)).toBe('still here');
      expect(await readFrom(unlinked, 0, 100)).toBe('here as well');
    });

    test('a file is written on though it was renamed meanwhile', async () => {
      const file = await create('file');
      await append(file, 'before ');
      await rename(['file', 'renamed']);
      await append(file, 'and after');
      await done<undefined>((callback) => file.sync(callback));
      expect(await read('renamed')).toBe('before and after');
    });

    test('a directory is listed in slices, each entry once', async () => {
      await makeDirectory('a/below');
      const names = Array.from({ length: 25 }, (_, index) => `file-${index}`);
      for (const each of names) await write(`a/${each}`, each);
      for (const count of [1, 7, 1000]) {
        expect(await namesIn('a', count)).toEqual([...names, 'below/'].sort());
      }
      expect(await namesIn('')).toContain('a/');
    });

    test('a look tells the room of the file system, and that all is well', async () => {
      const { problem, freeBytes, totalBytes } = await done<{
        problem: string | undefined;
        freeBytes: number;
        totalBytes: number;
      }>((callback) => files.look(callback));
      expect(problem).toBeUndefined();
      expect(freeBytes).toBeGreaterThan(0);
      expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
    });
  });
}
