// The keys of files: no two files have the same, no user's key is one, and the entries of a directory lie together.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { STORED_KEY_BYTES_MAX } from '../../src/cluster/model/limits.ts';
import { partitionOf } from '../../src/cluster/model/partition.ts';
import { storedKey, userKey } from '../../src/cluster/model/stored-key.ts';
import {
  classKey,
  directoryFileKey,
  entriesPrefix,
  type FileKey,
  type FlatSpace,
  flatFileKey,
  keysAround,
  type ReplicationClass,
} from '../../src/files/file-key.ts';
import { SeededRandom } from '../helpers/random.ts';

const text = (value: string) => Buffer.from(value, 'latin1');
const inDirectory = (domain: string, directory: string, name: string) =>
  directoryFileKey(domain, text(directory), text(name));
/** As PROTOCOL.md has it: the first digits of the SHA-1. */
const placeOf = (bytes: Uint8Array, digits: number) =>
  Number.parseInt(createHash('sha1').update(bytes).digest('hex').slice(0, digits), 16);

describe('the key of a file', () => {
  test('has its space, and what is in it', () => {
    expect(flatFileKey('s', text('a/b'))).toEqual(text('\xfffs\0a/b'));
    expect(flatFileKey('b', text('x'))).toEqual(text('\xfffb\0x'));
    expect(inDirectory('www', 'a/b', 'c')).toEqual(text('\xfffd:www\0a/b\0c'));
    expect(inDirectory('www', '', 'c')).toEqual(text('\xfffd:www\0\0c'));
    expect(classKey('big' as ReplicationClass)).toEqual(text('\xfffc\0big'));
  });

  test('is none where a part has a NUL, or the name is missing', () => {
    expect(flatFileKey('s', text(''))).toBeUndefined();
    expect(flatFileKey('s', text('a\0b'))).toBeUndefined();
    expect(inDirectory('www', 'a', '')).toBeUndefined();
    expect(inDirectory('www', 'a', 'b\0c')).toBeUndefined();
    expect(inDirectory('www', 'a\0b', 'c')).toBeUndefined();
    // It would be listed in the directory b of the domain www.
    expect(inDirectory('www\0b', 'c', 'd')).toBeUndefined();
  });

  test('begins as the keys of all entries of its directory do, and as no other', () => {
    const prefix = entriesPrefix('www', text('a/b')) ?? text('');
    expect(inDirectory('www', 'a/b', 'c')).toEqual(Buffer.concat([prefix, text('c')]));
    expect(prefix).toEqual(text('\xfffd:www\0a/b\0'));
    expect(entriesPrefix('www', text('a\0b'))).toBeUndefined();
    expect(entriesPrefix('www\0a', text('b'))).toBeUndefined();
    const longest = STORED_KEY_BYTES_MAX - text('\xfffd:w\0\0x').length;
    expect(entriesPrefix('w', Buffer.alloc(longest, 'x'))).toBeDefined();
    expect(entriesPrefix('w', Buffer.alloc(longest + 1, 'x'))).toBeUndefined();
  });

  test('is as long as a stored key may be, and no longer', () => {
    const flat = STORED_KEY_BYTES_MAX - text('\xfffs\0').length;
    expect(flatFileKey('s', Buffer.alloc(flat, 'x'))?.length).toBe(STORED_KEY_BYTES_MAX);
    expect(flatFileKey('s', Buffer.alloc(flat + 1, 'x'))).toBeUndefined();
    const name = STORED_KEY_BYTES_MAX - text('\xfffd:w\0dir\0').length;
    expect(inDirectory('w', 'dir', 'x'.repeat(name))?.length).toBe(STORED_KEY_BYTES_MAX);
    expect(inDirectory('w', 'dir', 'x'.repeat(name + 1))).toBeUndefined();
  });

  test.each([1, 2, 3, 4, 5])('is of one file alone, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const parts = ['', '/', 'a', 'b', ':', 'd:', '\xff', 's', 'a/b', '\0'];
    const some = () => random.pick(parts) + random.pick(parts);
    const owners = new Map<string, string>();
    for (let round = 0; round < 3000; round++) {
      const [kind, one, two, three] = [random.below(3), some(), some(), some()];
      const space = random.pick<FlatSpace>(['s', 'b']);
      const key = [
        flatFileKey(space, text(one)),
        inDirectory(one, two, three),
        classKey(one as ReplicationClass),
      ][kind];
      if (key === undefined) continue;
      const owner = JSON.stringify([[space, one], [one, two, three], [one]][kind]);
      const name = key.toString('latin1');
      expect(owners.get(name) ?? owner).toBe(owner);
      owners.set(name, owner);
      // Nor can any user's key be stored under it.
      expect(userKey(key)).toBeUndefined();
      expect(storedKey(key).equals(key)).toBe(false);
    }
    expect(owners.size).toBeGreaterThan(300);
  });
});

describe('the partition of a key', () => {
  test('of an entry is that of its directory, whatever its name', () => {
    const names = ['a', 'b', '\xff', 'a/b', 'x'.repeat(900)];
    const directories = ['', 'a', 'a/b', '\xff'];
    const places = directories.map((directory) => {
      const found = names
        .map((name) => inDirectory('www', directory, name))
        .map((key) => {
          expect(key).toBeDefined();
          return partitionOf(key ?? Buffer.alloc(0), 3);
        });
      expect(new Set(found).size).toBe(1);
      expect(found[0]).toBe(placeOf(text(`\xfffd:www\0${directory}\0`), 3));
      return found[0];
    });
    expect(new Set(places).size).toBe(directories.length);
    const elsewhere = inDirectory('other', 'a', 'a') ?? Buffer.alloc(0);
    expect(partitionOf(elsewhere, 3)).not.toBe(places[1]);
  });

  test.each([
    ['a flat file', '\xfffs\0a\0b'],
    ['a class', '\xfffc\0default'],
    ['a user', 'xfd:www\0a\0b'],
    ["a user's that begins as a file's", '\xff\xfffd:www\0a\0b'],
    ['an entry without a name', '\xfffd:www\0a'],
    ['a domain alone', '\xfffd:www'],
    ['the cluster, and nothing else', '\xff'],
    ['files, and nothing else', '\xfff'],
    ['nobody', ''],
  ])('of %s is that of the whole key', (_whose, key) => {
    for (const digits of [1, 2, 3]) {
      expect(partitionOf(text(key), digits)).toBe(placeOf(text(key), digits));
    }
  });

  test('of the files of a flat space are all', () => {
    const places = Array.from({ length: 500 }, (_, index) =>
      partitionOf(flatFileKey('s', text(`dir/${index}`)) ?? Buffer.alloc(0), 1),
    );
    expect(new Set(places).size).toBe(16);
  });
});

describe('the keys around a file', () => {
  const inShop = (directory: string, name: string) =>
    directoryFileKey('shop', text(directory), text(name)) ?? Buffer.alloc(0);

  test('are those of the directories that it is in, from the outermost on', () => {
    const key = inShop('photos/2024/05', 'a.jpg') as FileKey;
    expect(keysAround(key)).toStrictEqual([
      inShop('', 'photos'),
      inShop('photos', '2024'),
      inShop('photos/2024', '05'),
    ]);
  });

  test('are none at the top, and in a flat space', () => {
    expect(keysAround(inShop('', 'a.jpg') as FileKey)).toStrictEqual([]);
    const flat = flatFileKey('s', text('a/b/c')) as FileKey;
    expect(keysAround(flat)).toStrictEqual([]);
  });
});
