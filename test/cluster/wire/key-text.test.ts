// Keys and values in JSON: all bytes come back, and what stands for no bytes is refused.

import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/cluster/seeded-random.ts';
import { bytesOfText, jsonOfBytes, textOfBytes } from '../../../src/cluster/wire/key-text.ts';

const back = (bytes: Uint8Array) => bytesOfText(JSON.parse(jsonOfBytes(bytes)));

describe('bytes as JSON', () => {
  test('UTF-8 is text, as it is', () => {
    expect(jsonOfBytes(Buffer.from('größe 🙂'))).toBe('"größe 🙂"');
    expect(jsonOfBytes(Buffer.alloc(0))).toBe('""');
    expect(textOfBytes(Buffer.from('a"b\n'))).toBe('a"b\n');
  });

  test('other bytes are base64', () => {
    expect(jsonOfBytes(Buffer.from([0xff, 0x00]))).toBe('{"base64":"/wA="}');
    // Half a surrogate pair in the form of UTF-8 is none.
    expect(textOfBytes(Buffer.from('eda080', 'hex'))).toEqual({ base64: '7aCA' });
  });

  test('a byte order mark is part of the text', () => {
    const bytes = Buffer.from('efbbbf61', 'hex');
    expect(back(bytes)).toEqual(bytes);
  });

  test('a JSON text has no line feed in it', () => {
    expect(jsonOfBytes(Buffer.from('a\r\nb'))).toBe('"a\\r\\nb"');
  });

  test('all bytes come back', () => {
    for (let byte = 0; byte < 256; byte++) {
      expect(back(Buffer.from([byte]))).toEqual(Buffer.from([byte]));
    }
    const random = new SeededRandom(1);
    for (let round = 0; round < 2000; round++) {
      const alphabet = round % 2 === 0 ? 256 : 128;
      const bytes = Buffer.from(
        Array.from({ length: random.below(12) }, () => random.below(alphabet)),
      );
      expect(back(bytes)).toEqual(bytes);
    }
  });

  test('bytes in the middle of another buffer are those bytes', () => {
    const whole = new Uint8Array([0x61, 0x62, 0x63, 0x64]);
    expect(textOfBytes(whole.subarray(1, 3))).toBe('bc');
  });
});

describe('JSON as bytes', () => {
  test('base64 is accepted for text as well', () => {
    expect(bytesOfText({ base64: 'YWI=' })).toEqual(Buffer.from('ab'));
    expect(bytesOfText({ base64: '' })).toEqual(Buffer.alloc(0));
  });

  test.each<[string, unknown]>([
    ['a number', 1],
    ['null', null],
    ['nothing', undefined],
    ['a list', ['a']],
    ['an object without base64', {}],
    ['base64 that is no text', { base64: 1 }],
    ['a field besides base64', { base64: 'YQ==', key: 'a' }],
    ['base64 without padding', { base64: 'YQ' }],
    ['base64 for URLs', { base64: '_wA=' }],
    ['base64 with a blank', { base64: 'YW I=' }],
    ['base64 with bits that say nothing', { base64: 'YR==' }],
    ['half a surrogate pair', '\ud800'],
    ['halves in the wrong order', '\udc00\ud800'],
  ])('%s is refused', (_what, json) => {
    expect(bytesOfText(json)).toBeUndefined();
  });
});
