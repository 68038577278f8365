// The manifest of a file: what is encoded is decoded as it was, and nothing else is taken for a manifest.

import { describe, expect, test } from 'vitest';
import { Malformed } from '../../src/cluster/wire/shapes.ts';
import { newBlobId } from '../../src/files/blob-id.ts';
import type { ReplicationClass } from '../../src/files/file-key.ts';
import {
  decodeManifest,
  encodeManifest,
  FILE_ATTRIBUTES_BYTES_MAX,
  FILE_BYTES_MAX,
  type FileManifest,
  faultOfFields,
  MODIFIED_MS_MAX,
} from '../../src/files/manifest.ts';
import { SeededRandom } from '../helpers/random.ts';

const hexadecimal = (random: SeededRandom, bytes: number) => random.bytes(bytes).toString('hex');

function someText(random: SeededRandom, max: number): string {
  const letters = ['a', '"', '\\', '\n', '\u0000', 'ß', '鼠', '🐀', '\ud800', '\u2028'];
  return Array.from({ length: random.whole(1, max) }, () => random.pick(letters))
    .join('')
    .slice(0, max);
}

function someManifest(random: SeededRandom): FileManifest {
  const size = random.below(100);
  const fields = {
    size,
    sha512: hexadecimal(random, 64),
    md5: hexadecimal(random, 16),
    modifiedMs: random.below(2 ** 32) * 1000,
    contentType: random.chance(0.5) ? someText(random, 1024) : undefined,
    replicationClass: someText(random, 255) as ReplicationClass,
    attributes: random.chance(0.5)
      ? Object.fromEntries([
          [someText(random, 9), someText(random, 99)],
          ['__proto__', ''],
        ])
      : undefined,
  };
  if (random.chance(0.2)) return { ...fields, size: 0, kind: 'directory' };
  return random.chance(0.5)
    ? { ...fields, kind: 'inline', content: random.bytes(size) }
    : { ...fields, size: size + 1, kind: 'blob', blob: newBlobId(size, random.token()) };
}

describe('a manifest', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('is decoded as it was encoded, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 20; round++) {
      const manifest = someManifest(random);
      expect(faultOfFields(manifest)).toBeUndefined();
      const decoded = decodeManifest(encodeManifest(manifest));
      // By the bytes, because a text with half a character in it has no other form that is compared.
      expect(encodeManifest(decoded).equals(encodeManifest(manifest))).toBe(true);
      expect(decoded.kind).toBe(manifest.kind);
      expect({ ...decoded, content: undefined }).toEqual({ ...manifest, content: undefined });
    }
  });

  test('is none when an end of it is missing, or something is behind it', () => {
    const random = new SeededRandom(9);
    for (let round = 0; round < 6; round++) {
      const bytes = encodeManifest(someManifest(random));
      for (let length = 0; length < bytes.length; length++) {
        expect(() => decodeManifest(bytes.subarray(0, length))).toThrow(Malformed);
      }
      expect(() => decodeManifest(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(Malformed);
    }
  });

  test('takes no bytes for one that were damaged, or fails as such', () => {
    const random = new SeededRandom(10);
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(encodeManifest(someManifest(random)));
      bytes[random.below(bytes.length)] = random.below(256);
      try {
        decodeManifest(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(Malformed);
      }
    }
  });

  const fields = {
    size: 1,
    sha512: 'a'.repeat(128),
    md5: 'b'.repeat(32),
    modifiedMs: 1,
    replicationClass: 'default',
    blob: '0'.repeat(32),
  };
  const encoded = (json: unknown, form = 1, content = '') => {
    const text = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
    const head = Buffer.alloc(5);
    head[0] = form;
    head.writeUInt32BE(text.length, 1);
    return Buffer.concat([head, text, Buffer.from(content)]);
  };

  test('has fields that this software may not know', () => {
    expect(decodeManifest(encoded({ ...fields, later: 1 }))).toMatchObject({ kind: 'blob' });
  });

  test.each([
    ['another form', encoded(fields, 2)],
    ['the value of a user', Buffer.from('hello, world')],
    ['no JSON', encoded('{')],
    ['no object', encoded('[]')],
    ['a blob and bytes', encoded(fields, 1, 'x')],
    ['a blob of no bytes', encoded({ ...fields, size: 0 })],
    ['a blob that is none', encoded({ ...fields, blob: '../../etc/passwd' })],
    ['fewer bytes than it says', encoded({ ...fields, blob: undefined })],
    ['more bytes than it says', encoded({ ...fields, blob: undefined }, 1, 'xy')],
    ['half a byte', encoded({ ...fields, size: 0.5 })],
    ['a size below nothing', encoded({ ...fields, size: -1 })],
    ['more than a file may have', encoded({ ...fields, size: FILE_BYTES_MAX + 1 })],
    ['a digest in upper case', encoded({ ...fields, md5: 'B'.repeat(32) })],
    ['no digest', encoded({ ...fields, sha512: undefined })],
    ['a directory with a size', encoded({ ...fields, blob: undefined, directory: true })],
    ['a directory with a blob', encoded({ ...fields, directory: true, size: 0 })],
    [
      'a directory with bytes',
      encoded({ ...fields, blob: undefined, directory: true, size: 0 }, 1, 'x'),
    ],
    ['a date that HTTP has no form of', encoded({ ...fields, modifiedMs: MODIFIED_MS_MAX + 1 })],
    [
      'attributes of more bytes than may be',
      encoded({ ...fields, attributes: { a: 'x'.repeat(FILE_ATTRIBUTES_BYTES_MAX) } }),
    ],
    ['too many fields', encoded({ ...fields, later: 'x'.repeat(64 * 1024) })],
  ])('is not %s', (_what, bytes) => {
    expect(() => decodeManifest(bytes)).toThrow(Malformed);
  });

  test('that could not be decoded is not encoded', () => {
    const manifest = decodeManifest(encoded(fields));
    const attributes = Object.fromEntries(
      Array.from({ length: 64 }, (_, index) => [`${index}`, 'x'.repeat(4096)]),
    );
    expect(() => encodeManifest({ ...manifest, attributes })).toThrow('can be decoded');
  });

  test.each([
    ['letters', 'x'],
    ['letters of several bytes', '鼠'],
    ['letters that JSON escapes', '\u0001'],
  ])('has the longest attributes beside the longest other fields: %s', (_what, letter) => {
    const some = (characters: number) => letter.repeat(characters);
    const bytesEach = Buffer.byteLength(JSON.stringify(letter)) - 2;
    const characters = Math.floor((FILE_ATTRIBUTES_BYTES_MAX - '{"a":""}'.length) / bytesEach);
    const manifest: FileManifest = {
      ...decodeManifest(encoded({ ...fields, size: FILE_BYTES_MAX })),
      modifiedMs: MODIFIED_MS_MAX,
      contentType: some(1024),
      replicationClass: some(255) as ReplicationClass,
      attributes: { a: some(characters) },
    };
    expect(faultOfFields(manifest)).toBeUndefined();
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest);
    expect(faultOfFields({ ...manifest, attributes: { a: some(characters + 1) } })).toMatch(
      /^attributes takes more than 49152 bytes/,
    );
  });

  test('says what is wrong with what clients tell of a file', () => {
    const replicationClass = 'default' as ReplicationClass;
    expect(faultOfFields({ replicationClass, contentType: 'x'.repeat(1024) })).toBeUndefined();
    expect(faultOfFields({ replicationClass, contentType: 'x'.repeat(1025) })).toMatch(
      /^contentType is not a text/,
    );
    expect(faultOfFields({ replicationClass, contentType: '' })).toMatch(/^contentType/);
    const nameless = { replicationClass: '' as ReplicationClass };
    expect(faultOfFields(nameless)).toMatch(/^replicationClass/);
    expect(faultOfFields({ replicationClass, modifiedMs: -1 })).toMatch(/^modifiedMs/);
    expect(faultOfFields({ replicationClass, modifiedMs: MODIFIED_MS_MAX })).toBeUndefined();
  });
});
