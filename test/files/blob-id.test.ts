// What a blob id is: its form, which is a name on disk, and what a link keeps of it.

import { describe, expect, test } from 'vitest';
import { linkedBlobId, newBlobId, parseBlobId, randomPartOf } from '../../src/files/blob-id.ts';
import { placementOf } from '../../src/files/placement.ts';
import { SeededRandom } from '../helpers/random.ts';
import { fileServersOf } from '../helpers/scripted-file-servers.ts';

describe('a blob id', () => {
  test('begins with its time, and is random from there on', () => {
    const id = newBlobId(1.9, '0123456789abcdef0123456789abcdef');
    expect(id).toBe('000000000001cdef0123456789abcdef');
    expect(parseBlobId(id)).toBe(id);
    expect(newBlobId(2 ** 44, 'f'.repeat(32))).toBe(`1${'0'.repeat(11)}${'f'.repeat(20)}`);
  });

  test.each([
    ['', 'nothing'],
    ['0'.repeat(31), 'too short'],
    ['0'.repeat(33), 'too long'],
    [`${'0'.repeat(31)}A`, 'upper case: a file system may take it for another name'],
    [`${'0'.repeat(31)}g`, 'no digit'],
    [`../${'0'.repeat(29)}`, 'a way out of the directory'],
    [`${'0'.repeat(31)}\n`, 'a line end'],
    [`${'0'.repeat(31)}٣`, 'a digit of another script'],
  ])('is not %j: %s', (text) => {
    expect(parseBlobId(text)).toBeUndefined();
  });

  test('of a link lies where the first one does, and no two links have the same', () => {
    const random = new SeededRandom(1);
    const servers = fileServersOf('a', 'b', 'c', 'd', 'e');
    const first = newBlobId(1000, random.token());
    const ids = new Set([first]);
    // Two copies of a file are made in one millisecond, and copies of a copy: each is a blob of its own.
    for (let link = 0; link < 100; link++) {
      const linked = linkedBlobId(random.pick([...ids]), random.token());
      expect(parseBlobId(linked)).toBe(linked);
      expect(ids).not.toContain(linked);
      expect(randomPartOf(linked)).toBe(randomPartOf(first));
      expect(placementOf(linked, servers)).toEqual(placementOf(first, servers));
      ids.add(linked);
    }
  });
});
