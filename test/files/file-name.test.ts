// The names of files and the keys of their records: what goes in one way comes back the other, and what is none of a file is none.

import { expect, test } from 'vitest';
import { classKey, type ReplicationClass } from '../../src/files/file-key.ts';
import {
  CLASS_KEY_PREFIX,
  classNameOf,
  directoriesAround,
  fileKeyOf,
  fileNameOf,
  isSpace,
  keyPrefixOf,
  keysAround,
} from '../../src/files/file-name.ts';

const text = (value: string) => Buffer.from(value, 'latin1');

test.each([
  ['s', 'folder/readme.txt'],
  ['s', '../odd//\xff'],
  ['b', 'ab'.repeat(64)],
  ['d:www.example.com', 'a/b/c.jpg'],
  ['d:www.example.com', 'at the top'],
])('a name in space %s comes back: %s', (space, path) => {
  const name = { space, path: text(path) };
  const key = fileKeyOf(name);
  expect(key && fileNameOf(key)).toEqual(name);
  expect(key?.subarray(0, keyPrefixOf(space).length)).toEqual(keyPrefixOf(space));
});

test('the directory of a path is all before its last slash', () => {
  expect(fileKeyOf({ space: 'd:w', path: text('a/b/c') })).toEqual(text('\xfffd:w\0a/b\0c'));
  expect(fileKeyOf({ space: 'd:w', path: text('c') })).toEqual(text('\xfffd:w\0\0c'));
  expect(fileKeyOf({ space: 'd:w', path: text('a/') })).toBeUndefined();
});

test('the directories around a file are told from the outermost on, where there are any', () => {
  const around = (space: string, path: string) =>
    directoriesAround({ space, path: text(path) }).map((name) => name.path.toString('latin1'));
  expect(around('d:w', 'a/b/c')).toEqual(['a', 'a/b']);
  expect(around('d:w', 'c')).toEqual([]);
  expect(around('s', 'a/b/c')).toEqual([]);
});

test('keys of other things are none of files', () => {
  const class_ = classKey('photos' as ReplicationClass);
  for (const key of [
    '',
    'f',
    'users',
    '\xff\xfffs\0a',
    '\xfff',
    '\xfffs',
    '\xfffx\0a',
    '\xfffd:w\0a',
  ]) {
    expect(fileNameOf(text(key)), key).toBeUndefined();
    expect(classNameOf(text(key)), key).toBeUndefined();
  }
  expect(fileNameOf(class_)).toBeUndefined();
  expect(classNameOf(class_)).toBe('photos');
  expect(class_.subarray(0, CLASS_KEY_PREFIX.length)).toEqual(CLASS_KEY_PREFIX);
});

test('a space is one that there is', () => {
  expect(['s', 'b', 'd:www'].map(isSpace)).toEqual([true, true, true]);
  expect(['', 'c', 'x', 'd', 'd:', 'd:a\0b', 'ss'].map(isSpace)).toEqual(Array(7).fill(false));
});

test('the keys around a file are those of the directories that it is in, from the outermost on', () => {
  const keyIn = (path: string, space = 'd:shop') => fileKeyOf({ space, path: text(path) });
  const around = (key = keyIn('a.jpg')) => (key === undefined ? undefined : keysAround(key));
  expect(around(keyIn('photos/2024/05/a.jpg'))).toStrictEqual([
    keyIn('photos'),
    keyIn('photos/2024'),
    keyIn('photos/2024/05'),
  ]);
  expect(around(keyIn('a.jpg'))).toStrictEqual([]);
  expect(around(keyIn('a/b/c', 's'))).toStrictEqual([]);
});
